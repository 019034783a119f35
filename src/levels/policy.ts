import { statSync } from 'node:fs';
import { join } from 'node:path';
import { trustFiles } from '../evidence/index.ts';
import type { Repository } from '../git/index.ts';
import { type Problem, pathWithin, problem } from '../support/index.ts';
import type { CheckConfig, Workspace } from '../workspace/index.ts';

/**
 * The policy in force is the committed one: what says who may do what, and what is asked of a release, must stand in
 * the last commit as it is on disk, so that everybody can see by what rules something was let up. Problems:
 * `policy-uncommitted`, one a file; `command-failed` when git cannot tell.
 */
export async function policyProblems(
  workspace: Pick<Workspace, 'root' | 'config'>,
  repository: Pick<Repository, 'changed' | 'committed'>,
): Promise<Problem[]> {
  const { files, mounts } = policyFiles(workspace);
  // What git ignores beside the files of a mount is left alone; a mount of which nothing is committed is not.
  const committed = await Promise.all(mounts.map(async (each) => (await repository.committed([each])).length > 0));
  const partly = mounts.filter((_, index) => committed[index]);
  const named = await repository.changed([...files, ...mounts.filter((_, index) => !committed[index]).map(literal)]);
  const mounted = partly.length > 0 ? await repository.changed(partly.map(literal), { ignoring: true }) : named;
  if (!named.ok) return [...named.problems];
  if (!mounted.ok) return [...mounted.problems];
  return [...new Set([...named.value, ...mounted.value])].map((file) => {
    const message = `${file} has changes that are not committed: the policy in force is the committed one`;
    const hint = `git add --force -- ${file} && git commit -- ${file}`;
    return problem('policy-uncommitted', message, { at: { file }, hint, subject: file });
  });
}

const literal = (path: string): string => `:(literal)${path}`;

/** As git names paths: dmrel.yaml, the definitions of images, keys, the plan where a level waits for it, and what checks run and mount. */
function policyFiles({ root, config }: Pick<Workspace, 'root' | 'config'>): { files: string[]; mounts: string[] } {
  const milestones = Object.values(config.levels ?? {}).some(({ milestone }) => milestone !== undefined);
  const checks = Object.values(config.checks ?? {});
  const all = ['dmrel.yaml', ...(milestones ? ['milestones'] : []), ...trustFiles({ config })];
  const inside = (paths: string[]) => [...new Set(paths)].filter((path) => pathWithin(root, path) !== undefined);
  const run = checks.flatMap((check) => filesRun(root, check));
  return {
    files: [':(glob)images/*.yaml', ...inside([...all, ...run]).map(literal)],
    mounts: inside(checks.flatMap((check) => (check.kind === 'container' ? Object.values(check.mounts ?? {}) : []))),
  };
}

/** Files of the workspace among the words of what a check runs. */
function filesRun(root: string, check: CheckConfig): string[] {
  const words = check.kind !== 'container' && 'run' in check ? (check.run ?? []) : [];
  return words.filter((word) => statSync(join(root, word), { throwIfNoEntry: false })?.isFile());
}
