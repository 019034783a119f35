import { fitsSchema } from '../documents/index.ts';
import { isRefName, parseCommitId, parseObjectId } from '../git/index.ts';
import { parseReleaseName } from '../names/index.ts';
import { readJournal } from '../operation/index.ts';
import { readProductIndex } from '../products/index.ts';
import { readRelease } from '../releases/index.ts';
import {
  failed,
  ok,
  type Problem,
  parseDate,
  parseInstant,
  printable,
  problem,
  type Result,
} from '../support/index.ts';
import { transportsOf, type Workspace } from '../workspace/index.ts';
import { type PlannedTag, recordOf, type TagPlan, type TagPlanDetails } from './plan.ts';

const maxProducts = 10_000;
const again = 'make the plan again, look at it, and apply that';

/**
 * A plan that was saved, or left at the upstream by another machine. Its text is not trusted: what is taken from it is
 * held against its grammar, everything else is left out and computed anew.
 */
export async function parseSavedPlan(text: string, name: string): Promise<Result<TagPlan>> {
  const refuse = (why: string): Result<never> =>
    failed(problem('plan-stale', `${printable(name)} ${why}`, { hint: 'make it with: dmrel tag ... --plan-out FILE' }));
  let plan: TagPlan;
  try {
    plan = JSON.parse(text) as TagPlan;
  } catch {
    return refuse('holds no JSON');
  }
  if (plan?.schema !== 'dmrel/plan/v1') return refuse('is no plan');
  if (plan.command !== 'tag')
    return refuse(`is a plan of '${printable(String(plan.command))}', which cannot be applied from a file`);
  if (!hasForm(plan)) return refuse('is no sound plan of a tag run');
  const taken: TagPlan = {
    schema: plan.schema,
    operation: plan.operation,
    command: plan.command,
    release: plan.release,
    at: plan.at,
    steps: plan.steps.map(({ id, title, action, from, to }) => ({
      id,
      title,
      action,
      from: from ?? null,
      to: to ?? null,
    })),
    problems: [],
    details: detailsOf(plan.details),
  };
  // What it leads to must be a record that can be read again.
  return (await fitsSchema('dmrel/release/v1', recordOf(taken))) ? ok(taken) : refuse('is no sound plan of a tag run');
}

/** The fields that are known, in their own order. */
function detailsOf(details: TagPlanDetails): TagPlanDetails {
  const { tag, kind, date, tagger, message, source, previous, changes, aliases, milestone, forced, how, others } =
    details;
  return {
    tag,
    kind,
    date,
    tagger: { name: tagger.name, email: tagger.email },
    message,
    source,
    previous,
    ...(changes ? { changes } : {}),
    ...(aliases ? { aliases } : {}),
    ...(milestone ? { milestone } : {}),
    products: Object.fromEntries(Object.entries(details.products).map(([name, each]) => [name, plannedOf(each)])),
    ...(forced ? { forced } : {}),
    ...(how ? { how } : {}),
    ...(others ? { others } : {}),
  };
}

const plannedOf = ({
  url,
  commit,
  tag,
  object,
  auxiliary,
  version,
  preexisting,
  signature,
}: PlannedTag): PlannedTag => ({
  url,
  commit,
  tag,
  object,
  auxiliary: auxiliary === true,
  ...(version === undefined ? {} : { version }),
  ...(preexisting === true ? { preexisting } : {}),
  ...(signature === undefined ? {} : { signature }),
});

/** Whether a plan has the form that its use relies on; the schema of records says the rest. */
function hasForm({ operation, release, at, steps, details }: TagPlan): boolean {
  if (!isText(operation, /^[0-9A-HJKMNP-TV-Z]{26}$/) || !isText(release) || !isText(at)) return false;
  const named = parseReleaseName(release);
  if (!named || !parseInstant(at) || !isMap(details)) return false;
  const { tag, kind, date, tagger, message, products } = details;
  return (
    tag === release &&
    kind === named.kind &&
    isText(date) &&
    parseDate(date) !== undefined &&
    isMap(tagger) &&
    isText(tagger.name, person) &&
    isText(tagger.email, person) &&
    isText(message, /^(?:\P{C}|\n){1,2000}$/u) &&
    isMap(products) &&
    isCount(Object.keys(products).length) &&
    Object.values(products).every((each) => isPlanned(each, release)) &&
    Array.isArray(steps) &&
    steps.length <= 2 * maxProducts &&
    steps.every(isStep) &&
    isHow(details.how) &&
    (details.others === undefined || (Array.isArray(details.others) && details.others.every((each) => isText(each))))
  );
}

const person = /^[^<>\p{C}]{1,200}$/u;
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown, form?: RegExp): value is string =>
  typeof value === 'string' && (form === undefined || form.test(value));
const isCount = (number: number): boolean => number > 0 && number <= maxProducts;

