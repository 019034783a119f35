import { type LevelEntry, type OwedCondition, type ReleaseRecord, standingAt } from '../releases/index.ts';
import { type CalendarDate, epochSeconds, type Instant, parseDuration } from '../support/index.ts';
import type { LevelConfig } from '../workspace/index.ts';
import type { GateAnswer } from './board.ts';

/** A release that stands at a level. */
export interface BoardEntry {
  release: string;
  date: string;
  since: Instant;
  /** Who promoted it. */
  by?: string;
  images: Record<string, string>;
  /** Seconds from tagging to availability, where the level says how soon it should be. */
  took?: number;
  lateBySeconds?: number;
  /** Checks that somebody answers for. */
  waived?: { subject: string; by: string; until: CalendarDate; reason: string }[];
  /** It was promoted past its gate. */
  emergency?: { reason: string; ref: string };
  /** What the gate did not have then and does not have still. */
  owed?: string[];
}

export function entryOf(
  level: string,
  { within }: LevelConfig,
  { release, since, images }: LevelEntry,
  record: ReleaseRecord | undefined,
  answer: GateAnswer | undefined,
): BoardEntry {
  const promotions = (record?.promotions ?? []).filter((each) => each.level === level);
  // What was put back stands there anew: how soon it came is told by when it first did.
  const came = promotions[0]?.at ?? since;
  const standing = (record && standingAt(record, level)?.promotions) ?? [];
  const limit = within === undefined ? undefined : parseDuration(within);
  const took = limit === undefined || !record ? undefined : epochSeconds(came) - epochSeconds(record.created.at);
  const waived = (answer?.conditions ?? []).flatMap(({ subject, waiver }) =>
    waiver ? [{ subject, by: waiver.by, until: waiver.until, reason: waiver.reason }] : [],
  );
  const owed = owedOf(
    standing.flatMap((each) => each.owed ?? []),
    answer,
  );
  const { reason, ref } = standing.findLast(({ emergency }) => emergency)?.emergency ?? {};
  const by = promotions.at(-1)?.by;
  return {
    release,
    date: record?.date ?? '',
    since,
    ...(by === undefined ? {} : { by }),
    images,
    ...(took === undefined ? {} : { took }),
    ...(took !== undefined && took > limit! ? { lateBySeconds: took - limit! } : {}),
    ...(waived.length > 0 ? { waived } : {}),
    ...(reason !== undefined && ref !== undefined ? { emergency: { reason, ref } } : {}),
    ...(owed.length > 0 ? { owed } : {}),
  };
}

/** What is owed is owed until its condition is met, or somebody answers for it. */
function owedOf(owed: readonly OwedCondition[], answer: GateAnswer | undefined): string[] {
  const open = owed.filter(({ kind, subject }) => {
    const now = answer?.conditions.find((each) => each.kind === kind && each.subject === subject);
    return now ? now.state !== 'met' && now.state !== 'waived' : answer === undefined;
  });
  return [...new Set(open.map(({ text }) => text))];
}
