import { linkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder, removeFile, temporaryName, textIfThere } from './files.ts';
import {
  hasProcessEnded,
  hostName,
  ownIdentity,
  type ProcessIdentity,
  startOf,
  wasBeforeStart,
} from './process-identity.ts';
import { isoText } from './time.ts';

/** Who has a lock. Those of dmrel 0.1 do not say in which space of process ids. */
export interface LockHolder extends ProcessIdentity {
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
 * that is gone is taken over. Gives undefined when it was taken; `releaseLock` ends that. It waits for the disk: what is
 * done here is done before asking for it in the background would have begun.
 */
export async function takeLock(path: string, purpose: string, now: Date): Promise<LockHolder | undefined> {
  makeFolder(dirname(path));
  const draft = temporaryName(path);
  const holder: LockHolder = { ...ownIdentity(), claim: draft, purpose, at: isoText(now) };
  mine.add(draft);
  writeFileSync(draft, JSON.stringify(holder));
  try {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (claim(draft, path)) return undefined;
      const text = textIfThere(path);
      if (text === undefined) continue; // released in between
      const other = parseHolder(text);
      if (other && !isGone(other, now)) {
        mine.delete(draft);
        return other;
      }
      await takeAway(path, text, now);
    }
    mine.delete(draft);
    return { ...holder, purpose: 'one process after another' };
  } finally {
    removeFile(draft);
  }
}

export function releaseLock(path: string): void {
  const holder = parseHolder(textIfThere(path));
  if (!holder || !mine.has(holder.claim)) return;
  removeFile(path);
  mine.delete(holder.claim);
}

/** A link to a finished draft is as exclusive as O_EXCL, and the lock is never seen without its holder's name. */
function claim(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
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
    if (textIfThere(path) === dead) removeFile(path);
  } finally {
    releaseLock(second);
  }
}

function parseHolder(text = ''): LockHolder | undefined {
  try {
    const holder = JSON.parse(text);
    return typeof holder.pid === 'number' ? holder : undefined;
  } catch {
    return undefined;
  }
}

function isGone(holder: LockHolder, now: Date): boolean {
  const { pid, host, space, started, claim: name, at } = holder;
  if (host !== hostName()) return false;
  // Another container of the same name may be at work, and of its processes nothing is seen from here.
  if (space !== undefined) return hasProcessEnded(holder) || wasBeforeStart(space, at, now);
  if (pid === process.pid) return !mine.has(name);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return started !== undefined && started !== (startOf(pid) ?? started);
}
