export {
  endUnfinished,
  findUnfinished,
  isKnownOperation,
  Journal,
  listUnfinished,
  overtake,
  plansBegun,
  readJournal,
  type UnfinishedOperation,
} from './journal.ts';
export { type Lock, lockWorkspace } from './lock.ts';
export { type Action, type Plan, type PlannedStep, planIsDone } from './plan.ts';
export { type Outcome, type RunResult, type RunSettings, runSteps, type Step, type StepEvent } from './run.ts';
export { newOperationId } from './ulid.ts';
