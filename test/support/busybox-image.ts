import { readFileSync } from 'node:fs';
import { pack } from 'tar-stream';
import { type ImageRegistry, mediaTypes } from '../../src/registry/index.ts';
import { type Digest, digestOf, unwrap } from '../../src/support/index.ts';

const tools = [
  'sh',
  'cat',
  'chmod',
  'dd',
  'echo',
  'head',
  'id',
  'ls',
  'mkdir',
  'sleep',
  'touch',
  'tr',
  'true',
  'wget',
  'yes',
];

/** An image that can run a shell: busybox alone, as a user who is nobody special. */
export async function aBusyboxImage(registry: ImageRegistry, repository: string): Promise<Digest> {
  const archive = pack();
  // With their modes: an engine makes directories that are not named for itself alone.
  for (const name of ['bin/', 'etc/']) archive.entry({ name, type: 'directory', mode: 0o755 });
  archive.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync('/bin/busybox'));
  for (const name of tools) archive.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  archive.entry({ name: 'etc/passwd' }, 'lsst:x:1000:1000::/:/bin/sh\n');
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  const layer = Buffer.concat(chunks);
  const write = async (bytes: Buffer) => {
    const content = async function* () {
      yield bytes;
    };
    return unwrap(await registry.writeBlob(repository, content));
  };
  const config = {
    os: 'linux',
    architecture: 'amd64',
    config: { User: '1000', Entrypoint: ['/bin/sh', '-c'], Cmd: ['echo from the image'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created_by: 'test' }],
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...(await write(Buffer.from(JSON.stringify(config)))) },
    layers: [{ mediaType: mediaTypes.layer, ...(await write(layer)) }],
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return unwrap(await registry.writeManifest(repository, { mediaType: mediaTypes.manifest, bytes }));
}
