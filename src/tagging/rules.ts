import { buildEvidenceFolder, readBuildResults } from '../evidence/index.ts';
import { neededOf, requireMilestone } from '../milestones/index.ts';
import { byRelease, parseReleaseName, type ReleaseKind, type ReleaseName } from '../names/index.ts';
import { listReleases, type ReleasedMilestone, readRelease, requireRelease } from '../releases/index.ts';
import { ok, type Problem, problem, type Result } from '../support/index.ts';
import { soundRoadmap, type Workspace } from '../workspace/index.ts';
import type { ProductFacts, TagIntent } from './plan.ts';

/** Tested releases are tagged: what dmrel.yaml requires to be known of the commits of a kind of release. */
export async function requirementProblems(
  workspace: Workspace,
  kind: ReleaseKind,
  intent: TagIntent,
): Promise<Problem[]> {
  const required = workspace.config.tags?.[kind]?.require ?? 'none';
  const { manifest, contentId } = intent.source;
  switch (required) {
    case 'none':
      return [];
    case 'manifest': {
      if (manifest) return [];
      const message = `a ${kind} release must come from a build manifest ('tags: {${kind}: {require: manifest}}')`;
      return [problem('untested', message, { hint: 'name one: --manifest bNNNN' })];
    }
    case 'ci-evidence': {
      const { results, problems } = await readBuildResults(workspace, contentId);
      const newest = results.at(-1);
      if (newest?.passed) return problems;
      const hint = `put the statement of a passed build of content ${contentId} into ${buildEvidenceFolder}/`;
      const message = newest
        ? `the newest build of these commits failed (${newest.file})`
        : 'there is no evidence that these commits were built and tested together';
      return [...problems, problem('untested', message, { hint })];
    }
    default:
      return required satisfies never;
  }
}

/** What differs from an earlier release: products that came, went, and are at another commit. */
export async function changesSince(
  root: string,
  previous: string | null,
  facts: readonly ProductFacts[],
): Promise<TagIntent['changes']> {
  if (previous === null) return undefined;
  const record = await readRelease(root, previous);
  if (!record.ok || !record.value) return undefined;
  const before = record.value.products;
  const now = new Set(facts.map(({ product }) => product.name));
  return {
    added: facts.filter(({ product }) => !before[product.name]).map(({ product }) => product.name),
    removed: Object.keys(before).filter((name) => !now.has(name)),
    moved: facts
      .filter(({ product, commit }) => before[product.name] && before[product.name]!.commit !== commit)
      .map(({ product }) => product.name),
  };
}

/** The name that follows the newest of a kind: given only to what is the newest (SQR-016: 98.0.1 after 99.0.0 is not). */
export async function aliasesOf(workspace: Workspace, kind: ReleaseKind, tag: ReleaseName): Promise<string[]> {
  const alias = workspace.config.tags?.[kind]?.alias;
  if (alias === undefined) return [];
  const others = (await listReleases(workspace.root)).filter((name) => parseReleaseName(name)?.kind === kind);
  return others.every((name) => byRelease(name, tag) <= 0) ? [alias] : [];
}

/** Which features of a milestone a release delivers: those declared delivered by it or by one before it. */
export async function milestoneOf(
  workspace: Workspace,
  { id, acceptMissing }: { id: string; acceptMissing?: string },
  from: string | undefined,
): Promise<Result<ReleasedMilestone>> {
  const roadmap = await soundRoadmap(workspace);
  if (!roadmap.ok) return roadmap;
  const milestone = requireMilestone(roadmap.value, id);
  if (!milestone.ok) return milestone;
  const base = await requireRelease(workspace.root, from ?? '');
  if (!base.ok) return base;
  const delivered: string[] = [];
  const missing: string[] = [];
  for (const feature of neededOf(roadmap.value, milestone.value, 'feature')) {
    if (feature.setAside?.as === 'withdrawn') continue;
    const tag = feature.delivered?.tag;
    const record = tag === undefined ? undefined : await readRelease(workspace.root, tag);
    const counts = record?.ok && record.value && record.value.date <= base.value.date;
    (counts ? delivered : missing).push(feature.id);
  }
  const accepted = missing.length > 0 && acceptMissing !== undefined ? { acceptedMissing: acceptMissing } : {};
  return ok({ id: milestone.value.id, delivered, missing, ...accepted });
}

/** A milestone's release without all its features is made only when somebody says why. */
export function missingFeatures({ milestone, source }: TagIntent): Problem[] {
  if (!milestone || milestone.missing.length === 0 || milestone.acceptedMissing !== undefined) return [];
  const { id, missing, delivered } = milestone;
  const all = missing.length + delivered.length;
  const hint = 'deliver them first, or say why it is made all the same: --accept-missing REASON';
  const message = `${source.from} does not deliver ${missing.length} of the ${all} features of ${id}: ${missing.join(', ')}`;
  return [problem('features-missing', message, { hint, subject: id })];
}
