import { type ImageRegistry, mediaTypes } from '../registry/index.ts';
import { type Digest, digestOf, ok, type Result } from '../support/index.ts';

/**
 * What a level's tag names where nothing stands any more: registries have no way to take a tag away that all of them know
 * (deleting by digest deletes the image under all its tags). It is no image: who pulls it is told so.
 */
const empty = Buffer.from('{}');
const emptyType = 'application/vnd.oci.empty.v1+json';
const descriptor = { mediaType: emptyType, digest: digestOf(empty), size: empty.length };
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: 'application/vnd.lsst.dmrel.nothing.v1',
    config: descriptor,
    layers: [descriptor],
  }),
);

export const nothing: Digest = digestOf(manifest);

export async function writeNothing(registry: ImageRegistry, repository: string): Promise<Result<void>> {
  const blob = await registry.writeBlob(repository, () => chunk(), descriptor.digest, descriptor.size);
  if (!blob.ok) return blob;
  const written = await registry.writeManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifest });
  return written.ok ? ok(undefined) : written;
}

async function* chunk(): AsyncIterable<Uint8Array> {
  yield empty;
}
