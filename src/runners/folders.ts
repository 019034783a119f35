import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../support/index.ts';
import { tailBytes } from './runner.ts';

/** Jobs that were handed over together, as they are on disk before anybody is asked to run them. */
export interface Batch {
  schema: 'dmrel/jobs/v1';
  /** Names the folder, and the job where it runs. */
  id: string;
  /** Keys by number of the task. */
  keys: string[];
}

/** One job of a batch. */
export interface Task {
  batch: Batch;
  number: number;
  /** Absolute. */
  folder: string;
}

/** Folders of jobs that were collected are kept up to that many: their logs are what people look at. */
const keptBatches = 200;

export const batchFolder = (root: string, id: string): string => join(root, '.dmrel', 'jobs', id);
export const taskFolder = (root: string, id: string, number: number): string =>
  join(batchFolder(root, id), `${number}`);

/** All batches of a workspace, oldest first. One whose description is not there was never handed over. */
export async function listBatches(root: string): Promise<Batch[]> {
  const names = await readdir(join(root, '.dmrel', 'jobs')).catch(() => []);
  const read = names.sort().map(async (name) => {
    try {
      const batch = JSON.parse(await readFile(join(batchFolder(root, name), 'batch.json'), 'utf8')) as Batch;
      const sound = batch.schema === 'dmrel/jobs/v1' && batch.id === name && Array.isArray(batch.keys);
      return sound ? [batch] : [];
    } catch {
      return [];
    }
  });
  return (await Promise.all(read)).flat();
}

/** Jobs by key that were handed over and whose results nobody has kept; the newest where there are two. */
export async function openTasks(root: string): Promise<Map<string, Task>> {
  const open = new Map<string, Task>();
  for (const batch of await listBatches(root)) {
    for (const [number, key] of batch.keys.entries()) {
      const folder = taskFolder(root, batch.id, number);
      if (!(await isThere(join(folder, 'collected')))) open.set(key, { batch, number, folder });
    }
  }
  return open;
}

/** A new folder for each job, and the description last. */
export async function writeBatch(root: string, id: string, keys: readonly string[]): Promise<Task[]> {
  const batch: Batch = { schema: 'dmrel/jobs/v1', id, keys: [...keys] };
  const tasks = keys.map((_, number) => ({ batch, number, folder: taskFolder(root, id, number) }));
  for (const { folder } of tasks) await mkdir(join(folder, 'results'), { recursive: true });
  return tasks;
}

export async function describeBatch(root: string, batch: Batch): Promise<void> {
  await writeFileAtomic(join(batchFolder(root, batch.id), 'batch.json'), `${JSON.stringify(batch)}\n`);
}

export async function markCollected(folder: string): Promise<void> {
  await writeFileAtomic(join(folder, 'collected'), '');
}

/** Let go of the oldest folders, when all of their jobs were collected. */
export async function pruneBatches(root: string): Promise<void> {
  const open = new Set([...(await openTasks(root)).values()].map(({ batch }) => batch.id));
  const names = (await readdir(join(root, '.dmrel', 'jobs')).catch(() => [])).sort();
  for (const name of names.slice(0, Math.max(0, names.length - keptBatches))) {
    if (!open.has(name)) await rm(batchFolder(root, name), { recursive: true, force: true });
  }
}

/** The end of a log. */
export async function readTail(file: string): Promise<string> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(Math.min(size, tailBytes));
      await handle.read(buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8').trim();
    } finally {
      await handle.close();
    }
  } catch {
    return '';
  }
}

export const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
