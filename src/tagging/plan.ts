import { type CommitId, type ObjectId, parseTagContent, type SignatureFormat, tagObject } from '../git/index.ts';
import type { ReleaseKind, ReleaseName } from '../names/index.ts';
import type { Action, Plan, PlannedStep } from '../operation/index.ts';
import type { Product } from '../products/index.ts';
import type { ForcedTag, ReleasedMilestone, ReleaseRecord, ReleaseSource } from '../releases/index.ts';
import { type CalendarDate, epochSeconds, type Instant, type Problem, problem } from '../support/index.ts';
import { type Difference, differencesOf, type ExistingTag, problemOf, type WantedTag } from './existing.ts';
import { sharedPlaceProblems } from './places.ts';

/** What one remote says of one product. */
export interface ProductFacts {
  product: Product;
  auxiliary: boolean;
  /** The commit to tag. */
  commit: CommitId;
  /** The name of its tag: the release's own, with a `v` for an official release of an external product. */
  tag: string;
  version?: string;
  /** The tag as it is on the remote now. */
  existing?: ExistingTag;
  /** The same version is there in the other form too: `X` beside `vX`. */
  otherForm?: string;
  signature?: string;
}

export interface TagFacts {
  operation: string;
  at: Instant;
  intent: TagIntent;
  products: ProductFacts[];
  /** What is let pass, and the one difference that is overwritten. */
  tolerate: readonly Difference[];
  force: Difference | undefined;
  /** The record and the workspace as they are now. */
  record: ReleaseRecord | undefined;
  /** A run of this release that never came to its end: what it has made is not found, but gone on with. */
  begun: Pick<TagPlanDetails, 'products' | 'forced'> | undefined;
  recordIsCommitted: boolean;
  workspaceTag: { commit: CommitId | undefined } | undefined;
  /**
   * Where the workspace's commits are pushed to, whether that is still to be done, and whether a tag of the release is
   * there that came otherwise.
   */
  upstream: { name: string; pending: boolean; hasOtherTag?: boolean } | undefined;
}

/** What is to be made, before anything is known of the remotes. */
export interface TagIntent {
  tag: ReleaseName;
  kind: ReleaseKind;
  date: CalendarDate;
  tagger: { name: string; email: string };
  /** `{tag}` and `{source}` are filled in. */
  message: string;
  source: ReleaseSource;
  previous: string | null;
  changes?: { added: string[]; removed: string[]; moved: string[] };
  aliases?: string[];
  milestone?: ReleasedMilestone;
}

export interface PlannedTag {
  url: string;
  commit: CommitId;
  tag: string;
  object: ObjectId;
  auxiliary: boolean;
  version?: string;
  /** The tag was there already. */
  preexisting?: true;
  signature?: string;
}

/** Everything the steps need, so that a plan can be finished by another process than made it. */
export interface TagPlanDetails extends TagIntent {
  products: Record<string, PlannedTag>;
  forced?: ForcedTag[];
  /** What was asked for beside the release itself, so that it is finished in the same way. */
  how?: { tolerate?: Difference[]; force?: Difference; sign?: SignatureFormat };
  /** In a saved plan: products of the index that it leaves out. */
  others?: string[];
}

export type TagPlan = Plan<TagPlanDetails>;

/** The tag of a product, as a pure function of the plan: the same plan makes the same object ids. */
export function plannedTagObject(
  intent: TagIntent,
  { tag, commit, signature }: { tag: string; commit: CommitId; signature?: string },
  at: Instant,
): ReturnType<typeof tagObject> {
  const { tagger } = intent;
  const made = { commit, tag, tagger, epochSeconds: epochSeconds(at), message: messageOf(intent, tag) };
  return tagObject(signature === undefined ? made : { ...made, signature });
}

/** The message of a tag. `{tag}` is the repository's own, `v` included, as codekit has it. */
export const messageOf = ({ message, source }: TagIntent, tag: string): string =>
  message.replaceAll('{tag}', tag).replaceAll('{source}', sourceLabel(source));

/** Where commits come from, in the words of codekit's messages where it has some. */
export function sourceLabel({ manifest, eupsTag, from, refs }: ReleaseSource): string {
  if (manifest) return eupsTag === undefined ? `manifest ${manifest}` : `${eupsTag}/${manifest}`;
  const parts = [...(refs ?? []), ...(from === undefined ? [] : [from])];
  return parts.length > 0 ? parts.join(' ') : 'branch heads';
}

