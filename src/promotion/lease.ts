import {
  headHolds,
  lastChange,
  listUpstream,
  type ObjectId,
  type Repository,
  readNote,
  whyPushedNowhere,
  writeNote,
} from '../git/index.ts';
import { isKnownOperation, type Outcome } from '../operation/index.ts';
import { levelFile, workspaceBehind } from '../releases/index.ts';
import {
  failed,
  hasProcessEnded,
  type Instant,
  ok,
  ownIdentity,
  type Problem,
  type ProcessIdentity,
  printable,
  problem,
  type Result,
} from '../support/index.ts';

/**
 * Who changes a level, across machines. A registry has no compare-and-swap for tags; git has one for references. So
 * whoever moves tags of a level first creates this reference at the workspace's upstream, and the push of the records
 * takes it away in the same moment.
 */
export const leaseRef = (lane: string): string => `refs/dmrel/levels/${lane}`;

/** Who has a level, and what for. */
export interface Lease {
  schema: 'dmrel/lease/v1';
  level: string;
  operation: string;
  /** In words: `promote w.2018.18`. */
  purpose: string;
  by: string;
  at: Instant;
  process: ProcessIdentity;
}

/** What is wanted of the level. */
export interface LeaseRequest {
  level: string;
  /** The level under whose name the registry is had: levels that share one exclude one another. */
  lane: string;
  operation: string;
  purpose: string;
  by: string;
  at: Instant;
  /** Somebody says that whoever has it is dead. */
  takeOver: boolean;
}

/** The upstream of a workspace that has all of it; undefined where there is none. */
export interface LevelUpstream {
  name: string;
  /** A lease that this workspace left behind. */
  leftover: boolean;
}

interface Found {
  object: ObjectId;
  lease: Lease;
}

/**
 * Look before planning. Problems: `workspace-behind` when the upstream has what is not here, with who changed the level
 * last; `locked` when somebody has the level; `workspace-lacks` when it has remotes and would push to none: nobody could
 * be kept out.
 */
export async function lookAtUpstream(
  repository: Repository,
  request: Pick<LeaseRequest, 'level' | 'lane' | 'takeOver'>,
): Promise<Result<LevelUpstream | undefined>> {
  const upstream = await repository.upstream();
  if (!upstream) {
    const why = await whyPushedNowhere(repository.root);
    return why ? failed(why) : ok(undefined);
  }
  const branch = `refs/heads/${upstream.branch}`;
  const ref = leaseRef(request.lane);
  const listed = await listUpstream(repository.root, upstream.remote, [branch, ref]);
  if (!listed.ok) return listed;
  const name = `${upstream.remote}/${upstream.branch}`;
  const behind = await whatIsBehind(repository, request.level, listed.value.get(branch));
  if (behind) return failed(behind);
  const object = listed.value.get(ref);
  if (object === undefined) return ok({ name, leftover: false });
  const found = await readLease(repository, request.lane, object);
  if (!found.ok) return found;
  if (!found.value) return ok({ name, leftover: false });
  const { lease } = found.value;
  if (isKnownOperation(repository.root, lease.operation)) return ok({ name, leftover: true });
  return mayTakeOver(lease, request.takeOver) ? ok({ name, leftover: false }) : failed(takenBy(lease));
}

/** A lease in the hands of one command. */
export interface LevelLease {
  take(): Promise<Outcome>;
  /** Before a tag moves: that the level is still had, and the records still the newest. */
  confirm(): Promise<Result<void>>;
  held(): Promise<Result<Record<string, ObjectId>>>;
  drop(): Promise<Outcome>;
}

/** How long a look at the upstream holds good. */
const confirmedFor = 2000;

