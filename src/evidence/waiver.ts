import {
  type CalendarDate,
  type Digest,
  hexOf,
  type Instant,
  parseDate,
  parseDigest,
  parseInstant,
} from '../support/index.ts';
import { isText } from './approval.ts';
import { ownPredicates, type Statement, statementType } from './statement.ts';

const waiverType = `${ownPredicates}waiver/v1`;

/** Somebody answers for a check that is not met: a deviation, for a reason and a time. */
export interface Waiver {
  release: string;
  /** Of the release as it is, or of the one image it is about. */
  digest: Digest;
  level: string;
  check: string;
  image?: string;
  reason: string;
  /** The last day on which it holds, in UTC. */
  until: CalendarDate;
  at: Instant;
  /** Name and address, as git has them. */
  by: string;
}

export function waiverStatement(waiver: Waiver): Statement {
  const { release, digest, level, check, image, reason, until, at, by } = waiver;
  return {
    _type: statementType,
    subject: [{ name: image ?? release, digest: { sha256: hexOf(digest) } }],
    predicateType: waiverType,
    predicate: { release, level, check, ...(image === undefined ? {} : { image }), reason, until, at, by },
  };
}

/** Undefined for a statement of another kind; `unsound` for one that does not hold together. */
export function parseWaiver(statement: Pick<Statement, 'predicateType' | 'subject' | 'predicate'>) {
  if (statement.predicateType !== waiverType) return undefined;
  const { release, level, check, image, reason, until, at, by } = statement.predicate as Record<keyof Waiver, unknown>;
  const digest = parseDigest(`sha256:${statement.subject[0]?.digest.sha256}`);
  const time = typeof at === 'string' ? parseInstant(at) : undefined;
  const day = typeof until === 'string' ? parseDate(until) : undefined;
  if (!digest || !time || !day || !isText(release) || !isText(level) || !isText(check)) return 'unsound';
  if (!isText(reason) || !isText(by) || (image !== undefined && !isText(image))) return 'unsound';
  const waiver: Waiver = { release, digest, level, check, reason, until: day, at: time, by };
  return image === undefined ? waiver : { ...waiver, image };
}
