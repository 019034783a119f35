import { join } from 'node:path';
import { signerFor } from '../evidence/index.ts';
import { openRepository, type Repository } from '../git/index.ts';
import { openRegistry } from '../levels/index.ts';
import { newOperationId, type Step } from '../operation/index.ts';
import { all, type ImageRegistry, openLayout } from '../registry/index.ts';
import { type ReleasedImage, type ReleaseRecord, readAllReleases, requireRelease } from '../releases/index.ts';
import {
  didYouMean,
  failed,
  type Instant,
  instantOf,
  ok,
  type Problem,
  problem,
  type Result,
} from '../support/index.ts';
import { need, type Workspace } from '../workspace/index.ts';
import { uncommitted } from './as-committed.ts';
import { type Draft, draftImage } from './draft.ts';
import { gatherFacts } from './facts.ts';
import type { BuildOptions } from './options.ts';
import { type BuildPlan, type ImageDetails, planBuild } from './plan.ts';
import { resolveNow } from './run.ts';
import { type BuildRun, bindSteps, buildRegistry, recordFiles, releasedImage, statementsOf } from './steps.ts';
import { takenTags } from './taken-tags.ts';

/** A build that was decided on, with all that its steps need. */
export interface PreparedBuild {
  plan: BuildPlan;
  /** How the release was chosen, when nobody named it. */
  because?: string;
  bind(
    settings: BindSettings,
  ): Promise<{ steps: Step[]; images: ReadonlyMap<string, ReleasedImage>; close(): Promise<void> }>;
}

export interface BindSettings {
  now: () => Date;
  /** Takes the lines of the engines as they come. */
  follow?: (image: string) => (line: string) => void;
}

/** Where images are built to that are not for others. */
const ownLayout = '.dmrel/here';

/** Find out what has to be built for a release; the newest one when none is named. Nothing is written. */
export async function prepareBuild(
  workspace: Workspace,
  options: BuildOptions,
  now: Date,
): Promise<Result<PreparedBuild>> {
  const opened = await openBuild(workspace, options);
  if (!opened.ok) return opened;
  const { record, records, because, places, repository, madeAt, drafts } = opened.value;
  const signer = options.keepHere ? ok(undefined) : await signerFor(workspace, 'builder', options.env);

  const problems: Problem[] = [
    ...workspace.warnings.filter(({ code }) => code === 'secret-argument'),
    ...[...drafts.values()].flatMap(({ warnings }) => warnings),
  ];
  const found = { workspace, record, records, ...places, options };
  const facts = await gatherFacts(drafts, found, problems);
  const upstream = options.keepHere ? undefined : await repository.upstream();
  const operation = newOperationId(now);
  const plan = planBuild({
    operation,
    at: instantOf(now),
    record,
    records,
    images: facts,
    moveAliasesBack: options.moveAliasesBack,
    changePromoted: options.changePromoted,
    publish: options.keepHere
      ? undefined
      : {
          recordIsCommitted: await repository.isCommitted(recordFiles(record)),
          upstream: upstream && {
            name: `${upstream.remote}/${upstream.branch}`,
            pending: await repository.isAhead(),
          },
        },
    problems,
  });
  const toBuild = [...drafts.values()].filter(({ image }) => plan.details.images[image.name]?.action === 'build');
  const dirty = await all(toBuild.map((draft) => uncommitted(workspace, repository, draft)));
  plan.problems.push(...dirty.flat());
  // Who only looks, or moves tags, signs nothing.
  if (!signer.ok && toBuild.length > 0) plan.problems.push(...signer.problems);
  return ok({
    plan,
    ...(because === undefined ? {} : { because }),
    bind: async (settings) => {
      const elsewhere = new Set<string>();
      const { registry, fallback } = places;
      const run: BuildRun = {
        operation,
        workspace,
        record,
        records,
        drafts,
        ...places,
        elsewhere,
        repository,
        madeAt,
        images: new Map(),
        placeOf: (name) => ({ registry: elsewhere.has(name) ? fallback! : registry, repository: name }),
        signer: signer.ok ? signer.value : undefined,
        writesRecord: !options.keepHere,
        buildNumber: options.buildNumber,
        noCache: options.force,
        env: options.env,
        ...settings,
      };
      await takeWhatIsThere(run, plan);
      return { steps: bindSteps(run, plan), images: run.images, close: () => closeEngines(drafts) };
    },
  });
}

/** What engines kept for further builds of this run. */
export async function closeEngines(drafts: ReadonlyMap<string, Draft>): Promise<void> {
  const engines = new Set([...drafts.values()].map(({ engine }) => engine));
  await Promise.all([...engines].map((engine) => engine.close?.()));
}

/** What a build is about, before anything was asked of a registry. */
export interface OpenedBuild {
  record: ReleaseRecord;
  records: ReleaseRecord[];
  because?: string;
  places: { registry: ImageRegistry; fallback: ImageRegistry | undefined };
  repository: Repository;
  /** The time of everything in the images: that of the release's own commit; where it has no tag yet, the record's. */
  madeAt: Instant;
  /** Parents first. */
  drafts: Map<string, Draft>;
}

