import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDuration, pause, run, writeFileAtomic } from '../../support/index.ts';
import {
  batchFolder,
  describeBatch,
  isThere,
  markCollected,
  openTasks,
  readTail,
  type Task,
  writeBatch,
} from '../folders.ts';
import type { RunnerPlace } from '../on-this-machine.ts';
import type { FollowedEnd, Job, JobEnd, Runner, Submission } from '../runner.ts';
import { findJob, isOver, lastLine, type QueuedJob, stateOf } from './queue.ts';
import { arrayScript, parseExit, taskScript } from './script.ts';

/** What dmrel.yaml says of a cluster. */
export interface SlurmOptions {
  partition?: string;
  account?: string;
  qos?: string;
  time?: string;
  args?: string[];
  parallel?: number;
  patience?: string;
}

/** Between two looks: short at first, for jobs of seconds, and then as often as a controller can bear. */
const [firstPause, longestPause] = [0.5, 15];
/** Seconds that are waited for what comes late. */
export interface SlurmWaits {
  /** For files of a node to show here, after the controller says that the task is over: file systems over a network take their time. */
  files: number;
  /** For what a program left behind to end, after its own end. */
  leftover: number;
}
const usualWaits: SlurmWaits = { files: 30, leftover: 5 };
const defaultPatience = '10m';

export const jobName = (id: string): string => `dmrel-${id}`;

/**
 * Jobs on a Slurm cluster whose nodes share the workspace's file system. What was handed over is on disk before sbatch is
 * asked, under a name that only it has, and a job leaves its exit code there: so any later process takes it up, also when
 * the controller has forgotten it. A copy that is submitted twice runs once.
 */
export function slurmRunner(place: RunnerPlace, options: SlurmOptions, waits = usualWaits): Runner {
  const slurm = new Slurm(place, options, waits);
  return {
    outlives: true,
    submit: (jobs) => slurm.submit(jobs),
    look: (job) => slurm.look(job),
    follow: (job, signal) => slurm.follow(job, signal),
    collected: async ({ folder }) => markCollected(folder),
    cancel: (jobs) => slurm.cancel(jobs),
  };
}

class Slurm {
  #place: RunnerPlace;
  #options: SlurmOptions;
  #waits: SlurmWaits;
  /** Answers of the controller that are still new. */
  #answers = new Map<string, ReturnType<typeof findJob>>();

  constructor(place: RunnerPlace, options: SlurmOptions, waits: SlurmWaits) {
    this.#place = place;
    this.#options = options;
    this.#waits = waits;
  }

  async submit(jobs: readonly Job[]): Promise<Submission> {
    const { root } = this.#place;
    const open = await openTasks(root);
    const batches = new Set(jobs.flatMap(({ key }) => open.get(key)?.batch ?? []));
    for (const batch of batches) {
      const again = await this.#handOver(batch.id, batch.keys.length, jobs);
      if (again.status === 'failed') return again;
    }
    const fresh = jobs.filter(({ key }) => !open.has(key));
    if (fresh.length === 0) return { status: 'submitted' };
    const id = this.#place.newId();
    const tasks = await writeBatch(
      root,
      id,
      fresh.map(({ key }) => key),
    );
    for (const [number, { folder }] of tasks.entries()) {
      const job = fresh[number]!;
      const env = { ...job.env, DMREL_RESULTS: join(folder, 'results') };
      await writeFileAtomic(join(folder, 'run.sh'), taskScript({ ...job, env }, folder));
    }
    await writeFileAtomic(join(batchFolder(root, id), 'job.sh'), arrayScript(batchFolder(root, id)));
    await describeBatch(root, tasks[0]!.batch);
    return this.#handOver(id, fresh.length, fresh);
  }

  /** Give a batch to sbatch, unless it has it: by what it answered, or by the name, when nobody lived to hear the answer. */
  async #handOver(id: string, tasks: number, jobs: readonly Job[]): Promise<Submission> {
    const folder = batchFolder(this.#place.root, id);
    const note = join(folder, 'submitted');
    if (await isThere(note)) return { status: 'submitted' };
    const found = await findJob(jobName(id), this.#place.env);
    if (found && 'unreachable' in found) return { status: 'failed', reason: found.unreachable, retry: true };
    if (found) return this.#submitted(note, found.id);
    for (let number = 0; number < tasks; number++) {
      if (await isThere(join(folder, `${number}`, 'begun'))) return this.#submitted(note, '');
    }
    const { exitCode, stdout, stderr, failure } = await run('sbatch', this.#arguments(id, tasks, jobs), {
      env: this.#place.env,
      cwd: this.#place.root,
      timeoutSeconds: 120,
    });
    if (failure === 'missing') return { status: 'failed', reason: 'sbatch is not on PATH', retry: false };
    const number = /^(\d+)(?:;\S*)?\s*$/.exec(stdout)?.[1];
    if (exitCode === 0 && number !== undefined) return this.#submitted(note, number);
    return {
      status: 'failed',
      reason: lastLine(stderr) || 'sbatch does not say which job it made',
      retry: failure === 'timeout',
    };
  }

