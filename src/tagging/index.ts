export { type BoundSteps, bindTagSteps } from './apply.ts';
export { behindUpstream, readClaim } from './claim.ts';
export type { Difference } from './existing.ts';
export { type CandidateName, candidateFor, datedName, milestoneFor, officialFor } from './kinds.ts';
export { askRemotes } from './look.ts';
export { sourceLabel, type TagPlan, type TagPlanDetails } from './plan.ts';
export { prepareTags, type TagRequest } from './prepare.ts';
export { othersOf, parseSavedPlan, staleness } from './saved.ts';
export type { SourceRequest } from './source.ts';
export { bindUndoSteps, prepareUndo, type UndoPlan } from './undo.ts';
export {
  checkSignatures,
  compareReleases,
  type SignatureResult,
  type TagState,
  type TagVerdict,
} from './verify.ts';