/** Decide, for every repository, to create, to skip, to move, or that there is a conflict. Pure: facts in, plan out. */
export function planTags(facts: TagFacts): TagPlan {
  const { operation, at, intent, products } = facts;
  const details: TagPlanDetails = { ...intent, products: {} };
  const forced = forcedBefore(facts);
  let rewrite = forced.length > (facts.record?.forced ?? []).length;
  const tagSteps: PlannedStep[] = [];
  const problems: Problem[] = [];

  // Products first, auxiliaries last, so that a product that fails keeps the auxiliaries untouched.
  const ordered = [...products].sort((left, right) => Number(left.auxiliary) - Number(right.auxiliary));
  for (const each of ordered) {
    const { product, commit, existing, auxiliary, version, tag, signature } = each;
    const { id: made } = plannedTagObject(intent, each, at);
    const wanted = wantedTag(each, facts);
    const { action, found } = judge(existing, wanted, facts);
    problems.push(...found, ...formProblems(each));
    if (action === 'move')
      forced.push({ product: product.name, from: existing!.object, to: made, because: facts.force! });
    const there = action === 'create' || action === 'move' ? undefined : existing!;
    // A tag that was lost cannot always be made again as it was; the record then says what it is now.
    const object = there?.object ?? made;
    if (action === 'move' || (object === made && object !== wanted.object)) rewrite = true;
    details.products[product.name] = {
      url: product.url.display,
      commit,
      tag,
      object,
      auxiliary,
      ...(version === undefined ? {} : { version }),
      ...(there && wasThere(product.name, there, forced, facts) ? { preexisting: true as const } : {}),
      ...(signature === undefined ? {} : { signature }),
    };
    tagSteps.push({
      id: stepId(product.name),
      title: `tag ${product.name}`,
      action,
      host: product.url.host || 'files',
      from: action === 'move' ? existing!.object : (existing?.commit ?? existing?.object ?? null),
      to: action === 'move' ? made : commit,
    });
  }
  if (forced.length > 0) details.forced = forced;
  problems.push(
    ...sharedPlaceProblems(
      ordered.map(({ product }) => product),
      details.products,
    ),
  );
  if (facts.workspaceTag && !facts.record) {
    const message = `the workspace has a tag ${intent.tag} already, but no record of it`;
    problems.push(
      problem('tag-conflict', message, { hint: `look at it: git show ${intent.tag}`, subject: 'workspace' }),
    );
  } else if (facts.upstream?.hasOtherTag) {
    const { name } = facts.upstream;
    const message = `${name} has no record of ${intent.tag}, but a tag of that name is there already`;
    const hint = `look at it: git fetch ${name.split('/')[0]} tag ${intent.tag}`;
    problems.push(problem('tag-conflict', message, { hint, subject: 'workspace' }));
  }
  const steps = arrange(
    facts,
    tagSteps,
    rewrite,
    new Set(products.filter(({ auxiliary }) => auxiliary).map(({ product }) => stepId(product.name))),
  );
  return { schema: 'dmrel/plan/v1', operation, command: 'tag', release: intent.tag, at, steps, problems, details };
}

/** Whether a tag was there before this release was made; what a run that was begun has made itself was not. */
function wasThere(
  product: string,
  { object }: ExistingTag,
  forced: readonly ForcedTag[],
  { record, begun }: TagFacts,
): boolean {
  if (forced.some((each) => each.product === product && each.to === object)) return false;
  if (record) return record.products[product]?.preexisting === true;
  const planned = begun?.products[product];
  return planned?.preexisting === true || planned?.object !== object;
}

/** What was moved already: on record, or by a run that was begun and did not come to write its record. */
function forcedBefore({ record, begun, products }: TagFacts): ForcedTag[] {
  const recorded = record?.forced ?? [];
  const now = new Map(products.map(({ product, existing }) => [product.name, existing?.object]));
  const same = (left: ForcedTag, right: ForcedTag) =>
    left.product === right.product && left.from === right.from && left.to === right.to;
  const moved = (begun?.forced ?? []).filter((each) => now.get(each.product) === each.to);
  return [...recorded, ...moved.filter((each) => !recorded.some((other) => same(each, other)))];
}

/** The tag that a product is to have: as it is on record, or as the plan makes it. */
function wantedTag(each: ProductFacts, { intent, at, record }: Pick<TagFacts, 'intent' | 'at' | 'record'>): WantedTag {
  const { product, tag, commit } = each;
  const { id, bytes } = plannedTagObject(intent, each, at);
  return {
    product: product.name,
    tag,
    url: product.url.display,
    commit,
    object: record?.products[product.name]?.object ?? id,
    // As git writes it: without what it leaves out of names.
    tagger: parseTagContent(bytes)?.tagger ?? intent.tagger,
    message: messageOf(intent, tag),
  };
}

/** Whether a tag that is there is to be moved: the one that is put in its place is made, and signed, as a new one is. */
export const isToBeMoved = (
  each: ProductFacts,
  facts: Pick<TagFacts, 'intent' | 'at' | 'record' | 'tolerate' | 'force'>,
): boolean => judge(each.existing, wantedTag(each, facts), facts).action === 'move';

