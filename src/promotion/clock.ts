import type { ReleaseRecord } from '../releases/index.ts';
import { epochSeconds, formatDuration, instantOf, type Problem, warning } from '../support/index.ts';
import type { LevelFacts } from './level-facts.ts';

/** A clock that is further behind is told. */
const toldSeconds = 30;

/**
 * The same at a moment that is after all that the records say of the level: what is written is in the order in which it
 * was done, whatever the clocks of different machines show. Problems: a warning `clock-behind`.
 */
export function afterRecords(
  facts: LevelFacts,
  records: readonly ReleaseRecord[],
): { facts: LevelFacts; problems: Problem[] } {
  const { now, operation, level } = facts;
  const events = records.flatMap(({ promotions = [], withdrawals = [] }) => [...promotions, ...withdrawals]);
  const own = events.filter((each) => each.level === level.name);
  // Of one second the operation's id tells which came later, as it does where the record is read.
  const later = own.filter(({ at, operation: id }) => at > now || (at === now && id >= operation));
  const newest = later.map(({ at }) => epochSeconds(at)).reduce((left, right) => Math.max(left, right), 0);
  if (newest === 0) return { facts, problems: [] };
  const at = instantOf(new Date((newest + 1) * 1000));
  const behind = newest - epochSeconds(now);
  if (behind <= toldSeconds) return { facts: { ...facts, now: at }, problems: [] };
  const message = `it is ${now} here, and ${level.name} was changed ${formatDuration(behind)} later: this is dated ${at}`;
  const hint = 'set the clock of this machine, or ask who has the wrong one';
  return { facts: { ...facts, now: at }, problems: [warning('clock-behind', message, { hint })] };
}
