import { type ImageReference, referenceText, requireImage } from '../levels/index.ts';
import { parseName } from '../names/index.ts';
import { newOperationId, type Outcome, type Plan, type PlannedStep, type Step } from '../operation/index.ts';
import { all, Copy, type CopyCount, type CopyProgress, lanes, surveyCopies } from '../registry/index.ts';
import { type Digest, failed, instantOf, ok, type Problem, problem, type Result, warning } from '../support/index.ts';
import { ownTags } from './own-tags.ts';

export interface ImageCopyRequest {
  from: ImageReference;
  to: ImageReference;
  /** Every tag of the repository. */
  allTags: boolean;
  /** Look at every blob, of images that are there too. */
  repair: boolean;
  now: Date;
}

export interface ImageCopyDetails {
  from: string;
  to: string;
  images: { digest: Digest; tags: string[]; bytes: number }[];
}

export type ImageCopyPlan = Plan<ImageCopyDetails>;

/** What there is to copy, what of it is there, and which tags move. Nothing is written. */
export async function prepareImageCopy(request: ImageCopyRequest): Promise<Result<ImageCopyPlan>> {
  const { from, to, now } = request;
  const [wanted] = await all([wantedImages(request), askAhead(request)]);
  if (!wanted.ok) return wanted;
  const steps: PlannedStep[] = [];
  const problems: Problem[] = [];
  const images: ImageCopyDetails['images'] = [];
  const [surveys, standing] = await all([
    surveyCopies(from, [...wanted.value.keys()], to, keepTagsOf(to)),
    standingTags(to, [...wanted.value.values()].flat()),
  ]);
  if (!surveys.ok) return surveys;
  for (const [digest, tags] of wanted.value) {
    const { changes, bytes, keptTags } = surveys.value.get(digest)!;
    problems.push(...keptTags.map((tag) => keptSidecar({ ...from, tag }, { ...to, tag })));
    const copy = `copy:${digest}`;
    const title = `copy ${request.allTags ? referenceText({ ...from, tag: tags[0]! }) : referenceText(from)}`;
    const action = changes === 0 && !request.repair ? 'skip' : 'create';
    steps.push({ id: copy, title, action, needs: [], from: null, to: digest });
    images.push({ digest, tags, bytes: action === 'skip' ? 0 : bytes });
    for (const tag of tags) {
      const planned = tagStep({ ...to, tag }, digest, standing.get(tag), copy);
      steps.push(planned);
      if (planned.action === 'conflict') problems.push(conflict({ ...to, tag }, standing.get(tag)!, digest));
    }
  }
  return ok({
    schema: 'dmrel/plan/v1',
    operation: newOperationId(now),
    command: 'image copy',
    release: `${referenceText(from)} -> ${referenceText(to)}`,
    at: instantOf(now),
    steps,
    problems,
    details: { from: referenceText(from), to: referenceText(to), images },
  });
}

/**
 * What a registry will be asked whatever the source is, asked with the first question: it remembers what it has answered.
 * What fails is asked again, and said, where it is needed. Nobody waits for another registry that may not be there.
 */
async function askAhead({ from, to, allTags }: ImageCopyRequest): Promise<void> {
  const tag = to.tag ?? from.tag;
  if (from.registry.address !== to.registry.address || to.digest !== undefined || tag === undefined) return;
  const standing = async () => (allTags ? undefined : to.registry.resolve(to.repository, tag));
  await Promise.allSettled([from.registry.listTagNames(from.repository), standing()]);
}

const keepTagsOf = ({ keepTags }: ImageReference) => (keepTags === undefined ? {} : { keepTags });

async function standingTags(
  { registry, repository }: ImageReference,
  tags: string[],
): Promise<Map<string, Digest | undefined>> {
  const lane = lanes(8);
  return new Map(
    await all(tags.map((tag) => lane(async () => [tag, await registry.resolve(repository, tag)] as const))),
  );
}

function tagStep(to: ImageReference, digest: Digest, standing: Digest | undefined, copy: string): PlannedStep {
  const same = standing === digest;
  const free = standing === undefined;
  const action = same ? 'skip' : free ? 'create' : namesVersion(to.tag!) ? 'conflict' : 'move';
  return {
    id: `tag:${to.tag}`,
    title: `tag ${referenceText(withoutDigest(to))}`,
    action,
    needs: [copy],
    from: standing ?? null,
    to: digest,
  };
}

const withoutDigest = ({ digest: _, ...rest }: ImageReference): ImageReference => rest;

/** Whether a tag is the name of one release, which is never another one. */
const namesVersion = (tag: string): boolean => {
  const { version, kind } = parseName(tag);
  return (version !== null && kind !== 'experimental') || kind === 'milestone';
};

