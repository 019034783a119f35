import type { Plan, PlannedStep } from '../operation/index.ts';
import type { LevelRecord, ReleaseRecord } from '../releases/index.ts';
import { type Digest, type Instant, type Problem, problem } from '../support/index.ts';
import type { PromotedImage } from './plan.ts';

/** What every change of a level has in common: who, what is written, and the images that are touched. */
export interface LevelChange {
  level: string;
  /** The level under whose name its registry is had, so that no two change it at once. */
  lane: string;
  by: string;
  takeOver: boolean;
  images: PromotedImage[];
  /** Records as they will be written; where statements are made on the way, their digests come in then. */
  records: ReleaseRecord[];
  standing: LevelRecord;
  /** Of the commit. */
  subject: string;
}

export type LevelPlan<Details = unknown> = Plan<LevelChange & Details>;

interface Made extends LevelChange {
  operation: string;
  at: Instant;
}

/** A plan of a command on a level. Where there is an upstream, the level is had before anything is done. */
export function levelPlan<Details>(
  command: string,
  release: string,
  steps: PlannedStep[],
  problems: Problem[],
  upstream: { name: string } | undefined,
  { operation, at, ...details }: Made & Details,
): LevelPlan<Details> {
  const all = [...steps];
  if (upstream) {
    const done = steps.every(({ action }) => action === 'skip');
    const title = `let nobody else change ${details.level}`;
    all.unshift(planStep('claim', title, { done, to: upstream.name }));
    for (const step of steps) step.needs = ['claim', ...(step.needs ?? [])];
    // It gives the level back, also where no record is new.
    const push = steps.find(({ id }) => id === 'push');
    if (push && !done) push.action = 'create';
  }
  return {
    schema: 'dmrel/plan/v1',
    operation,
    command,
    release,
    at,
    steps: all,
    problems,
    details: details as unknown as LevelChange & Details,
  };
}

export function planStep(
  id: string,
  title: string,
  { done = false, to, needs = [] }: { done?: boolean; to: string; needs?: string[] },
): PlannedStep {
  return { id, title, action: done ? 'skip' : 'create', from: null, to, needs };
}

/** A tag that follows what stands at a level. */
export function tagStep(
  id: string,
  title: string,
  found: Digest | undefined,
  wanted: Digest,
  needs: string[],
): PlannedStep {
  const action = found === wanted ? 'skip' : found === undefined ? 'create' : 'move';
  return { id, title, action, from: found ?? null, to: wanted, needs };
}

/** The tag of a release: it never moves. */
export function releaseTagStep(
  { name, digest, to }: PromotedImage,
  release: string,
  found: Digest | undefined,
  needs: string[],
): { step: PlannedStep; problem?: Problem } {
  const place = `${to.registry}/${to.repository}:${release}`;
  const step = tagStep(`tag:${name}`, `tag ${place}`, found, digest, needs);
  if (step.action !== 'move') return { step };
  const message = `${place} is ${found} already, wanted ${digest}`;
  const hint = 'a release tag never moves; find out who made it';
  return {
    step: { ...step, action: 'conflict' },
    problem: problem('image-conflict', message, { hint, subject: name }),
  };
}

/** What comes last: the records, their commit, and their push. */
export function recordSteps(
  level: string,
  release: string,
  recorded: boolean,
  {
    filesAreCommitted,
    upstream,
  }: { filesAreCommitted: boolean; upstream: { name: string; pending: boolean } | undefined },
  needs: string[],
): PlannedStep[] {
  const committed = recorded && filesAreCommitted;
  const title = `write levels/${level}.yaml and the record`;
  const steps = [
    planStep('record', title, { done: recorded, to: release, needs }),
    planStep('commit', 'commit the records', { done: committed, to: release, needs: ['record'] }),
  ];
  if (!upstream) return steps;
  const done = committed && !upstream.pending;
  return [...steps, planStep('push', `push to ${upstream.name}`, { done, to: upstream.name, needs: ['commit'] })];
}
