import type { Problem } from '../support/index.ts';

/** What a step does to the one thing it is about. */
export type Action = 'create' | 'skip' | 'move' | 'delete' | 'conflict';

/** One step of a plan, as data: what will be done, to what, and the ids before and after. */
export interface PlannedStep {
  id: string;
  title: string;
  action: Action;
  /** Where it happens; the runner limits how much goes on at one host. */
  host?: string;
  /** Steps that must have been done before. */
  needs?: string[];
  /** Steps that must have ended before, done or failed. */
  after?: string[];
  from?: string | null;
  to?: string | null;
}

/**
 * What a command will do: plain data, printed by --dry-run and applied without it. A plan with problems of severity
 * error is never applied.
 */
export interface Plan<Details = unknown> {
  schema: 'dmrel/plan/v1';
  /** A ULID; names the operation in the journal, the record and the commit. */
  operation: string;
  command: string;
  release: string;
  /** The moment the plan was made: every time that is written comes from it. */
  at: string;
  steps: PlannedStep[];
  problems: Problem[];
  details: Details;
}

export function planIsDone(plan: Plan): boolean {
  return plan.steps.every(({ action }) => action === 'skip');
}
