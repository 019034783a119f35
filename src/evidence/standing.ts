import {
  canonicalJson,
  type Digest,
  digestOf,
  hexOf,
  type Instant,
  parseDigest,
  parseInstant,
} from '../support/index.ts';
import { isText } from './approval.ts';
import { ownPredicates, type Statement, type Subject, statementType } from './statement.ts';

/** That a release was taken away from a level. Never in the form of a summary: only a promoter makes those. */
export interface WithdrawalStatement {
  release: string;
  level: string;
  kind: 'rollback' | 'demote';
  reason: string;
  /** What stands there since. */
  to?: string;
  at: Instant;
  by: string;
}

/** @param images what is taken away, by repository at the level */
export const withdrawalStatement = (images: readonly Subject[], withdrawal: WithdrawalStatement): Statement =>
  own('withdrawal', images, withdrawal);

/** What of a withdrawal a gate asks for. */
export interface ReadWithdrawal extends Pick<WithdrawalStatement, 'release' | 'level' | 'at' | 'by'> {
  /** Of the images that were taken away. */
  digests: Digest[];
}

/** Undefined for a statement of another kind; `unsound` for one that does not hold together. */
export function parseWithdrawal({
  predicateType,
  subject,
  predicate,
}: Comparable): ReadWithdrawal | 'unsound' | undefined {
  if (predicateType !== `${ownPredicates}withdrawal/v1`) return undefined;
  const { release, level, at, by } = predicate as Record<keyof WithdrawalStatement, unknown>;
  const time = typeof at === 'string' ? parseInstant(at) : undefined;
  if (!time || !isText(release) || !isText(level) || !isText(by)) return 'unsound';
  const digests = subject.flatMap(({ digest }) => parseDigest(`sha256:${digest.sha256}`) ?? []);
  return { release, level, at: time, by, digests };
}

/** That nothing may go up to a level, or some releases may not; or that they may again. */
export interface HoldStatement {
  level: string;
  action: 'hold' | 'release';
  /** The whole level without it. */
  releases?: string[];
  reason?: string;
  at: Instant;
  by: string;
}

export const holdStatement = (hold: HoldStatement): Statement =>
  own('hold', [{ name: hold.level, digest: { sha256: hexOf(levelDigest(hold.level)) } }], hold);

/** A statement needs something with a digest: a level has none but that of its name. */
const levelDigest = (level: string): Digest => digestOf(canonicalJson({ level }));

/** That somebody answers for a promotion past the gate. */
export interface EmergencyStatement {
  release: string;
  level: string;
  reason: string;
  ref: string;
  /** What the gate did not have. */
  owed: readonly string[];
  at: Instant;
  by: string;
}

export const emergencyStatement = (images: readonly Subject[], emergency: EmergencyStatement): Statement =>
  own('emergency', images, emergency);

const own = (kind: string, subject: readonly Subject[], predicate: object): Statement => {
  return { _type: statementType, subject: [...subject], predicateType: `${ownPredicates}${kind}/v1`, predicate };
};

/** Whether two statements say the same, whenever they were made. */
export function sayTheSame(left: Comparable, right: Comparable): boolean {
  return left.predicateType === right.predicateType && withoutTime(left) === withoutTime(right);
}

type Comparable = Pick<Statement, 'predicateType' | 'subject' | 'predicate'>;

const withoutTime = ({ subject, predicate }: Comparable): string => {
  const { at: _at, timeVerified: _time, ...rest } = predicate as Record<string, unknown>;
  return canonicalJson({ subject: subject.map(({ name, digest }) => ({ name, digest })), rest });
};
