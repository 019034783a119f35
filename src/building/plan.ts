import type { Plan, PlannedStep } from '../operation/index.ts';
import type { ReleasedImage, ReleaseRecord } from '../releases/index.ts';
import { canonicalJson, type Digest, type Instant, type Problem } from '../support/index.ts';
import { type AliasFacts, newerHolder } from './aliases.ts';
import { type BuildInputs, inputsDigest, whatChanged } from './inputs.ts';
import { promotedImages } from './promoted.ts';

/** An image that the registry has under the digest of its inputs. */
export interface StoredImage {
  digest: Digest;
  size: number;
  /** The release that it was built for. */
  builtFor: string;
  /** It is in the registry, and not where this build writes to. */
  elsewhere?: true;
}

export interface ImageFacts {
  name: string;
  /** Images of the workspace it is built on. */
  from: string[];
  /** Undefined while one of those is to be built: its digest is among them. */
  inputs: BuildInputs | undefined;
  /** What the registry has of these inputs. */
  stored: StoredImage | undefined;
  /** What the record of this release says. */
  released: ReleasedImage | undefined;
  /** What the newest record that has it says, with the commits of its products then. */
  last: { release: string; inputs: Partial<BuildInputs> } | undefined;
  /** Tags of this release, and what they name now. */
  tags: { tag: string; names: Digest | undefined }[];
  aliases: AliasFacts[];
  /** Build it whatever is there. */
  forced: boolean;
  engine: { name: string; because: string };
}

export interface BuildFacts {
  operation: string;
  at: Instant;
  record: ReleaseRecord;
  images: ImageFacts[];
  /** Of all releases: no alias moves back behind a newer one. */
  records: readonly ReleaseRecord[];
  moveAliasesBack: boolean;
  /** Build though the release stood at a level with another image. */
  changePromoted: boolean;
  /** Undefined where the images stay here: then nothing is written into the record either. */
  publish: { recordIsCommitted: boolean; upstream: { name: string; pending: boolean } | undefined } | undefined;
  problems: Problem[];
}

export interface ImageDetails {
  action: 'build' | 'reuse' | 'retag';
  /** Why, in short. */
  because: string;
  /** All that changed since the last one, where it is built for that. */
  changes?: string[];
  from: string[];
  engine: string;
  /** Why it is that one. */
  engineBecause: string;
  /** Undefined when parents are to be built. */
  inputs?: Digest;
  /** The image that is there. */
  found?: StoredImage;
  forced?: true;
  tags: string[];
  /** Those that do not name it yet. */
  retag: string[];
}

export interface BuildDetails {
  images: Record<string, ImageDetails>;
}

export type BuildPlan = Plan<BuildDetails>;

/**
 * Build what changed, parents first; write that down; then give all of it the tags of this release. An image's inputs have the digests of its
 * parents: one that comes out as it was leaves what is built on it as it is. Pure.
 */
export function planBuild(facts: BuildFacts): BuildPlan {
  const { record, images, operation, at } = facts;
  const details: BuildDetails = { images: {} };
  const steps: PlannedStep[] = [];
  const tags: PlannedStep[] = [];
  const aliases: PlannedStep[] = [];
  let unchanged = true;
  for (const image of images) {
    const decided = decide(image, record.name);
    details.images[image.name] = decided;
    const step = imageStep(image, decided);
    steps.push(step);
    if (decided.action !== 'reuse') tags.push(tagStep(image, decided, facts));
    aliases.push(...image.aliases.map((alias) => aliasStep(image, alias, decided, facts)));
    unchanged &&= step.action === 'skip' && isRecorded(image, decided);
  }
  const [written, ...kept] = facts.publish
    ? recordSteps(facts.publish, record.name, unchanged, [...steps, ...tags])
    : [];
  // What somebody looks for by its tag is what the record says.
  steps.push(...(written ? [written] : []), ...tags, ...aliases, ...kept);
  const problems = [...facts.problems];
  if (facts.publish && !facts.changePromoted) problems.push(...promotedImages(record, details.images));
  return { schema: 'dmrel/plan/v1', operation, command: 'build', release: record.name, at, steps, problems, details };
}

