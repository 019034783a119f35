import type { DocumentCache } from '../documents/index.ts';
import { parseReleaseName, type ReleaseName } from '../names/index.ts';
import type { Problem } from '../support/index.ts';
import { byDate, type ReleaseRecord } from './record.ts';
import { listReleases, readRelease } from './store.ts';

/**
 * Records from the newest on, oldest first, and no more of them than are asked for: a year has hundreds. The names of
 * weeklies and dailies are in the order of their days; all others are read.
 * @param names those to choose from; all without it
 * @param enough whether nothing older of its kind is wanted
 */
export async function readNewest(
  root: string,
  enough: (record: ReleaseRecord) => boolean,
  { names, cache }: { names?: readonly ReleaseName[]; cache?: DocumentCache } = {},
): Promise<{ records: ReleaseRecord[]; problems: Problem[] }> {
  const records: ReleaseRecord[] = [];
  const problems: Problem[] = [];
  const done = new Set<string>();
  for (const name of (names ?? (await listReleases(root))).toReversed()) {
    const { kind } = parseReleaseName(name)!;
    if (done.has(kind)) continue;
    const read = await readRelease(root, name, cache);
    if (!read.ok) problems.push(...read.problems);
    if (!read.ok || !read.value) continue;
    records.push(read.value);
    if ((kind === 'weekly' || kind === 'daily') && enough(read.value)) done.add(kind);
  }
  return { records: records.sort(byDate), problems };
}
