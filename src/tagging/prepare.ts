import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  openRepository,
  openSigner,
  placeOfRemote,
  type Repository,
  type SignatureFormat,
  type Signer,
} from '../git/index.ts';
import { byRelease, eupsTagOf, parseReleaseName, type ReleaseKind, type ReleaseName } from '../names/index.ts';
import { findUnfinished, newOperationId } from '../operation/index.ts';
import { contentIdOf } from '../products/index.ts';
import { listReleases, type ReleaseRecord, readRelease, releaseFile } from '../releases/index.ts';
import {
  type CalendarDate,
  count,
  failed,
  type Instant,
  instantOf,
  ok,
  type Problem,
  problem,
  type Result,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { behindUpstream, type UpstreamState } from './claim.ts';
import { type Difference, needsContent } from './existing.ts';
import { lookAtRemotes, readContents } from './look.ts';
import { ownRepositoryProblems } from './places.ts';
import {
  isToBeMoved,
  type ProductFacts,
  plannedTagObject,
  planTags,
  type TagFacts,
  type TagIntent,
  type TagPlan,
} from './plan.ts';
import { aliasesOf, changesSince, milestoneOf, missingFeatures, requirementProblems } from './rules.ts';
import { chooseSource, type Source, type SourceRequest } from './source.ts';
import { isAstray, makerOf, workspaceTag } from './workspace-tag.ts';

export interface TagRequest extends SourceRequest {
  kind: ReleaseKind;
  tag: ReleaseName;
  date: CalendarDate;
  /** What may differ in a tag that is there already. */
  tolerate: readonly Difference[];
  /** The one difference that is overwritten. */
  force?: Difference;
  /** Sign the tags, or say in a dry run that they would be. */
  sign?: SignatureFormat;
  milestone?: { id: string; acceptMissing?: string };
  /** The release before it: with the same commits nothing is made, and that one is looked after. */
  last?: ReleaseRecord;
  /** A plan that was saved: its operation, dates and commits are taken. */
  saved?: TagPlan;
  /** Nothing will be written: what would ask for a passphrase is left out. */
  dryRun: boolean;
  now: Date;
  signal: AbortSignal;
  jobsPerHost: number;
  looking: (all: number) => (name: string) => void;
}

const defaultMessage = 'Version {tag} release from {source}';

/**
 * Find out what a tag run has to do: where commits come from, then every remote is looked at. Nothing is written.
 * Problems that concern single repositories stand in the plan, all of them.
 */
export async function prepareTags(workspace: Workspace, request: TagRequest): Promise<Result<TagPlan>> {
  const { tag, kind, now } = request;
  const { root } = workspace;
  const record = await readRelease(root, tag);
  if (!record.ok) return record;
  const interrupted = await findUnfinished<TagPlan['details']>(root, 'tag', tag);
  const begun = record.value ? undefined : (request.saved ?? interrupted);
  const fixed = { ...(record.value ? { record: record.value } : {}), ...(begun ? { begun } : {}) };
  const disagreement = sourceDisagreement(request, record.value, begun);
  if (disagreement) return failed(disagreement);

  const source = await chooseSource(workspace, { tag, kind, eupsTag: eupsTagOf(tag) }, request, fixed);
  if (!source.ok) return source;
  const repository = await openRepository(root);
  if (!repository.ok) return repository;
  const tagger = await taggerOf(workspace, repository.value, fixed);
  if (!tagger.ok) return tagger;
  const obstacles = await repository.value.obstacles([releaseFile(tag)]);
  const upstream = await behindUpstream(repository.value, tag, [
    begun?.operation,
    interrupted?.operation,
    record.value?.created.operation,
  ]);
  if (!upstream.ok) return upstream;

  const scratch = await mkdtemp(join(tmpdir(), 'dmrel-look-'));
  const look = { ...request, scratch, looked: request.looking(source.value.sought.length) };
  try {
    const { facts, problems } = await lookAtRemotes(source.value.sought, look);
    const { last } = request;
    if (last && !fixed.record && !begun && sameCommits(facts, last))
      return await prepareTags(workspace, again(request, last));
    const at = (record.value?.created.at ?? begun?.at ?? instantOf(now)) as Instant;
    const intent = await intentOf(workspace, request, source.value, facts, { ...fixed, tagger: tagger.value });
    if (!intent.ok) return intent;
    for (const each of facts) {
      const signature = begun?.details.products[each.product.name]?.signature;
      if (signature !== undefined) each.signature = signature;
    }
    const isNew = ({ existing }: ProductFacts) => existing === undefined;
    problems.push(...(await signAll(workspace, request, intent.value, facts.filter(isNew), at)));
    const recorded = record.value?.products;
    const wanted = (each: ProductFacts) => ({
      commit: each.commit,
      object: recorded?.[each.product.name]?.object ?? plannedTagObject(intent.value, each, at).id,
    });
    problems.push(
      ...(await readContents(
        facts,
        (each) => each.existing !== undefined && needsContent(each.existing, wanted(each)),
        look,
      )),
    );
    const decided = {
      intent: intent.value,
      at,
      record: record.value,
      tolerate: request.tolerate,
      force: request.force,
    };
    const moved = facts.filter((each) => isToBeMoved(each, decided));
    problems.push(...(await signAll(workspace, request, intent.value, moved, at)));
    const plan = planTags({
      ...decided,
      operation: begun?.operation ?? newOperationId(now),
      products: facts,
      begun: (begun ?? interrupted)?.details,
      recordIsCommitted: record.value !== undefined && (await repository.value.isCommitted([releaseFile(tag)])),
      ...(await workspaceFacts(repository.value, upstream.value, intent.value, at, record.value)),
    });
    const ofKind = fixed.record || begun ? [] : await requirementProblems(workspace, kind, intent.value);
    if (!fixed.record && !begun) ofKind.push(...missingFeatures(intent.value));
    if (!fixed.record && upstream.value) {
      const place = await placeOfRemote(root, upstream.value.remote);
      const products = facts.map(({ product }) => product);
      problems.push(...ownRepositoryProblems(products, place, tag));
    }
    const commits = plan.steps.some(({ id, action }) => id === 'commit' && action !== 'skip');
    plan.problems.unshift(...(commits ? obstacles : []), ...source.value.problems, ...ofKind, ...problems);
    return ok(plan);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What stands of the release in the workspace's repository and at its upstream. */
async function workspaceFacts(
  repository: Repository,
  upstream: UpstreamState | undefined,
  { tag, tagger }: TagIntent,
  at: Instant,
  record: ReleaseRecord | undefined,
): Promise<Pick<TagFacts, 'workspaceTag' | 'upstream'>> {
  const here = await repository.tagAt(tag);
  if (!upstream) return { workspaceTag: here, upstream };
  const { name, tag: there, recorded, leftover } = upstream;
  const pending = record === undefined || leftover || (await repository.isAhead(tag));
  const hasOtherTag = there !== undefined && there !== here?.object && !recorded;
  const own = record && workspaceTag(tag, Object.keys(record.products).length, tagger, at);
  // A commit that was made anew on top of others has lost its tag, which nobody has seen yet.
  const isLost = here && there === undefined && own && (await isAstray(repository, here, own));
  // One that is at the upstream need not be here, and cannot be made again as it is.
  const found = isLost ? undefined : (here ?? (there && recorded ? { commit: undefined } : undefined));
  return { workspaceTag: found, upstream: { name, pending, hasOtherTag } };
}

/** To look after the release before, as its record has it. */
function again(request: TagRequest, { name, date }: ReleaseRecord): TagRequest {
  const { manifest: _manifest, from: _from, refs: _refs, milestone: _milestone, last: _last, ...rest } = request;
  return { ...rest, tag: name, date };
}

const sameCommits = (facts: readonly ProductFacts[], { products }: ReleaseRecord): boolean =>
  facts.length === Object.keys(products).length &&
  facts.every(({ product, commit }) => products[product.name]?.commit === commit);

/** What is to be made. A record or a begun run has said it already. */
async function intentOf(
  workspace: Workspace,
  request: TagRequest,
  source: Source,
  facts: readonly ProductFacts[],
  fixed: { record?: ReleaseRecord; begun?: TagPlan; tagger: { name: string; email: string } },
): Promise<Result<TagIntent>> {
  const { tag, kind, date } = request;
  const { record, begun, tagger } = fixed;
  if (begun) {
    const { products: _products, forced: _forced, how: _how, ...intent } = begun.details;
    return ok(intent);
  }
  const message = workspace.config.tags?.message ?? defaultMessage;
  if (record) {
    const { source: recordedSource, previous, changes, aliases, milestone } = record;
    const extra = {
      ...(changes ? { changes } : {}),
      ...(aliases ? { aliases } : {}),
      ...(milestone ? { milestone } : {}),
    };
    return ok({
      tag,
      kind: record.kind,
      date: record.date,
      tagger,
      message,
      source: recordedSource,
      previous,
      ...extra,
    });
  }
  const contentId = source.contentId ?? contentIdOf(facts.map(contentEntry));
  const previous = await previousOf(workspace.root, tag, kind);
  const changes = await changesSince(workspace.root, previous, facts);
  const aliases = await aliasesOf(workspace, kind, tag);
  const milestone = request.milestone && (await milestoneOf(workspace, request.milestone, source.source.from));
  if (milestone && !milestone.ok) return milestone;
  return ok({
    tag,
    kind,
    date,
    tagger,
    message,
    source: { ...source.source, contentId },
    previous,
    ...(changes ? { changes } : {}),
    ...(aliases.length > 0 ? { aliases } : {}),
    ...(milestone ? { milestone: milestone.value } : {}),
  });
}

const contentEntry = ({ product, commit, version }: ProductFacts) => ({
  product: product.name,
  commit,
  version: version ?? '-',
});

/** A release is of one source: naming another one for a run that exists or was begun is refused, not mixed in. */
function sourceDisagreement(request: TagRequest, record?: ReleaseRecord, begun?: TagPlan): Problem | undefined {
  const source = record?.source ?? begun?.details.source;
  if (!source) return undefined;
  const wanted = [
    ['--manifest', request.manifest, source.manifest ?? undefined],
    ['--from', request.from, source.from],
    ['--ref', request.refs?.join(' '), source.refs?.join(' ')],
  ] as const;
  for (const [option, asked, had] of wanted) {
    if (asked === undefined || asked === '' || asked === had) continue;
    const from = had ?? source.manifest ?? source.from ?? 'the heads of the branches';
    const message = record
      ? `${request.tag} was made from ${from}, not from ${asked}`
      : `a run of ${request.tag} from ${from} was begun and not finished`;
    return problem('record-conflict', message, { hint: leaveAway(option, record) });
  }
  const had = Object.keys(record?.products ?? begun!.details.products);
  const { only, except, limit } = request;
  const narrowed = [
    [
      '--only',
      only !== undefined && !(had.every((name) => only.includes(name)) && only.every((name) => had.includes(name))),
    ],
    ['--except', except?.some((name) => had.includes(name)) === true],
    ['--limit', limit !== undefined && had.length > limit],
  ] as const;
  for (const [option, disagrees] of narrowed) {
    if (!disagrees) continue;
    const message = `${request.tag} ${record ? 'was made' : 'was begun'} with ${count(had.length, 'product')}, others than ${option} leaves`;
    return problem('record-conflict', message, { hint: leaveAway(option, record) });
  }
  return undefined;
}

const leaveAway = (option: string, record: ReleaseRecord | undefined): string =>
  record ? `leave ${option} away, or make another release` : `leave ${option} away to finish it first`;

/** Whose tags they are: a tag that is made again later is still of who made the release. */
async function taggerOf(
  workspace: Workspace,
  repository: Repository,
  { record, begun }: { record?: ReleaseRecord; begun?: TagPlan },
): Promise<Result<{ name: string; email: string }>> {
  if (begun) return ok(begun.details.tagger);
  const maker = makerOf(record);
  if (maker) return ok(maker);
  const configured = workspace.config.tags?.tagger;
  return configured ? ok(configured) : repository.identity();
}

/** The newest release of the kind that is older. */
async function previousOf(root: string, tag: ReleaseName, kind: ReleaseKind): Promise<string | null> {
  const earlier = (await listReleases(root)).filter((name) => parseReleaseName(name)?.kind === kind);
  return earlier.filter((name) => byRelease(name, tag) < 0).at(-1) ?? null;
}

/** Sign those of the tags that are to be made which are not signed yet. The signatures are part of the plan. */
async function signAll(
  workspace: Workspace,
  { sign, dryRun, signal }: TagRequest,
  intent: TagIntent,
  facts: readonly ProductFacts[],
  at: Instant,
): Promise<Problem[]> {
  const unsigned = facts.filter(({ signature }) => signature === undefined);
  if (sign === undefined || dryRun || unsigned.length === 0) return [];
  const signer = await openSigner(workspace.root, sign, { signal });
  if (!signer.ok) return signer.problems;
  const problems: Problem[] = [];
  const queue = [...unsigned];
  const worker = async (each: Signer) => {
    for (let next = queue.shift(); next && problems.length === 0; next = queue.shift()) {
      const signature = await each.sign(plannedTagObject(intent, next, at).bytes);
      if (signature.ok) next.signature = signature.value;
      else if (problems.length === 0) problems.push(...signature.problems);
    }
  };
  await Promise.all(Array.from({ length: 4 }, () => worker(signer.value)));
  return problems;
}
