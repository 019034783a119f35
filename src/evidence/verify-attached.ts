import type { ImageRegistry } from '../registry/index.ts';
import { type Digest, failed, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { readAttached } from './attached.ts';
import { preAuthEncoding } from './dsse.ts';
import { isSignedBy } from './public-key.ts';
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
  const attached = await readAttached({ registry, repository, image });
  if (!attached.ok) return attached;
  const { bundles, problems } = attached.value;
  if (problems.length > 0) return failed(...problems);
  let verified = 0;
  for (const { digest, envelope } of bundles) {
    const key = trust.value.byHint.get(envelope.keyid);
    if (!key) continue;
    if (!isSignedBy(key, preAuthEncoding(envelope.payload), envelope.signature)) {
      const message = `${repository}@${digest}: the signature is not that of key '${key.name}', which it names`;
      return failed(problem('signature-invalid', message, { hint: 'look who writes there, and take it away' }));
    }
    verified += 1;
  }
  return ok(verified);
}
