import type { ProgramEnd } from './local.ts';

/** A command to be run somewhere, and all that it may know. */
export interface Job {
  /** What it is, by content: a job of the same key that was started and not collected is the same job. */
  key: string;
  /** For people: `smoke of stack`. */
  title: string;
  argv: readonly [string, ...string[]];
  cwd: string;
  /** Added to the environment. */
  env: Record<string, string>;
  timeoutSeconds: number;
  /** Its standard output is a report: kept apart from the log. */
  report: boolean;
  /** Told all that goes to the log, as it comes, where jobs end with this process: the log itself is bounded. */
  heard?: (chunk: Buffer) => void;
}

/** How a job ended. `lost`: it ended, or never began, and nothing tells how: it says nothing of what it was about. */
export interface JobEnd {
  status: ProgramEnd['status'] | 'lost';
  exitCode?: number;
  /** The last lines it printed. */
  tail: string;
  /** Where its `log`, `stdout` and `results/` are: absolute. */
  folder: string;
  /** When it began and ended, where the runner knows: seconds of the epoch. */
  begun?: number;
  ended?: number;
  /** Why it was lost. */
  reason?: string;
}

/**
 * Where jobs run. A runner that outlives this process (Slurm; Kubernetes Jobs would be the same) is handed jobs first,
 * all at once, and followed afterwards, by this process or a later one; one that does not only follows.
 */
export interface Runner {
  /** Whether jobs go on when this process ends. */
  outlives: boolean;
  /** Hand jobs over. What was handed over before, and is not collected, is left as it is. */
  submit(jobs: readonly Job[]): Promise<Submission>;
  /** Wait for the end of a job that was handed over; fires of the signal cancel it. */
  follow(job: Job, signal: AbortSignal): Promise<FollowedEnd>;
  /** How a job stands, without waiting. */
  look(job: Job): Promise<'unknown' | 'waiting' | 'ended'>;
  /** Its result was kept: it will not be taken up again. */
  collected(end: JobEnd): Promise<void>;
  /** End what was handed over and not collected. */
  cancel(jobs: readonly Job[]): Promise<void>;
}

export type Submission = { status: 'submitted' } | { status: 'failed'; reason: string; retry: boolean };
/** `unreachable`: nobody could be asked; the job may go on. */
export type FollowedEnd = JobEnd | { status: 'unreachable'; reason: string };

export const maxLogBytes = 8 * 2 ** 20;
export const maxReportBytes = 64 * 2 ** 20;
export const tailBytes = 2000;
