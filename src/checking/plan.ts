import { isFresh } from '../evidence/index.ts';
import type { Plan, PlannedStep } from '../operation/index.ts';
import type { ReleasedImage } from '../releases/index.ts';
import { count, type Digest, type Instant, type Problem } from '../support/index.ts';

/** One check of one image. */
export interface PlannedCheck {
  check: string;
  configuration: Digest;
  image: string;
  released: ReleasedImage;
  /** A JUnit file that somebody says is about this image. */
  file?: string;
}

export interface CheckDetails {
  level: string;
  /** By the id of their step. */
  checks: Record<string, PlannedCheck>;
  /** Checks whose jobs are handed over, by the id of that step: they go on when this command ends. */
  submitted: Record<string, string[]>;
  /** Checks that are left to a later run, because nobody wants to wait for their jobs. */
  later: string[];
}

export type CheckPlan = Plan<CheckDetails>;

/** What is known of one check of one image. */
export interface CheckFacts extends PlannedCheck {
  /** Its newest result. */
  latest: { passed: boolean; configuration: Digest; finishedOn: Instant; warned?: boolean } | undefined;
  fresh: string | undefined;
  advisory: boolean;
  /** How its job stands where jobs outlive us; undefined where they do not. */
  job: 'unknown' | 'waiting' | 'ended' | undefined;
}

export interface PlanFacts {
  operation: string;
  now: Instant;
  level: string;
  release: string;
  checks: CheckFacts[];
  /** Where the results go. */
  folder: string;
  /** All results that are there are committed and pushed. */
  recorded: boolean;
  /** Statements of earlier runs that are in the record and not at their image yet. */
  owed: number;
  force: boolean;
  /** Whether jobs that outlive us are waited for. */
  wait: boolean;
  problems: Problem[];
}

/** So many checks run here at once as --jobs says; what runs elsewhere is only waited for. */
const thisMachine = 'this machine';

/** Which checks must be run, and in which order: those without a result that still counts. Pure. */
export function planChecks(facts: PlanFacts): CheckPlan {
  const { operation, now, level, release, wait, problems, folder } = facts;
  const details: CheckDetails = { level, checks: {}, submitted: {}, later: [] };
  const steps: PlannedStep[] = [];
  for (const each of facts.checks) {
    const { latest, fresh, advisory, job, ...planned } = each;
    const { check, image, released } = planned;
    const id = `check:${check}:${image}`;
    const pending = facts.force || planned.file !== undefined || !stands(each, now);
    details.checks[id] = planned;
    const needs: string[] = [];
    if (pending && job !== undefined) {
      const submit = `submit:${check}`;
      details.submitted[submit] = [...(details.submitted[submit] ?? []), id];
      needs.push(submit);
      if (!wait && job !== 'ended') {
        details.later.push(id);
        continue;
      }
    }
    const action = pending ? 'create' : 'skip';
    const host = job === undefined ? { host: thisMachine } : {};
    steps.push({ id, title: `${check} of ${image}`, action, ...host, needs, from: null, to: released.digest });
  }
  const runs = steps.map(({ id }) => id);
  const pending = steps.some(({ action }) => action !== 'skip');
  steps.unshift(...submissions(facts, details));
  if (facts.owed > 0) {
    const title = `attach ${count(facts.owed, 'statement')} to the images`;
    steps.unshift({ id: 'attach', title, action: 'create', needs: [], from: null, to: null });
  }
  const action = !pending && facts.recorded ? 'skip' : 'create';
  // What was found out is recorded, also when something else could not be.
  steps.push({ id: 'commit', title: 'commit the evidence', action, after: runs, from: null, to: folder });
  return { schema: 'dmrel/plan/v1', operation, command: 'check', release, at: now, steps, problems, details };
}

/** One handing over for all images of a check: an array where the runner has such a thing. */
function submissions({ checks }: PlanFacts, { submitted }: CheckDetails): PlannedStep[] {
  return Object.entries(submitted).map(([id, ids]) => {
    const check = id.slice('submit:'.length);
    const known = ids.every((each) =>
      checks.some(({ image, job, check: name }) => `check:${name}:${image}` === each && job !== 'unknown'),
    );
    const title = `hand over ${check} of ${ids.map((each) => each.split(':').at(-1)).join(', ')}`;
    return { id, title, action: known ? 'skip' : 'create', needs: [], from: null, to: null };
  });
}

/** Whether a result still says what is asked: of this definition, young enough, and no failure, unless that keeps nothing out. */
function stands({ latest, configuration, fresh, advisory }: CheckFacts, now: Instant): boolean {
  if (!latest || latest.configuration !== configuration) return false;
  if (!latest.passed && !(advisory && latest.warned)) return false;
  return isFresh(latest.finishedOn, fresh, now);
}