/** The tag of a product is the release's own name, or that with a `v`: a plan of one release makes no other tags. */
const isPlanned = (each: PlannedTag, release: string): boolean =>
  isMap(each) &&
  isText(each.commit) &&
  parseCommitId(each.commit) !== undefined &&
  isText(each.object) &&
  parseObjectId(each.object) !== undefined &&
  isText(each.tag) &&
  [release, `v${release}`].includes(each.tag) &&
  isRefName(each.tag) &&
  isText(each.url) &&
  (each.version === undefined || isText(each.version)) &&
  (each.signature === undefined || isText(each.signature, /^-----BEGIN [A-Z ]+-----\n[\x20-\x7e\n]{1,20000}$/));

const isStep = (step: TagPlan['steps'][number]): boolean =>
  isMap(step) &&
  [step.id, step.title, step.action].every((each) => isText(each) && each.length <= 1000) &&
  [step.from, step.to].every((each) => each === undefined || each === null || isText(each));

const kinds = ['conflict', 'lightweight', 'message', 'tagger'];
const isHow = (how: TagPlanDetails['how']): boolean =>
  how === undefined ||
  (isMap(how) &&
    (how.tolerate === undefined ||
      (Array.isArray(how.tolerate) && how.tolerate.every((each) => kinds.slice(1).includes(each)))) &&
    (how.force === undefined || kinds.includes(how.force)) &&
    (how.sign === undefined || ['ssh', 'gpg'].includes(how.sign)));

/** Products of the index that a plan leaves out: what comes into it afterwards is seen by that. */
export async function othersOf(workspace: Workspace, plan: TagPlan): Promise<string[]> {
  const names = await productNames(workspace);
  return names.filter((name) => !Object.hasOwn(plan.details.products, name));
}

async function productNames({ root, config }: Workspace): Promise<string[]> {
  const index = config.products && (await readProductIndex(root, config.products.index, transportsOf(config)));
  return index?.ok ? [...index.value.products.keys()] : [];
}

const stale = (message: string, subject: string): Problem => problem('plan-stale', message, { hint: again, subject });

/** What has changed since a plan was saved: a line for everything that would no longer be what it says. */
export async function staleness(workspace: Workspace, saved: TagPlan, now: TagPlan): Promise<Problem[]> {
  const { release, details } = saved;
  const record = await readRelease(workspace.root, release);
  const made = record.ok ? record.value : undefined;
  if (made && made.created.operation !== saved.operation)
    return [stale(`${release} was made meanwhile, by ${made.created.by} at ${made.created.at}`, release)];
  const journal = readJournal(workspace.root, saved.operation);
  if (!made && journal.some(({ event }) => event === 'end'))
    return [stale(`${release} was made by this plan already, and taken back`, release)];
  const known = new Set([...Object.keys(details.products), ...(details.others ?? [])]);
  const came = details.others === undefined ? [] : await productNames(workspace);
  return [
    ...came.filter((name) => !known.has(name)).map((name) => stale(`${name} came into the index of products`, name)),
    ...staleTags(saved, now),
    ...staleSteps(saved, now),
  ];
}

/** The same repositories get the same objects. */
function staleTags(saved: TagPlan, now: TagPlan): Problem[] {
  const problems: Problem[] = [];
  for (const [name, is] of Object.entries(now.details.products)) {
    const was = saved.details.products[name];
    if (!was) continue;
    if (was.url !== is.url) problems.push(stale(`${name} is at ${is.url} now, the plan has ${was.url}`, name));
    else if (was.object !== is.object) {
      const message = `${name}: the tag would be ${is.object.slice(0, 12)}, the plan says ${was.object.slice(0, 12)}`;
      problems.push(stale(message, name));
    }
  }
  return problems;
}

function staleSteps(saved: TagPlan, now: TagPlan): Problem[] {
  const steps = new Map(now.steps.map((step) => [step.id, step]));
  const problems: Problem[] = [];
  for (const was of saved.steps) {
    const is = steps.get(was.id);
    steps.delete(was.id);
    const same = is && is.action === was.action && (is.from ?? null) === was.from && (is.to ?? null) === was.to;
    // What is done already is no reason to stop: that is how a plan that was applied in part is finished.
    if (same || is?.action === 'skip') continue;
    // Nobody claims a release that has its record.
    if (!is && was.id === 'claim') continue;
    const found = is ? `${is.action}${is.from ? ` (it is ${is.from.slice(0, 12)} now)` : ''}` : 'nothing';
    const message = `${printable(was.title)}: the plan says ${printable(was.action)}, now it would be ${found}`;
    problems.push(stale(message, was.id));
  }
  for (const step of steps.values()) {
    if (step.action !== 'skip') problems.push(stale(`${step.title}: not in the plan`, step.id));
  }
  return problems;
}
