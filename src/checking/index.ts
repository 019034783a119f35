export { bindCheckSteps, failureProblems } from './apply.ts';
export type { CheckPlan } from './plan.ts';
export { type CheckRequest, prepareChecks } from './prepare.ts';
