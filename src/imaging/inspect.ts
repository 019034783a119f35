import { type ImageReference, requireImage } from '../levels/index.ts';
import { type Closure, imagesIn, readClosure, readImage, textsOf } from '../registry/index.ts';
import { type Digest, failed, ok, type Result, unwrap } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { namedBy, readNamings } from './names.ts';

/** An image of one platform. */
export interface PlatformDetails {
  digest: Digest;
  platform: string | null;
  layers: number;
  /** Bytes of its layers and configuration. */
  size: number;
  created: string | null;
  user: string;
  entrypoint: string[];
  labels: Record<string, string>;
}

export interface ImageDetails {
  digest: Digest;
  mediaType: string;
  /** Bytes that a registry keeps for it: what its platforms have in common once. */
  size: number;
  platforms: PlatformDetails[];
  /** Manifests in an index that are no images: what buildx says of how they were made. */
  attestations: number;
  sidecars: { of: Digest; digest: Digest; tag: string | null; type: string | null }[];
  annotations: Record<string, string>;
  /** Undefined outside of a workspace. */
  named?: { releases: string[]; levels: string[] };
}

/** Everything there is to know of an image, without its layers. */
export async function inspectImage(
  workspace: Workspace | undefined,
  reference: ImageReference,
): Promise<Result<ImageDetails>> {
  const digest = await requireImage(reference);
  if (!digest.ok) return digest;
  const closure = await readClosure(reference, [digest.value]);
  if (!closure.ok) return closure;
  const root = closure.value.nodes.get(digest.value);
  if (!root) return failed(closure.value.problems[0]!.problem);
  const namings = workspace && (await readNamings(workspace));
  if (namings && !namings.ok) return namings;

  const parts = imagesIn(closure.value, digest.value);
  const images = parts.filter(({ platform }) => platform !== 'unknown/unknown');
  const platforms: PlatformDetails[] = [];
  for (const part of images) {
    const details = await platformOf(reference, closure.value, part);
    if (!details.ok) return details;
    platforms.push(details.value);
  }
  const inside = new Set([digest.value, ...parts.map((part) => part.digest)]);
  return ok({
    digest: digest.value,
    mediaType: root.contents.mediaType,
    size: sizeOf(closure.value, inside),
    platforms,
    attestations: parts.length - images.length,
    sidecars: [...closure.value.nodes.values()].flatMap((node) =>
      node.sidecars.map((each) => ({
        of: node.digest,
        digest: each.digest,
        tag: each.tag ?? null,
        type: each.artifactType ?? closure.value.nodes.get(each.digest)?.contents.artifactType ?? null,
      })),
    ),
    annotations: root.contents.annotations,
    ...(namings ? { named: namedBy(unwrap(namings), inside) } : {}),
  });
}

async function platformOf(
  { registry, repository }: ImageReference,
  { nodes }: Closure,
  { digest, platform }: { digest: Digest; platform: string | null },
): Promise<Result<PlatformDetails>> {
  const blobs = nodes.get(digest)?.contents.blobs ?? [];
  const size = blobs.reduce((sum, blob) => sum + (blob.size ?? 0), 0);
  const bare = { digest, platform, size, created: null, user: '', entrypoint: [], labels: {} };
  // An artifact has a configuration of another kind, or none.
  const isImage = /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)/.test(blobs[0]?.mediaType ?? '');
  if (!isImage) return ok({ ...bare, layers: Math.max(0, blobs.length - 1) });
  const image = await readImage(registry, repository, digest);
  if (!image.ok) return image;
  const { created, os, architecture, variant, config } = image.value.config as Record<string, unknown>;
  const { User, Entrypoint, Labels } = (config ?? {}) as Record<string, unknown>;
  const own = [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/');
  return ok({
    ...bare,
    platform: platform ?? (own || null),
    layers: image.value.layers.length,
    created: typeof created === 'string' ? created : null,
    user: typeof User === 'string' ? User : '',
    entrypoint: Array.isArray(Entrypoint) ? Entrypoint.filter((each) => typeof each === 'string') : [],
    labels: textsOf(Labels),
  });
}

function sizeOf({ nodes }: Closure, digests: ReadonlySet<Digest>): number {
  const sizes = new Map<Digest, number>();
  for (const digest of digests) {
    const node = nodes.get(digest);
    if (!node) continue;
    sizes.set(digest, node.size);
    for (const blob of node.contents.blobs) sizes.set(blob.digest, blob.size ?? 0);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
