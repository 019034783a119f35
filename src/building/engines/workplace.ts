import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerEngine } from '../../containers/index.ts';
import { leftByDead, releaseOfDead } from './holdings.ts';
import { removeContainersOf } from './left-containers.ts';

/** Where one build has what it needs for a time. */
export interface Workplace {
  folder: string;
  /** The program that does the work, so that the next run can end it should this one be killed. */
  working(pid: number): void;
  /** It was ended before it was done: what it should have cleaned up itself is looked for. */
  stopped(): Promise<void>;
  end(): Promise<void>;
}

const prefix = 'dmrel-build-';

export async function openWorkplace(engine: ContainerEngine): Promise<Workplace> {
  await cleanedUp(engine);
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  return {
    folder,
    working: (pid) => void writeFile(join(folder, 'pid'), String(pid)).catch(() => {}),
    stopped: () => removeContainersOf(engine, [folder]),
    end: () => rm(folder, { recursive: true, force: true }),
  };
}

const cleaned = new Map<string, Promise<void>>();

/** A program, and where it keeps what it has. */
export const keyOf = ({ program, env }: ContainerEngine): string =>
  [program, env.DOCKER_HOST ?? '', env.CONTAINERS_STORAGE_CONF ?? ''].join('\n');

/** Once in a run: end and remove what builds of this machine left behind that were killed with dmrel. */
function cleanedUp(engine: ContainerEngine): Promise<void> {
  const key = keyOf(engine);
  const begun = cleaned.get(key);
  if (begun) return begun;
  const cleaning = cleanUp(engine);
  cleaned.set(key, cleaning);
  return cleaning;
}

async function cleanUp(engine: ContainerEngine): Promise<void> {
  const mine: string[] = [];
  for (const name of await leftByDead(new RegExp(`^${prefix}(\\d+)-`))) {
    const folder = join(tmpdir(), name);
    await endWorkIn(folder);
    const whose = await readFile(join(folder, 'engine'), 'utf8').catch(() => undefined);
    if (whose === undefined || whose === keyOf(engine)) mine.push(folder);
    else await emptyBut(folder, 'engine');
  }
  if (mine.length > 0) await removeContainersOf(engine, mine);
  for (const folder of mine) await rm(folder, { recursive: true, force: true });
  await releaseOfDead(engine);
}

/** Another engine may have a container of that build: it is the one to remove it, and finds by this directory that it should. */
async function emptyBut(folder: string, kept: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (name !== kept) await rm(join(folder, name), { recursive: true, force: true });
}

/** Only what still works in this folder: its number may be another's by now. */
async function endWorkIn(folder: string): Promise<void> {
  try {
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)) return;
    process.kill(-pid, 'SIGTERM');
    for (let attempt = 0; attempt < 50 && readdirSync('/proc').includes(String(pid)); attempt++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
