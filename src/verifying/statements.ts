import { type FoundStatement, type InspectedFile, ownPredicates, predicateTypes } from '../evidence/index.ts';
import { type Digest, type Instant, instantOf, type Problem } from '../support/index.ts';

/** A statement as people are shown it. */
export interface ListedStatement {
  file: string;
  digest: Digest | null;
  /** `test result`, `provenance`, `approval`; undefined for what cannot be read. */
  kind: string | null;
  predicateType: string | null;
  subjects: { name: string; digest: string }[];
  at: Instant | null;
  /** The name of the key; null for a bare statement or a stranger's. */
  signedBy: string | null;
  signed: boolean;
  counts: boolean;
  /** Why it does not count. */
  why?: string;
}

const kinds: Record<string, string> = {
  [predicateTypes.testResult]: 'test result',
  [predicateTypes.provenance]: 'provenance',
  [predicateTypes.materials]: 'bill of materials',
  [predicateTypes.verificationSummary]: 'verification summary',
  [predicateTypes.signature]: 'signature',
};

/** `https://lsst.org/dmrel/approval/v1` is an approval; a type that dmrel does not know is its own name. */
export function kindOf(predicateType: string): string {
  const own = predicateType.startsWith(ownPredicates) ? predicateType.slice(ownPredicates.length) : undefined;
  return kinds[predicateType] ?? own?.split('/')[0] ?? predicateType;
}

export function listedStatement({ file, found, problem }: InspectedFile): ListedStatement {
  const { statement, by, digest, time } = found ?? ({} as Partial<FoundStatement>);
  return {
    file,
    digest: digest ?? null,
    kind: statement ? kindOf(statement.predicateType) : null,
    predicateType: statement?.predicateType ?? null,
    subjects: (statement?.subject ?? []).map(({ name, digest: { sha256, sha1 } }) => ({
      name,
      digest: sha256 === undefined ? (sha1 === undefined ? '' : `sha1:${sha1}`) : `sha256:${sha256}`,
    })),
    at: time === undefined ? null : instantOf(new Date(time)),
    signedBy: typeof by === 'object' ? by.name : null,
    signed: by !== undefined && by !== 'unsigned',
    counts: problem === undefined,
    ...(problem ? { why: withoutFile(problem, file) } : {}),
  };
}

/** A reason beside its file need not name it again. */
const withoutFile = ({ message }: Problem, file: string): string =>
  message.replace(`${file}: `, '').replace(`${file} `, '').replace('counts for nothing: ', '');
