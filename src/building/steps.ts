import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { evidenceFolder, predicateTypes, readEvidence, type Signer } from '../evidence/index.ts';
import type { Repository } from '../git/index.ts';
import type { Outcome, Step } from '../operation/index.ts';
import { type ImageRegistry, inputsTag } from '../registry/index.ts';
import {
  commitRecord,
  pushRecords,
  type ReleasedImage,
  type ReleaseRecord,
  releaseFile,
  writeRelease,
} from '../releases/index.ts';
import {
  type Digest,
  draftsFolder,
  hexOf,
  type Instant,
  instantOf,
  type Problem,
  writeFileAtomic,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { Draft } from './draft.ts';
import type { ImagePlace } from './engine.ts';
import { findStored } from './facts.ts';
import { type BuildInputs, inputsDigest } from './inputs.ts';
import type { BuildPlan, StoredImage } from './plan.ts';
import { buildImage, resolveNow } from './run.ts';
import { carryStatements, contentsFile, releaseContents, stateImage } from './statements.ts';

/** The registry of dmrel.yaml that images are built into. */
export const buildRegistry = 'build';

/** All that the steps of one build have in common. */
export interface BuildRun {
  operation: string;
  workspace: Workspace;
  record: ReleaseRecord;
  records: readonly ReleaseRecord[];
  /** By name: all images that this is about, and what they are built on. */
  drafts: ReadonlyMap<string, Draft>;
  /** Where images are built to. */
  registry: ImageRegistry;
  /** Where they are looked for too, and never written. */
  fallback: ImageRegistry | undefined;
  /** Images that are only there. */
  elsewhere: Set<string>;
  repository: Repository;
  /** The time of everything in an image. */
  madeAt: Instant;
  /** Images that are there: from the beginning, and as they are built. */
  images: Map<string, ReleasedImage>;
  placeOf(name: string): ImagePlace;
  signer: Signer | undefined;
  writesRecord: boolean;
  buildNumber: number | undefined;
  noCache: boolean;
  now: () => Date;
  env: NodeJS.ProcessEnv;
  /** What takes the lines of an image's log as they come. */
  follow?: (image: string) => (line: string) => void;
}

/** The steps of a build with the code that does them. The record is written when all images are there, and tags move when it is. */
export function bindSteps(run: BuildRun, plan: BuildPlan): Step[] {
  return plan.steps.map((planned): Step => {
    const [verb, name = '', tag = ''] = planned.id.split(':');
    const apply = {
      build: () => imageStep(run, plan, name),
      tag: () => tagStep(run, name),
      alias: () => () => nameImage(run, name, tag),
      record: () => recordStep(run),
      commit: () => commitStep(run, plan),
      push: () => () => pushRecords(run.repository),
    }[verb as 'build' | 'tag' | 'alias' | 'record' | 'commit' | 'push']();
    return { ...planned, apply, isDone: async () => planned.action === 'skip' };
  });
}

const failure = (problems: Problem[]): Outcome => ({ status: 'failed', problem: problems[0]! });

/**
 * Build an image, and let it be found by what it is made of. What was only found out by building what it is built on is looked
 * for once more: if that came out as it was, so does this.
 */
function imageStep(run: BuildRun, plan: BuildPlan, name: string): Step['apply'] {
  const draft = run.drafts.get(name)!;
  const planned = plan.details.images[name]!;
  return async (signal) => {
    const { registry, repository } = run.placeOf(name);
    const now = resolveNow(run, draft);
    if (!now.ok) return failure(now.problems);
    const { inputs } = now.value.resolved;
    const there = planned.forced ? undefined : await findStored(name, inputs, run);
    if (there) {
      if (there.elsewhere) run.elsewhere.add(name);
      run.images.set(name, releasedImage(draft, inputs, there, run, await statementsOf(run, name, there.digest)));
      return { status: 'done' };
    }
    const startedOn = instantOf(run.now());
    const built = await buildImage(run, draft, now.value, signal);
    if (!built.ok) return failure(built.problems);
    const stated = await stateImage(run, draft, built.value, { startedOn, finishedOn: instantOf(run.now()) });
    if (!stated.ok) return failure(stated.problems);
    const { digest, size } = built.value;
    const tagged = await registry.tag(repository, inputsTag(inputsDigest(inputs)), digest);
    if (!tagged.ok) return failure(tagged.problems);
    run.images.set(name, releasedImage(draft, inputs, { digest, size, builtFor: run.record.name }, run, stated.value));
    return { status: 'done' };
  };
}

/** Those of the release that do not name the image yet. */
function tagStep(run: BuildRun, name: string): Step['apply'] {
  return async () => {
    if (run.elsewhere.has(name)) return { status: 'in-sync' };
    let moved = false;
    for (const tag of run.drafts.get(name)!.tags) {
      const named = await nameImage(run, name, tag);
      if (named.status === 'failed') return named;
      moved ||= named.status === 'done';
    }
    return { status: moved ? 'done' : 'in-sync' };
  };
}

async function nameImage(run: BuildRun, name: string, tag: string): Promise<Outcome> {
  const { digest } = run.images.get(name)!;
  const { registry, repository } = run.placeOf(name);
  if ((await registry.resolve(repository, tag)) === digest) return { status: 'in-sync' };
  const tagged = await registry.tag(repository, tag, digest);
  return tagged.ok ? { status: 'done' } : failure(tagged.problems);
}

/** What was stated of an image: as the newest record that has it says, or a run that was ended before it wrote one. */
export async function statementsOf(
  { workspace, record, records, writesRecord }: BuildRun,
  name: string,
  digest: Digest,
): Promise<Pick<ReleasedImage, 'provenance' | 'contents'>> {
  if (!writesRecord) return {};
  const holder = records.findLast((each) => each.images?.[name]?.digest === digest);
  if (holder) return carryStatements(workspace.root, { from: holder.name, to: record.name }, holder.images![name]!);
  const { statements } = await readEvidence(workspace, record.name);
  const about = statements.filter(({ subject }) => subject.some((each) => each.digest.sha256 === hexOf(digest)));
  const provenance = about.find(({ predicateType }) => predicateType === predicateTypes.provenance)?.digest;
  const contents = about.find(({ predicateType }) => predicateType === predicateTypes.materials)?.digest;
  return { ...(provenance === undefined ? {} : { provenance }), ...(contents === undefined ? {} : { contents }) };
}

/** What the record says of an image, its keys in the order in which they are written. */
export function releasedImage(
  draft: Draft,
  inputs: BuildInputs,
  { digest, size, builtFor, elsewhere }: StoredImage,
  { record, writesRecord }: Pick<BuildRun, 'record' | 'writesRecord'>,
  statements: Pick<ReleasedImage, 'provenance' | 'contents'>,
): ReleasedImage {
  const { dockerfile, target, context, args, parents, products, platforms, engine } = inputs;
  return {
    repository: `${writesRecord || elsewhere ? buildRegistry : 'here'}/${draft.image.name}`,
    digest,
    inputs: inputsDigest(inputs),
    size,
    platforms,
    ...(builtFor === record.name ? {} : { builtFor: builtFor as ReleaseRecord['name'] }),
    engine,
    tags: draft.tags,
    sources: {
      dockerfile,
      ...(target === undefined ? {} : { target }),
      context,
      args,
      parents,
      products: Object.keys(products).sort(),
    },
    ...statements,
  };
}

const withImages = (run: BuildRun): ReleaseRecord => ({
  ...run.record,
  images: { ...run.record.images, ...Object.fromEntries(run.images) },
});

function recordStep(run: BuildRun): Step['apply'] {
  return async () => {
    const record = withImages(run);
    await writeFileAtomic(
      join(run.workspace.root, contentsFile(record.name)),
      releaseContents(record),
      draftsFolder(run.workspace.root),
    );
    await writeRelease(run.workspace.root, record);
    return { status: 'done' };
  };
}

function commitStep(run: BuildRun, { operation, release }: BuildPlan): Step['apply'] {
  return () => {
    // All of the evidence: of an image that was built by a run that failed elsewhere, and has changed since, too.
    const folder = evidenceFolder(run.record.name);
    const evidence = existsSync(join(run.workspace.root, folder)) ? [folder] : [];
    const files = recordFiles(withImages(run)).filter((each) => !each.startsWith(`${folder}/`));
    return commitRecord(run.repository, [...files, ...evidence], `Build ${release}`, { operation, release });
  };
}

/** The files that say what was built. */
export function recordFiles(record: ReleaseRecord): string[] {
  const statements = Object.values(record.images ?? {}).flatMap(({ provenance, contents }) =>
    [provenance, contents].filter((each) => each !== undefined),
  );
  const evidence = statements.map((digest) => `${evidenceFolder(record.name)}/${hexOf(digest)}.json`);
  const hasBuilt = Object.values(record.images ?? {}).some(({ sources }) => sources !== undefined);
  return [releaseFile(record.name), ...(hasBuilt ? [contentsFile(record.name)] : []), ...evidence];
}
