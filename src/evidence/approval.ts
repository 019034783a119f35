import { type Digest, hexOf, type Instant, parseDigest, parseInstant } from '../support/index.ts';
import { ownPredicates, type Statement, statementType } from './statement.ts';

const approvalType = `${ownPredicates}approval/v1`;

/** Somebody agrees that a release, as it is, goes to a level. */
export interface Approval {
  release: string;
  /** Over the release's name and the digests of its images (levels/release-digest.ts). */
  digest: Digest;
  level: string;
  role: string;
  at: Instant;
  /** Name and address, as git has them. */
  by: string;
  message?: string;
}

export function approvalStatement({ release, digest, level, role, at, by, message }: Approval): Statement {
  return {
    _type: statementType,
    subject: [{ name: release, digest: { sha256: hexOf(digest) } }],
    predicateType: approvalType,
    predicate: { level, role, at, by, ...(message === undefined ? {} : { message }) },
  };
}

/** Undefined for a statement of another kind; `unsound` for one that does not hold together. */
export function parseApproval(statement: Pick<Statement, 'predicateType' | 'subject' | 'predicate'>) {
  if (statement.predicateType !== approvalType) return undefined;
  const { level, role, at, by, message } = statement.predicate as Record<keyof Approval, unknown>;
  const [subject] = statement.subject;
  const digest = parseDigest(`sha256:${subject?.digest.sha256}`);
  const time = typeof at === 'string' ? parseInstant(at) : undefined;
  if (!digest || !time || !isText(level) || !isText(role) || !isText(by)) return 'unsound';
  const approval: Approval = { release: subject!.name, digest, level, role, at: time, by };
  return isText(message) ? { ...approval, message } : approval;
}

export const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
