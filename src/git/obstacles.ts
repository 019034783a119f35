import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Problem, printable, problem } from '../support/index.ts';
import { branchOf } from './branch.ts';
import { onNoBranch } from './upstream.ts';

export interface Standing {
  /** The directory of this work tree's HEAD and index. */
  gitDirectory: string;
  /** What a git command prints there; undefined when it fails. */
  raw(...args: string[]): Promise<string | undefined>;
}

const middles = {
  MERGE_HEAD: 'merge',
  CHERRY_PICK_HEAD: 'cherry-pick',
  REVERT_HEAD: 'revert',
  'rebase-merge': 'rebase',
  'rebase-apply': 'rebase',
} as const;

/** What a work tree is in the middle of; a commit would bring it to its end, or stand in its way. */
export function middleOf(gitDirectory: string): string | undefined {
  const marks = Object.keys(middles) as (keyof typeof middles)[];
  const found = marks.find((mark) => existsSync(join(gitDirectory, mark)));
  return found && middles[found];
}

/** Problem: `identity-missing`. */
export function unknownIdentity(): Problem {
  const hint = "git config user.name 'Your Name' and git config user.email you@example.org";
  return problem('identity-missing', 'git does not know who you are', { hint });
}

/** What keeps files that are to be written from being committed, and pushed where that is wanted. */
export async function obstaclesTo({ gitDirectory, raw }: Standing, paths: readonly string[]): Promise<Problem[]> {
  const names = [await raw('var', 'GIT_AUTHOR_IDENT'), await raw('var', 'GIT_COMMITTER_IDENT')];
  const problems = names.includes(undefined) ? [unknownIdentity()] : [];
  const middle = middleOf(gitDirectory);
  if (middle !== undefined) {
    const hint = `git ${middle} --continue, or git ${middle} --abort`;
    problems.push(problem('workspace-lacks', `the workspace is in the middle of a ${middle}`, { hint }));
  } else if ((await branchOf(raw)) === undefined && (await raw('remote'))) problems.push(onNoBranch('origin'));
  const ignored = await raw('check-ignore', '--verbose', '--', ...paths);
  for (const line of (ignored ?? '').split('\n')) {
    const [, rule, path] = /^(.*:\d+:(?!!).*)\t(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    const hint = 'take that rule away: records are commits';
    problems.push(problem('workspace-lacks', `git ignores ${printable(path)}, by ${printable(rule!)}`, { hint }));
  }
  return problems;
}
