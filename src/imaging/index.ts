export { bindImageCopy, type ImageCopyPlan, type ImageCopyRequest, prepareImageCopy } from './copy.ts';
export { diffReferences, type ReferenceDiff } from './diff.ts';
export { type ImageDetails, inspectImage, type PlatformDetails } from './inspect.ts';
export { type KeepRule, type KeepRules, parseKeep, rulesOfLevel, tagsToLetGo } from './keep.ts';
export { type ListedRepository, listImages } from './list.ts';
export { bindPruneSteps, eachOnce, type PrunePlan, preparePrune, pruneTargets, someRules } from './prune.ts';
export { type Deletion, type PruneFacts, type PrunePlanResult, planPrune } from './prune-plan.ts';
