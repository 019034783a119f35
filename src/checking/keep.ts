import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  attachStatement,
  type CheckResult,
  evidenceFolder,
  loadStatement,
  readResults,
  type Signer,
  type StoredResult,
  signStatement,
  testResultStatement,
  writeEvidence,
} from '../evidence/index.ts';
import { type Digest, hexOf, ok, type Result, writeFileAtomic } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { CheckPlace } from './checks.ts';

/**
 * Where notes are of statements that may not be at their image yet: on disk from before a statement is written until it is
 * there. A note is a name and no more, for checks can write here: what is attached is what the record holds under it.
 */
const owedFolder = (root: string, release: string): string => join(root, '.dmrel', 'attach', release);

/** Sign a result, put it into the record, and attach it to the image. Problems: those of signing, and of the registry. */
export async function keepResult(
  root: string,
  release: string,
  result: CheckResult,
  place: CheckPlace,
  signer: Signer | undefined,
): Promise<Result<void>> {
  const statement = testResultStatement(result);
  const signed = await signStatement(statement, signer);
  if (!signed.ok) return signed;
  const folder = owedFolder(root, release);
  const note = join(folder, `${hexOf(signed.value.digest)}.json`);
  if (signer) {
    await mkdir(folder, { recursive: true });
    await writeFileAtomic(note, '');
  }
  await writeEvidence(root, evidenceFolder(release), signed.value);
  if (!signer) return ok(undefined);
  const attached = await attachStatement(place.registry, place.repository, place.digest, signed.value);
  if (!attached.ok) return attached;
  await rm(note, { force: true });
  return ok(undefined);
}

/** Notes of statements that an earlier run wrote and did not come to attach. */
export async function owedAttachments(root: string, release: string): Promise<string[]> {
  const names = await readdir(owedFolder(root, release)).catch(() => []);
  return names.filter((each) => /^[0-9a-f]{64}\.json$/.test(each)).map((each) => join(owedFolder(root, release), each));
}

/**
 * Attach what is owed, as it was signed: results that are in the record and count. A note of anything else is of a run that
 * ended before it kept its result, and is let go.
 */
export async function attachOwed(
  workspace: Workspace,
  release: string,
  notes: readonly string[],
  placeOf: (repository: string, digest: Digest) => Result<CheckPlace>,
): Promise<Result<void>> {
  const { results } = await readResults(workspace, release);
  for (const note of notes) {
    const result = results.find(({ file }) => basename(file) === basename(note));
    const attached = result ? await attachResult(workspace, result, placeOf) : ok(undefined);
    if (!attached.ok) return attached;
    await rm(note, { force: true });
  }
  return ok(undefined);
}

async function attachResult(
  workspace: Workspace,
  { file, repository, digest }: StoredResult,
  placeOf: (repository: string, digest: Digest) => Result<CheckPlace>,
): Promise<Result<unknown>> {
  const place = placeOf(repository, digest);
  if (!place.ok) return place;
  const signed = await loadStatement(workspace, file);
  return signed.ok ? attachStatement(place.value.registry, place.value.repository, digest, signed.value) : signed;
}
