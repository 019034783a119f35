import { existsSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  draftsFolder,
  failed,
  isSeenFromHere,
  ok,
  problem,
  type Result,
  releaseLock,
  takeLock,
} from '../support/index.ts';

export interface Lock {
  release(): void;
}

/**
 * One writer at a time in one workspace on one machine: .dmrel/lock. Problems: `locked`, naming the holder; `unsafe-path`,
 * where a link would have dmrel write, and tidy, in a directory that it does not know.
 */
export async function lockWorkspace(root: string, purpose: string, now: () => Date): Promise<Result<Lock>> {
  const folder = join(root, '.dmrel');
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) {
    const hint = 'remove it: dmrel makes a directory of this name by itself';
    return failed(problem('unsafe-path', '.dmrel is a link, not a directory', { at: { file: '.dmrel' }, hint }));
  }
  const path = join(folder, 'lock');
  const holder = await takeLock(path, purpose, now());
  ignoreFolder(folder);
  if (!holder) {
    // Whoever wrote them is dead: it had the lock.
    const drafts = draftsFolder(root);
    if (existsSync(drafts)) rmSync(drafts, { recursive: true, force: true });
    return ok({ release: () => releaseLock(path) });
  }
  const message = `'${holder.purpose}' is at work here (process ${holder.pid} on ${holder.host}, since ${holder.at})`;
  const hint = isSeenFromHere(holder) ? 'wait for it to end' : 'wait for it, or remove .dmrel/lock if it is gone';
  return failed(problem('locked', message, { hint }));
}

/** What dmrel keeps for itself is no part of the workspace's history. */
function ignoreFolder(folder: string): void {
  const file = join(folder, '.gitignore');
  if (!existsSync(file)) writeFileSync(file, '*\n');
}
