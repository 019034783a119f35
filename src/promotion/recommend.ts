import type { PlannedStep, Step } from '../operation/index.ts';
import { levelFile, levelSubjects, readLevel, requireRelease } from '../releases/index.ts';
import { failed, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { bindLevelSteps } from './apply.ts';
import { shared } from './hold.ts';
import { gatherLevel, type LevelRequest, levelsSharing } from './level-facts.ts';
import { type LevelPlan, levelPlan, recordSteps, tagStep } from './level-plan.ts';
import type { PromotedImage } from './plan.ts';
import { digestIn } from './standing.ts';
import { openStatements } from './statements.ts';

export type RecommendPlan = LevelPlan;

/** Let the tag `recommended` name one of the releases at a level: it moves by this alone. Problem: `not-at-level`. */
export async function prepareRecommend(
  workspace: Workspace,
  request: LevelRequest & { release: string },
): Promise<Result<RecommendPlan>> {
  const record = await requireRelease(workspace.root, request.release);
  if (!record.ok) return record;
  const gathered = await gatherLevel(workspace, request);
  if (!gathered.ok) return gathered;
  const { level, standing, target, upstream, repository } = gathered.value;
  const { name } = record.value;
  const entry = standing.current.find(({ release }) => release === name);
  if (!entry) {
    const hint = `it stands there after: dmrel promote --level ${level.name} --release ${name}`;
    return failed(problem('not-at-level', `${name} does not stand at ${level.name}`, { hint }));
  }
  const other = await recommendedBeside(workspace, level.name, Object.keys(entry.images));
  if (!other.ok) return other;
  if (other.value !== undefined) {
    const message = `${other.value.release} is recommended at ${other.value.level}, whose images are in the same place: one tag cannot name both`;
    const hint = `give ${level.name} or ${other.value.level} a registry of its own`;
    return failed(problem('release-in-use', message, { hint, subject: other.value.level }));
  }
  const images = Object.entries(entry.images).map(([image, reference]): PromotedImage => {
    const place = { registry: level.config.registry, repository: image };
    return { name: image, digest: digestIn(reference), from: place, to: place, reference };
  });
  const steps: PlannedStep[] = [];
  for (const { name: image, digest, to } of images) {
    const found = await target.resolve(to.repository, 'recommended');
    steps.push(tagStep(`recommended:${image}`, `tag ${to.registry}/${to.repository}:recommended`, found, digest, []));
  }
  const done = standing.recommended === name;
  const filesAreCommitted = await repository.isCommitted([levelFile(level.name)]);
  const tags = steps.map(({ id }) => id);
  steps.push(...recordSteps(level.name, name, done, { filesAreCommitted, upstream }, tags));
  return ok(
    levelPlan('recommend', name, steps, [], upstream, {
      ...shared(gathered.value),
      images,
      standing: done ? standing : { ...standing, recommended: name },
      subject: levelSubjects.recommend(level.name, name),
    }),
  );
}

/** Another level that has the tag `recommended` of one of these images for itself. */
async function recommendedBeside(
  workspace: Workspace,
  level: string,
  images: readonly string[],
): Promise<Result<{ level: string; release: string } | undefined>> {
  for (const other of levelsSharing(workspace, level).filter((each) => each !== level)) {
    const read = await readLevel(workspace.root, other);
    if (!read.ok) return read;
    const { current, recommended } = read.value;
    const entry = current.find(({ release }) => release === recommended);
    if (entry && images.some((name) => entry.images[name])) return ok({ level: other, release: entry.release });
  }
  return ok(undefined);
}

export function bindRecommendSteps(workspace: Workspace, plan: RecommendPlan): Promise<Result<Step[]>> {
  const nothing = { workspace, folder: '', unsigned: {}, signed: {}, signer: undefined, at: plan.at as never };
  return bindLevelSteps(workspace, plan, openStatements(nothing));
}
