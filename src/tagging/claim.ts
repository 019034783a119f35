import {
  commitHas,
  headHolds,
  listUpstream,
  type ObjectId,
  type Repository,
  readNote,
  writeNote,
} from '../git/index.ts';
import type { ReleaseName } from '../names/index.ts';
import type { Outcome } from '../operation/index.ts';
import { releaseFile, workspaceBehind } from '../releases/index.ts';
import { failed, ok, type Problem, printable, problem, type Result } from '../support/index.ts';
import type { TagPlan } from './plan.ts';
import { parseSavedPlan } from './saved.ts';

/**
 * Who tags a release, across machines: a ref at the workspace's upstream that only the first can create. It holds the
 * plan, so that another machine can finish what this one began; it goes away with the push of the record.
 */
export const claimRef = (tag: string): string => `refs/dmrel/claims/${tag}`;

interface Claim {
  schema: 'dmrel/claim/v1';
  by: string;
  host: string;
  plan: TagPlan;
}

/** Where the records of a workspace are pushed to. */
export interface UpstreamState {
  name: string;
  remote: string;
  /** The tag of the release there. */
  tag?: ObjectId;
  /** Whether the record of the release is there. */
  recorded: boolean;
  /** A claim of a release whose record is there already: its run ended before it could take it away. */
  leftover: boolean;
}

/**
 * The upstream a record will be pushed to; undefined when there is none. Problems: `workspace-behind` when it has what
 * is not here, `locked` when somebody else is tagging this release.
 */
export async function behindUpstream(
  repository: Repository,
  tag: string,
  operations: readonly (string | undefined)[],
): Promise<Result<UpstreamState | undefined>> {
  const upstream = await repository.upstream();
  if (!upstream) return ok(undefined);
  const branch = `refs/heads/${upstream.branch}`;
  const tagRef = `refs/tags/${tag}`;
  const { remote } = upstream;
  const listed = await listUpstream(repository.root, remote, [branch, claimRef(tag), tagRef]);
  if (!listed.ok) return listed;
  const name = `${remote}/${upstream.branch}`;
  const head = listed.value.get(branch);
  if (head !== undefined && !(await headHolds(repository.root, head))) return failed(workspaceBehind(name));
  const object = listed.value.get(tagRef);
  const recorded = await isRecorded(repository, head, tag);
  const state = { name, remote, recorded, ...(object === undefined ? {} : { tag: object }) };
  if (!listed.value.has(claimRef(tag))) return ok({ ...state, leftover: false });
  if (recorded) return ok({ ...state, leftover: true });
  const claim = await readClaim(repository, tag);
  if (!claim.ok) return claim;
  if (claim.value && !operations.includes(claim.value.plan.operation)) return failed(claimed(claim.value));
  return ok({ ...state, leftover: false });
}

/** Once the record is at the upstream, a claim of that release claims nothing. */
const isRecorded = async ({ root }: Repository, head: ObjectId | undefined, tag: string): Promise<boolean> =>
  head !== undefined && (await commitHas(root, head, releaseFile(tag as ReleaseName)));

function claimed({ by, host, plan }: Claim): Problem {
  const message = `${printable(by)} is tagging ${plan.release} on ${printable(host)} since ${plan.at}`;
  const hint = `wait and git pull; if that run is dead, finish it: dmrel resume --take-over ${plan.release}`;
  return problem('locked', message, { hint });
}

/** The claim of a release at the upstream. Whoever may push there may write one, so it is held against its form. */
export async function readClaim(repository: Repository, tag: string): Promise<Result<Claim | undefined>> {
  const upstream = await repository.upstream();
  if (!upstream) return ok(undefined);
  const read = await readNote(repository.root, upstream.remote, claimRef(tag));
  if (!read.ok) return read;
  if (read.value === undefined) return ok(undefined);
  const claim = read.value === null ? undefined : await parseClaim(read.value, tag);
  if (claim) return ok(claim);
  const hint = `look at it, then take it away: git push ${upstream.remote} :${claimRef(tag)}`;
  return failed(problem('locked', `${upstream.remote} has a claim of ${tag} that cannot be read`, { hint }));
}

