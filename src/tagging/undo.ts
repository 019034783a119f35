import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listUpstream, type ObjectId, openRemote, openRepository, type Repository } from '../git/index.ts';
import type { ReleaseName } from '../names/index.ts';
import {
  findUnfinished,
  newOperationId,
  type Outcome,
  type Plan,
  type PlannedStep,
  readJournal,
  type Step,
} from '../operation/index.ts';
import { readProductIndex } from '../products/index.ts';
import { commitRecord, pushRecords, type ReleaseRecord, readRelease, releaseFile } from '../releases/index.ts';
import { failed, instantOf, ok, type Problem, problem, type Result, warning } from '../support/index.ts';
import { need, transportsOf, type Workspace } from '../workspace/index.ts';
import type { BoundSteps } from './apply.ts';
import { behindUpstream, heldClaim } from './claim.ts';
import type { TagPlan } from './plan.ts';
import { compareTags, type RecordedTag } from './verify.ts';

export interface UndoRequest {
  release: string;
  /** Why it is undone though it was built or promoted. */
  force?: string;
  now: Date;
  signal: AbortSignal;
  jobsPerHost: number;
  looking: (all: number) => (name: string) => void;
}

export interface UndoDetails {
  /** Tags that this release's operation made and that are still there as it made them. */
  tags: Record<string, { tag: string; object: ObjectId; auxiliary: boolean }>;
  /** The tag of the release in the workspace, and at its upstream. */
  workspaceTag: ObjectId | null;
  upstreamTag: ObjectId | null;
  /** The operations that made the release: a claim of one of these goes too. */
  operations: string[];
  reason?: string;
}

export type UndoPlan = Plan<UndoDetails>;

/**
 * Find out what of a release can be taken back: exactly the tags that its operation made and that still point where it
 * left them. Nothing is written.
 */
export async function prepareUndo(workspace: Workspace, request: UndoRequest): Promise<Result<UndoPlan>> {
  const { root } = workspace;
  const { release } = request;
  const read = await readRelease(root, release);
  if (!read.ok) return read;
  const record = read.value;
  const undone = await findUnfinished<UndoDetails>(root, 'tag undo', release);
  const begun = await findUnfinished<TagPlan['details']>(root, 'tag', release);
  const made = record ? tagsOfRecord(record) : begun ? await tagsOfRun(root, begun) : undefined;
  if (!made && !undone) {
    const hint = "'dmrel release list' shows them";
    return failed(problem('unknown-release', `there is no release '${release}' in this workspace`, { hint }));
  }
  const opened = await openRepository(root);
  if (!opened.ok) return opened;
  const repository = opened.value;
  const config = need(workspace, 'products', 'there is nothing to take back');
  if (!config.ok) return config;
  const index = await readProductIndex(root, config.value.index, transportsOf(workspace.config));
  if (!index.ok) return index;
  const operations = [
    ...(undone?.details.operations ?? []),
    ...(record ? [record.created.operation] : []),
    ...(begun ? [begun.operation] : []),
  ];
  const upstream = await behindUpstream(repository, release, operations);
  if (!upstream.ok) return upstream;
  const upstreamTag = await tagAtUpstream(repository, release);
  if (!upstreamTag.ok) return upstreamTag;

  const tags = made?.tags ?? {};
  const look = {
    signal: request.signal,
    jobsPerHost: request.jobsPerHost,
    looked: request.looking(Object.keys(tags).length),
  };
  const { results, problems } = await compareTags(tags, index.value.products, look);
  const reason = request.force ?? undone?.details.reason;
  problems.push(...inUse(record, reason), ...(made?.moved ?? []));
  const details: UndoDetails = {
    tags: {},
    // Without a record, a tag of that name is none of the release's.
    workspaceTag: undone?.details.workspaceTag ?? (record ? ((await repository.tagAt(release))?.object ?? null) : null),
    upstreamTag: undone?.details.upstreamTag ?? (record ? upstreamTag.value : null),
    operations: [...new Set(operations)],
    ...(reason === undefined ? {} : { reason }),
  };
  const steps: PlannedStep[] = [];
  const auxiliaries = results.filter(({ product }) => tags[product]!.auxiliary).map(({ product }) => product);
  const ordered = [...results].sort(
    (left, right) => Number(auxiliaries.includes(right.product)) - Number(auxiliaries.includes(left.product)),
  );
  for (const { product, tag, state, expected, found } of ordered) {
    const ours = state === 'ok';
    if (ours) details.tags[product] = { tag, object: expected.object, auxiliary: tags[product]!.auxiliary };
    if (!ours && found) problems.push(notOurs(product, tag, found.object));
    steps.push({
      id: `untag:${product}`,
      title: `take ${tag} away from ${product}`,
      action: ours ? 'delete' : 'skip',
      host: index.value.products.get(product)!.url.host || 'files',
      from: found?.object ?? null,
      to: null,
      // Products last: as long as one of them has the tag, the release can be seen.
      ...(auxiliaries.includes(product) ? {} : { needs: auxiliaries.map((each) => `untag:${each}`) }),
    });
  }
  const untagged = steps.map(({ id }) => id);
  const file = releaseFile(release as ReleaseName);
  const step = (id: string, title: string, present: boolean, needs: string[]): PlannedStep => {
    return { id, title, action: present ? 'delete' : 'skip', needs, from: null, to: null };
  };
  const recorded = record !== undefined || undone !== undefined;
  steps.push(step('record', `take ${file} away`, recorded, untagged));
  steps.push(step('workspace-tag', 'take the tag of the workspace away', details.workspaceTag !== null, ['record']));
  if (upstream.value) steps.push(step('push', `push to ${upstream.value.name}`, true, ['workspace-tag']));
  return ok({
    schema: 'dmrel/plan/v1',
    operation: undone?.operation ?? newOperationId(request.now),
    command: 'tag undo',
    release,
    at: instantOf(request.now),
    steps,
    problems,
    details,
  });
}

