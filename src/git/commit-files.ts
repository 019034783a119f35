import { failed, ok, problem, type Result } from '../support/index.ts';
import { firstError, leadsElsewhere, safe, settings } from './command.ts';
import { type CommitId, parseCommitId } from './names.ts';
import { middleOf } from './obstacles.ts';

/** Where a workspace stands in its repository. */
export interface Place {
  root: string;
  /** The directory of this work tree's HEAD and index. */
  gitDirectory: string;
  /** The workspace's directory below the top of the work tree, with a slash at its end; empty at the top. */
  prefix: string;
  /** What a git command prints there; undefined when it fails. */
  raw(...args: string[]): Promise<string | undefined>;
  headCommit(): Promise<CommitId | undefined>;
}

export interface FilesToCommit {
  paths: readonly string[];
  subject: string;
  trailers: Record<string, string>;
}

/**
 * Commit these files alone; what else is changed or staged stays so.
 * @returns the newest commit; no new one is made where these files are as they were committed
 */
export async function commitFiles(place: Place, request: FilesToCommit): Promise<Result<CommitId>> {
  const { paths, subject } = request;
  const trailers = Object.entries(request.trailers).map(([key, value]) => `${key}: ${value}`);
  const { simpleGit } = await import('simple-git');
  // The library takes git's variables away from the child but for those named: who commits may stand in them.
  const allowEnvironment = Object.keys(process.env).filter((name) => !leadsElsewhere.includes(name));
  const client = simpleGit({
    baseDir: place.root,
    timeout: { block: 120_000 },
    allowEnvironment,
    config: [...settings],
  });
  const commit = (...only: string[]) => client.raw(['commit', '-m', subject, '-m', trailers.join('\n'), ...only]);
  const isOurs = (file: string) =>
    paths.some((path) => file === place.prefix + path || file.startsWith(`${place.prefix}${path}/`));
  try {
    await client.raw(['add', '--all', '--verbose', '--', ...paths]);
    const staged = namesIn(await place.raw('diff', '--cached', '--name-only', '--no-renames', '-z', 'HEAD'));
    // What was only staged and is gone again leaves nothing to be told.
    const head = staged && !staged.some(isOurs) && (await place.headCommit());
    if (head) return ok(head);
    // A commit without names would bring a merge or the like to its end. To commit files by name git reads every directory of the last commit: it need not where nothing else is staged.
    if (!staged?.every(isOurs) || middleOf(place.gitDirectory)) await commit('--', ...paths);
    else {
      await commit();
      const made = await newest();
      if (made?.files.every(isOurs)) return ok(made.commit);
      // Somebody staged something just then: it is staged again, as it was.
      await place.raw('reset', '--soft', 'HEAD~1');
      await commit('--', ...paths);
    }
  } catch (error) {
    const hint = 'mend what git complains of, then run the same command again';
    const said = (error as Error).message;
    const output = said
      .split('\n')
      .map(safe)
      .filter((line) => line !== '')
      .slice(-10);
    return failed(problem('command-failed', `git commit: ${firstError(said)}`, { hint, output }));
  }
  return ok((await place.headCommit())!);

  async function newest(): Promise<{ commit: CommitId; files: string[] } | undefined> {
    const told = namesIn(await place.raw('diff-tree', '--root', '-r', '--name-only', '--no-renames', '-z', 'HEAD'));
    const commit = parseCommitId(told?.[0] ?? '');
    return commit && { commit, files: told!.slice(1) };
  }
}

const namesIn = (printed: string | undefined): string[] | undefined =>
  printed?.split('\0').filter((name) => name !== '');
