import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockWorkspace } from '../operation/index.ts';
import { listReleases, readRelease } from '../releases/index.ts';
import { type CalendarDate, failed, ok, problem, type Result, run } from '../support/index.ts';
import { createDemoWorkspace, declareDelivered, deliveredFiles } from './workspace.ts';

/** Here while the workspace is being made. git never sees it: .dmrel/ is ignored. */
const begun = '.dmrel/demonstration-begun';

/**
 * Whether a directory is empty, not there, or holds a workspace that an earlier demonstration was killed over: nothing
 * in it is anybody's work. Problem: `usage`, for what is no directory.
 */
export async function isYetToMake(root: string): Promise<Result<boolean>> {
  const hint = 'name one that is empty or not there yet';
  const entries = await entriesOf(root);
  if (entries === undefined) return failed(problem('usage', `${root} is not a directory`, { hint }));
  if (entries.every((name) => name === '.dmrel')) return ok(true);
  return ok(await isThere(join(root, begun)));
}

/** None where nothing is; undefined for what is no directory. */
async function entriesOf(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : undefined;
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Make the workspace and commit it. Killed anywhere, it is made anew by the next run. */
export async function makeDemoWorkspace(root: string, home: string): Promise<Result<void>> {
  await mkdir(join(root, begun), { recursive: true });
  for (const half of ['.git', 'remotes']) await rm(join(root, half), { recursive: true, force: true, maxRetries: 10 });
  const made = await createDemoWorkspace(root, home);
  if (!made.ok) return made;
  const commands = [
    ['init', '--quiet', '--initial-branch=main'],
    ['config', 'user.name', 'dmrel demonstration'],
    ['config', 'user.email', 'demo@example.org'],
    // What a person has set for all repositories would stop it where nobody looks.
    ['config', 'commit.gpgSign', 'false'],
    ['config', 'tag.gpgSign', 'false'],
    ['config', 'core.hooksPath', '/dev/null'],
    ['add', '--all'],
    ['commit', '--quiet', '-m', 'A workspace to try dmrel in'],
  ];
  for (const args of commands) {
    const done = await git(root, args);
    if (!done.ok) return done;
  }
  await rm(join(root, begun), { recursive: true });
  return ok(undefined);
}

/**
 * Wait for a command that an earlier demonstration, killed since, has left at work. Calls `waiting` once when there is
 * one. Problems: `locked`, after `seconds`; `unsafe-path`.
 */
export async function untilNobodyWorks(
  root: string,
  { now, waiting, seconds }: { now: () => Date; waiting: () => void; seconds: number },
): Promise<Result<void>> {
  const end = now().getTime() + seconds * 1000;
  for (let asked = false; ; asked = true) {
    const lock = await lockWorkspace(root, 'dmrel demo', now);
    if (lock.ok) {
      lock.value.release();
      return ok(undefined);
    }
    const held = lock.problems.every(({ code }) => code === 'locked');
    if (!held || now().getTime() >= end) return lock;
    if (!asked) waiting();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The day of the newest release when it does not stand at `level` yet: an earlier run was ended before that. */
export async function unfinishedWeek(root: string, level: string): Promise<CalendarDate | undefined> {
  const newest = (await listReleases(root)).at(-1);
  const record = newest && (await readRelease(root, newest));
  if (!record?.ok || record.value === undefined) return undefined;
  const { date, promotions = [] } = record.value;
  return promotions.some((each) => each.level === level) ? undefined : date;
}

/**
 * Write into the manifests that a release delivers the features of the milestone, and commit that; nothing when they are
 * committed as delivered already. Gives the files that were changed.
 */
export async function commitDelivered(root: string, release: string, milestone: string): Promise<Result<string[]>> {
  for (const file of deliveredFiles) {
    const committed = await git(root, ['show', `HEAD:${file}`]);
    if (!committed.ok) return committed;
    if (committed.value.includes('\n    delivered:')) return ok([]);
  }
  const files = await declareDelivered(root, release);
  const message = `${release} delivers the features of ${milestone}`;
  const committed = await git(root, ['commit', '--quiet', '-m', message, '--', ...files]);
  return committed.ok ? ok(files) : committed;
}

async function git(root: string, args: string[]): Promise<Result<string>> {
  const done = await run('git', args, { cwd: root });
  if (done.exitCode === 0) return ok(done.stdout.trim());
  if (done.failure === 'missing')
    return failed(problem('command-missing', 'git is not installed', { hint: 'install git' }));
  return failed(problem('command-failed', `git ${args[0]}: ${done.stderr.trim()}`, { hint: "see to git's settings" }));
}
