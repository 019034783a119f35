import { type ImageReference, type Level, openReference } from '../levels/index.ts';
import { newOperationId, type Outcome, type Plan, type PlannedStep, type Step } from '../operation/index.ts';
import { all, lanes, readClosure } from '../registry/index.ts';
import { type Digest, failed, instantOf, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type KeepRules, rulesOfLevel } from './keep.ts';
import { readNamings } from './names.ts';
import { type Deletion, type PrunePlanResult, planPrune } from './prune-plan.ts';

export interface PruneDetails {
  repositories: ({ repository: string } & PrunePlanResult & { bytes: number })[];
}

export type PrunePlan = Plan<PruneDetails>;

/** The repositories of a level, with the level's own rules. */
export function pruneTargets(
  workspace: Workspace,
  level: Level,
): Result<{ repositories: ImageReference[]; rules: KeepRules }> {
  const repositories: ImageReference[] = [];
  for (const image of level.images) {
    const reference = openReference(workspace, `${level.config.registry}/${image}`, workspace.root);
    if (!reference.ok) return reference;
    repositories.push(reference.value);
  }
  return ok({ repositories, rules: rulesOfLevel(level.config.keep ?? {}) });
}

/** What the rules let go and nothing names. Nothing is deleted. */
export async function preparePrune(
  workspace: Workspace,
  repositories: readonly ImageReference[],
  rules: KeepRules,
  now: Date,
): Promise<Result<PrunePlan>> {
  const namings = await readNamings(workspace);
  if (!namings.ok) return namings;
  const named = new Map(
    namings.value.map(({ digest, release, level, current }) => [
      digest,
      current ? `level ${level}` : `the record of ${release}`,
    ]),
  );
  const details: PruneDetails = { repositories: [] };
  for (const reference of repositories) {
    const { registry, repository, name } = reference;
    const tags = await registry.listTags(repository);
    const roots = [...new Set(tags.map(({ digest }) => digest))];
    const lane = lanes(8);
    const unknown = [...named.keys()].filter((digest) => !roots.includes(digest));
    const present = await all(unknown.map((digest) => lane(() => registry.hasManifest(repository, digest))));
    const recorded = unknown.filter((_digest, index) => present[index]);
    const closure = await readClosure(reference, [...roots, ...recorded], tags);
    if (!closure.ok) return closure;
    const { nodes, problems } = closure.value;
    const below = new Map(
      [...nodes].map(([digest, { children, sidecars }]) => [
        digest,
        [...children, ...sidecars.map((each) => each.digest)],
      ]),
    );
    const unread = new Set(problems.map(({ digest }) => digest));
    const planned = planPrune({ tags, below, unread, named, rules, now });
    const gone = new Set(planned.deletions.map(({ digest }) => digest));
    const blobsOf = (digests: Iterable<Digest>) =>
      [...digests]
        .flatMap((digest) => nodes.get(digest)?.contents.blobs ?? [])
        .map(({ digest, size = 0 }) => [digest, size] as const);
    const left = new Set(blobsOf([...nodes.keys()].filter((digest) => !gone.has(digest))).map(([digest]) => digest));
    const freed = new Map(blobsOf(gone).filter(([digest]) => !left.has(digest)));
    const bytes = [...freed.values()].reduce((sum, size) => sum + size, 0);
    details.repositories.push({ repository: name, ...planned, bytes });
  }
  return ok({
    schema: 'dmrel/plan/v1',
    operation: newOperationId(now),
    command: 'image prune',
    release: repositories.map(({ name }) => name).join(' '),
    at: instantOf(now),
    steps: details.repositories.flatMap(({ repository, deletions }) => stepsOf(repository, deletions)),
    problems: [],
    details,
  });
}

/** One after the other: an index before its images, so that what is left of a prune that was killed is no broken index. */
function stepsOf(repository: string, deletions: readonly Deletion[]): PlannedStep[] {
  const idOf = ({ digest }: Deletion) => `delete:${repository}@${digest}`;
  return deletions.map((each, index) => ({
    id: idOf(each),
    title: `delete ${repository}${each.tags.length > 0 ? `:${each.tags.join(' :')}` : ''} (${each.because})`,
    action: 'delete',
    needs: index === 0 ? [] : [idOf(deletions[index - 1]!)],
    from: each.digest,
    to: null,
  }));
}

/** Each is looked at once more: a tag may have been given to it since the plan was made. */
export function bindPruneSteps(repositories: readonly ImageReference[], plan: PrunePlan): Step[] {
  const deletions = plan.details.repositories.flatMap((each) =>
    each.deletions.map((deletion) => ({
      ...deletion,
      reference: repositories.find(({ name }) => name === each.repository)!,
    })),
  );
  return plan.steps.map((planned, index): Step => {
    const { digest, tags, reference } = deletions[index]!;
    const { registry, repository } = reference;
    return {
      ...planned,
      isDone: async () => !(await registry.hasManifest(repository, digest)),
      apply: async (): Promise<Outcome> => {
        const fresh = (await registry.listTags(repository)).find(
          (each) => each.digest === digest && !tags.includes(each.tag),
        );
        if (fresh) {
          const message = `${reference.name}:${fresh.tag} was given to ${digest} meanwhile`;
          return { status: 'failed', problem: problem('plan-stale', message, { hint: 'plan again' }) };
        }
        const deleted = await registry.deleteManifest(repository, digest);
        return deleted.ok ? { status: 'done' } : { status: 'failed', problem: deleted.problems[0]! };
      },
    };
  });
}

/** Rules must come from somewhere. Problem: `usage`. */
export function someRules(rules: KeepRules): Result<KeepRules> {
  if (Object.keys(rules).length > 0) return ok(rules);
  const hint = "say --keep weekly=4,daily=10, or give the level a 'keep:' in dmrel.yaml";
  return failed(problem('usage', 'there is no rule by which anything could be let go', { hint }));
}
