import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Completed } from '../support/index.ts';
import { git, remoteProblem } from './command.ts';
import { type CommitId, isRefName, parseCommitId } from './names.ts';
import { fetchUrl, scratchRepository } from './scratch.ts';
import type { RemoteUrl } from './url.ts';

/** What a commit says of itself: text of whoever made it. */
export interface Commit {
  id: CommitId;
  /** Whether it brings branches together. */
  merge: boolean;
  subject: string;
  body: string;
}

/** What lies between two commits. */
export type History =
  | {
      status: 'known';
      /** Commits of the second that the first has not, and the other way round: not 0 when the second does not descend. */
      ahead: number;
      behind: number;
      /** Those ahead, newest first; fewer than `ahead` where there were too many, or too much text. */
      commits: Commit[];
    }
  | {
      status: 'unavailable';
      reason: string;
      /** Nothing was heard from it. */
      silent: boolean;
    };

export interface HistoryRequest {
  /** A directory for what is needed on the way; nothing in it outlives the call. */
  scratch: string;
  from: CommitId;
  to: CommitId;
  /** Refs that lead to the two, for servers that do not give out commits by id. */
  refs?: readonly string[];
  maxCommits?: number;
}

export interface HistoryOptions {
  signal?: AbortSignal;
  timeoutSeconds?: number;
  /** What a server may send: commits alone are some hundred bytes each. */
  maxBytes?: number;
}

const defaults = { timeoutSeconds: 30, maxBytes: 32 * 2 ** 20 };
const maxCommits = 1000;
const maxBody = 20_000;

/**
 * The commits between two of a repository elsewhere. Commits alone are fetched (partial clone, `tree:0`); a server
 * that cannot leave out the rest sends everything, and is heard as far as the limits go. Nothing is thrown.
 */
export async function readHistory(
  url: RemoteUrl,
  request: HistoryRequest,
  options: HistoryOptions = {},
): Promise<History> {
  const { from, to, scratch } = request;
  if (from === to) return { status: 'known', ahead: 0, behind: 0, commits: [] };
  const path = await scratchRepository(scratch);
  try {
    const fetched = await fetchCommits(url, path, request, options);
    return fetched ?? (await readCommits(path, request, options.signal));
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** Undefined when both commits are there. */
async function fetchCommits(
  url: RemoteUrl,
  path: string,
  { from, to, refs = [] }: HistoryRequest,
  options: HistoryOptions,
): Promise<History | undefined> {
  const limits = { ...defaults, ...options };
  const until = AbortSignal.timeout(limits.timeoutSeconds * 1000);
  const fetch = (what: readonly string[]) => fetchBounded(url, path, what, { ...limits, until });
  let done = await fetch([from, to]);
  const unadvertised = /unadvertised object/.test(done.completed.stderr);
  if (unadvertised && refs.length > 0) done = await fetch(refs.filter((ref) => isRefName(ref)));
  const { completed, tooMuch } = done;
  const no = (reason: string, silent = false): History => ({ status: 'unavailable', reason, silent });
  if (tooMuch) {
    const whole = /filtering not recognized/.test(completed.stderr) ? ' and cannot send commits alone' : '';
    return no(`${url.display} sends more than ${limits.maxBytes / 2 ** 20} MiB${whole}`);
  }
  if (until.aborted && completed.exitCode !== 0) {
    const whole = /filtering not recognized/.test(completed.stderr);
    const why = whole ? 'cannot send commits alone, and everything takes too long' : 'does not answer in time';
    return no(`${url.display} ${why}`, !whole);
  }
  const absent = /not our ref ([0-9a-f]{40})/.exec(completed.stderr)?.[1];
  if (absent !== undefined) return no(`${url.display} has no commit ${absent}`);
  if (completed.exitCode !== 0) {
    const { problem: cause } = remoteProblem(url.display, completed);
    return no(cause.message, /timed out|Could not resolve/.test(completed.stderr));
  }
  for (const commit of [from, to]) {
    const there = await git(['cat-file', '-t', commit], {
      gitDirectory: path,
      transport: url.transport,
      signal: until,
    });
    if (there.stdout.trim() !== 'commit') return no(`${url.display} has no commit ${commit}`);
  }
  return undefined;
}

async function fetchBounded(
  url: RemoteUrl,
  path: string,
  what: readonly string[],
  { maxBytes, until, signal }: { maxBytes: number; until: AbortSignal; signal?: AbortSignal },
): Promise<{ completed: Completed; tooMuch: boolean }> {
  const enough = new AbortController();
  const packs = join(path, 'objects/pack');
  const watch = setInterval(async () => {
    if ((await bytesIn(packs)) > maxBytes) enough.abort();
  }, 100);
  try {
    const signals = [enough.signal, until, ...(signal ? [signal] : [])];
    const args = ['--filter=tree:0', '--no-tags', '--no-write-fetch-head', '--no-auto-gc', '--quiet', '--'];
    const completed = await git(['fetch', ...args, fetchUrl(url), ...what], {
      gitDirectory: path,
      transport: url.transport,
      signal: AbortSignal.any(signals),
      timeoutSeconds: 3600, // `until` is the limit, for all calls together
    });
    return { completed, tooMuch: enough.signal.aborted && completed.exitCode !== 0 };
  } finally {
    clearInterval(watch);
  }
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => ({ size: 0 }))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

async function readCommits(
  path: string,
  { from, to, maxCommits: limit = maxCommits }: HistoryRequest,
  signal?: AbortSignal,
): Promise<History> {
  const call = { gitDirectory: path, ...(signal ? { signal } : {}) };
  const counted = await git(['rev-list', '--count', '--left-right', `${from}...${to}`, '--'], call);
  const [, behind, ahead] = /^(\d+)\t(\d+)\n$/.exec(counted.stdout) ?? [];
  if (behind === undefined || ahead === undefined) {
    return { status: 'unavailable', reason: remoteProblem('git rev-list', counted).problem.message, silent: false };
  }
  const format = '--format=%H%x00%P%x00%s%x00%b';
  const log = ['log', '-z', `--max-count=${limit}`, format, `${from}..${to}`, '--'];
  const listed = await git(log, call);
  // Too much text is no reason to know no counts.
  const commits = listed.exitCode === 0 ? parseLog(listed.stdout) : [];
  return { status: 'known', ahead: Number(ahead), behind: Number(behind), commits };
}

function parseLog(output: string): Commit[] {
  const fields = output.split('\0');
  const commits: Commit[] = [];
  for (let index = 0; index + 3 < fields.length; index += 4) {
    const [hash, parents, subject, body] = fields.slice(index, index + 4) as [string, string, string, string];
    const id = parseCommitId(hash);
    if (id) commits.push({ id, merge: parents.includes(' '), subject, body: body.slice(0, maxBody) });
  }
  return commits;
}
