export type { Brand } from './brand.ts';
export { catalogue, type ProblemCode } from './catalogue.ts';
export { connectionText } from './connection.ts';
export { canonicalJson, type Digest, digestOf, hexOf, parseDigest } from './digest.ts';
export {
  draftsFolder,
  listFolder,
  makeFolder,
  nameWithin,
  pathWithin,
  readFileBounded,
  removeFile,
  syncDirectory,
  temporaryName,
  textIfThere,
  writeFileAtomic,
} from './files.ts';
export { type LockHolder, releaseLock, takeLock } from './lock-file.ts';
export { pause } from './pause.ts';
export {
  errorsOf,
  exitCodeOf,
  Failure,
  failed,
  ok,
  type Position,
  type Problem,
  type ProblemDetails,
  problem,
  type Result,
  unwrap,
  warning,
} from './problem.ts';
export { type Completed, type RunOptions, run } from './process.ts';
export { hasProcessEnded, isSeenFromHere, ownIdentity, type ProcessIdentity } from './process-identity.ts';
export {
  type LocalMillis,
  parseLocal,
  parseRecurrence,
  type RecurrenceRule,
  recurrences,
} from './recurrence.ts';
export { afterRefusal } from './refusal.ts';
export { parseSize } from './size.ts';
export { clip, count, didYouMean, naturalOrder, nearest, printable } from './text.ts';
export {
  type CalendarDate,
  type Clock,
  dateOf,
  daysBetween,
  epochSeconds,
  formatDuration,
  type Instant,
  instantOf,
  isoText,
  parseDate,
  parseDuration,
  parseInstant,
  stopwatch,
  systemClock,
  whyNoDate,
} from './time.ts';
export { isTimeZone, localAt, momentOf } from './zone.ts';
