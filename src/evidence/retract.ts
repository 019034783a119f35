import type { ImageRegistry } from '../registry/index.ts';
import { type Digest, type Result, unwrap } from '../support/index.ts';
import { attempt } from './artifact.ts';
import { readAttached } from './attached.ts';
import { removeCosignSignatures } from './cosign.ts';
import { type Envelope, isEnvelopeBy } from './dsse.ts';
import type { PublicKey } from './public-key.ts';

/**
 * Take away from an image everything that some keys signed: bundles of any kind, and layers of `.sig`. cosign takes any
 * bundle of a key for its yes, so that nothing it signed may be left. What others signed stays. Gives how much went.
 */
export function retractSigned(
  registry: ImageRegistry,
  repository: string,
  image: Digest,
  keys: readonly PublicKey[],
): Promise<Result<number>> {
  return attempt(async () => {
    const to = { registry, repository, image };
    const isOwn = (envelope: Envelope) => keys.some((key) => isEnvelopeBy(key, envelope));
    const { bundles: own } = unwrap(await readAttached(to, undefined, isOwn));
    for (const { digest } of own) unwrap(await registry.deleteManifest(repository, digest));
    return own.length + (await removeCosignSignatures(to, keys));
  });
}
