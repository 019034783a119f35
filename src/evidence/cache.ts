import { Remembered, type UserCache } from '../documents/index.ts';
import type { Statement } from './statement.ts';

/** What a file was found to hold. */
export interface CachedStatement {
  /** Size and times of the file then. */
  look: string;
  /** Whose signature was verified, by `PublicKey.hint`, which is made from all of the key; null for a bare statement. */
  hint: string | null;
  time: number | null;
  /** Without a predicate that is long. */
  statement: Omit<Statement, 'predicate'> & Partial<Pick<Statement, 'predicate'>>;
}

/**
 * Statements of one release that were verified, by the digest of their files. Who is trusted with what is not remembered:
 * dmrel.yaml may change at any time.
 */
export type EvidenceCache = Remembered<CachedStatement>;

export const openEvidenceCache = (store: UserCache, release: string): EvidenceCache =>
  new Remembered(store, `evidence/${release}`);
