import { isIndex, isLayout, keepTag, mediaTypes, readContents } from '../registry/index.ts';
import { canonicalJson, type Digest, failed, ok, problem, type Result } from '../support/index.ts';
import type { BuildParents, ImagePlace } from './engine.ts';

/** The image of one platform: of an index the one that is for it. Problem: `unknown-image`, and those of the registry. */
export async function imageForPlatform(
  name: string,
  { registry, repository, digest }: ImagePlace & { digest: Digest },
  platform: string,
): Promise<Result<Digest>> {
  const manifest = await registry.readManifest(repository, digest);
  if (!manifest.ok) return manifest;
  if (!isIndex(manifest.value.mediaType)) return ok(digest);
  const contents = readContents(manifest.value.bytes, digest, manifest.value.mediaType);
  if (!contents.ok) return contents;
  const { children } = contents.value;
  const plain = (text: string | undefined) => text?.split('/').slice(0, 2).join('/');
  const found =
    children.find((each) => each.platform === platform) ??
    children.find((each) => plain(each.platform) === plain(platform));
  if (found) return ok(found.digest);
  const has = children.flatMap((each) => each.platform ?? []).join(', ');
  return failed(problem('unknown-image', `${name} is not there for ${platform}`, { hint: `it is there for ${has}` }));
}

/** The parents of an image, each as one manifest for the platform. */
export async function parentsForPlatform(parents: BuildParents, platform: string): Promise<Result<BuildParents>> {
  const chosen: BuildParents = {};
  for (const [name, place] of Object.entries(parents)) {
    const digest = await imageForPlatform(name, place, platform);
    if (!digest.ok) return digest;
    chosen[name] = { ...place, digest: digest.value };
  }
  return ok(chosen);
}

export interface PlatformImage {
  platform: string;
  digest: Digest;
}

/** One name for the images of several platforms. Each keeps a tag of its own, against garbage collections that go by tags. */
export async function writeIndex(
  { registry, repository }: ImagePlace,
  images: readonly PlatformImage[],
  annotations: Record<string, string>,
): Promise<Result<Digest>> {
  const manifests: object[] = [];
  for (const { platform, digest } of images) {
    const manifest = await registry.readManifest(repository, digest);
    if (!manifest.ok) return manifest;
    const [os, architecture, variant] = platform.split('/');
    const { mediaType, bytes } = manifest.value;
    const of = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    manifests.push({ mediaType, digest, size: bytes.length, platform: of });
    if (isLayout(registry)) continue;
    const kept = await registry.tag(repository, keepTag(digest), digest);
    if (!kept.ok) return kept;
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests, annotations };
  return registry.writeManifest(repository, {
    mediaType: mediaTypes.index,
    bytes: Buffer.from(canonicalJson(index)),
  });
}

/** Bytes of all layers and configurations of an image, or of all images of an index; each once. */
export async function sizeOfImage({ registry, repository }: ImagePlace, digest: Digest): Promise<Result<number>> {
  const sizes = new Map<Digest, number>();
  const add = async (each: Digest): Promise<Result<void>> => {
    const manifest = await registry.readManifest(repository, each);
    if (!manifest.ok) return manifest;
    const contents = readContents(manifest.value.bytes, each, manifest.value.mediaType);
    if (!contents.ok) return contents;
    for (const { digest: blob, size = 0 } of contents.value.blobs) sizes.set(blob, size);
    for (const child of contents.value.children) {
      const added = await add(child.digest);
      if (!added.ok) return added;
    }
    return ok(undefined);
  };
  const added = await add(digest);
  return added.ok ? ok([...sizes.values()].reduce((sum, size) => sum + size, 0)) : added;
}
