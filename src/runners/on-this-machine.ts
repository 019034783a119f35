import { join } from 'node:path';
import { markCollected, writeBatch } from './folders.ts';
import { runLocally } from './local.ts';
import type { Job, JobEnd, Runner } from './runner.ts';

/** Where a runner keeps what its jobs leave, and how it names it. */
export interface RunnerPlace {
  /** The workspace; jobs are under .dmrel/jobs. */
  root: string;
  /** The environment that jobs get, without what is not theirs. */
  env: NodeJS.ProcessEnv;
  /** A new name for jobs that are handed over together; in the order of time. */
  newId(): string;
}

/** Jobs as processes of this machine, which end with this one. */
export function localRunner(place: RunnerPlace): Runner {
  return {
    outlives: false,
    submit: async () => ({ status: 'submitted' }),
    look: async () => 'unknown',
    follow: async (job, signal) => followHere(place, job, signal),
    collected: async ({ folder }) => markCollected(folder),
    cancel: async () => {},
  };
}

async function followHere({ root, env, newId }: RunnerPlace, job: Job, signal: AbortSignal): Promise<JobEnd> {
  const id = newId();
  const [task] = await writeBatch(root, id, [job.key]);
  const { folder } = task!;
  const end = await runLocally({
    argv: job.argv,
    cwd: job.cwd,
    env: { ...job.env, DMREL_RESULTS: join(folder, 'results') },
    base: env,
    timeoutSeconds: job.timeoutSeconds,
    log: join(folder, 'log'),
    signal,
    ...(job.heard ? { heard: job.heard } : {}),
    ...(job.report ? { stdout: join(folder, 'stdout') } : {}),
  });
  return { ...end, folder };
}
