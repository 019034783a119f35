import { canonicalJson, type Digest, ok, type Result } from '../support/index.ts';
import type { Place } from './place.ts';
import { type Descriptor, mediaTypes } from './registry.ts';

export interface WrittenImage {
  digest: Digest;
  /** Bytes of the configuration and all layers. */
  size: number;
}

/**
 * Store the manifest of an image whose layers are there already, and its configuration. The same configuration, layers
 * and annotations give the same digest.
 */
export async function writeImage(
  { registry, repository }: Place,
  config: Uint8Array,
  layers: readonly Descriptor[],
  annotations: Record<string, string> | undefined,
): Promise<Result<WrittenImage>> {
  const written = await registry.writeBlob(repository, once(config));
  if (!written.ok) return written;
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...written.value },
    layers: layers.map(asOciLayer),
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  const bytes = Buffer.from(canonicalJson(manifest));
  const digest = await registry.writeManifest(repository, { mediaType: mediaTypes.manifest, bytes });
  if (!digest.ok) return digest;
  return ok({ digest: digest.value, size: layers.reduce((sum, { size }) => sum + size, written.value.size) });
}

/** The bytes are the same; a manifest of one kind must not name layers by the types of the other. */
function asOciLayer({ mediaType, digest, size }: Descriptor): Descriptor {
  return {
    mediaType: mediaType === 'application/vnd.docker.image.rootfs.diff.tar.gzip' ? mediaTypes.layerGzip : mediaType,
    digest,
    size,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
