import type { LevelEntry, Promotion, ReleaseRecord } from '../releases/index.ts';
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
  const promotion = record?.promotions?.findLast((each) => each.level === level);
  const limit = within === undefined ? undefined : parseDuration(within);
  const took = limit === undefined || !record ? undefined : epochSeconds(since) - epochSeconds(record.created.at);
  const waived = (answer?.conditions ?? []).flatMap(({ subject, waiver }) =>
    waiver ? [{ subject, by: waiver.by, until: waiver.until, reason: waiver.reason }] : [],
  );
  const owed = owedOf(promotion, answer);
  const { reason, ref } = promotion?.emergency ?? {};
  return {
    release,
    date: record?.date ?? '',
    since,
    ...(promotion ? { by: promotion.by } : {}),
    images,
    ...(took === undefined ? {} : { took }),
    ...(took !== undefined && took > limit! ? { lateBySeconds: took - limit! } : {}),
    ...(waived.length > 0 ? { waived } : {}),
    ...(reason !== undefined && ref !== undefined ? { emergency: { reason, ref } } : {}),
    ...(owed.length > 0 ? { owed } : {}),
  };
}

/** What is owed is owed until its condition is met, or somebody answers for it. */
function owedOf(promotion: Promotion | undefined, answer: GateAnswer | undefined): string[] {
  const open = (promotion?.owed ?? []).filter(({ kind, subject }) => {
    const now = answer?.conditions.find((each) => each.kind === kind && each.subject === subject);
    return now ? now.state !== 'met' && now.state !== 'waived' : answer === undefined;
  });
  return open.map(({ text }) => text);
}