export function openLease(repository: Repository, request: LeaseRequest, clock = () => performance.now()): LevelLease {
  const { lane, operation, level } = request;
  let taken = false;
  let looked: { at: number; found: Promise<Result<void>> } | undefined;
  const held = () => heldLease(repository, lane, operation);
  const look = async (): Promise<Result<void>> => {
    const upstream = await repository.upstream();
    if (!upstream) return ok(undefined);
    const [branch, ref] = [`refs/heads/${upstream.branch}`, leaseRef(lane)];
    const listed = await listUpstream(repository.root, upstream.remote, [branch, ref]);
    if (!listed.ok) return listed;
    const behind = await whatIsBehind(repository, level, listed.value.get(branch));
    if (behind) return failed(behind);
    const found = await readLease(repository, lane, listed.value.get(ref) ?? null);
    if (!found.ok) return found;
    if (!found.value) return taken ? failed(lost(level)) : ok(undefined);
    return found.value.lease.operation === operation ? ok(undefined) : failed(takenBy(found.value.lease));
  };
  return {
    take: async () => {
      const outcome = await takeLease(repository, request);
      taken = outcome.status === 'done';
      return outcome;
    },
    confirm: () => {
      if (!looked || clock() - looked.at > confirmedFor) looked = { at: clock(), found: look() };
      return looked.found;
    },
    held,
    drop: () => dropLease(repository, lane, operation),
  };
}

/** Have the level, or be told who has it. Its own of before is had again; that of a process that ended is taken over. */
export async function takeLease(repository: Repository, request: LeaseRequest): Promise<Outcome> {
  const upstream = await repository.upstream();
  if (!upstream) return { status: 'in-sync' };
  const { root } = repository;
  const ref = leaseRef(request.lane);
  const { takeOver, lane: _, ...rest } = request;
  const lease: Lease = { schema: 'dmrel/lease/v1', ...rest, process: ownIdentity() };
  const before = await listUpstream(root, upstream.remote, [ref]);
  if (!before.ok) return { status: 'failed', problem: before.problems[0]!, retry: true };
  const object = before.value.get(ref);
  if (object !== undefined) {
    const found = await readLease(repository, request.lane, object);
    if (!found.ok) return { status: 'failed', problem: found.problems[0]! };
    if (found.value && !isOurs(repository, found.value.lease) && !mayTakeOver(found.value.lease, takeOver))
      return { status: 'failed', problem: takenBy(found.value.lease) };
  }
  const written = await writeNote(root, upstream.remote, ref, JSON.stringify(lease), object);
  if (!written.ok) return { status: 'failed', problem: written.problems[0]!, retry: true };
  if (written.value === 'not-allowed') return { status: 'in-sync' };
  if (written.value === 'taken') {
    const other = await readLease(repository, request.lane);
    if (!other.ok) return { status: 'failed', problem: other.problems[0]! };
    // Gone in this moment: the level is another now.
    return { status: 'failed', problem: other.value ? takenBy(other.value.lease) : cameAndWent(request.level) };
  }
  // The plan was made of what was here: whoever had the level before may have changed it since.
  const branch = `refs/heads/${upstream.branch}`;
  const listed = await listUpstream(root, upstream.remote, [branch]);
  if (!listed.ok) return { status: 'failed', problem: listed.problems[0]!, retry: true };
  const behind = await whatIsBehind(repository, request.level, listed.value.get(branch));
  if (!behind) return { status: 'done' };
  const dropped = await dropLease(repository, request.lane, request.operation);
  return dropped.status === 'failed' ? dropped : { status: 'failed', problem: behind };
}

/** The lease as it stands, if it is of this operation: what the push of the records takes away. Problem: `locked`. */
export async function heldLease(
  repository: Repository,
  lane: string,
  operation: string,
): Promise<Result<Record<string, ObjectId>>> {
  const found = await readLease(repository, lane);
  if (!found.ok) return found;
  if (!found.value) return ok({});
  const { object, lease } = found.value;
  if (lease.operation === operation || isOurs(repository, lease)) return ok({ [leaseRef(lane)]: object });
  return failed(takenBy(lease));
}

