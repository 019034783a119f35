import type { ReleaseRecord } from '../releases/index.ts';
import { canonicalJson, type Digest, digestOf } from '../support/index.ts';

/**
 * What approvals and waivers of a release are bound to: its name and the digests of all its images. An image that is
 * built anew makes another release of it, as far as anybody agreed to it.
 */
export function releaseDigest({ name, images = {} }: Pick<ReleaseRecord, 'name' | 'images'>): Digest {
  const digests = Object.fromEntries(Object.entries(images).map(([image, { digest }]) => [image, digest]));
  return digestOf(canonicalJson({ images: digests, release: name }));
}
