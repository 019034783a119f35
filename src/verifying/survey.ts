import { type InspectedFile, inspectEvidence } from '../evidence/index.ts';
import { releaseDigest } from '../levels/index.ts';
import { listReleases, type ReleaseRecord, readRelease, requireRelease } from '../releases/index.ts';
import { ok, type Problem, type Result, warning } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

export interface SurveyedRelease {
  release: string;
  files: InspectedFile[];
}

/** The evidence of one release, or of all. Problems: `unknown-release`, those of records, and of the trust section. */
export async function surveyEvidence(
  workspace: Workspace,
  release: string | undefined,
  how: { remembered: boolean },
): Promise<Result<SurveyedRelease[]>> {
  if (release !== undefined) {
    const record = await requireRelease(workspace.root, release);
    if (!record.ok) return record;
  }
  const names = release === undefined ? await listReleases(workspace.root) : [release];
  const surveyed: SurveyedRelease[] = [];
  for (const name of names) {
    const files = await inspectEvidence(workspace, name, how);
    if (!files.ok) return files;
    surveyed.push({ release: name, files: files.value });
  }
  return ok(surveyed);
}

export interface EvidenceVerification {
  releases: { release: string; statements: number; counting: number }[];
  problems: Problem[];
}

/**
 * Verify everything afresh: names, signatures, roles. What counts for nothing is an error here, whatever it is elsewhere;
 * a statement about images that its release does not have is told, for it may be of a build before.
 */
export async function verifyEvidence(
  workspace: Workspace,
  release: string | undefined,
): Promise<Result<EvidenceVerification>> {
  const surveyed = await surveyEvidence(workspace, release, { remembered: false });
  if (!surveyed.ok) return surveyed;
  const verification: EvidenceVerification = { releases: [], problems: [] };
  for (const { release: name, files } of surveyed.value) {
    const record = await readRelease(workspace.root, name, workspace.records);
    if (!record.ok) return record;
    const counting = files.filter(({ problem }) => problem === undefined);
    verification.releases.push({ release: name, statements: files.length, counting: counting.length });
    for (const { problem } of files) if (problem) verification.problems.push({ ...problem, severity: 'error' });
    if (record.value) verification.problems.push(...foreign(record.value, counting));
  }
  return ok(verification);
}

function foreign(record: ReleaseRecord, files: readonly InspectedFile[]): Problem[] {
  return files.flatMap(({ file, found }) => {
    if (!found || isAbout(record, found.statement.subject)) return [];
    const hint = 'it says nothing of those; it may be of an earlier build, or was put beside the wrong release';
    const message = `${file} is about nothing of ${record.name}`;
    return [warning('evidence-untrusted', message, { at: { file }, hint })];
  });
}

/** Whether a statement is about something of a release: an image that was built, all of them, or its commits together. */
export function isAbout(
  record: ReleaseRecord,
  subject: readonly { digest: { sha256?: string; sha1?: string } }[],
): boolean {
  const { images = {}, source } = record;
  const digests = new Set<string>([releaseDigest(record), ...Object.values(images).map((each) => each.digest)]);
  return subject.some(
    ({ digest: { sha256, sha1 } }) =>
      digests.has(`sha256:${sha256}`) || (sha1 !== undefined && sha1 === source.contentId),
  );
}