async function tagAtUpstream(repository: Repository, release: string): Promise<Result<ObjectId | null>> {
  const upstream = await repository.upstream();
  if (!upstream) return ok(null);
  const ref = `refs/tags/${release}`;
  const listed = await listUpstream(repository.root, upstream.remote, [ref]);
  return listed.ok ? ok(listed.value.get(ref) ?? null) : listed;
}

interface MadeTags {
  tags: Record<string, RecordedTag & { auxiliary: boolean }>;
  /** Tags that were there and were moved: what they were cannot be brought back from here. */
  moved: Problem[];
}

function tagsOfRecord({ products, forced = [] }: ReleaseRecord): MadeTags {
  const moved = forced.filter(({ product, to }) => products[product]?.object === to);
  const names = new Set(moved.map(({ product }) => product));
  const made = Object.entries(products).filter(([name, { preexisting }]) => !preexisting && !names.has(name));
  return {
    tags: Object.fromEntries(
      made.map(([name, product]) => [name, { ...product, auxiliary: product.auxiliary === true }]),
    ),
    moved: moved.map(({ product, from }) => wasMoved(product, products[product]!.tag, from)),
  };
}

/** What a run that never came to its record has made: the steps that its journal says were begun. */
async function tagsOfRun(root: string, { operation, details }: TagPlan): Promise<MadeTags> {
  const touched = new Set(readJournal(root, operation).map(({ step }) => step));
  const begun = Object.entries(details.products).filter(([name]) => touched.has(`tag:${name}`));
  const moved = new Map((details.forced ?? []).map(({ product, from }) => [product, from]));
  return {
    tags: Object.fromEntries(begun.filter(([name, { preexisting }]) => !preexisting && !moved.has(name))),
    moved: begun.flatMap(([name, { tag }]) => (moved.has(name) ? [wasMoved(name, tag, moved.get(name)!)] : [])),
  };
}

const wasMoved = (product: string, tag: string, from: string): Problem =>
  warning('tag-drift', `${product}: ${tag} was there and was moved, from ${from.slice(0, 12)}; it stays where it is`, {
    subject: product,
  });

