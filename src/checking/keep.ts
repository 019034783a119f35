import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  attachStatement,
  type CheckResult,
  evidenceFolder,
  type Signer,
  type Statement,
  signStatement,
  testResultStatement,
  writeEvidence,
} from '../evidence/index.ts';
import { type Digest, hexOf, ok, type Result, writeFileAtomic } from '../support/index.ts';
import type { CheckPlace } from './checks.ts';

/** A statement that is in the record and may not be at its image yet: on disk from before it is written until it is there. */
interface Owed {
  /** Registry and repository, as the record names them. */
  repository: string;
  digest: Digest;
  statement: Statement;
}

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
    const owed: Owed = { repository: result.repository, digest: result.digest, statement };
    await writeFileAtomic(note, JSON.stringify(owed));
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

/** Attach what is owed. Signed anew, which says the same: a statement that is at its image already stays alone there. */
export async function attachOwed(
  notes: readonly string[],
  placeOf: (repository: string, digest: Digest) => Result<CheckPlace>,
  signer: Signer | undefined,
): Promise<Result<void>> {
  for (const note of notes) {
    const { repository, digest, statement } = JSON.parse(await readFile(note, 'utf8')) as Owed;
    const place = placeOf(repository, digest);
    if (!place.ok) return place;
    const signed = await signStatement(statement, signer);
    if (!signed.ok) return signed;
    const attached = await attachStatement(place.value.registry, place.value.repository, digest, signed.value);
    if (!attached.ok) return attached;
    await rm(note, { force: true });
  }
  return ok(undefined);
}
