import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, draftsFolder, hexOf, ok, type Problem, type Result, writeFileAtomic } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { openEvidenceCache } from './cache.ts';
import { judge } from './judge.ts';
import { type FoundStatement, readStatementFile } from './read-file.ts';
import type { SignedStatement } from './sign.ts';
import type { Subject } from './statement.ts';
import { openTrust } from './trust.ts';

const filesAtOnce = 16;

/** Where the statements about a release are kept. */
export const evidenceFolder = (release: string): string => `releases/${release}/evidence`;

/** A statement that counts: of a trusted key in a role that may say this, or of anybody where no keys are trusted. */
export interface VerifiedStatement {
  file: string;
  digest: Digest;
  predicateType: string;
  subject: Subject[];
  predicate: unknown;
  /** Absent when nobody signed it, which counts only in a workspace without trust. */
  signedBy?: { key: string; roles: string[] };
}

export type EvidenceWorkspace = Pick<Workspace, 'root' | 'config' | 'document' | 'userCache'>;

/** Write one statement into a folder under the digest of its text: two writers never collide. Gives the file's name. */
export async function writeEvidence(
  root: string,
  folder: string,
  { text, digest }: Pick<SignedStatement, 'text' | 'digest'>,
): Promise<string> {
  const file = `${folder}/${hexOf(digest)}.json`;
  await writeFileAtomic(join(root, file), text, draftsFolder(root));
  return file;
}

/** A file of evidence: what it holds as far as that can be read, and why it does not count if so. */
export interface InspectedFile {
  file: string;
  found?: FoundStatement;
  problem?: Problem;
}

/**
 * Every file of the evidence of a release, by name.
 * @param remembered false verifies every signature afresh. Problems: those of `openTrust`
 */
export async function inspectEvidence(
  workspace: EvidenceWorkspace,
  release: string,
  { remembered }: { remembered: boolean },
): Promise<Result<InspectedFile[]>> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  const cache = remembered ? openEvidenceCache(workspace.userCache, release) : undefined;
  const folder = evidenceFolder(release);
  const files: InspectedFile[] = [];
  const names = namesIn(workspace.root, folder);
  const inspect = async (name: string): Promise<InspectedFile> => {
    const file = `${folder}/${name}`;
    const read = await readStatementFile(workspace.root, file, trust.value, cache);
    if (!read.ok) return { file, problem: read.problems[0]! };
    const problem = judge(read.value, trust.value);
    return { file, found: read.value, ...(problem ? { problem } : {}) };
  };
  // So many at once that processors have signatures to verify, and few enough to hold their texts.
  for (let from = 0; from < names.length; from += filesAtOnce)
    files.push(...(await Promise.all(names.slice(from, from + filesAtOnce).map(inspect))));
  await cache?.close();
  return ok(files);
}

/**
 * What counts of the evidence of a release, by the name of its file. What does not count is reported: as an error what is
 * damaged or forged, as a warning what is sound but of a key that may not say this.
 */
export async function readEvidence(
  workspace: EvidenceWorkspace,
  release: string,
): Promise<{ statements: VerifiedStatement[]; problems: Problem[] }> {
  const files = await inspectEvidence(workspace, release, { remembered: true });
  if (!files.ok) return { statements: [], problems: files.problems };
  return {
    statements: files.value.flatMap(({ found, problem }) => (found && !problem ? verifiedOf(found) : [])),
    problems: files.value.flatMap(({ problem }) => problem ?? []),
  };
}

function verifiedOf({ file, digest, statement, by }: FoundStatement): VerifiedStatement {
  const { predicateType, subject } = statement;
  const signedBy = typeof by === 'string' ? {} : { signedBy: { key: by.name, roles: by.roles } };
  return {
    file,
    digest,
    predicateType,
    subject,
    get predicate() {
      return statement.predicate; // which may have to be read
    },
    ...signedBy,
  };
}

/** Names with a dot before them are none: drafts of a write that was interrupted, files for git. */
function namesIn(root: string, folder: string): string[] {
  try {
    // Waiting in the background for hundreds of folders takes longer than reading them.
    return readdirSync(join(root, folder))
      .filter((each) => !each.startsWith('.'))
      .sort();
  } catch {
    return [];
  }
}
