import { isIndex, readContents, readImage } from '../registry/index.ts';
import { failed, ok, problem, type Result } from '../support/index.ts';
import type { CheckPlace } from './checks.ts';

/** An image of one platform, where it is checked. */
export interface PlatformImage extends CheckPlace {
  /** `linux/arm64/v8` */
  platform: string;
}

/** The images behind a digest: itself, or those of an index that are for a platform (attestations are for none). */
export async function platformImages(place: CheckPlace): Promise<Result<PlatformImage[]>> {
  const { registry, repository, digest } = place;
  const manifest = await registry.readManifest(repository, digest);
  if (!manifest.ok) return manifest;
  if (!isIndex(manifest.value.mediaType)) {
    const image = await readImage(registry, repository, digest);
    if (!image.ok) return image;
    const { os = 'linux', architecture = 'amd64', variant } = image.value.config as Record<string, string | undefined>;
    return ok([{ ...place, platform: [os, architecture, ...(variant ? [variant] : [])].join('/') }]);
  }
  const contents = readContents(manifest.value.bytes, digest, manifest.value.mediaType);
  if (!contents.ok) return contents;
  const images = contents.value.children.filter(({ platform = 'unknown' }) => !platform.startsWith('unknown'));
  if (images.length > 0) return ok(images.map((each) => ({ ...place, digest: each.digest, platform: each.platform! })));
  return failed(problem('check-inconclusive', `${repository}@${digest} is an index of no platform`));
}

/** The image that an engine can run. Problem: `check-inconclusive`. */
export async function imageFor(place: CheckPlace, wanted: string): Promise<Result<PlatformImage>> {
  const images = await platformImages(place);
  if (!images.ok) return images;
  const found = images.value.find(({ platform }) => platform === wanted || platform.startsWith(`${wanted}/`));
  if (found) return ok(found);
  const there = images.value.map(({ platform }) => platform).join(', ');
  const hint = 'run the check on a machine of that platform; nothing was recorded';
  return failed(problem('check-inconclusive', `it is for ${there}, and this engine runs ${wanted}`, { hint }));
}