/** Find the release, read every image, and say all that is wrong with any of them. */
export async function openBuild(workspace: Workspace, options: BuildOptions): Promise<Result<OpenedBuild>> {
  const images = need(workspace, 'images', 'there is nothing to build');
  if (!images.ok) return images;
  const chosen = await chooseRelease(workspace, options.release);
  if (!chosen.ok) return chosen;
  const places = placesOf(workspace, options.keepHere);
  if (!places.ok) return places;
  const repository = await openRepository(workspace.root);
  if (!repository.ok) return repository;
  const names = selectImages(workspace, options.only);
  if (!names.ok) return names;
  const { record } = chosen.value;
  const drafts = await draftAll(workspace, record, names.value, options);
  if (!drafts.ok) return drafts;
  const taken = await takenTags(drafts.value, record.name, chosen.value.records);
  if (taken.length > 0) return failed(...taken);
  const seconds = await repository.value.tagTime(record.name);
  const madeAt = seconds === undefined ? record.created.at : instantOf(new Date(seconds * 1000));
  return ok({ ...chosen.value, places: places.value, repository: repository.value, madeAt, drafts: drafts.value });
}

async function chooseRelease(
  workspace: Workspace,
  name: string | undefined,
): Promise<Result<{ record: ReleaseRecord; records: ReleaseRecord[]; because?: string }>> {
  const { records, problems } = await readAllReleases(workspace.root, workspace.records);
  if (problems.length > 0) return failed(...problems);
  if (name !== undefined) {
    const record = await requireRelease(workspace.root, name);
    return record.ok ? ok({ record: record.value, records }) : record;
  }
  const newest = records.at(-1);
  if (newest) return ok({ record: newest, records, because: 'the newest release' });
  return failed(
    problem('unknown-release', 'there is no release to build', { hint: `make one with 'dmrel tag weekly'` }),
  );
}

function placesOf(
  workspace: Workspace,
  keepHere: boolean,
): Result<{ registry: ImageRegistry; fallback: ImageRegistry | undefined }> {
  const registry = openRegistry(workspace, buildRegistry);
  if (!registry.ok) return registry;
  if (!keepHere) return ok({ registry: registry.value, fallback: undefined });
  return ok({ registry: openLayout(join(workspace.root, ownLayout), `layout:${ownLayout}`), fallback: registry.value });
}

/** The images that are named, or all, and what they are built on; parents first. Problem: `unknown-image`. */
export function selectImages(workspace: Workspace, only: readonly string[] | undefined): Result<string[]> {
  const { images } = workspace;
  const selected: string[] = [];
  const add = (name: string): void => {
    if (selected.includes(name)) return;
    for (const parent of Object.values(images.get(name)!.parents)) add(parent);
    selected.push(name);
  };
  const problems: Problem[] = [];
  for (const name of only ?? images.keys()) {
    const members = [...images.values()].filter((each) => each.name === name || each.family === name);
    for (const member of members) add(member.name);
    if (members.length > 0) continue;
    const hint = didYouMean(name, images.keys()) ?? `this workspace has: ${[...images.keys()].join(', ')}`;
    problems.push(problem('unknown-image', `there is no image '${name}' to build`, { hint }));
  }
  return problems.length > 0 ? failed(...problems) : ok(selected);
}

/** All that is wrong with any of them at once. */
async function draftAll(
  workspace: Workspace,
  record: ReleaseRecord,
  names: readonly string[],
  options: BuildOptions,
): Promise<Result<Map<string, Draft>>> {
  const made = await all(names.map((name) => draftImage(workspace, record, workspace.images.get(name)!, options)));
  const problems = made.flatMap((each) => (each.ok ? [] : each.problems));
  if (problems.length > 0) return failed(...problems);
  return ok(new Map(made.flatMap((each) => (each.ok ? [[each.value.image.name, each.value]] : []))));
}

/** Images that no step is needed for are there from the beginning; parents come first. */
async function takeWhatIsThere(run: BuildRun, { details }: BuildPlan): Promise<void> {
  for (const [name, { action, found }] of Object.entries<ImageDetails>(details.images)) {
    if (action === 'build' || !found) continue;
    if (found.elsewhere) run.elsewhere.add(name);
    const released = run.record.images?.[name];
    const draft = run.drafts.get(name)!;
    const now = resolveNow(run, draft);
    if (!now.ok) continue;
    const { inputs } = now.value.resolved;
    const statements =
      released?.digest === found.digest && released.provenance ? released : await statementsOf(run, name, found.digest);
    const { provenance, contents } = statements;
    const kept = {
      ...(provenance === undefined ? {} : { provenance }),
      ...(contents === undefined ? {} : { contents }),
    };
    run.images.set(name, releasedImage(draft, inputs, found, run, kept));
  }
}