function decide(image: ImageFacts, release: string): ImageDetails {
  const { inputs, stored, from, last, forced } = image;
  const tags = image.tags.map(({ tag }) => tag);
  const { name: engine, because: engineBecause } = image.engine;
  const build = { action: 'build', from, engine, engineBecause, tags, retag: tags } as const;
  if (inputs === undefined)
    return { ...build, because: 'what it is built on is built', ...(forced ? { forced: true } : {}) };
  const known = { ...build, inputs: inputsDigest(inputs) };
  if (forced) return { ...known, because: 'it is forced', forced: true };
  if (stored === undefined) {
    const changes = last ? whatChanged(last.inputs, inputs) : ['it was never built'];
    return { ...known, because: inShort(changes) ?? 'the registry has lost it', changes };
  }
  const wrong = stored.elsewhere ? [] : image.tags.filter(({ names }) => names !== stored.digest);
  const there = { ...known, found: stored, retag: wrong.map(({ tag }) => tag) };
  if (wrong.length === 0) return { ...there, action: 'reuse', because: 'nothing changed' };
  const origin = stored.builtFor === release ? 'it is built' : `it is the one of ${stored.builtFor}`;
  return { ...there, action: 'retag', because: `nothing changed, ${origin}` };
}

/** The first two, and how many more. */
function inShort(changes: readonly string[]): string | undefined {
  const [first, second, ...more] = changes;
  if (more.length === 0) return changes.length === 0 ? undefined : changes.join(', ');
  return `${first}, ${second}, and ${more.length} more`;
}

function imageStep(image: ImageFacts, { action, because, engine, inputs, found }: ImageDetails): PlannedStep {
  const { name, from, released } = image;
  const step = { id: `build:${name}`, needs: from.map((each) => `build:${each}`) };
  if (action !== 'build')
    return { ...step, title: `reuse ${name}: ${because}`, action: 'skip', from: found!.digest, to: found!.digest };
  const title = `build ${name} by ${engine}: ${because}`;
  return { ...step, title, action: 'create', from: released?.digest ?? null, to: inputs ?? null };
}

function tagStep({ name, tags }: ImageFacts, { action, because, found }: ImageDetails, facts: BuildFacts): PlannedStep {
  const to = found?.digest ?? null;
  const moves = tags.find(({ names }) => names !== undefined && names !== to)?.names;
  const title = action === 'build' ? `tag ${name} as ${facts.record.name}` : `retag ${name}: ${because}`;
  const needs = facts.publish ? ['record'] : [`build:${name}`];
  return { id: `tag:${name}`, title, action: moves ? 'move' : 'create', from: moves ?? null, to, needs };
}

function aliasStep(image: ImageFacts, alias: AliasFacts, decided: ImageDetails, facts: BuildFacts): PlannedStep {
  const { name } = image;
  const { tag, names } = alias;
  const id = `alias:${name}:${tag}`;
  const to = decided.found?.digest ?? null;
  const needs = [decided.action === 'reuse' ? `build:${name}` : `tag:${name}`];
  if (decided.action !== 'build' && names === decided.found?.digest)
    return { id, title: `${tag} is ${name}`, action: 'skip', from: names!, to, needs };
  const newer = facts.moveAliasesBack ? undefined : newerHolder(name, alias, facts.record, facts.records);
  if (newer !== undefined) {
    const title = `leave ${tag} of ${name} where it is: ${newer} is newer`;
    return { id, title, action: 'skip', from: names ?? null, to: names ?? null, needs };
  }
  return { id, title: `move ${tag} of ${name}`, action: names ? 'move' : 'create', from: names ?? null, to, needs };
}

/** Whether the record says of an image that is there what it would say. */
function isRecorded({ released, tags }: ImageFacts, { inputs, found }: ImageDetails): boolean {
  return (
    released !== undefined &&
    released.inputs === inputs &&
    released.digest === found?.digest &&
    canonicalJson(released.tags ?? []) === canonicalJson(tags.map(({ tag }) => tag))
  );
}

function recordSteps(
  { recordIsCommitted, upstream }: NonNullable<BuildFacts['publish']>,
  release: string,
  unchanged: boolean,
  before: readonly PlannedStep[],
): PlannedStep[] {
  const later = (id: string, title: string, done: boolean, needs: string[], to: string): PlannedStep => {
    return { id, title, action: done ? 'skip' : 'create', from: null, to, needs };
  };
  const file = `releases/${release}/release.yaml`;
  const committed = unchanged && recordIsCommitted;
  const all = (verb: string) => before.map(({ id }) => id).filter((id) => id.startsWith(`${verb}:`));
  return [
    later('record', `write the images into ${file}`, unchanged, all('build'), file),
    later('commit', 'commit the record', committed, ['record', ...all('tag')], file),
    ...(upstream
      ? [later('push', `push to ${upstream.name}`, committed && !upstream.pending, ['commit'], upstream.name)]
      : []),
  ];
}
