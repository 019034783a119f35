export { findCycles } from './cycles.ts';
export { byDueDate, type IdKey, keyOf } from './id.ts';
export {
  type Claim,
  type External,
  externalsOf,
  type Feature,
  findItem,
  type Milestone,
  milestonesOf,
  neededOf,
  type Roadmap,
  type RoadmapItem,
  requireMilestone,
  usersOf,
  type Waiver,
} from './roadmap.ts';
export {
  Blocker,
  type FeatureStatus,
  type Flag,
  isDelivered,
  type MilestoneState,
  type MilestoneStatus,
  type ReleaseFact,
  StatusBoard,
  type StatusFacts,
} from './status.ts';
