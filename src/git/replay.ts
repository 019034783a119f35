import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { draftsFolder, temporaryName } from '../support/index.ts';
import { type GitOptions, git } from './command.ts';

/** A file that two sides changed, as it was before and as each has it. */
export interface Sides {
  base: string | undefined;
  ours: string;
  theirs: string;
}

export interface Replaying {
  remote: string;
  branch: string;
  /** A trailer that all commits to be made anew must have: those of people are theirs to move. */
  trailer: string;
  /** What becomes of a file; undefined where the sides contradict each other. */
  merge(path: string, sides: Sides): Promise<string | undefined>;
}

/**
 * Make the commits that the upstream lacks anew on top of its newest one, as `git rebase` does, in the index of nobody:
 * files and branch change at the end, all or none. Answers whether that was done. It is not where the upstream has nothing
 * new, where a commit is no record, where the sides contradict each other, or where what is not committed is in the way.
 */
export async function replayOn(root: string, replaying: Replaying): Promise<boolean> {
  const { remote, branch } = replaying;
  const fetch = ['fetch', '--quiet', '--no-tags', '--', remote, `refs/heads/${branch}`];
  const told = await git(fetch, { cwd: root, ownGroup: true, timeoutSeconds: 120 });
  if (told.exitCode !== 0) return false;
  const asked = (args: string[], options: GitOptions = {}) => ask(root, args, options);
  const [head, newest] = [await asked(['rev-parse', 'HEAD']), await asked(['rev-parse', 'FETCH_HEAD^{commit}'])];
  if (head === undefined || newest === undefined) return false;
  const commits = await recordsSince(asked, newest, head, replaying.trailer);
  if (commits === undefined || (await asked(['merge-base', newest, head])) === newest) return false;
  let onto = newest;
  for (const commit of commits) {
    const made = await makeAnew(root, asked, commit, onto, replaying);
    if (made === undefined) return false;
    onto = made;
  }
  if ((await asked(['read-tree', '-m', '-u', head, onto])) === undefined) return false;
  const why = `dmrel: on top of ${remote}/${branch}`;
  return (await asked(['update-ref', '-m', why, 'HEAD', onto, head])) !== undefined;
}

type Ask = (args: string[], options?: GitOptions) => Promise<string | undefined>;

/** What git prints, without the end of its last line; undefined when it fails. */
async function ask(root: string, args: string[], options: GitOptions): Promise<string | undefined> {
  const { exitCode, stdout } = await git(args, { cwd: root, timeoutSeconds: 120, ...options });
  return exitCode === 0 ? stdout.replace(/\n$/, '') : undefined;
}

/** Commits that only we have, oldest first; undefined when not all of them are records. */
async function recordsSince(asked: Ask, newest: string, head: string, trailer: string): Promise<string[] | undefined> {
  const format = `--format=%H%x1f%P%x1f%(trailers:key=${trailer},valueonly,separator=%x20)`;
  const listed = await asked(['log', '--reverse', format, `${newest}..${head}`, '--']);
  const commits = (listed ?? '').split('\n').map((line) => line.split('\x1f') as [string, string, string]);
  const areRecords = commits.every(([, parents, mark]) => /^[0-9a-f]+$/.test(parents ?? '') && Boolean(mark?.trim()));
  return areRecords ? commits.map(([commit]) => commit) : undefined;
}

const nothing = /^0+$/;

/** One commit on top of another than its own parent; undefined where that cannot be. */
async function makeAnew(
  root: string,
  asked: Ask,
  commit: string,
  onto: string,
  { merge }: Replaying,
): Promise<string | undefined> {
  const changed = await asked(['diff-tree', '-r', '-z', '--no-renames', '--no-commit-id', commit]);
  if (changed === undefined) return undefined;
  const lines: string[] = [];
  const fields = changed.split('\0');
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const path = fields[index + 1]!;
    const [, mode, base, ours] = fields[index]!.slice(1).split(' ') as [string, string, string, string];
    const standing = await asked(['ls-tree', '--full-tree', '-z', onto, '--', path]);
    if (standing === undefined) return undefined;
    const theirs = standing.split('\t')[0]!.split(' ')[2] ?? '0'.repeat(base.length);
    if (theirs === ours) continue;
    const text = (object: string) => asked(['cat-file', 'blob', object]).then((read) => read && `${read}\n`);
    if (theirs === base) lines.push(`${mode} ${ours}\t${path}`);
    else {
      if (nothing.test(theirs) || nothing.test(ours) || mode !== '100644') return undefined;
      const sides = { base: nothing.test(base) ? undefined : await text(base) };
      const merged = await merge(path, {
        ...sides,
        ours: (await text(ours)) ?? '',
        theirs: (await text(theirs)) ?? '',
      });
      if (merged === undefined) return undefined;
      const written = await asked(['hash-object', '-w', '--stdin'], { input: Buffer.from(merged) });
      if (written === undefined) return undefined;
      lines.push(`${mode} ${written}\t${path}`);
    }
  }
  const tree = await treeOf(root, asked, onto, lines);
  return tree && commitTree(asked, commit, tree, onto);
}

/** A tree with some files of it changed. */
async function treeOf(root: string, asked: Ask, onto: string, lines: string[]): Promise<string | undefined> {
  mkdirSync(draftsFolder(root), { recursive: true });
  const index = temporaryName(join(draftsFolder(root), 'index'));
  const variables = { GIT_INDEX_FILE: index };
  try {
    if ((await asked(['read-tree', onto], { variables })) === undefined) return undefined;
    const input = Buffer.from(lines.map((line) => `${line}\0`).join(''));
    if ((await asked(['update-index', '-z', '--index-info'], { variables, input })) === undefined) return undefined;
    return await asked(['write-tree'], { variables });
  } finally {
    rmSync(index, { force: true });
  }
}

/** The same author, message and trailers; signed where commits are. */
async function commitTree(asked: Ask, commit: string, tree: string, parent: string): Promise<string | undefined> {
  const author = (
    await asked(['log', '--max-count=1', '--format=%an%x1f%ae%x1f%ad', '--date=raw', commit, '--'])
  )?.split('\x1f');
  const message = await asked(['log', '--max-count=1', '--format=%B', commit, '--']);
  if (author === undefined || message === undefined) return undefined;
  const [GIT_AUTHOR_NAME = '', GIT_AUTHOR_EMAIL = '', GIT_AUTHOR_DATE = ''] = author;
  const signs = (await asked(['config', '--type=bool', '--get', 'commit.gpgsign'])) === 'true';
  return asked(['commit-tree', ...(signs ? ['-S'] : []), '-p', parent, '-F', '-', tree], {
    variables: { GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_AUTHOR_DATE },
    input: Buffer.from(`${message.trimEnd()}\n`),
  });
}
