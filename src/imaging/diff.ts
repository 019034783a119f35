import { type ImageReference, requireImage } from '../levels/index.ts';
import { diffImages, type ImageDiff, imagesIn, readClosure, readImage } from '../registry/index.ts';
import { type Digest, failed, ok, problem, type Result } from '../support/index.ts';

export interface ReferenceDiff {
  from: Digest;
  to: Digest;
  /** By platform, as far as both have it. */
  platforms: ({ platform: string | null; from: Digest; to: Digest } & ImageDiff)[];
  onlyIn: { from: string[]; to: string[] };
}

type Part = { digest: Digest; platform: string | null };

/** What is different between two images, platform by platform. */
export async function diffReferences(from: ImageReference, to: ImageReference): Promise<Result<ReferenceDiff>> {
  const [left, right] = [await partsOf(from), await partsOf(to)];
  if (!left.ok) return left;
  if (!right.ok) return right;
  const pairs = pairsOf(left.value.parts, right.value.parts);
  const platforms: ReferenceDiff['platforms'] = [];
  for (const [old, fresh] of pairs) {
    const before = await readImage(from.registry, from.repository, old.digest);
    if (!before.ok) return before;
    const after = await readImage(to.registry, to.repository, fresh.digest);
    if (!after.ok) return after;
    const platform = fresh.platform ?? old.platform;
    platforms.push({ platform, from: old.digest, to: fresh.digest, ...diffImages(before.value, after.value) });
  }
  if (pairs.length === 0) {
    const message = `${from.name} and ${to.name} have no platform in common`;
    return failed(problem('usage', message, { hint: 'name the image of one platform by its digest' }));
  }
  const alone = (parts: Part[], index: 0 | 1) =>
    parts
      .filter((part) => !pairs.some((pair) => pair[index] === part))
      .map(({ platform, digest }) => platform ?? digest);
  return ok({
    from: left.value.digest,
    to: right.value.digest,
    platforms,
    onlyIn: { from: alone(left.value.parts, 0), to: alone(right.value.parts, 1) },
  });
}

async function partsOf(reference: ImageReference): Promise<Result<{ digest: Digest; parts: Part[] }>> {
  const digest = await requireImage(reference);
  if (!digest.ok) return digest;
  const closure = await readClosure(reference, [digest.value]);
  if (!closure.ok) return closure;
  const missing = closure.value.problems[0];
  if (missing && !closure.value.nodes.has(digest.value)) return failed(missing.problem);
  const parts = imagesIn(closure.value, digest.value).filter(({ platform }) => platform !== 'unknown/unknown');
  if (parts.length === 1 && parts[0]!.platform === null) {
    const image = await readImage(reference.registry, reference.repository, parts[0]!.digest);
    if (!image.ok) return image;
    const { os, architecture, variant } = image.value.config as Record<string, unknown>;
    const own = [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/');
    return ok({ digest: digest.value, parts: [{ digest: parts[0]!.digest, platform: own || null }] });
  }
  return ok({ digest: digest.value, parts });
}

/** Two images of one platform each are compared whatever their platforms are. */
function pairsOf(left: Part[], right: Part[]): [Part, Part][] {
  if (left.length === 1 && right.length === 1) return [[left[0]!, right[0]!]];
  return left.flatMap((old): [Part, Part][] => {
    const fresh = right.find(({ platform }) => platform !== null && platform === old.platform);
    return fresh ? [[old, fresh]] : [];
  });
}
