import { openRepository, type Repository } from '../git/index.ts';
import { type Level, openRegistry, registryConfig, requireLevel } from '../levels/index.ts';
import { newOperationId } from '../operation/index.ts';
import { type ImageRegistry, repositoryAt } from '../registry/index.ts';
import { type LevelRecord, type ReleaseRecord, readLevel } from '../releases/index.ts';
import { type Instant, instantOf, ok, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { lookAtUpstream } from './lease.ts';
import type { PromotedImage } from './plan.ts';

/** What every command on a level asks for. */
export interface LevelRequest {
  level: string;
  now: Date;
  /** Whoever is changing the level is dead, somebody says. */
  takeOver: boolean;
}

/** What every command on a level knows before it plans. */
export interface LevelFacts {
  operation: string;
  now: Instant;
  by: string;
  level: Level;
  lane: string;
  takeOver: boolean;
  standing: LevelRecord;
  repository: Repository;
  target: ImageRegistry;
  /** Where records are pushed to, and whether something waits for that. */
  upstream: { name: string; pending: boolean } | undefined;
}

export async function gatherLevel(
  workspace: Workspace,
  { level: name, now, takeOver }: LevelRequest,
): Promise<Result<LevelFacts>> {
  const level = requireLevel(workspace, name, 'nothing can be changed there');
  if (!level.ok) return level;
  const standing = await readLevel(workspace.root, level.value.name);
  if (!standing.ok) return standing;
  const opened = await openRepository(workspace.root);
  if (!opened.ok) return opened;
  const repository = opened.value;
  const { tagger } = workspace.config.tags ?? {};
  const identity = tagger ? ok(tagger) : await repository.identity();
  if (!identity.ok) return identity;
  const target = openRegistry(workspace, level.value.config.registry);
  if (!target.ok) return target;
  const lane = laneOf(workspace, level.value);
  const looked = await lookAtUpstream(repository, { level: name, lane, takeOver });
  if (!looked.ok) return looked;
  return ok({
    operation: newOperationId(now),
    now: instantOf(now),
    by: `${identity.value.name} <${identity.value.email}>`,
    level: level.value,
    lane,
    takeOver,
    standing: standing.value,
    repository,
    target: target.value,
    upstream: looked.value && {
      name: looked.value.name,
      pending: looked.value.leftover || (await repository.isAhead()),
    },
  });
}

/** Levels with one registry exclude one another: the lists of what belongs to an image are changed there, too. */
const laneOf = (workspace: Workspace, { name }: Level): string => levelsSharing(workspace, name).sort()[0] ?? name;

/** Levels that have their images in one place with this one, itself among them. */
export function levelsSharing(workspace: Workspace, level: string): string[] {
  const { levels = {} } = workspace.config;
  const address = (name: string): string => registryConfig(workspace, name)?.address ?? name;
  const own = levels[level]?.registry;
  if (own === undefined) return [];
  return Object.keys(levels).filter(
    (name) => levels[name]!.registry === own || address(levels[name]!.registry) === address(own),
  );
}

/** An image of a release as it goes to a level; undefined when it was not built. */
export function imageFor(
  level: Level,
  target: ImageRegistry,
  record: ReleaseRecord,
  name: string,
): PromotedImage | undefined {
  const image = record.images?.[name];
  if (!image) return undefined;
  const slash = image.repository.indexOf('/');
  const from = { registry: image.repository.slice(0, slash), repository: image.repository.slice(slash + 1) };
  const to = { registry: level.config.registry, repository: name };
  return { name, digest: image.digest, from, to, reference: `${repositoryAt(target.address, name)}@${image.digest}` };
}
