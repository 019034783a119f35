import { userInfo } from 'node:os';
import { run } from '../../support/index.ts';

/** A task as the controller sees it. */
export interface TaskState {
  /** `PENDING`, `RUNNING`, `COMPLETED`, `TIMEOUT`… (squeue(1), "JOB STATE CODES"). */
  state: string;
  reason: string;
}

export interface QueuedJob {
  id: string;
  tasks: Map<number, TaskState>;
  /** Of tasks that have no line of their own: an array that was cancelled before they began. */
  others?: TaskState;
}

export const stateOf = (job: QueuedJob | undefined, task: number): TaskState | undefined =>
  job?.tasks.get(task) ?? job?.others;

/** States after which nothing more comes (squeue(1)). */
const over = new Set(
  'BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED REVOKED SPECIAL_EXIT TIMEOUT'.split(
    ' ',
  ),
);
export const isOver = ({ state }: TaskState): boolean => over.has(state);

/**
 * The job of a name that only one job has. Undefined: the controller knows none, or has forgotten it (MinJobAge after its end).
 * `unreachable`: it did not answer.
 */
export async function findJob(
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<QueuedJob | undefined | { unreachable: string }> {
  const args = [
    '--noheader',
    '--array',
    '--states=all',
    `--user=${userInfo().username}`,
    `--name=${name}`,
    '--format=%F|%K|%T|%r',
  ];
  const { exitCode, stdout, stderr, failure } = await run('squeue', args, { env, timeoutSeconds: 30 });
  if (failure === 'missing') return { unreachable: 'squeue is not on PATH' };
  if (exitCode !== 0) return { unreachable: lastLine(stderr) || 'squeue does not answer' };
  return parseQueue(stdout);
}

/** Lines of `%F|%K|%T|%r`: the id of the array, the task, its state and the reason it waits. */
export function parseQueue(text: string): QueuedJob | undefined {
  let job: QueuedJob | undefined;
  for (const line of text.split('\n')) {
    const match = /^(\d+)\|(\d+|N\/A)\|([A-Z_]+)\|(.*)$/.exec(line.trim());
    if (!match) continue;
    job ??= { id: match[1]!, tasks: new Map() };
    const state = { state: match[3]!, reason: match[4]! };
    if (match[2] === 'N/A') job.others = state;
    else job.tasks.set(Number(match[2]), state);
  }
  return job;
}

export const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
