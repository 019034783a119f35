export { commitRecord, pushRecords, type RecordTrailers, workspaceBehind } from './commit.ts';
export { levelSubjects, readLevelSubject } from './level-subjects.ts';
export { readNewest } from './newest.ts';
export type {
  ForcedTag,
  Hold,
  LevelEntry,
  LevelRecord,
  OwedCondition,
  Promotion,
  ReleasedImage,
  ReleasedMilestone,
  ReleasedProduct,
  ReleaseRecord,
  ReleaseSource,
  Withdrawal,
} from './record.ts';
export { byDate } from './record.ts';
export { holdOn, lastWithdrawal, type Standing, standingAt } from './standing.ts';
export {
  formatLevel,
  formatRelease,
  levelEvidenceFolder,
  levelFile,
  listReleases,
  parseLevel,
  readAllReleases,
  readLevel,
  readRelease,
  releaseFile,
  requireRelease,
  writeLevel,
  writeRelease,
} from './store.ts';
