import { resolve } from 'node:path';
import { type ImageReference, type Level, openReference } from '../levels/index.ts';
import {
  findUnfinished,
  newOperationId,
  type Outcome,
  type Plan,
  type PlannedStep,
  type Step,
} from '../operation/index.ts';
import { all, atOrigin, lanes, readClosure } from '../registry/index.ts';
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

/** Each repository once, however often and by however many names it was said. */
export function eachOnce(workspace: Workspace, repositories: readonly ImageReference[]): ImageReference[] {
  const known = new Map<string, ImageReference>();
  for (const reference of repositories) {
    const { registry, repository } = atOrigin(reference);
    // A layout of dmrel.yaml is named from the workspace, another one from everywhere.
    const [, directory] = /^layout:(.*)$/s.exec(registry.address) ?? [];
    const whole = directory === undefined ? `${registry.address}/` : `${resolve(workspace.root, directory)}/`;
    if (!known.has(whole + repository)) known.set(whole + repository, reference);
  }
  return [...known.values()];
}

/**
 * What the rules let go and nothing names, and what is left of a prune of the same repositories that was not finished: no
 * tag leads to that any more. Nothing is deleted.
 */
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
  const release = repositories.map(({ name }) => name).join(' ');
  const unfinished = await findUnfinished<PruneDetails>(workspace.root, 'image prune', release);
  const details: PruneDetails = { repositories: [] };
  for (const reference of repositories) {
    const { registry, repository, name } = reference;
    const tags = await registry.listTags(repository);
    const roots = [...new Set(tags.map(({ digest }) => digest))];
    const others = (await registry.listOtherNames?.(repository)) ?? [];
    const earlier = unfinished?.details.repositories.find((each) => each.repository === name);
    const begun = (earlier?.deletions ?? []).map(({ digest }) => digest);
    const lane = lanes(8);
    const asked = [...new Set([...roots, ...named.keys(), ...begun])];
    const there = await all(
      asked.map((digest) => lane(async () => roots.includes(digest) || registry.hasManifest(repository, digest))),
    );
    const present = new Set(asked.filter((_digest, index) => there[index]));
    const closure = await readClosure(reference, [...present, ...others.map(({ digest }) => digest)], tags);
    if (!closure.ok) return closure;
    const { nodes, problems } = closure.value;
    const below = new Map(
      [...nodes].map(([digest, { children, sidecars }]) => [
        digest,
        [...children, ...sidecars.map((each) => each.digest)],
      ]),
    );
    const unread = new Set(problems.map(({ digest }) => digest));
    const planned = planPrune({ tags, others, begun, present, below, unread, named, rules, now });
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
    release,
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
        const fresh = await newName(reference, digest, tags);
        if (fresh !== undefined) {
          const message = `${reference.name}:${fresh} was given to ${digest} meanwhile`;
          return { status: 'failed', problem: problem('plan-stale', message, { hint: 'plan again' }) };
        }
        const deleted = await registry.deleteManifest(repository, digest);
        return deleted.ok ? { status: 'done' } : { status: 'failed', problem: deleted.problems[0]! };
      },
    };
  });
}

/** A name that a manifest has now and had not when it was planned to go with these tags. */
async function newName(
  { registry, repository }: ImageReference,
  digest: Digest,
  tags: readonly string[],
): Promise<string | undefined> {
  const isIt = (each: { digest: Digest }) => each.digest === digest;
  const tag = (await registry.listTags(repository)).find((each) => isIt(each) && !tags.includes(each.tag));
  if (tag) return tag.tag;
  const other = ((await registry.listOtherNames?.(repository)) ?? []).find(isIt);
  return other && (other.name ?? '(no name)');
}

/** Rules must come from somewhere. Problem: `usage`. */
export function someRules(rules: KeepRules): Result<KeepRules> {
  if (Object.keys(rules).length > 0) return ok(rules);
  const hint = "say --keep weekly=4,daily=10, or give the level a 'keep:' in dmrel.yaml";
  return failed(problem('usage', 'there is no rule by which anything could be let go', { hint }));
}
