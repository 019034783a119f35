import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  listUpstream,
  type ObjectId,
  openRemote,
  openRepository,
  placeOf,
  placeOfText,
  type Repository,
} from '../git/index.ts';
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
import { type Product, readProductIndex } from '../products/index.ts';
import {
  commitRecord,
  pushRecords,
  type ReleaseRecord,
  readAllReleases,
  readRelease,
  releaseFile,
} from '../releases/index.ts';
import { failed, instantOf, ok, type Problem, printable, problem, type Result, warning } from '../support/index.ts';
import { need, transportsOf, type Workspace } from '../workspace/index.ts';
import type { BoundSteps } from './apply.ts';
import { behindUpstream, heldClaim } from './claim.ts';
import type { TagPlan } from './plan.ts';
import { compareTags, type RecordedTag } from './verify.ts';
import { ownTags } from './workspace-tag.ts';

export interface UndoRequest {
  release: string;
  /** Why it is undone though it is in use. */
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
  // Without a record, a tag of that name is none of the release's.
  const own = record ? await ownTags(repository, record, upstream.value) : ok({ here: null, there: null, kept: [] });
  if (!own.ok) return own;

  const tags = made?.tags ?? {};
  const look = {
    signal: request.signal,
    jobsPerHost: request.jobsPerHost,
    looked: request.looking(Object.keys(tags).length),
  };
  const { results, problems } = await compareTags(tags, index.value.products, look);
  const answered = Object.fromEntries(results.map(({ product }) => [product, tags[product]!]));
  const elsewhere = madeElsewhere(root, answered, index.value.products);
  const reason = request.force ?? undone?.details.reason;
  problems.push(
    ...(await inUse(root, record, reason)),
    ...(made?.kept ?? []),
    ...elsewhere.values(),
    ...own.value.kept,
  );
  const details: UndoDetails = {
    tags: {},
    workspaceTag: undone?.details.workspaceTag ?? own.value.here,
    upstreamTag: undone?.details.upstreamTag ?? own.value.there,
    operations: [...new Set(operations)],
    ...(reason === undefined ? {} : { reason }),
  };
  const steps: PlannedStep[] = [];
  const auxiliaries = results.filter(({ product }) => tags[product]!.auxiliary).map(({ product }) => product);
  const ordered = [...results].sort(
    (left, right) => Number(auxiliaries.includes(right.product)) - Number(auxiliaries.includes(left.product)),
  );
  for (const { product, tag, state, expected, found } of ordered) {
    const ours = state === 'ok' && !elsewhere.has(product);
    if (ours) details.tags[product] = { tag, object: expected.object, auxiliary: tags[product]!.auxiliary };
    if (state !== 'ok' && found && !elsewhere.has(product)) problems.push(notOurs(product, tag, found.object));
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
  if (await repository.isTracked(file)) problems.push(...(await repository.obstacles([])));
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
  /** Tags that were there before, and those that were moved: what they were cannot be brought back from here. */
  kept: Problem[];
}

/**
 * Products whose tag was made in another repository than the index has now, and what to say of each: what is in that one
 * was made by nobody here, though it be a copy.
 */
function madeElsewhere(
  root: string,
  tags: MadeTags['tags'],
  products: ReadonlyMap<string, Product>,
): Map<string, Problem> {
  const elsewhere = new Map<string, Problem>();
  for (const [name, { url, tag }] of Object.entries(tags)) {
    const product = products.get(name);
    if (!product || placeOf(product.url) === placeOfText(url, root)) continue;
    const message = `${name}: ${tag} was made at ${printable(url)}, and the index has ${product.url.display} now; it stays`;
    const hint = 'put that URL back into the index first, to take it away there';
    elsewhere.set(name, warning('tag-drift', message, { hint, subject: name }));
  }
  return elsewhere;
}

function tagsOfRecord({ products, forced = [] }: ReleaseRecord): MadeTags {
  const moved = forced.filter(({ product, to }) => products[product]?.object === to);
  const names = new Set(moved.map(({ product }) => product));
  const made = Object.entries(products).filter(([name, { preexisting }]) => !preexisting && !names.has(name));
  return {
    tags: Object.fromEntries(
      made.map(([name, product]) => [name, { ...product, auxiliary: product.auxiliary === true }]),
    ),
    kept: [
      ...wereThere(products),
      ...moved.map(({ product, from }) => wasMoved(product, products[product]!.tag, from)),
    ],
  };
}

/** What a run that never came to its record has made: the steps that its journal says were begun. */
async function tagsOfRun(root: string, { operation, details }: TagPlan): Promise<MadeTags> {
  const touched = new Set(readJournal(root, operation).map(({ step }) => step));
  const begun = Object.entries(details.products).filter(([name]) => touched.has(`tag:${name}`));
  const moved = new Map((details.forced ?? []).map(({ product, from }) => [product, from]));
  return {
    tags: Object.fromEntries(begun.filter(([name, { preexisting }]) => !preexisting && !moved.has(name))),
    kept: [
      ...wereThere(details.products),
      ...begun.flatMap(([name, { tag }]) => (moved.has(name) ? [wasMoved(name, tag, moved.get(name)!)] : [])),
    ],
  };
}

const wereThere = (products: Readonly<Record<string, { tag: string; preexisting?: boolean }>>): Problem[] =>
  Object.entries(products)
    .filter(([, { preexisting }]) => preexisting)
    .map(([product, { tag }]) =>
      warning('tag-drift', `${product}: ${tag} was there before; it stays`, { subject: product }),
    );

const wasMoved = (product: string, tag: string, from: string): Problem =>
  warning('tag-drift', `${product}: ${tag} was there and was moved, from ${from.slice(0, 12)}; it stays where it is`, {
    subject: product,
  });

async function inUse(root: string, record: ReleaseRecord | undefined, force: string | undefined): Promise<Problem[]> {
  if (!record || force !== undefined) return [];
  const { records } = await readAllReleases(root);
  const later = records.filter(({ source }) => source.from === record.name).map(({ name }) => name);
  const levels = [...new Set((record.promotions ?? []).map(({ level }) => level))];
  const images = Object.keys(record.images ?? {});
  const uses = [
    ...(levels.length > 0 ? [`was promoted to ${levels.join(', ')}`] : []),
    ...(levels.length === 0 && images.length > 0 ? [`was built (${images.join(', ')})`] : []),
    ...(later.length > 0 ? [`is what ${later.join(', ')} was made from`] : []),
  ];
  if (uses.length === 0) return [];
  const hint = '--force REASON if it must be undone all the same; the reason is recorded';
  return [problem('release-in-use', `${record.name} ${uses.join(' and ')}`, { hint })];
}

const notOurs = (product: string, tag: string, found: string): Problem =>
  warning('tag-drift', `${product}: ${tag} is ${found.slice(0, 12)} there now, which is not what was made; it stays`, {
    subject: product,
  });

/** The steps of an undo. Each deletes by lease on the object that was recorded. */
export async function bindUndoSteps(
  workspace: Workspace,
  plan: UndoPlan,
  options: { scratch: string },
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
    const remote = openRemote(index.value.products.get(name)!.url);
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
