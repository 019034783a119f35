import { parseInstant } from '../support/index.ts';

/** What a statement is about: something with a digest. */
export interface Subject {
  name: string;
  /** Hex: `sha256` of an image's manifest, `sha1` of commits and content ids. */
  digest: { sha256?: string; sha1?: string };
}

/** in-toto attestation framework, spec/v1/statement.md. */
export interface Statement<Predicate = unknown> {
  _type: 'https://in-toto.io/Statement/v1';
  subject: Subject[];
  predicateType: string;
  predicate: Predicate;
}

/** No file of evidence has more: bills of materials of large images have megabytes. */
export const maxStatementBytes = 16 * 2 ** 20;

export const statementType = 'https://in-toto.io/Statement/v1';

/** Predicates that are not dmrel's own. Own ones begin with `ownPredicates`. */
export const predicateTypes = {
  testResult: 'https://in-toto.io/attestation/test-result/v0.1',
  provenance: 'https://slsa.dev/provenance/v1',
  materials: 'https://cyclonedx.org/bom',
  verificationSummary: 'https://slsa.dev/verification_summary/v1',
  /** What `cosign sign` writes since version 3: no more than that it was signed. */
  signature: 'https://sigstore.dev/cosign/sign/v1',
} as const;
export const ownPredicates = 'https://lsst.org/dmrel/';

/** A value as a statement; undefined when it is none. What its predicate says is left to who knows its type. */
export function parseStatement(value: unknown): Statement | undefined {
  const { _type, subject, predicateType, predicate } = (value ?? {}) as Partial<Statement>;
  if (_type !== statementType || typeof predicateType !== 'string' || predicateType.length > 300) return undefined;
  if (!Array.isArray(subject) || subject.length === 0 || !subject.every(isSubject)) return undefined;
  if (predicate !== undefined && (predicate === null || typeof predicate !== 'object')) return undefined;
  return { _type, subject: subject.map(subjectOf), predicateType, predicate: predicate ?? {} };
}

function isSubject(each: unknown): each is Subject {
  const { name, digest } = (each ?? {}) as { name?: unknown; digest?: unknown };
  return (name === undefined || typeof name === 'string') && digest !== null && typeof digest === 'object';
}

function subjectOf({ name, digest: { sha256, sha1 } }: Subject): Subject {
  return {
    name: name ?? '',
    digest: { ...(isHex(sha256, 64) ? { sha256 } : {}), ...(isHex(sha1, 40) ? { sha1 } : {}) },
  };
}

const isHex = (text: unknown, length: number): text is string =>
  typeof text === 'string' && text.length === length && /^[0-9a-f]+$/.test(text);

/** Where statements of a kind tell their own time; those of dmrel's own kinds have it in `at`. */
const times: Record<string, (predicate: Loose) => unknown> = {
  [predicateTypes.testResult]: ({ configuration }) => (configuration as Loose[])?.[0]?.annotations?.finishedOn,
  [predicateTypes.provenance]: ({ runDetails }) => runDetails?.metadata?.finishedOn,
  [predicateTypes.materials]: ({ metadata }) => metadata?.timestamp,
  [predicateTypes.verificationSummary]: ({ timeVerified }) => timeVerified,
};
// biome-ignore lint/suspicious/noExplicitAny: predicates come from anywhere; each step is asked for with `?.`
type Loose = Record<string, any>;

/**
 * When a statement says it was made, in milliseconds since the epoch; undefined where it does not tell. Fractions of a
 * second are allowed (RFC 3339, in UTC): other programs write them.
 */
export function statementTime({ predicateType, predicate }: Pick<Statement, 'predicateType' | 'predicate'>) {
  const own = predicateType.startsWith(ownPredicates) ? ({ at }: Loose) => at : undefined;
  const text = (times[predicateType] ?? own)?.(predicate as Loose);
  if (typeof text !== 'string' || text.length > 40) return undefined;
  const whole = text.replace(/\.[0-9]{1,9}Z$/, 'Z');
  return parseInstant(whole) ? Date.parse(text) : undefined;
}