async function parseClaim(text: string, tag: string): Promise<Claim | undefined> {
  let claim: Partial<Claim> | null;
  try {
    claim = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (claim?.schema !== 'dmrel/claim/v1' || !isShort(claim.by) || !isShort(claim.host)) return undefined;
  const plan = await parseSavedPlan(JSON.stringify(claim.plan ?? null), `the claim of ${tag}`);
  if (!plan.ok || plan.value.release !== tag) return undefined;
  return { schema: claim.schema, by: claim.by, host: claim.host, plan: plan.value };
}

const isShort = (text: unknown): text is string => typeof text === 'string' && text.length > 0 && text.length <= 500;

/** Claim a release, then look once more whether its record came in while we were looking elsewhere. */
export async function claimRelease(repository: Repository, plan: TagPlan, host: string): Promise<Outcome> {
  const upstream = await repository.upstream();
  if (!upstream) return { status: 'in-sync' };
  const { name, email } = plan.details.tagger;
  const claim: Claim = { schema: 'dmrel/claim/v1', by: `${name} <${email}>`, host, plan };
  const ref = claimRef(plan.release);
  const written = await writeNote(repository.root, upstream.remote, ref, JSON.stringify(claim));
  if (!written.ok) return { status: 'failed', problem: written.problems[0]!, retry: true };
  if (written.value === 'taken') {
    const other = await readClaim(repository, plan.release);
    if (!other.ok) return { status: 'failed', problem: other.problems[0]! };
    // Gone in this moment: its record is there, or it was taken back.
    if (!other.value) return { status: 'failed', problem: cameAndWent(plan.release), retry: true };
    if (other.value.plan.operation !== plan.operation) return { status: 'failed', problem: claimed(other.value) };
  }
  const branch = `refs/heads/${upstream.branch}`;
  const listed = await listUpstream(repository.root, upstream.remote, [branch]);
  if (!listed.ok) return { status: 'failed', problem: listed.problems[0]!, retry: true };
  const head = listed.value.get(branch);
  if (head === undefined || (await headHolds(repository.root, head))) return { status: 'done' };
  return unclaim(repository, plan, `${upstream.remote}/${upstream.branch}`);
}

const cameAndWent = (release: string): Problem =>
  problem('push-refused', `a claim of ${release} came and went`, { hint: 'git pull --rebase, then run again' });

/** Nothing was done under a claim: take it back, so that it keeps nobody out. */
async function unclaim(repository: Repository, plan: TagPlan, name: string): Promise<Outcome> {
  const held = await heldClaim(repository, plan.release, [plan.operation]);
  if (!held.ok) return { status: 'failed', problem: held.problems[0]!, retry: true };
  if (Object.keys(held.value).length > 0) {
    const upstream = (await repository.upstream())!;
    const gone = await repository.push({ remote: upstream.remote, refs: [], deletions: held.value });
    if (gone.status === 'refused' || gone.status === 'failed')
      return { status: 'failed', problem: gone.problem, retry: true };
  }
  return { status: 'failed', problem: workspaceBehind(name) };
}

/**
 * The claim as it stands at the upstream, if it is of one of these operations, or of a release that is recorded there:
 * what the push of the record takes away.
 */
export async function heldClaim(
  repository: Repository,
  release: string,
  operations: readonly (string | undefined)[],
): Promise<Result<Record<string, ObjectId>>> {
  const upstream = await repository.upstream();
  if (!upstream) return ok({});
  const ref = claimRef(release);
  const branch = `refs/heads/${upstream.branch}`;
  const listed = await listUpstream(repository.root, upstream.remote, [ref, branch]);
  if (!listed.ok) return listed;
  const object = listed.value.get(ref);
  if (object === undefined) return ok({});
  if (await isRecorded(repository, listed.value.get(branch), release)) return ok({ [ref]: object });
  const claim = await readClaim(repository, release);
  return ok(claim.ok && claim.value && operations.includes(claim.value.plan.operation) ? { [ref]: object } : {});
}