function inUse(record: ReleaseRecord | undefined, force: string | undefined): Problem[] {
  if (!record || force !== undefined) return [];
  const levels = [...new Set((record.promotions ?? []).map(({ level }) => level))];
  const images = Object.keys(record.images ?? {});
  if (levels.length === 0 && images.length === 0) return [];
  const what = levels.length > 0 ? `was promoted to ${levels.join(', ')}` : `was built (${images.join(', ')})`;
  const hint = '--force REASON if it must be undone all the same; the reason is recorded';
  return [problem('release-in-use', `${record.name} ${what}`, { hint })];
}

const notOurs = (product: string, tag: string, found: string): Problem =>
  warning('tag-drift', `${product}: ${tag} is ${found.slice(0, 12)} there now, which is not what was made; it stays`, {
    subject: product,
  });

/** The steps of an undo. Each deletes by lease on the object that was recorded. */
export async function bindUndoSteps(
  workspace: Workspace,
  plan: UndoPlan,
  options: { signal: AbortSignal; scratch: string },
): Promise<Result<BoundSteps>> {
  const { root, config } = workspace;
  const index = await readProductIndex(root, config.products!.index, transportsOf(config));
  if (!index.ok) return index;
  const opened = await openRepository(root);
  if (!opened.ok) return opened;
  const repository = opened.value;
  const release = plan.release as ReleaseName;
  const { reason, workspaceTag, upstreamTag, operations } = plan.details;

  const untag = (name: string) => async (): Promise<Outcome> => {
    const { tag, object } = plan.details.tags[name]!;
    const remote = openRemote(index.value.products.get(name)!.url, { signal: options.signal });
    const outcome = await remote.deleteTag({ scratch: join(options.scratch, name), tag, from: object });
    switch (outcome.status) {
      case 'deleted':
        return { status: 'done' };
      case 'absent':
        return { status: 'in-sync' };
      case 'conflict': {
        const message = `${name}: ${tag} was changed there just now, to ${outcome.found.slice(0, 12)}; it stays`;
        return { status: 'failed', problem: problem('tag-conflict', message, { hint: 'look at it, then run again' }) };
      }
      case 'failed':
        return { status: 'failed', problem: outcome.problem, retry: outcome.retryable };
      default:
        return outcome satisfies never;
    }
  };
  const code: Record<string, () => Promise<Outcome>> = {
    record: async () => {
      const file = releaseFile(release);
      await rm(join(root, file), { force: true });
      // Evidence of what was built stays; an empty folder would be a release without a record.
      await rmdir(dirname(join(root, file))).catch(() => {});
      if (!(await repository.isTracked(file))) return { status: 'in-sync' };
      const subject = reason === undefined ? `Undo ${release}` : `Undo ${release}: ${reason}`;
      return commitRecord(repository, [file], subject, { operation: plan.operation, release });
    },
    'workspace-tag': async () => {
      const deleted = await repository.deleteTag(release, workspaceTag!);
      return deleted.ok ? { status: 'done' } : { status: 'failed', problem: deleted.problems[0]! };
    },
    push: async () => {
      const there = await tagAtUpstream(repository, release);
      if (!there.ok) return { status: 'failed', problem: there.problems[0]!, retry: true };
      const claim = await heldClaim(repository, release, operations);
      if (!claim.ok) return { status: 'failed', problem: claim.problems[0]!, retry: true };
      const tag = there.value !== null && there.value === upstreamTag ? { [`refs/tags/${release}`]: upstreamTag } : {};
      return pushRecords(repository, undefined, { ...tag, ...claim.value });
    },
  };
  const steps = plan.steps.map((planned): Step => {
    const name = planned.id.startsWith('untag:') ? planned.id.slice('untag:'.length) : undefined;
    return {
      ...planned,
      isDone: async () => planned.action === 'skip',
      apply: name === undefined ? code[planned.id]! : untag(name),
    };
  });
  return ok({ steps, cleanUp: () => rm(options.scratch, { recursive: true, force: true }) });
}
