import { configuredFormat, type SignatureFormat } from '../git/index.ts';
import type { ReleaseKind, ReleaseName } from '../names/index.ts';
import type { CommandContext, OptionValues } from '../plugins/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { type CalendarDate, count, Failure, problem, unwrap } from '../support/index.ts';
import {
  bindTagSteps,
  type Difference,
  othersOf,
  prepareTags,
  type SourceRequest,
  sourceLabel,
  staleness,
  type TagPlan,
  type TagRequest,
} from '../tagging/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type Operation, runOperation } from './operation.ts';

export const jobsPerHost = 32;
const limits = { jobs: 128, jobsPerHost };
const differences: readonly Difference[] = ['conflict', 'lightweight', 'message', 'tagger'];

/** What names a release to be made, and the command that makes just that one again. */
export interface Target {
  kind: ReleaseKind;
  tag: ReleaseName;
  date: CalendarDate;
  again: readonly string[];
  milestone?: TagRequest['milestone'];
  /** The release before it: with the same commits there is nothing to be made. */
  last?: ReleaseRecord;
  /** A plan that was made before, and whether some of it may be done. */
  saved?: TagPlan;
  partly?: boolean;
}

/**
 * Asking hundreds of repositories makes much garbage that lives for a moment. V8 lets the space for new objects grow with
 * it, on newer Nodes to some hundred megabytes; kept as it is, a run has half of that and takes no longer.
 */
