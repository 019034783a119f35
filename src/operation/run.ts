import { type Problem, pause, problem } from '../support/index.ts';
import type { Journal } from './journal.ts';

/** How a step ended. `retry` says that trying again may help (a connection, a busy server). */
export type Outcome =
  | { status: 'done' }
  | { status: 'in-sync' }
  | { status: 'failed'; problem: Problem; retry?: boolean; retryAfterSeconds?: number };

/** A planned step bound to code. `isDone` looks at the world, so that a step may run twice, or after a crash. */
export interface Step {
  id: string;
  title: string;
  host?: string;
  needs?: readonly string[];
  after?: readonly string[];
  isDone(): Promise<boolean>;
  apply(signal: AbortSignal): Promise<Outcome>;
}

export type StepEvent =
  | { kind: 'start'; step: Step }
  | { kind: 'done'; step: Step; already: boolean }
  | { kind: 'retry'; step: Step; problem: Problem; inSeconds: number }
  | { kind: 'failed'; step: Step; problem: Problem };

export interface RunSettings {
  journal: Journal;
  /** Begun steps are finished after this fires; no new ones start. */
  interrupt: AbortSignal;
  report?: (event: StepEvent) => void;
  jobs?: number;
  jobsPerHost?: number;
  attempts?: number;
}

export interface RunResult {
  done: string[];
  alreadyDone: string[];
  failed: { id: string; problem: Problem }[];
  /** Not tried: something they need failed, or the run was interrupted. */
  left: string[];
  interrupted: boolean;
}

/**
 * Apply steps in an order that respects their needs, as parallel as the limits allow. A failure stops what depends on
 * it and nothing else. Every step is journalled before and after.
 */
export async function runSteps(steps: readonly Step[], settings: RunSettings): Promise<RunResult> {
  const { journal, interrupt, report = () => {}, jobs = 16, jobsPerHost = 16 } = settings;
  const result: RunResult = { done: [], alreadyDone: [], failed: [], left: [], interrupted: false };
  const waiting = new Set(steps);
  const finished = new Set<string>();
  const byId = new Map(steps.map((step) => [step.id, step]));
  const running = new Map<Step, Promise<void>>();
  const perHost = new Map<string, number>();

  /** Whether it will never be tried: what it needs failed, or will never be tried either. */
  const isLeft = (step: Step): boolean =>
    (step.needs ?? []).some((id) => {
      const needed = byId.get(id);
      return (
        result.failed.some((each) => each.id === id) || (needed !== undefined && waiting.has(needed) && isLeft(needed))
      );
    });
  const hasEnded = (id: string): boolean => {
    const step = byId.get(id);
    return step === undefined || (waiting.has(step) ? isLeft(step) : !running.has(step));
  };

  const ready = (step: Step): boolean =>
    (step.needs ?? []).every((id) => finished.has(id) || !byId.has(id)) &&
    (step.after ?? []).every(hasEnded) &&
    (step.host === undefined || (perHost.get(step.host) ?? 0) < jobsPerHost);

  const start = (step: Step): void => {
    waiting.delete(step);
    if (step.host !== undefined) perHost.set(step.host, (perHost.get(step.host) ?? 0) + 1);
    const work = runStep(step, settings, report).then(({ outcome, already }) => {
      running.delete(step);
      if (step.host !== undefined) perHost.set(step.host, perHost.get(step.host)! - 1);
      if (outcome.status === 'failed') {
        result.failed.push({ id: step.id, problem: outcome.problem });
        // It would have been tried again.
        if (outcome.retry && interrupt.aborted) result.interrupted = true;
        report({ kind: 'failed', step, problem: outcome.problem });
      } else {
        finished.add(step.id);
        (already ? result.alreadyDone : result.done).push(step.id);
        report({ kind: 'done', step, already });
      }
    });
    running.set(step, work);
  };

  while (waiting.size > 0 || running.size > 0) {
    if (interrupt.aborted) result.interrupted ||= waiting.size > 0;
    else for (const step of waiting) if (running.size < jobs && ready(step)) start(step);
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  result.left = [...waiting].map(({ id }) => id);
  if (result.left.length === 0 && result.failed.length === 0) await journal.write({ event: 'end' });
  else if (result.interrupted) await journal.write({ event: 'interrupted' });
  return result;
}

async function runStep(
  step: Step,
  settings: RunSettings,
  report: (event: StepEvent) => void,
): Promise<{ outcome: Outcome; already: boolean }> {
  const { journal, interrupt, attempts = 4 } = settings;
  try {
    if (await step.isDone()) return { outcome: { status: 'in-sync' }, already: true };
    await journal.write({ step: step.id, event: 'start' });
    report({ kind: 'start', step });
    for (let attempt = 1; ; attempt++) {
      const outcome = await step.apply(interrupt);
      if (outcome.status === 'failed' && outcome.retry && attempt < attempts && !interrupt.aborted) {
        const inSeconds = outcome.retryAfterSeconds ?? Math.random() * 2 ** attempt * 0.5;
        report({ kind: 'retry', step, problem: outcome.problem, inSeconds });
        await pause(inSeconds, interrupt);
        if (!interrupt.aborted) continue;
      }
      const failure = outcome.status === 'failed' ? { message: outcome.problem.message } : {};
      await journal.write({ step: step.id, event: outcome.status === 'failed' ? 'failed' : 'done', ...failure });
      return { outcome, already: outcome.status === 'in-sync' };
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      outcome: { status: 'failed', problem: problem('step-failed', `${step.title}: ${message}`) },
      already: false,
    };
  }
}
