import { repositoryAt } from '../registry/index.ts';
import { type LevelRecord, type ReleaseRecord, readAllReleases, readLevel, requireRelease } from '../releases/index.ts';
import { failed, ok, type Problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { changesBetween, previousOf, type ReleaseChanges } from './release-changes.ts';

/** Every release that has a record, and what stands at each level. */
export interface ReleaseFacts {
  /** Oldest first. */
  records: ReleaseRecord[];
  standing: Map<string, LevelRecord>;
}

export async function readReleases(workspace: Workspace): Promise<Result<ReleaseFacts>> {
  const { records, problems } = await readAllReleases(workspace.root, workspace.records);
  await workspace.records.close();
  const standing = new Map<string, LevelRecord>();
  for (const level of Object.keys(workspace.config.levels ?? {})) {
    const read = await readLevel(workspace.root, level);
    if (read.ok) standing.set(level, read.value);
    else problems.push(...read.problems);
  }
  return problems.length > 0 ? failed(...(problems as [Problem])) : ok({ records, standing });
}

/** Levels at which a release stands now, and those at which it ever stood, in the order of its promotions. */
export function levelsOf(record: ReleaseRecord, standing: ReadonlyMap<string, LevelRecord>) {
  const stoodAt = [...new Set((record.promotions ?? []).map(({ level }) => level))];
  const isThere = ({ current }: LevelRecord) => current.some(({ release }) => release === record.name);
  return { stoodAt, standsAt: [...standing].filter(([, level]) => isThere(level)).map(([name]) => name) };
}

export interface ReleaseDetail {
  record: ReleaseRecord;
  standsAt: string[];
  stoodAt: string[];
  images: ImageDetail[];
  previous: ReleaseRecord | undefined;
  /** Since the previous one of its kind; undefined for the first. */
  changes: ReleaseChanges | undefined;
}

export interface ImageDetail {
  name: string;
  digest: string;
  size: number;
  platforms: string[];
  /** Where it can be had, by digest: at the levels where the release stands, else where it was built. */
  at: { level: string | null; reference: string }[];
}

/** A release with what follows from its record and those of others. Problem: `unknown-release`. */
export async function releaseDetail(
  workspace: Workspace,
  name: string,
  since?: string,
): Promise<Result<ReleaseDetail>> {
  const record = await requireRelease(workspace.root, name);
  if (!record.ok) return record;
  const before = since === undefined ? undefined : await requireRelease(workspace.root, since);
  if (before && !before.ok) return before;
  const facts = await readReleases(workspace);
  if (!facts.ok) return facts;
  const { records, standing } = facts.value;
  const previous = before?.value ?? previousOf(record.value, records);
  return ok({
    record: record.value,
    ...levelsOf(record.value, standing),
    images: imagesOf(workspace, record.value, standing),
    previous,
    changes: previous && changesBetween(previous, record.value),
  });
}

function imagesOf(
  { config }: Workspace,
  record: ReleaseRecord,
  standing: ReadonlyMap<string, LevelRecord>,
): ImageDetail[] {
  return Object.entries(record.images ?? {}).map(([name, { repository, digest, size, platforms }]) => {
    const atLevels = [...standing].flatMap(([level, { current }]) => {
      const reference = current.find(({ release }) => release === record.name)?.images[name];
      return reference === undefined ? [] : [{ level, reference }];
    });
    const slash = repository.indexOf('/');
    const registry = config.registries?.[repository.slice(0, slash)];
    const address = typeof registry === 'object' ? registry.address : registry;
    const path = address === undefined ? repository : repositoryAt(address, repository.slice(slash + 1));
    const built = { level: null, reference: `${path}@${digest}` };
    return { name, digest, size, platforms, at: atLevels.length > 0 ? atLevels : [built] };
  });
}