  async #submitted(note: string, number: string): Promise<Submission> {
    await writeFileAtomic(note, `${number}\n`);
    return { status: 'submitted' };
  }

  #arguments(id: string, tasks: number, jobs: readonly Job[]): string[] {
    const { partition, account, qos, time, args = [], parallel } = this.#options;
    const folder = batchFolder(this.#place.root, id);
    const longest = Math.max(...jobs.map(({ timeoutSeconds }) => timeoutSeconds));
    // Slurm counts minutes, and ends what is late without leaving anything: our own limit comes first.
    const minutes = Math.ceil((time === undefined ? longest + 60 : parseDuration(time)!) / 60);
    const output = `${folder.replaceAll('%', '%%')}/slurm-%a.log`;
    return [
      '--parsable',
      `--job-name=${jobName(id)}`,
      `--array=0-${tasks - 1}${parallel === undefined ? '' : `%${parallel}`}`,
      '--no-requeue',
      `--chdir=${folder}`,
      `--output=${output}`,
      `--error=${output}`,
      `--time=${minutes}`,
      ...(partition === undefined ? [] : [`--partition=${partition}`]),
      ...(account === undefined ? [] : [`--account=${account}`]),
      ...(qos === undefined ? [] : [`--qos=${qos}`]),
      ...args,
      join(folder, 'job.sh'),
    ];
  }

  async look(job: Job): Promise<'unknown' | 'waiting' | 'ended'> {
    const task = (await openTasks(this.#place.root)).get(job.key);
    if (!task) return 'unknown';
    if (await isThere(join(task.folder, 'exit'))) return 'ended';
    if (!(await isThere(join(batchFolder(this.#place.root, task.batch.id), 'submitted')))) return 'unknown';
    const found = await this.#ask(task.batch.id);
    if (found && 'unreachable' in found) return 'waiting';
    const state = stateOf(found, task.number);
    return state && !isOver(state) ? 'waiting' : 'ended';
  }

  async follow(job: Job, signal: AbortSignal): Promise<FollowedEnd> {
    const task = (await openTasks(this.#place.root)).get(job.key);
    if (!task) return { status: 'unreachable', reason: 'it was not handed over' };
    const patience = parseDuration(this.#options.patience ?? defaultPatience)!;
    const silent = { unreachable: 0, over: 0, leftover: 0 };
    for (let seconds = firstPause; ; seconds = Math.min(seconds * 1.3, longestPause)) {
      if (signal.aborted) {
        await this.cancel([job]);
        return { status: 'interrupted', tail: '', folder: task.folder };
      }
      const left = await this.#left(task, job, silent.leftover > this.#waits.leftover);
      if (left) return left;
      const found = await this.#ask(task.batch.id);
      const state = found && !('unreachable' in found) ? stateOf(found, task.number) : undefined;
      if (found && 'unreachable' in found) {
        silent.unreachable += seconds;
        if (silent.unreachable > patience) return { status: 'unreachable', reason: found.unreachable };
      } else {
        silent.unreachable = 0;
        if (!state || isOver(state)) silent.over += seconds;
        if (silent.over > this.#waits.files) return await this.#withoutExit(task, job, state?.state);
      }
      if (await isThere(join(task.folder, 'code'))) silent.leftover += seconds;
      await pause(seconds, signal);
    }
  }

  /** How it ended by what it left, once it has left all, or its program alone has come to its end. */
  async #left(task: Task, job: Job, impatient: boolean): Promise<JobEnd | undefined> {
    const { folder } = task;
    const exit = parseExit(await readFile(join(folder, 'exit'), 'utf8').catch(() => ''));
    if (exit) {
      const { code, begun, ended } = exit;
      const end = { tail: await readTail(join(folder, 'log')), folder, begun, ended };
      if (code === undefined) return { ...end, status: 'not-started' };
      // timeout(1) says 124, or 137 when it had to kill; a program may say so too, but not after that long.
      const late = (code === 124 || code === 137) && ended - begun >= job.timeoutSeconds;
      if (late) return { ...end, status: 'timeout' };
      return { ...end, status: code === 0 ? 'passed' : 'failed', exitCode: code };
    }
    if (!impatient) return undefined;
    // What it left behind holds its output open; the job would go on for as long as that.
    const code = Number(await readFile(join(folder, 'code'), 'utf8').catch(() => 'NaN'));
    if (!Number.isInteger(code)) return undefined;
    await this.#scancel(task);
    const late = code === 124 || code === 137;
    return {
      status: late ? 'timeout' : code === 0 ? 'passed' : 'failed',
      ...(late ? {} : { exitCode: code }),
      tail: await readTail(join(folder, 'log')),
      folder,
    };
  }

  /** The controller says that it is over, or knows nothing of it, and there is no exit code. */
  async #withoutExit(task: Task, job: Job, state: string | undefined): Promise<JobEnd> {
    const left = await this.#left(task, job, true);
    if (left) return left;
    const tail = await readTail(join(task.folder, 'log'));
    if (state === 'TIMEOUT') return { status: 'timeout', tail, folder: task.folder };
    const begun = await isThere(join(task.folder, 'begun'));
    const reason = `${state === undefined ? 'Slurm does not know it any more' : `Slurm says ${state}`}, and it ${begun ? 'left no exit code' : 'never began'}`;
    return { status: 'lost', tail, folder: task.folder, reason };
  }

  /** One question for all tasks of a batch, as long as the answer is new. */
  #ask(id: string): ReturnType<typeof findJob> {
    const known = this.#answers.get(id);
    if (known) return known;
    const asked = findJob(jobName(id), this.#place.env);
    this.#answers.set(id, asked);
    const forget = () => setTimeout(() => this.#answers.delete(id), 400).unref();
    asked.then(forget, forget);
    return asked;
  }

  async cancel(jobs: readonly Job[]): Promise<void> {
    const open = await openTasks(this.#place.root);
    for (const { key } of jobs) {
      const task = open.get(key);
      if (!task) continue;
      await this.#scancel(task);
      await markCollected(task.folder);
    }
  }

  async #scancel({ batch, number }: Task): Promise<void> {
    const found: QueuedJob | undefined | { unreachable: string } = await findJob(jobName(batch.id), this.#place.env);
    if (!found || 'unreachable' in found) return;
    await run('scancel', [`${found.id}_${number}`], { env: this.#place.env, timeoutSeconds: 30 });
  }
}
