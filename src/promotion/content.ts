import { verifyAttached } from '../evidence/index.ts';
import { openRegistry, registryConfig } from '../levels/index.ts';
import type { Outcome } from '../operation/index.ts';
import { copyImage, type ImageRegistry, surveyCopies } from '../registry/index.ts';
import { ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { FoundImage, PromotedImage } from './plan.ts';

/** What the level's registry has of some images. */
export async function lookAtTarget(
  workspace: Workspace,
  target: ImageRegistry,
  images: readonly PromotedImage[],
  release: string,
  level: string,
): Promise<Record<string, FoundImage>> {
  const look = async (image: PromotedImage): Promise<[string, FoundImage]> => {
    const tags = { release, level, recommended: 'recommended' };
    const [content, ...digests] = await Promise.all([
      isThere(workspace, target, image),
      ...Object.values(tags).map((tag) => target.resolve(image.to.repository, tag)),
    ]);
    const found = Object.keys(tags).map((what, index) => [what, digests[index]] as const);
    return [image.name, { content, ...Object.fromEntries(found.filter(([, digest]) => digest !== undefined)) }];
  };
  return Object.fromEntries(await Promise.all(images.map(look)));
}

/** With everything that belongs to it; a signature may have come since. Where the source is gone, the image alone counts. */
export async function isThere(workspace: Workspace, target: ImageRegistry, image: PromotedImage): Promise<boolean> {
  if (!(await target.hasManifest(image.to.repository, image.digest))) return false;
  const missing = await missingParts(workspace, target, image);
  return !missing.ok || missing.value === 0;
}

/** How much a copy would write now. Problem: where the source cannot say. */
async function missingParts(
  workspace: Workspace,
  target: ImageRegistry,
  { digest, from, to }: PromotedImage,
): Promise<Result<number>> {
  const source = openRegistry(workspace, from.registry);
  if (!source.ok) return source;
  const places = [
    { registry: source.value, repository: from.repository },
    { registry: target, repository: to.repository },
  ] as const;
  const survey = await surveyCopies(places[0], [digest], places[1], copyOptions(workspace, to.registry));
  return survey.ok ? ok(survey.value.get(digest)!.changes) : survey;
}

function copyOptions(workspace: Workspace, registry: string): { keepTags?: boolean } {
  const keepTags = registryConfig(workspace, registry)?.keepTags;
  return keepTags === undefined ? {} : { keepTags };
}

export async function copyPromoted(
  workspace: Workspace,
  target: ImageRegistry,
  image: PromotedImage,
  signal: AbortSignal,
): Promise<Outcome> {
  const source = openRegistry(workspace, image.from.registry);
  if (!source.ok) return { status: 'failed', problem: source.problems[0]! };
  const from = { registry: source.value, repository: image.from.repository };
  const to = { registry: target, repository: image.to.repository };
  const options = { ...copyOptions(workspace, image.to.registry), signal };
  const copied = await copyImage(from, image.digest, to, options);
  return copied.ok ? { status: 'done' } : { status: 'failed', problem: copied.problems[0]! };
}

/**
 * Look at the destination as it is now: the digest, everything that belongs to the image where it comes from, and every
 * signature of a key of the workspace.
 */
export async function verifyPromoted(
  workspace: Workspace,
  target: ImageRegistry,
  image: PromotedImage,
): Promise<Outcome> {
  const { digest, to } = image;
  const place = `${to.registry}/${to.repository}@${digest}`;
  const hint = 'look who else writes there, then run the same command again';
  if (!(await target.hasManifest(to.repository, digest)))
    return { status: 'failed', problem: problem('digest-mismatch', `${place} is not there after the copy`, { hint }) };
  const missing = await missingParts(workspace, target, image);
  if (!missing.ok) return { status: 'failed', problem: missing.problems[0]! };
  if (missing.value === 0) {
    const verified = await verifyAttached(workspace, target, to.repository, digest);
    return verified.ok ? { status: 'done' } : { status: 'failed', problem: verified.problems[0]! };
  }
  const message = `${place} lacks something that belongs to it at ${image.from.registry}/${image.from.repository}`;
  return { status: 'failed', problem: problem('digest-mismatch', message, { hint }) };
}
