import type { Level } from '../levels/index.ts';
import { type Promotion, type ReleaseRecord, readAllReleases, readLevel } from '../releases/index.ts';
import { failed, type Instant, instantOf, ok, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { readLevelThen } from './standing-then.ts';

/** How long images of a release have stood at a level, as far as its file and the records of others tell. */
export interface Stood {
  /** When it was put back there, where it had been away. */
  since?: Instant;
  /** When another release took its place. */
  until?: Instant;
}

export interface StoodQuestion {
  level: Level;
  record: ReleaseRecord;
  images: readonly string[];
  /** What came there last of the release. */
  came: Pick<Promotion, 'at' | 'operation'>;
  now: Date;
  past: boolean;
}

/** A level that keeps several loses none for another; of one that does not, records tell when the next one came. */
export async function stoodAt(workspace: Workspace, question: StoodQuestion): Promise<Result<Stood>> {
  const { record, images, came, now, past } = question;
  const { name, config } = question.level;
  const standing = past ? await readLevelThen(workspace, name, now) : await readLevel(workspace.root, name);
  if (!standing.ok) return standing;
  const { current } = standing.value;
  const entry = current.find(({ release }) => release === record.name);
  if (entry && images.every((image) => entry.images[image] !== undefined)) return ok({ since: entry.since });
  if (config.keep !== undefined) return ok({});
  const { records, problems } = await readAllReleases(workspace.root, workspace.records);
  await workspace.records.close();
  if (problems.length > 0) return failed(...problems);
  const next = records
    .filter((each) => each.name !== record.name)
    .flatMap(({ promotions = [] }) => promotions)
    .filter((each) => each.level === name && images.some((image) => each.images[image] !== undefined))
    .filter((each) => each.at <= instantOf(now) && order(each) > order(came))
    .sort((left, right) => (order(left) < order(right) ? -1 : 1));
  return ok({ until: next[0]?.at ?? came.at });
}

/** Times are of seconds; ids of operations sort by the millisecond. */
const order = ({ at, operation }: Pick<Promotion, 'at' | 'operation'>): string => `${at} ${operation}`;