export const stepId = (product: string): string => `tag:${product}`;

function judge(
  existing: ExistingTag | undefined,
  wanted: WantedTag,
  { tolerate, force }: Pick<TagFacts, 'tolerate' | 'force'>,
): { action: Action; found: Problem[] } {
  if (!existing) return { action: 'create', found: [] };
  const differences = differencesOf(existing, wanted);
  const open = differences.filter((each) => !tolerate.includes(each));
  if (open.length === 0) return { action: 'skip', found: [] };
  // One kind at a time: a tag that differs in something else too stays where it is.
  if (open.every((each) => each === force)) return { action: 'move', found: [] };
  return { action: 'conflict', found: open.map((each) => problemOf(each, existing, wanted)) };
}

/** `1.0` and `v1.0` in one repository would make its version ambiguous (codekit TODO.md). */
function formProblems({ product, tag, otherForm }: ProductFacts): Problem[] {
  if (otherForm === undefined) return [];
  const message = `${product.name}: has the tag ${otherForm}, and would have ${tag} beside it`;
  const hint = `take ${otherForm} away there, or put ${product.name} into another group of products`;
  return [problem('tag-ambiguous', message, { hint, subject: product.name })];
}

/** The order: who tags (claim), products, what they have now, auxiliaries, what they have, the record, the workspace. */
function arrange(
  facts: TagFacts,
  tagSteps: PlannedStep[],
  rewrite: boolean,
  auxiliaries: ReadonlySet<string>,
): PlannedStep[] {
  const { intent, record, recordIsCommitted, workspaceTag, upstream } = facts;
  const { tag } = intent;
  const file = `releases/${tag}/release.yaml`;
  const step = (id: string, title: string, done: boolean, needs: string[], to: string): PlannedStep => {
    return { id, title, action: done ? 'skip' : 'create', from: null, to, needs };
  };
  const written = (steps: PlannedStep[]) => steps.some(({ action }) => action === 'create' || action === 'move');
  const products = tagSteps.filter(({ id }) => !auxiliaries.has(id));
  const extras = tagSteps.filter(({ id }) => auxiliaries.has(id));
  const ids = (steps: PlannedStep[]) => steps.map(({ id }) => id);
  const count = (steps: PlannedStep[]) => `${steps.length} remote${steps.length === 1 ? '' : 's'}`;

  const claim = upstream && !record ? [step('claim', `claim ${tag} at ${upstream.name}`, false, [], tag)] : [];
  const steps = [...claim, ...products.map((each) => ({ ...each, ...(claim.length > 0 ? { needs: ['claim'] } : {}) }))];
  // Without products, auxiliaries still wait for the claim.
  const asked = products.length > 0 ? ids(products) : ids(claim);
  steps.push(step('verify', `ask ${count(products)} again`, !written(products), asked, tag));
  if (extras.length > 0) {
    steps.push(...extras.map((each) => ({ ...each, needs: ['verify'] })));
    steps.push(step('verify-auxiliary', `ask ${count(extras)} again`, !written(extras), ids(extras), tag));
  }
  const verified = extras.length > 0 ? ['verify', 'verify-auxiliary'] : ['verify'];
  steps.push(
    step('record', `write ${file}`, record !== undefined && !rewrite, verified, file),
    step('commit', 'commit the record', recordIsCommitted && !rewrite, ['record'], file),
    step('workspace-tag', 'tag the workspace', workspaceTag !== undefined, ['commit'], tag),
  );
  if (upstream)
    steps.push(
      step('push', `push to ${upstream.name}`, !upstream.pending && !rewrite, ['workspace-tag'], upstream.name),
    );
  return steps;
}

/** The record that a plan leads to. */
export function recordOf(plan: TagPlan): ReleaseRecord {
  const { tag, kind, date, source, previous, products, tagger, changes, aliases, milestone, forced } = plan.details;
  return {
    schema: 'dmrel/release/v1',
    name: tag,
    kind,
    date,
    created: { at: plan.at as Instant, by: `${tagger.name} <${tagger.email}>`, operation: plan.operation },
    source,
    previous,
    ...(changes ? { changes } : {}),
    ...(aliases ? { aliases } : {}),
    ...(milestone ? { milestone } : {}),
    products: Object.fromEntries(
      Object.entries(products).map(([name, { url, commit, tag: own, object, version, preexisting, auxiliary }]) => [
        name,
        {
          url,
          commit,
          tag: own,
          object,
          ...(version === undefined ? {} : { version }),
          ...(preexisting ? { preexisting } : {}),
          ...(auxiliary ? { auxiliary } : {}),
        },
      ]),
    ),
    ...(forced ? { forced } : {}),
  };
}
