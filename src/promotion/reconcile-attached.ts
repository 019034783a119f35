import {
  isSignedFor,
  isStatementAttached,
  keysWithRole,
  loadStatement,
  openTrust,
  promoterRole,
  readEvidence,
} from '../evidence/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { type Digest, ok, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { LevelFacts } from './level-facts.ts';
import type { PromotedImage } from './plan.ts';
import type { Attached } from './reconcile-plan.ts';
import { subjectsIn } from './statements.ts';

/** Whether what the promoter signed is at the image and at every image in it, and each is signed itself. */
export async function attachedAt(
  workspace: Workspace,
  { level, target }: LevelFacts,
  record: ReleaseRecord | undefined,
  { name, digest, to, reference }: PromotedImage,
): Promise<Result<Attached>> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  if (!trust.value || !record) return ok('all');
  const { statements } = await readEvidence(workspace, record.name);
  const wanted = statements.find((each) => each.digest === statementOf(record, level.name, name));
  if (!wanted) return ok('uncounted');
  const loaded = await loadStatement(workspace, wanted.file);
  if (!loaded.ok) return loaded;
  const repository = reference.slice(0, reference.lastIndexOf('@'));
  const parts = subjectsIn(loaded.value.statement, repository, digest);
  for (const each of parts) {
    const attached = await isStatementAttached(target, to.repository, each, loaded.value);
    if (!attached.ok) return attached;
    if (!attached.value) return ok('nothing');
  }
  const keys = keysWithRole(trust.value, promoterRole(workspace.config, level.name));
  for (const each of parts) {
    const signed = await isSignedFor(target, to.repository, each, keys, repository);
    if (!signed.ok) return signed;
    if (!signed.value) return ok('unsigned');
  }
  return ok('all');
}

/** What the promoter said last of an image when it was let up. */
export const statementOf = (record: ReleaseRecord | undefined, level: string, image: string): Digest | undefined =>
  record?.promotions?.findLast((each) => each.level === level && each.statements?.[image])?.statements?.[image];
