import { type Digest, hexOf, type Instant, parseDigest } from '../support/index.ts';
import { predicateTypes, type Statement, type Subject, statementTime, statementType } from './statement.ts';

/** That images were verified for a level, or no longer are (SLSA, verification_summary.md). */
export interface VerificationSummary {
  level: string;
  /** false takes an earlier yes back. */
  passed: boolean;
  at: Instant;
  /** Who decided, as a URI. */
  verifier: string;
  /** The repository that the images stand in at the level. */
  resource: string;
  /** The policy in force: a URI and the digest of dmrel.yaml. */
  policy: { uri: string; digest: Digest };
  /** Statements that it rests on, by the digest of their files. */
  inputs: Digest[];
}

/** Upper case of a level's name: names are lower-case, so that no two levels have one mark. */
export const levelMark = (level: string): string => `DMREL_LEVEL_${level.toUpperCase()}`;

/** Where in the policy a level stands: the only place in which a no can name it, for its levels are `FAILED`. */
const levelFragment = (level: string): string => `#/levels/${level}`;

export function verificationSummary(subject: Subject[], summary: VerificationSummary): Statement {
  const { level, passed, at, verifier, resource, policy, inputs } = summary;
  return {
    _type: statementType,
    subject,
    predicateType: predicateTypes.verificationSummary,
    predicate: {
      verifier: { id: verifier },
      timeVerified: at,
      resourceUri: resource,
      policy: { uri: `${policy.uri}${levelFragment(level)}`, digest: { sha256: hexOf(policy.digest) } },
      inputAttestations: inputs.map((digest) => ({ uri: '', digest: { sha256: hexOf(digest) } })),
      verificationResult: passed ? 'PASSED' : 'FAILED',
      verifiedLevels: passed ? ['SLSA_BUILD_LEVEL_UNEVALUATED', levelMark(level)] : ['FAILED'],
      slsaVersion: '1.1',
    },
  };
}

/** What a summary says, as far as deciding needs it. */
export interface ReadSummary {
  passed: boolean;
  /** Milliseconds since the epoch. */
  time: number;
  levels: string[];
  digests: Digest[];
}

/** Undefined for another kind, and for what does not hold together. */
export function parseSummary(statement: Statement): ReadSummary | undefined {
  if (statement.predicateType !== predicateTypes.verificationSummary) return undefined;
  const { verificationResult } = statement.predicate as { verificationResult?: unknown };
  const time = statementTime(statement);
  if ((verificationResult !== 'PASSED' && verificationResult !== 'FAILED') || time === undefined) return undefined;
  const digests = statement.subject.flatMap(({ digest }) => parseDigest(`sha256:${digest.sha256}`) ?? []);
  return { passed: verificationResult === 'PASSED', time, levels: levelsNamed(statement), digests };
}

/** The levels that a summary is about: of a yes those it says were verified, of a no that of its policy. */
export function levelsNamed({ predicate }: Statement): string[] {
  const { verificationResult, verifiedLevels, policy } = predicate as Record<string, unknown>;
  if (verificationResult !== 'PASSED') {
    const uri = (policy as { uri?: unknown } | undefined)?.uri;
    const [, level] = (typeof uri === 'string' && /#\/levels\/([a-z0-9._-]+)$/.exec(uri)) || [];
    return level === undefined ? [] : [level];
  }
  if (!Array.isArray(verifiedLevels)) return [];
  return verifiedLevels.flatMap((each) => {
    const [, mark] = (typeof each === 'string' && /^DMREL_LEVEL_([A-Z0-9._-]+)$/.exec(each)) || [];
    return mark === undefined ? [] : [mark.toLowerCase()];
  });
}
