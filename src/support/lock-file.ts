import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { temporaryName } from './files.ts';
import { startOf } from './process-identity.ts';

/** Who has a lock. */
export interface LockHolder {
  pid: number;
  host: string;
  /** When the process began, in the kernel's own count: another one may have its id by now. Linux only. */
  started?: string;
  /** Tells this claim from others of the same process id: a container's processes have the same few. */
  claim: string;
  purpose: string;
  at: string;
}

/** The claims of this process; one with its process id that is not among them was left by a former process. */
const mine = new Set<string>();
const maxAttempts = 100;

/**
 * Take a lock file, or say who has it. Its content is there from its first moment; the lock of a process of this host
 * that is gone is taken over. Gives undefined when it was taken; `releaseLock` ends that.
 */
export async function takeLock(path: string, purpose: string, now: Date): Promise<LockHolder | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const draft = temporaryName(path);
  const started = await startOf(process.pid);
  const self = { pid: process.pid, host: hostname(), ...(started === undefined ? {} : { started }) };
  const holder: LockHolder = { ...self, claim: draft, purpose, at: now.toISOString() };
  mine.add(draft);
  await writeFile(draft, JSON.stringify(holder));
  try {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (await claim(draft, path)) return undefined;
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) continue; // released in between
      const other = parseHolder(text);
      if (other && !(await isGone(other))) {
        mine.delete(draft);
        return other;
      }
      await takeAway(path, text, now);
    }
    mine.delete(draft);
    return { ...holder, purpose: 'one process after another' };
  } finally {
    await rm(draft, { force: true });
  }
}

export async function releaseLock(path: string): Promise<void> {
  const holder = parseHolder(await readFile(path, 'utf8').catch(() => ''));
  if (!holder || !mine.has(holder.claim)) return;
  await rm(path, { force: true });
  mine.delete(holder.claim);
}

/** A link to a finished draft is as exclusive as O_EXCL, and the lock is never seen without its holder's name. */
async function claim(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/**
 * Remove a dead holder's lock while holding a second lock: of several that found it dead, a slow one would else remove
 * the lock that a quick one has taken since.
 */
async function takeAway(path: string, dead: string, now: Date): Promise<void> {
  const second = `${path}.takeover`;
  if (await takeLock(second, 'takeover', now)) {
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
    return;
  }
  try {
    if ((await readFile(path, 'utf8').catch(() => '')) === dead) await rm(path, { force: true });
  } finally {
    await releaseLock(second);
  }
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text);
    return typeof holder.pid === 'number' ? holder : undefined;
  } catch {
    return undefined;
  }
}

async function isGone({ pid, host, started, claim: name }: LockHolder): Promise<boolean> {
  if (host !== hostname()) return false;
  if (pid === process.pid) return !mine.has(name);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return started !== undefined && started !== ((await startOf(pid)) ?? started);
}
