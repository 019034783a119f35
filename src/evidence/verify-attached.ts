import type { ImageRegistry } from '../registry/index.ts';
import { type Digest, failed, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { readAttached, removalHint } from './attached.ts';
import { isEnvelopeBy } from './dsse.ts';
import { openTrust } from './trust.ts';

/**
 * Verify every bundle at an image that a key of the workspace is said to have signed; those of others are theirs to verify.
 * Gives how many were. Problem: `signature-invalid`, for one that is damaged, too.
 */
export async function verifyAttached(
  workspace: Pick<Workspace, 'root' | 'config' | 'document'>,
  registry: ImageRegistry,
  repository: string,
  image: Digest,
): Promise<Result<number>> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  if (!trust.value) return ok(0);
  const { byHint } = trust.value;
  const attached = await readAttached({ registry, repository, image }, undefined, ({ keyid }) => byHint.has(keyid));
  if (!attached.ok) return attached;
  const { bundles, problems } = attached.value;
  if (problems.length > 0) return failed(...problems);
  let verified = 0;
  for (const { digest, envelope } of bundles) {
    const key = byHint.get(envelope.keyid)!;
    if (!isEnvelopeBy(key, envelope)) {
      const message = `${repository}@${digest}: the signature is not that of key '${key.name}', which it names`;
      const hint = removalHint({ registry, repository }, digest);
      return failed(problem('signature-invalid', message, { hint }));
    }
    verified += 1;
  }
  return ok(verified);
}
