import { statSync } from 'node:fs';
import { join } from 'node:path';
import { trustFiles } from '../evidence/index.ts';
import type { Repository } from '../git/index.ts';
import { type Problem, pathWithin, problem } from '../support/index.ts';
import type { CheckConfig, Workspace } from '../workspace/index.ts';

/**
 * The policy in force is the committed one: what says who may do what, and what is asked of a release, must stand in
 * the last commit as it is on disk, so that everybody can see by what rules something was let up. Problem, one a file:
 * `policy-uncommitted`.
 */
export async function policyProblems(
  workspace: Pick<Workspace, 'root' | 'config'>,
  repository: Pick<Repository, 'changed'>,
): Promise<Problem[]> {
  const changed = await repository.changed(policyFiles(workspace));
  return changed.map((file) => {
    const message = `${file} has changes that are not committed: the policy in force is the committed one`;
    return problem('policy-uncommitted', message, { at: { file }, hint: `git commit -- ${file}`, subject: file });
  });
}

/** As git names paths: dmrel.yaml, the definitions of images, keys, the plan where a level waits for it, and what checks run and mount. */
function policyFiles({ root, config }: Pick<Workspace, 'root' | 'config'>): string[] {
  const milestones = Object.values(config.levels ?? {}).some(({ milestone }) => milestone !== undefined);
  const named = Object.values(config.checks ?? {}).flatMap((check) => filesOf(root, check));
  const all = ['dmrel.yaml', ...(milestones ? ['milestones'] : []), ...trustFiles({ config }), ...named];
  const inside = [...new Set(all)].filter((path) => pathWithin(root, path) !== undefined);
  return [':(glob)images/*.yaml', ...inside.map((path) => `:(literal)${path}`)];
}

/** Files of the workspace that a check names: what it runs, and what a container sees of it. */
function filesOf(root: string, check: CheckConfig): string[] {
  if (check.kind === 'container') return Object.values(check.mounts ?? {});
  const words = 'run' in check ? (check.run ?? []) : [];
  return words.filter((word) => statSync(join(root, word), { throwIfNoEntry: false })?.isFile());
}
