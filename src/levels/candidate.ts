import type { DocumentCache } from '../documents/index.ts';
import { byRelease, type ReleaseName } from '../names/index.ts';
import { type LevelRecord, type ReleaseRecord, readLevel, readNewest, requireRelease } from '../releases/index.ts';
import { failed, ok, problem, type Result } from '../support/index.ts';
import { levelsBefore, type Workspace } from '../workspace/index.ts';
import type { Level } from './level.ts';

export interface Candidate {
  record: ReleaseRecord;
  /** How it was chosen, when nobody named it. */
  because?: string;
}

/**
 * The release a command is about: the one named, else the newest that stands at the levels before this one; at a
 * first level the newest that is built. Problem: `unknown-release`.
 */
export async function chooseCandidate(
  workspace: Workspace,
  level: Level,
  name: string | undefined,
  cache?: DocumentCache,
): Promise<Result<Candidate>> {
  if (name !== undefined) {
    const record = await requireRelease(workspace.root, name, cache);
    return record.ok ? ok({ record: record.value }) : record;
  }
  const { any, levels: before } = levelsBefore(level.config);
  const standing = await readLevels(workspace.root, before, cache);
  if (!standing.ok) return standing;
  const isBuilt = ({ images = {} }: ReleaseRecord): boolean => Object.keys(images).length > 0;
  const names = before.length === 0 ? undefined : namesAt(standing.value, any);
  const fits = before.length === 0 ? isBuilt : () => true;
  const { records, problems } = await readNewest(workspace.root, fits, {
    ...(names ? { names } : {}),
    ...(cache ? { cache } : {}),
  });
  if (problems.length > 0) return failed(...problems);
  const newest = records.filter(fits).at(-1);
  const where = before.length === 0 ? 'is built' : `stands at ${before.join(any ? ' or ' : ' and ')}`;
  if (newest) return ok({ record: newest, because: `the newest release that ${where}` });
  const hint = before.length === 0 ? `'dmrel build' builds the newest` : `dmrel promote --level ${before[0]}`;
  return failed(problem('unknown-release', `there is no release that ${where}`, { hint }));
}

/** Releases that stand at all of these levels, or at any of them; oldest first of their kind. */
function namesAt(levels: readonly LevelRecord[], any: boolean): ReleaseName[] {
  const lists = levels.map(({ current }) => current.map(({ release }) => release));
  const all = [...new Set(lists.flat())].sort(byRelease);
  return any ? all : all.filter((name) => lists.every((list) => list.includes(name)));
}

async function readLevels(
  root: string,
  names: readonly string[],
  cache: DocumentCache | undefined,
): Promise<Result<LevelRecord[]>> {
  const levels: LevelRecord[] = [];
  for (const name of names) {
    const read = await readLevel(root, name, cache);
    if (!read.ok) return read;
    levels.push(read.value);
  }
  return ok(levels);
}
