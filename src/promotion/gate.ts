import type { CalendarDate, Instant } from '../support/index.ts';
import { approvalConditions } from './gate-approvals.ts';
import { ceilingConditions } from './gate-ceilings.ts';
import { checkConditions } from './gate-checks.ts';
import type { GateFacts } from './gate-facts.ts';
import {
  afterConditions,
  brokenConditions,
  builtConditions,
  freezeConditions,
  holdConditions,
  milestoneConditions,
  orderConditions,
  soakConditions,
} from './gate-standing.ts';
import { byFile, sortStatements } from './gate-statements.ts';

/** A statement that a condition rests on. */
export interface EvidenceReference {
  file: string;
  by: string;
  at: Instant;
}

/**
 * How a condition stands. `waived`: somebody answers for it until a day; `owed`: promoted past it in an emergency;
 * `advisory`: not met, and keeps nothing out.
 */
export type ConditionState = 'met' | 'unmet' | 'wait' | 'waived' | 'owed' | 'advisory';

export type ConditionKind =
  | 'built'
  | 'trust'
  | 'after'
  | 'check'
  | 'ceiling'
  | 'soak'
  | 'approval'
  | 'milestone'
  | 'freeze'
  | 'hold'
  | 'order';

/** One thing a level asks of a release, and how it stands. */
export interface Condition {
  kind: ConditionKind;
  /** The image, check, role or level it is about. */
  subject: string;
  state: ConditionState;
  text: string;
  /** What to do when it is not met. */
  hint?: string;
  /** When waiting is over, for `wait`. */
  until?: Instant;
  /** What it rests on. */
  evidence?: EvidenceReference[];
  /** Who answers for it, for `waived`. */
  waiver?: EvidenceReference & { reason: string; until: CalendarDate };
  /** What was asked for of which any one is enough. */
  anyOf?: Condition[];
}

/** A statement that counts for nothing, and why. */
export interface IgnoredStatement {
  file: string;
  by?: string;
  at?: Instant;
  why: string;
}

/** The answer of a gate, with everything it rests on. */
export interface GateDecision {
  verdict: 'allow' | 'deny' | 'defer';
  until?: Instant;
  conditions: Condition[];
  ignored: IgnoredStatement[];
}

/**
 * Whether a release may go up to a level (LDM-564 2.2.1): a pure function. What is absent denies; an older pass does
 * not outweigh a newer failure, and of equal times the failure wins; what was said of another digest, by another
 * definition of the check, too long ago or by a key without the role does not count.
 */
export function evaluateGate(facts: GateFacts): GateDecision {
  const statements = sortStatements(facts);
  const conditions = [
    ...brokenConditions(facts),
    ...builtConditions(facts),
    ...afterConditions(facts),
    ...checkConditions(facts, statements),
    ...ceilingConditions(facts, statements),
    ...soakConditions(facts),
    ...approvalConditions(facts, statements),
    ...milestoneConditions(facts),
    ...freezeConditions(facts),
    ...holdConditions(facts),
    ...orderConditions(facts),
  ].map((each) => owedIn(facts, each));
  const ignored = statements.ignored.sort(byFile);
  if (conditions.some(({ state }) => state === 'unmet')) return { verdict: 'deny', conditions, ignored };
  const waits = conditions.flatMap(({ state, until }) => (state === 'wait' && until ? [until] : [])).sort();
  return waits.length > 0
    ? { verdict: 'defer', until: waits.at(-1)!, conditions, ignored }
    : { verdict: 'allow', conditions, ignored };
}

/** An emergency goes past everything but what was not built, and a record that was tampered with. */
function owedIn({ emergency }: GateFacts, condition: Condition): Condition {
  const { kind, state } = condition;
  if (!emergency || kind === 'built' || kind === 'trust' || (state !== 'unmet' && state !== 'wait')) return condition;
  const { until: _until, ...rest } = condition;
  return { ...rest, state: 'owed' };
}