export async function stayLittle(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Plan the tags of a release, then apply the plan: what all kinds of `dmrel tag` have in common. */
export async function runTags(
  context: CommandContext,
  workspace: Workspace,
  target: Target,
  options: OptionValues,
): Promise<number> {
  await stayLittle();
  const request = await requestOf(context, workspace, target, options);
  const operation: Operation<TagPlan> = {
    root: workspace.root,
    command: [...target.again, ...repeated(options, request)],
    fromScratch: [...target.again, ...sourceArguments(target.again, request), ...repeated(options, request)],
    dryRun: options.dryRun === true,
    limits,
    confirm: options.yes === true ? undefined : 'always',
    ...(typeof options.planOut === 'string' ? { planOut: options.planOut } : {}),
    prepare: () => prepare(context, workspace, target, request, options.planOut !== undefined),
    bind: async (plan) => {
      const sign = request.sign === undefined ? {} : { sign: request.sign };
      return unwrap(await bindTagSteps(workspace, plan, { signal: context.interrupt, jobsPerHost, ...sign }));
    },
    summary: (plan, result) => summaryOf(plan, result?.done),
  };
  return runOperation(context, operation);
}

async function prepare(
  context: CommandContext,
  workspace: Workspace,
  { tag, saved, partly }: Target,
  request: TagRequest,
  toBeSaved: boolean,
): Promise<TagPlan> {
  const plan = unwrap(await prepareTags(workspace, request));
  if (saved && !partly) plan.problems.push(...(await staleness(workspace, saved, plan)));
  const { tolerate, force, sign } = request;
  const how = {
    ...(tolerate.length > 0 ? { tolerate: [...tolerate] } : {}),
    ...(force ? { force } : {}),
    ...(sign ? { sign } : {}),
  };
  if (Object.keys(how).length > 0) plan.details.how = how;
  if (toBeSaved) plan.details.others = await othersOf(workspace, plan);
  if (plan.release !== tag && !context.json) context.err(`${plan.release} has just these commits\n`);
  return plan;
}

export const lookingAt = (context: CommandContext) => (all: number) => {
  if (!context.json) context.err(`looking at ${count(all, 'repository', 'repositories')}\n`);
  return () => {};
};

async function requestOf(
  context: CommandContext,
  workspace: Workspace,
  target: Target,
  options: OptionValues,
): Promise<TagRequest> {
  const { kind, tag, date, milestone, last, saved } = target;
  const how = saved?.details.how;
  const sign = saved && options.sign === undefined ? how?.sign : await signatureOf(workspace, options.sign);
  const force = options.force === undefined ? how?.force : difference(String(options.force));
  return {
    kind,
    tag,
    date,
    ...sourceOf(options),
    tolerate: (['lightweight', 'message', 'tagger'] as const).filter(
      (each) => how?.tolerate?.includes(each) || options[`ignore${each[0]!.toUpperCase()}${each.slice(1)}`] === true,
    ),
    ...(force ? { force } : {}),
    ...(sign ? { sign } : {}),
    ...(milestone ? { milestone } : {}),
    ...(last ? { last } : {}),
    ...(saved ? { saved } : {}),
    dryRun: options.dryRun === true && options.planOut === undefined,
    now: context.now(),
    signal: context.interrupt,
    jobsPerHost,
    looking: lookingAt(context),
  };
}

/** The form to sign in: as it was said, as dmrel.yaml has it, or as git is configured. */
async function signatureOf(
  { root, config }: Workspace,
  asked: OptionValues[string],
): Promise<SignatureFormat | undefined> {
  if (asked === false) return undefined;
  if (typeof asked === 'string') return signFormat(asked);
  const configured = config.tags?.sign === 'none' ? undefined : config.tags?.sign;
  return configured ?? (asked === true ? await configuredFormat(root) : undefined);
}

function sourceOf(options: OptionValues): Omit<SourceRequest, 'signal'> {
  const list = (option: string, value: OptionValues[string]) => {
    if (typeof value !== 'string') return undefined;
    const names = value.split(',').map((each) => each.trim());
    // An empty variable of a script is no wish for everything.
    if (names.every((each) => each === ''))
      throw new Failure(problem('usage', `${option} names nothing`, { hint: 'expected names with commas between' }));
    return names.filter((each) => each !== '');
  };
  const text = (value: OptionValues[string]) => (typeof value === 'string' ? value : undefined);
  const refs = list('--ref', options.ref);
  for (const ref of refs ?? []) {
    if (/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/.test(ref) && !ref.includes('..')) continue;
    throw new Failure(
      problem('usage', `--ref: '${ref}' is no branch or tag`, { hint: 'expected names with commas between' }),
    );
  }
  const [manifest, from, only, except] = [
    text(options.manifest),
    text(options.from),
    list('--only', options.only),
    list('--except', options.except),
  ];
  if (manifest !== undefined && from !== undefined) {
    throw new Failure(
      problem('usage', 'commits come from --manifest or from --from, not from both', { hint: 'leave one away' }),
    );
  }
  if (options.limit !== undefined && !/^[1-9][0-9]{0,8}$/.test(String(options.limit))) {
    throw new Failure(
      problem('usage', `--limit: '${options.limit}' is no number of products`, { hint: 'expected 1 or more' }),
    );
  }
  return {
    ...(manifest === undefined ? {} : { manifest }),
    ...(from === undefined ? {} : { from }),
    ...(refs === undefined ? {} : { refs }),
    ...(only === undefined ? {} : { only }),
    ...(except === undefined ? {} : { except }),
    ...(options.limit === undefined ? {} : { limit: Number(options.limit) }),
    ...(options.ignoreManifestVersions === true ? { ignoreManifestVersions: true } : {}),
  };
}

function difference(text: string): Difference {
  const found = differences.find((each) => each === text);
  if (found) return found;
  throw new Failure(
    problem('usage', `--force: '${text}' is no kind of difference`, { hint: `one of: ${differences.join(', ')}` }),
  );
}

function signFormat(text: string): SignatureFormat {
  if (text === 'ssh' || text === 'gpg') return text;
  throw new Failure(problem('usage', `--sign: '${text}' is no form of signature`, { hint: 'ssh or gpg' }));
}

/** Options that say where commits come from and which products are meant, those left out that are there already. */
function sourceArguments(given: readonly string[], request: SourceRequest): string[] {
  const { manifest, from, refs, only, except, limit, ignoreManifestVersions } = request;
  const values = [
    ['--manifest', manifest],
    ['--from', from],
    ['--ref', refs?.join(',')],
    ['--only', only?.join(',')],
    ['--except', except?.join(',')],
    ['--limit', limit?.toString()],
  ] as const;
  const said = values.flatMap(([option, value]) =>
    value === undefined || given.includes(option) ? [] : [option, value],
  );
  return ignoreManifestVersions ? [...said, '--ignore-manifest-versions'] : said;
}

/** Options that a run which goes on has to be given again. Where commits come from stands in its plan. */
function repeated(options: OptionValues, { sign }: TagRequest): string[] {
  const flags = ['ignoreMessage', 'ignoreTagger', 'ignoreLightweight'].filter((name) => options[name] === true);
  const dashed = flags.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  const signed = options.sign === undefined ? [] : sign === undefined ? ['--no-sign'] : ['--sign', sign];
  return [...dashed, ...(typeof options.force === 'string' ? ['--force', options.force] : []), ...signed];
}

function summaryOf({ details, release, steps }: TagPlan, done: readonly string[] | undefined): string {
  const repositories = count(Object.keys(details.products).length, 'repository', 'repositories');
  const record = `recorded in releases/${release}/release.yaml`;
  if (!done) return `${release}: nothing to do; ${repositories} in sync, ${record}\n`;
  const made = done.filter((id) => id.startsWith('tag:')).length;
  const moved = steps.filter(({ id, action }) => action === 'move' && done.includes(id)).length;
  const written = `${made - moved} new${moved > 0 ? `, ${moved} moved` : ''}`;
  const { manifest, from, refs } = details.source;
  const source = from
    ? [...(refs ?? []), from].join(' ')
    : manifest || refs
      ? sourceLabel(details.source)
      : 'the heads of their branches';
  const { milestone } = details;
  const features = milestone
    ? `; it delivers ${milestone.delivered.length} of the ${milestone.delivered.length + milestone.missing.length} features of ${milestone.id}`
    : '';
  const content = details.source.manifest ? `, content ${details.source.contentId.slice(0, 12)}` : '';
  return `${release}: ${repositories} tagged from ${source}${content} (${written}), ${record}${features}\n`;
}
