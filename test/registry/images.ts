import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type Descriptor, type ImageRegistry, mediaTypes } from '../../src/registry/index.ts';
import { type Digest, unwrap } from '../../src/support/index.ts';

const made: string[] = [];

export async function aDirectory(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dmrel-registry-'));
  made.push(folder);
  return folder;
}

export async function removeDirectories(): Promise<void> {
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}

export async function* once(bytes: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(bytes);
}

/** An archive: a name ending in `/` is a directory, `-> x` as content a link, all else a file. The same at any time. */
export async function aTar(files: Record<string, string>): Promise<Buffer> {
  const archive = pack();
  const mtime = new Date(0);
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith('/')) archive.entry({ name, mtime, type: 'directory' });
    else if (content.startsWith('-> ')) archive.entry({ name, mtime, type: 'symlink', linkname: content.slice(3) });
    else archive.entry({ name, mtime }, content);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Write an image of these layers, the odd ones with gzip, and answer its digest. */
export async function anImage(
  registry: ImageRegistry,
  repository: string,
  layers: Record<string, string>[],
  note = '',
): Promise<Digest> {
  const descriptors: Descriptor[] = [];
  for (const [number, files] of layers.entries()) {
    const tar = await aTar(files);
    const blob = unwrap(await registry.writeBlob(repository, once(number % 2 ? gzipSync(tar) : tar)));
    descriptors.push({ mediaType: number % 2 ? mediaTypes.layerGzip : mediaTypes.layer, ...blob });
  }
  const diff_ids = descriptors.map(({ digest }) => digest);
  const config = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config: { Labels: { note } },
    rootfs: { type: 'layers', diff_ids },
  });
  const blob = unwrap(await registry.writeBlob(repository, once(config)));
  return writeJson(registry, repository, mediaTypes.manifest, {
    config: { mediaType: mediaTypes.config, ...blob },
    layers: descriptors,
  });
}

export async function anIndex(
  registry: ImageRegistry,
  repository: string,
  children: Digest[],
  mediaType: string = mediaTypes.manifest,
): Promise<Digest> {
  const manifests = await Promise.all(
    children.map(async (digest) => ({
      mediaType,
      digest,
      size: unwrap(await registry.readManifest(repository, digest)).bytes.length,
    })),
  );
  return writeJson(registry, repository, mediaTypes.index, { manifests });
}

/** An image as docker writes it (image manifest version 2, schema 2). */
export async function aDockerImage(registry: ImageRegistry, repository: string, content: string): Promise<Digest> {
  const docker = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
  const layer = unwrap(await registry.writeBlob(repository, once(gzipSync(await aTar({ file: content })))));
  const config = unwrap(
    await registry.writeBlob(
      repository,
      once(
        JSON.stringify({
          os: 'linux',
          architecture: 'amd64',
          rootfs: { type: 'layers', diff_ids: [layer.digest] },
          note: content,
        }),
      ),
    ),
  );
  return writeJson(registry, repository, mediaTypes.dockerManifest, {
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...config },
    layers: [{ mediaType: docker, ...layer }],
  });
}

export interface ArtifactOptions {
  /** What it belongs to. */
  subject?: Digest;
  type?: string;
  /** None without it. */
  layers?: string[];
}

/** A manifest that is no image: a signature, a list of what is inside. Without layers, as an artifact may be. */
export async function anArtifact(
  registry: ImageRegistry,
  repository: string,
  { subject, type = 'application/vnd.example.sbom', layers = [] }: ArtifactOptions,
): Promise<Digest> {
  const empty = unwrap(await registry.writeBlob(repository, once('{}')));
  const descriptors: Descriptor[] = [];
  for (const layer of layers) {
    const blob = unwrap(await registry.writeBlob(repository, once(layer)));
    descriptors.push({ mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', ...blob });
  }
  const size = subject && unwrap(await registry.readManifest(repository, subject)).bytes.length;
  return writeJson(registry, repository, mediaTypes.manifest, {
    artifactType: type,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', ...empty },
    layers: descriptors,
    ...(subject ? { subject: { mediaType: mediaTypes.manifest, digest: subject, size } } : {}),
    annotations: { 'org.example.note': type },
  });
}

/** An index as buildx makes it: an image for each platform, and for each a manifest that says how it was made. */
export async function aBuiltIndex(registry: ImageRegistry, repository: string, platforms: string[]): Promise<Digest> {
  const entries: object[] = [];
  const attestations: object[] = [];
  for (const platform of platforms) {
    const [os, architecture, variant] = platform.split('/');
    const digest = await anImage(registry, repository, [{ base: 'shared' }, { program: platform }], platform);
    const said = await anArtifact(registry, repository, { type: 'application/vnd.in-toto+json', layers: [platform] });
    const sizeOf = async (each: Digest) => unwrap(await registry.readManifest(repository, each)).bytes.length;
    const own = { os, architecture, ...(variant ? { variant } : {}) };
    entries.push({ mediaType: mediaTypes.manifest, digest, size: await sizeOf(digest), platform: own });
    attestations.push({
      mediaType: mediaTypes.manifest,
      digest: said,
      size: await sizeOf(said),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.digest': digest, 'vnd.docker.reference.type': 'attestation-manifest' },
    });
  }
  return writeJson(registry, repository, mediaTypes.index, { manifests: [...entries, ...attestations] });
}

/** Oddly spaced on purpose: who writes it out again from a value changes the digest. */
export async function writeJson(
  registry: ImageRegistry,
  repository: string,
  mediaType: string,
  value: object,
): Promise<Digest> {
  const bytes = Buffer.from(`${JSON.stringify({ schemaVersion: 2, mediaType, ...value }, null, 3)} \n`);
  return unwrap(await registry.writeManifest(repository, { mediaType, bytes }));
}
