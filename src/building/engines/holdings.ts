import { lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ContainerEngine, loadImage, removeImage } from '../../containers/index.ts';
import type { Place } from '../../registry/index.ts';
import { type Digest, digestOf, hexOf, type Result, run } from '../../support/index.ts';
import type { Flavour } from './flavour.ts';

/** What an engine holds for us while images are built on each other: parents that were loaded, images that were built. */
export interface Holdings {
  /** Let the engine have a parent. Answers what a Dockerfile is to call it there, which nobody else moves. */
  provide(place: Place, digest: Digest, signal: AbortSignal | undefined): Promise<Result<string>>;
  built(id: Digest): Promise<void>;
  /** Take everything away that nobody needs when all is built. */
  release(): Promise<void>;
}

const repository = 'localhost/dmrel';
/** An engine may serve several machines: each cleans up after itself only. */
const machine = hexOf(digestOf(hostname())).slice(0, 8);

/**
 * docker is given names that say who gave them. The others are asked by ids, which say nothing; so what they hold is noted in a
 * directory that says it, for the next run to find if this one is killed.
 */
export function holdingsOf(engine: ContainerEngine, parents: Flavour['parents']): Holdings {
  const loading = new Map<Digest, Promise<Result<Digest>>>();
  const held = new Set<string>();
  const notes = notesOf(engine, process.pid);
  const nameOf = (digest: Digest): string => `${repository}:${machine}-${process.pid}-${hexOf(digest).slice(0, 16)}`;
  const hold = async (called: string): Promise<void> => {
    if (held.has(called)) return;
    held.add(called);
    if (parents !== 'by-id') return;
    await mkdir(notes, { recursive: true, mode: 0o700 });
    await writeFile(join(notes, called), '');
  };
  return {
    provide: async (place, digest, signal) => {
      const name = parents === 'by-name' ? nameOf(digest) : undefined;
      const options = { ...(name === undefined ? {} : { name }), ...(signal ? { signal } : {}) };
      // Two that are built on the same one do not load it twice.
      const begun = loading.get(digest) ?? loadImage(engine, place, digest, options);
      loading.set(digest, begun);
      const loaded = await begun;
      loading.delete(digest);
      if (!loaded.ok) return loaded;
      const called = name ?? hexOf(loaded.value);
      await hold(called);
      return { ok: true, value: called };
    },
    built: async (id) => {
      // docker remembers its steps by its images; the others remember nothing.
      if (engine.name !== 'docker') await hold(hexOf(id));
    },
    release: async () => {
      const gone = [...held].reverse();
      held.clear();
      for (const each of gone) await removeImage(engine, each);
      await rm(notes, { recursive: true, force: true });
    },
  };
}

const notesOf = ({ name }: ContainerEngine, pid: number | string): string =>
  join(tmpdir(), `dmrel-held-${pid}-${name}`);

/** Take away what killed processes of this machine had an engine hold. */
export async function releaseOfDead(engine: ContainerEngine): Promise<void> {
  for (const folder of await leftByDead(new RegExp(`^dmrel-held-(\\d+)-${engine.name}$`))) {
    const ids = (await readdir(join(tmpdir(), folder))).filter((name) => /^[0-9a-f]{64}$/.test(name));
    for (const id of ids) await removeImage(engine, id);
    await rm(join(tmpdir(), folder), { recursive: true, force: true });
  }
  if (engine.name !== 'docker') return;
  const options = { env: engine.env, timeoutSeconds: 60 };
  const listed = await run(engine.program, ['images', '--format', '{{.Tag}}', repository], options);
  for (const tag of listed.stdout.split('\n').map((line) => line.trim())) {
    const [, owner, pid] = /^([0-9a-f]{8})-(\d+)-[0-9a-f]+$/.exec(tag) ?? [];
    if (owner === machine && isDead(pid!)) await removeImage(engine, `${repository}:${tag}`);
  }
}

/**
 * Temporary directories of processes that are no more. Only our own: anybody may make one of such a name, to have others
 * end or remove something.
 * @param form has the number of the process as its first group
 */
export async function leftByDead(form: RegExp): Promise<string[]> {
  const named = (await readdir(tmpdir())).filter((name) => {
    const [, pid] = form.exec(name) ?? [];
    return pid !== undefined && isDead(pid);
  });
  const found = await Promise.all(named.map((name) => lstat(join(tmpdir(), name)).catch(() => undefined)));
  return named.filter((_, index) => found[index]?.isDirectory() && found[index]?.uid === process.getuid?.());
}

function isDead(pid: string): boolean {
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