/** Give the level back though nothing is pushed. */
export async function dropLease(repository: Repository, lane: string, operation: string): Promise<Outcome> {
  const held = await heldLease(repository, lane, operation);
  if (!held.ok) return { status: 'failed', problem: held.problems[0]! };
  const upstream = await repository.upstream();
  if (!upstream || Object.keys(held.value).length === 0) return { status: 'in-sync' };
  const gone = await repository.push({ remote: upstream.remote, refs: [], deletions: held.value });
  if (gone.status === 'refused' || gone.status === 'failed')
    return { status: 'failed', problem: gone.problem, retry: true };
  return { status: 'done' };
}

const isOurs = (repository: Repository, lease: Lease): boolean => isKnownOperation(repository.root, lease.operation);

const mayTakeOver = (lease: Lease, said: boolean): boolean => said || hasProcessEnded(lease.process);

async function whatIsBehind(
  repository: Repository,
  level: string,
  head: ObjectId | undefined,
): Promise<Problem | undefined> {
  const { root } = repository;
  if (head === undefined || (await headHolds(root, head))) return undefined;
  const upstream = (await repository.upstream())!;
  const last = await lastChange(root, upstream, head, levelFile(level));
  const news = last && !(await headHolds(root, last.commit)) ? last : undefined;
  const more = news ? `: '${printable(news.subject)}' by ${printable(news.by)} at ${printable(news.at)}` : '';
  return workspaceBehind(`${upstream.remote}/${upstream.branch}`, more);
}

function takenBy({ by, purpose, process, at, level }: Lease): Problem {
  const message = `${level} is being changed by ${printable(by)} on ${printable(process.host)} since ${at}: ${printable(purpose)}`;
  const hint = 'wait and git pull --rebase; if that process is dead, say --take-over';
  return problem('locked', message, { hint });
}

const lost = (level: string): Problem =>
  problem('locked', `somebody has taken ${level} over, and is done with it`, {
    hint: 'git pull --rebase, then run again',
  });

const cameAndWent = (level: string): Problem =>
  problem('locked', `somebody has just changed ${level}`, { hint: 'git pull --rebase, then run again' });

/**
 * The lease at the upstream. Whoever may push there may write one, so it is held against its form.
 * @param object what is there, where that was asked already; null for nothing
 */
async function readLease(
  repository: Repository,
  lane: string,
  object?: ObjectId | null,
): Promise<Result<Found | undefined>> {
  if (object === null) return ok(undefined);
  const upstream = await repository.upstream();
  if (!upstream) return ok(undefined);
  const ref = leaseRef(lane);
  const listed = object === undefined ? await listUpstream(repository.root, upstream.remote, [ref]) : undefined;
  if (listed && !listed.ok) return listed;
  const there = object ?? listed!.value.get(ref);
  if (there === undefined) return ok(undefined);
  const read = await readNote(repository.root, upstream.remote, ref, there);
  if (!read.ok) return read;
  if (read.value === undefined) return ok(undefined);
  const lease = read.value === null ? undefined : parseLease(read.value);
  if (lease) return ok({ object: there, lease });
  const hint = `look at it, then take it away: git push ${upstream.remote} :${ref}`;
  return failed(problem('locked', `${upstream.remote} has a lease of ${lane} that cannot be read`, { hint }));
}

/** @internal for tests */
export function parseLease(text: string): Lease | undefined {
  let lease: Partial<Lease> | null;
  try {
    lease = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (lease?.schema !== 'dmrel/lease/v1' || lease.process === null || typeof lease.process !== 'object')
    return undefined;
  const { level, operation, purpose, by, at, process } = lease;
  const { pid, host, space, started } = process;
  const texts = [level, operation, purpose, by, at, host, space ?? '-', started ?? '-'];
  if (!texts.every(isShort) || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  return lease as Lease;
}

const isShort = (text: unknown): boolean => typeof text === 'string' && text.length > 0 && text.length <= 500;
