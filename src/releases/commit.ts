import type { ObjectId, Repository } from '../git/index.ts';
import type { Outcome } from '../operation/index.ts';
import { type Problem, problem } from '../support/index.ts';
import { mergeRecords } from './merge.ts';

const operationTrailer = 'Dmrel-Operation';

/** What a commit of dmrel says of itself, so that `git log` answers who, what and when. */
export interface RecordTrailers {
  operation: string;
  release?: string;
  level?: string;
}

/** Commit record files alone, whatever else is changed or staged in the workspace. */
export async function commitRecord(
  repository: Repository,
  paths: string[],
  subject: string,
  { operation, release, level }: RecordTrailers,
): Promise<Outcome> {
  const trailers = {
    [operationTrailer]: operation,
    ...(release === undefined ? {} : { 'Dmrel-Release': release }),
    ...(level === undefined ? {} : { 'Dmrel-Level': level }),
  };
  const committed = await repository.commit({ paths, subject, trailers });
  return committed.ok ? { status: 'done' } : { status: 'failed', problem: committed.problems[0]! };
}

/** Records are made on top of all others: what is pushed on top of less is refused. */
export function workspaceBehind(upstream: string, more = ''): Problem {
  return problem('workspace-behind', `${upstream} has commits that this workspace does not have${more}`, {
    hint: 'git pull --rebase, then run the same command again',
  });
}

/** How often somebody else may be quicker. */
const maxReplays = 5;

/**
 * Push the branch, and the release's tag if it has one, together or not at all. Where others have pushed meanwhile, what
 * they wrote and our records are both kept, if they do not contradict each other; a tag names its commit for good. Else a
 * refusal is the lock of the record.
 */
export async function pushRecords(
  repository: Repository,
  tag?: string,
  deletions: Readonly<Record<string, ObjectId>> = {},
): Promise<Outcome> {
  const upstream = await repository.upstream();
  if (!upstream) return { status: 'in-sync' };
  const refs = [`HEAD:refs/heads/${upstream.branch}`, ...(tag === undefined ? [] : [`refs/tags/${tag}`])];
  let outcome = await repository.push({ remote: upstream.remote, refs, deletions });
  for (let replays = 0; replays < maxReplays && outcome.status === 'refused' && tag === undefined; replays++) {
    const replayed = await repository.replay({ ...upstream, trailer: operationTrailer, merge: mergeRecords });
    if (!replayed) break;
    outcome = await repository.push({ remote: upstream.remote, refs, deletions });
  }
  switch (outcome.status) {
    case 'pushed':
      return { status: 'done' };
    case 'up-to-date':
      return { status: 'in-sync' };
    case 'refused':
    case 'failed': {
      const hint = 'git pull --rebase, then run the same command again';
      const retry = outcome.status === 'failed' && outcome.retryable;
      return { status: 'failed', problem: { ...outcome.problem, hint: outcome.problem.hint ?? hint }, retry };
    }
    default:
      return outcome satisfies never;
  }
}