const conflict = (to: ImageReference, standing: Digest, digest: Digest): Problem =>
  problem('image-conflict', `${referenceText(withoutDigest(to))} is ${standing} already, wanted ${digest}`, {
    hint: 'the tag of a release never moves; copy to another tag, or find out who made it',
    subject: to.tag!,
  });

/** Not to be replaced without a word, and not to be left out without one. */
function keptSidecar(from: ImageReference, to: ImageReference): Problem {
  const [source, target] = [from, to].map((each) => referenceText(withoutDigest(each)));
  return warning('image-conflict', `${target} says something else than ${source}, and is left as it is`, {
    hint: `look at both; to have the one in the place of the other: dmrel image copy ${source} ${target}`,
    subject: to.tag!,
  });
}

/** Digests with the tags they have at the source. */
async function wantedImages({ from, to, allTags }: ImageCopyRequest): Promise<Result<Map<Digest, string[]>>> {
  if (to.digest !== undefined) {
    const hint = 'a digest is what an image has, not what it is given: name a tag, or the repository alone';
    return failed(problem('usage', `'${referenceText(to)}' cannot be copied to`, { hint }));
  }
  if (!allTags) {
    const digest = await requireImage(from);
    if (!digest.ok) return digest;
    const tag = to.tag ?? from.tag;
    return ok(new Map([[digest.value, tag === undefined ? [] : [tag]]]));
  }
  const named = [from, to].find(({ tag, digest }) => tag !== undefined || digest !== undefined);
  if (named) {
    const hint = `leave out the tag: ${named.name}`;
    return failed(
      problem('usage', `--all-tags copies a repository, and '${referenceText(named)}' is one image`, { hint }),
    );
  }
  const tags = await ownTags(from, await from.registry.listTags(from.repository));
  if (tags.length === 0) {
    const hint = `'dmrel image ls' shows what is there`;
    return failed(problem('unknown-image', `there is no tag in ${from.name}`, { hint }));
  }
  const wanted = new Map<Digest, string[]>();
  for (const { tag, digest } of tags) wanted.set(digest, [...(wanted.get(digest) ?? []), tag]);
  return ok(wanted);
}

/** The steps of a copy: content and all that belongs to it, then its tags. */
export function bindImageCopy(
  { from, to, repair }: ImageCopyRequest,
  plan: ImageCopyPlan,
  options: { progress?: (progress: CopyProgress) => void; signal: AbortSignal },
): { steps: Step[]; count: CopyCount } {
  const standing = (tag: string) => (to.registry.resolveAnew ?? to.registry.resolve)(to.repository, tag);
  /** A copy can take hours: the name of a release may have been given meanwhile. */
  const mayTag = async (tag: string, digest: Digest): Promise<Result<void>> => {
    const found = namesVersion(tag) ? await standing(tag) : undefined;
    return found === undefined || found === digest ? ok(undefined) : failed(conflict({ ...to, tag }, found, digest));
  };
  const copy = new Copy(from, to, { ...options, ...keepTagsOf(to), repair, mayTag });
  const copyStep = (digest: Digest): Pick<Step, 'isDone' | 'apply'> => ({
    isDone: async () => false,
    apply: async () => outcomeOf(await copy.image(digest, firstTag(plan, digest))),
  });
  const names = async (tag: string, digest: Digest) => (await to.registry.resolve(to.repository, tag)) === digest;
  const bindTag = (tag: string, digest: Digest): Pick<Step, 'isDone' | 'apply'> => ({
    isDone: async () => !copy.hasTagged(tag) && names(tag, digest),
    apply: async () => {
      if (copy.hasTagged(tag) && (await names(tag, digest))) return { status: 'done' };
      const may = await mayTag(tag, digest);
      return outcomeOf(may.ok ? await to.registry.tag(to.repository, tag, digest) : may);
    },
  });
  const steps = plan.steps.map((planned): Step => {
    const colon = planned.id.indexOf(':');
    const [kind, subject] = [planned.id.slice(0, colon), planned.id.slice(colon + 1)];
    const bound = kind === 'copy' ? copyStep(subject as Digest) : bindTag(subject, planned.to as Digest);
    return { ...planned, ...bound, isDone: planned.action === 'skip' ? async () => true : bound.isDone };
  });
  return { steps, count: copy.count };
}

/** A tag that the plan gives an image. */
const firstTag = ({ steps }: ImageCopyPlan, digest: Digest): string | undefined =>
  steps
    .find(({ id, to, action }) => id.startsWith('tag:') && to === digest && action !== 'skip')
    ?.id.slice('tag:'.length);

const outcomeOf = (result: Result<unknown>): Outcome =>
  result.ok ? { status: 'done' } : { status: 'failed', problem: result.problems[0]! };
