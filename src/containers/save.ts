import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  copyImage,
  type Descriptor,
  mediaTypes,
  type Place,
  readImage,
  type WrittenImage,
  writeImage,
} from '../registry/index.ts';
import { type Digest, Failure, failed, parseDigest, problem, type Result, unwrap } from '../support/index.ts';
import type { ContainerEngine } from './engine.ts';
import { exportImage } from './export.ts';

export interface SaveOptions {
  /** Into the manifest. */
  annotations?: Record<string, string>;
  /** What it may have been built on: their layers stay as they are kept there, compressed perhaps, and are not sent again. */
  parents?: readonly (Place & { digest: Digest })[];
  signal?: AbortSignal;
}

/**
 * Store an image of an engine in a registry, untagged, as an OCI image: its configuration to the byte, its layers as they
 * are, not compressed, so that the same image gives the same digest from whatever engine. Problems: `command-failed`,
 * `interrupted`, those of the registry.
 */
export async function saveImage(
  engine: ContainerEngine,
  id: Digest,
  destination: Place,
  options: SaveOptions = {},
): Promise<Result<WrittenImage>> {
  const folder = await mkdtemp(join(tmpdir(), 'dmrel-save-'));
  try {
    const known = await layersOf(options.parents ?? []);
    const exported = await exportImage(engine, id, folder, new Set(known.keys()), options.signal);
    if (!exported.ok) return exported;
    const { config, layers: files } = exported.value;
    const layers: Descriptor[] = [];
    for (const [number, diffId] of diffIdsOf(config).entries()) {
      const parent = known.get(diffId);
      if (parent !== undefined) {
        // With its manifest, which is small: then the destination has the parent as an image too.
        unwrap(
          await copyImage(
            parent.place,
            parent.place.digest,
            destination,
            options.signal ? { signal: options.signal } : {},
          ),
        );
        layers.push(parent.layer);
      } else layers.push(await storeLayer(files[number], diffId, destination));
    }
    return await writeImage(destination, config, layers, options.annotations);
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return failed(
      problem('registry-io', `cannot take ${id} out of ${engine.name}: ${code === 'ENOSPC' ? 'no room' : message}`),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function storeLayer(
  file: string | undefined,
  diffId: Digest,
  { registry, repository }: Place,
): Promise<Descriptor> {
  if (file === undefined) throw new Failure(problem('command-failed', `the engine's image lacks its layer ${diffId}`));
  const { size } = await stat(file);
  const zipped = await isGzip(file);
  if (!zipped && (await registry.hasBlob(repository, diffId, size)))
    return { mediaType: mediaTypes.layer, digest: diffId, size };
  const content = () => {
    const bytes = createReadStream(file, { highWaterMark: 2 ** 18 });
    return zipped ? pipeline(bytes, createGunzip(), () => {}) : bytes;
  };
  return { mediaType: mediaTypes.layer, ...unwrap(await registry.writeBlob(repository, content, diffId)) };
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.readUInt16BE() === 0x1f8b;
  } finally {
    await file.close();
  }
}

interface KnownLayer {
  layer: Descriptor;
  place: Place & { digest: Digest };
}

/** Layers by the digest of their content, as configurations name them. */
async function layersOf(parents: readonly (Place & { digest: Digest })[]): Promise<Map<Digest, KnownLayer>> {
  const known = new Map<Digest, KnownLayer>();
  for (const place of parents) {
    const { config, layers } = unwrap(await readImage(place.registry, place.repository, place.digest));
    const diffIds = diffIdsOf(Buffer.from(JSON.stringify(config)));
    if (diffIds.length !== layers.length) continue;
    for (const [number, diffId] of diffIds.entries()) known.set(diffId, { layer: layers[number]!, place });
  }
  return known;
}

function diffIdsOf(config: Uint8Array): Digest[] {
  const { rootfs } = JSON.parse(Buffer.from(config).toString('utf8')) as { rootfs?: { diff_ids?: unknown[] } };
  return (rootfs?.diff_ids ?? []).map((each) => {
    const digest = parseDigest(String(each));
    if (digest === undefined) throw new Failure(problem('registry-io', 'a configuration names a layer by no digest'));
    return digest;
  });
}
