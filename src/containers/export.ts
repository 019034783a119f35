import { createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { type Digest, failed, hexOf, ok, problem, type Result, run } from '../support/index.ts';
import type { ContainerEngine } from './engine.ts';
import { refusal } from './load.ts';
import { runStreamed } from './process.ts';

export interface ExportedImage {
  config: Buffer;
  /** Their files in order, compressed or not; undefined for those that were not asked for. */
  layers: (string | undefined)[];
}

const maxConfigBytes = 4 * 2 ** 20;

/**
 * Write an image of an engine into a directory.
 * @param known layers, by the digest of their content, that are not needed
 */
export function exportImage(
  engine: ContainerEngine,
  id: Digest,
  folder: string,
  known: ReadonlySet<Digest>,
  signal: AbortSignal | undefined,
): Promise<Result<ExportedImage>> {
  return engine.name === 'docker'
    ? saveArchive(engine, id, folder, known, signal)
    : pushDirectory(engine, id, folder, signal);
}

/** buildah and podman write the configuration and the layers as files named by their digests (containers-transports(5), `dir`). */
async function pushDirectory(
  engine: ContainerEngine,
  id: Digest,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Result<ExportedImage>> {
  const plain = engine.name === 'buildah' ? ['--disable-compression'] : [];
  const args = ['push', '--quiet', '--format', 'oci', ...plain, hexOf(id), `dir:${folder}`];
  const options = { env: engine.env, timeoutSeconds: 3600, ownGroup: true, ...(signal ? { signal } : {}) };
  const pushed = await run(engine.program, args, options);
  const message = `${engine.name} does not give out the image ${id}`;
  if (pushed.exitCode !== 0) return failed(refusal(message, pushed.failure, pushed.stderr.trim().split('\n').at(-1)));
  const manifest = JSON.parse(await readSmall(join(folder, 'manifest.json'))) as {
    config: { digest: Digest };
    layers: { digest: Digest }[];
  };
  const config = Buffer.from(await readSmall(join(folder, hexOf(manifest.config.digest))));
  return ok({ config, layers: manifest.layers.map(({ digest }) => join(folder, hexOf(digest))) });
}

/**
 * `docker save`, whose archive comes in no order that helps: files are put aside until its manifest says what they are.
 * Older daemons name layers by ids of their own, newer ones by digest; one that occurs twice may be a link the second time.
 */
async function saveArchive(
  engine: ContainerEngine,
  id: Digest,
  folder: string,
  known: ReadonlySet<Digest>,
  signal: AbortSignal | undefined,
): Promise<Result<ExportedImage>> {
  const files = new Map<string, string>();
  const links = new Map<string, string>();
  const unpack = async (stdout: AsyncIterable<Buffer>): Promise<void> => {
    const archive = extract();
    const reading = pipeline(Readable.from(stdout), archive);
    reading.catch(() => {}); // told again where it is awaited
    for await (const entry of archive) {
      const { name, type, linkname } = entry.header;
      if ((type === 'symlink' || type === 'link') && linkname) {
        const target = type === 'link' ? linkname : posix.join(posix.dirname(name), linkname);
        links.set(name, target);
      }
      const [, hex] = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name) ?? [];
      if (type !== 'file' || (hex !== undefined && known.has(`sha256:${hex}` as Digest))) entry.resume();
      else {
        const path = join(folder, String(files.size));
        files.set(name, path);
        await pipeline(entry, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      }
    }
    await reading;
  };
  const end = await runStreamed(engine.program, ['save', id], {
    env: engine.env,
    output: unpack,
    ...(signal ? { signal } : {}),
  });
  const message = `docker does not give out the image ${id}`;
  if (end.failure === undefined && end.error !== undefined && end.exitCode === 0) throw end.error;
  if (end.failure !== undefined || end.exitCode !== 0) {
    if ((end.error as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC') throw end.error;
    return failed(refusal(message, end.failure, end.tail.at(-1)));
  }
  const fileOf = (name: string) => files.get(links.get(name) ?? name);
  const manifest = fileOf('manifest.json');
  if (manifest === undefined) return failed(problem('command-failed', `${message}: its archive has no manifest.json`));
  const [image] = JSON.parse(await readSmall(manifest)) as { Config: string; Layers: string[] }[];
  const config = fileOf(String(image?.Config));
  if (config === undefined) return failed(problem('command-failed', `${message}: its archive has no configuration`));
  return ok({
    config: Buffer.from(await readSmall(config)),
    layers: (image?.Layers ?? []).map(fileOf),
  });
}

async function readSmall(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > maxConfigBytes) throw new Error(`${path} has ${size} bytes`);
  return readFile(path, 'utf8');
}
