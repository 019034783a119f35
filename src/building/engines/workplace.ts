import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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

/** Once in a run: end and remove what builds of this machine left behind that were killed with dmrel. */
function cleanedUp(engine: ContainerEngine): Promise<void> {
  const key = `${engine.program} ${engine.env.DOCKER_HOST ?? ''} ${engine.env.CONTAINERS_STORAGE_CONF ?? ''}`;
  const begun = cleaned.get(key);
  if (begun) return begun;
  const cleaning = cleanUp(engine);
  cleaned.set(key, cleaning);
  return cleaning;
}

async function cleanUp(engine: ContainerEngine): Promise<void> {
  const left = (await leftByDead(new RegExp(`^${prefix}(\\d+)-`))).map((name) => join(tmpdir(), name));
  for (const folder of left) await endWorkIn(folder);
  if (left.length > 0) await removeContainersOf(engine, left);
  for (const folder of left) await rm(folder, { recursive: true, force: true });
  await releaseOfDead(engine);
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
