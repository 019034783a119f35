import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Place, readImage } from '../registry/index.ts';
import {
  type Digest,
  Failure,
  failed,
  hexOf,
  ok,
  type Problem,
  parseDigest,
  problem,
  type Result,
  run,
  unwrap,
} from '../support/index.ts';
import { archiveOf } from './archive.ts';
import type { ContainerEngine } from './engine.ts';
import { firstLine } from './probe-docker.ts';
import { runStreamed } from './process.ts';

export interface LoadOptions {
  /**
   * What the image is called in the engine until `removeImage` takes the name away: one that nobody else uses. Without it
   * the image stays unless somebody prunes there; buildah and podman write a parent's name into what is built on it.
   */
  name?: string;
  signal?: AbortSignal;
}

/**
 * Give an engine an image of any registry, by content, and a name. Nothing moves when the engine has it. Answers what the
 * engine calls it: the digest of its configuration, which is the same wherever the image is. Problems: those of the
 * registry, `command-failed`, `interrupted`.
 * @param digest of an image of one platform
 */
export async function loadImage(
  engine: ContainerEngine,
  place: Place,
  digest: Digest,
  options: LoadOptions = {},
): Promise<Result<Digest>> {
  const image = await readImage(place.registry, place.repository, digest);
  if (!image.ok) return image;
  const id = image.value.configuration.digest;
  // Somebody may remove it between two looks: then it is loaded after all.
  if (await nameImage(engine, id, options)) return ok(id);
  const load = engine.name === 'docker' ? loadArchive : pullDirectory;
  const loaded = await load(engine, place, digest, options.signal);
  if (!loaded.ok) return loaded;
  // docker with another store names images by their manifest.
  const found = loaded.value ?? id;
  if (await nameImage(engine, found, options)) return ok(found);
  const message = `${engine.name} took ${place.repository}@${digest} and does not have it now`;
  return failed(problem('command-failed', message, { hint: 'see that nobody removes images there meanwhile' }));
}

/** Whether the engine has an image by this id, which then has the name too. */
async function nameImage(engine: ContainerEngine, id: Digest, { name, signal }: LoadOptions): Promise<boolean> {
  const options = { env: engine.env, timeoutSeconds: 120, ...(signal ? { signal } : {}) };
  const asked = engine.name === 'buildah' ? ['inspect', '--type', 'image'] : ['image', 'inspect'];
  const args = name === undefined ? [...asked, hexOf(id)] : ['tag', hexOf(id), name];
  return (await run(engine.program, args, options)).exitCode === 0;
}

/**
 * Take a name away from an image in an engine, and with its last name the image; or an image by its id. What it was made
 * from stays, for docker remembers steps by it. Whether it was there is of no importance.
 */
export async function removeImage(engine: ContainerEngine, name: string): Promise<void> {
  const args = engine.name === 'docker' ? ['rmi', '--no-prune', name] : ['rmi', name];
  await run(engine.program, args, { env: engine.env, timeoutSeconds: 120 });
}

async function loadArchive(
  engine: ContainerEngine,
  place: Place,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Result<Digest | undefined>> {
  const archive = await archiveOf(place, digest);
  if (!archive.ok) return archive;
  let id: Digest | undefined;
  const end = await runStreamed(engine.program, ['load'], {
    env: engine.env,
    input: archive.value,
    line: (line) => {
      const [said] = /sha256:[0-9a-f]{64}/.exec(line) ?? [];
      if (said !== undefined) id = parseDigest(said);
    },
    ...(signal ? { signal } : {}),
  });
  if (end.error instanceof Failure) return failed(...end.error.problems);
  if (end.failure === undefined && end.exitCode === 0) return ok(id);
  return failed(refusal(`${engine.name} does not take ${place.repository}@${digest}`, end.failure, end.tail.at(-1)));
}

/** buildah and podman read a directory of files named by their digests (containers-transports(5), `dir`), and keep the manifest as it is. */
async function pullDirectory(
  engine: ContainerEngine,
  { registry, repository }: Place,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Result<Digest | undefined>> {
  const folder = await mkdtemp(join(tmpdir(), 'dmrel-load-'));
  const at = (name: string): string => join(folder, name);
  try {
    const { layers, configuration } = unwrap(await readImage(registry, repository, digest));
    await writeFile(at('version'), 'Directory Transport Version: 1.1\n');
    await writeFile(at('manifest.json'), unwrap(await registry.readManifest(repository, digest)).bytes);
    for (const blob of new Set([configuration, ...layers].map((each) => each.digest))) {
      const source = Readable.from(registry.readBlob(repository, blob));
      await pipeline(source, createWriteStream(at(hexOf(blob))), signal ? { signal } : {});
    }
    const options = { env: engine.env, timeoutSeconds: 3600, ownGroup: true, ...(signal ? { signal } : {}) };
    const pulled = await run(engine.program, ['pull', '--quiet', `dir:${folder}`], options);
    if (pulled.exitCode === 0) return ok(parseDigest(`sha256:${pulled.stdout.trim().split('\n').at(-1)}`));
    const message = `${engine.name} does not take ${repository}@${digest}`;
    return failed(refusal(message, pulled.failure, firstLine(pulled.stderr.trim().split('\n').at(-1) ?? '')));
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    if (signal?.aborted) return failed(problem('interrupted', `loading ${repository}@${digest} was interrupted`));
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return failed(refusal(`cannot give ${repository}@${digest} to ${engine.name}`, undefined, message));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Why an engine did not do what it should: what it says itself, with what to do. */
export function refusal(message: string, failure: string | undefined, said: string | undefined): Problem {
  if (failure === 'interrupted') return problem('interrupted', `${message}: it was interrupted`);
  const why = failure === 'timeout' ? 'it took too long' : said || 'it does not say why';
  const hint = /no space left on device|disk quota exceeded/i.test(why)
    ? 'make room where the engine keeps images'
    : 'see to what it complains of, and try again';
  return problem('command-failed', `${message}: ${why}`, { hint });
}
