import { type Pack, pack } from 'tar-stream';
import { type Descriptor, type Image, type Place, readImage } from '../registry/index.ts';
import { type Digest, hexOf, ok, type Result } from '../support/index.ts';

/**
 * An image of any registry as a docker-archive (the format of `docker save`): streamed, for layers have gigabytes. It
 * names no tags, so that loading it moves none.
 */
export async function archiveOf(
  { registry, repository }: Place,
  digest: Digest,
): Promise<Result<AsyncIterable<Uint8Array>>> {
  const image = await readImage(registry, repository, digest);
  if (!image.ok) return image;
  return ok(archive(image.value, (blob) => registry.readBlob(repository, blob)));
}

async function* archive(image: Image, read: (blob: Digest) => AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const filling = fill(tar, image, read).catch((error: Error) => tar.destroy(error));
  yield* tar as AsyncIterable<Uint8Array>;
  await filling;
}

async function fill(
  tar: Pack,
  { configuration, layers }: Image,
  read: (blob: Digest) => AsyncIterable<Buffer>,
): Promise<void> {
  const { Readable } = await import('node:stream');
  const { pipeline } = await import('node:stream/promises');
  const nameOf = (layer: Descriptor): string => `${hexOf(layer.digest)}/layer.tar`;
  const config = `${hexOf(configuration.digest)}.json`;
  const contents = new Map([
    [config, configuration],
    ...layers.map((layer): [string, Descriptor] => [nameOf(layer), layer]),
  ]);
  for (const [name, { digest, size }] of contents) {
    const entry = tar.entry({ name, size, mode: 0o644 }) as unknown as NodeJS.WritableStream;
    await pipeline(Readable.from(read(digest)), entry);
  }
  const manifest = [{ Config: config, RepoTags: null, Layers: layers.map(nameOf) }];
  tar.entry({ name: 'manifest.json', mode: 0o644 }, JSON.stringify(manifest));
  tar.finalize();
}
