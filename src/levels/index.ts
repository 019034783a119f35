export { type Candidate, chooseCandidate } from './candidate.ts';
export { type Frozen, frozenAt } from './freeze.ts';
export { type Level, requireLevel } from './level.ts';
export { statusBoard, unverifiedOf } from './milestones.ts';
export { policyProblems } from './policy.ts';
export { type ImageReference, openReference, referenceText, requireImage } from './reference.ts';
export { openRegistry, registryConfig } from './registry.ts';
export { releaseDigest } from './release-digest.ts';
