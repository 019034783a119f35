import { byRelease, parseReleaseName, type ReleaseName } from '../names/index.ts';
import type { LevelEntry, LevelRecord } from '../releases/index.ts';
import type { Digest, Instant } from '../support/index.ts';
import type { LevelConfig } from '../workspace/index.ts';

/** What of a level decides how many releases stand there at once. */
export interface LevelRules {
  keep: LevelConfig['keep'];
  /** Images meant for it. */
  images: readonly string[];
}

/** The level with this release in the place it takes, and no more of the others than the level keeps. */
export function withRelease(standing: LevelRecord, entry: LevelEntry, rules: LevelRules): LevelRecord {
  const present = standing.current.find(({ release }) => release === entry.release);
  const images = { ...present?.images, ...entry.images };
  if (present && sameMap(present.images, images)) return standing;
  const others = standing.current.filter((each) => each !== present);
  const merged = { ...entry, since: present?.since ?? entry.since, images };
  return { ...standing, current: kept([merged, ...others], standing.recommended, rules) };
}

/** The oldest of its kind at a level that keeps so many newer ones that a release would have no place there. */
export function keptInstead(standing: LevelRecord, release: ReleaseName, rules: LevelRules): ReleaseName | undefined {
  const entry = { release, since: '1970-01-01T00:00:00Z' as Instant, images: {} };
  const others = standing.current.filter((each) => each.release !== release);
  const names = kept([entry, ...others], standing.recommended, rules).map((each) => each.release);
  if (names.includes(release)) return undefined;
  const { kind } = parseReleaseName(release)!;
  return names.findLast((name) => parseReleaseName(name)!.kind === kind && name !== standing.recommended);
}

/** The level without some releases; what stood there before them is put back by `withRelease`. */
export function withoutReleases(standing: LevelRecord, releases: readonly string[]): LevelRecord {
  return { ...standing, current: standing.current.filter(({ release }) => !releases.includes(release)) };
}

/** The level with images of a release that nothing else there has: they come last. */
export function withBelow(standing: LevelRecord, entry: LevelEntry): LevelRecord {
  const { current } = standing;
  if (!current.some(({ release }) => release === entry.release)) return { ...standing, current: [...current, entry] };
  const more = (each: LevelEntry) => ({ ...each, images: { ...each.images, ...entry.images } });
  return { ...standing, current: current.map((each) => (each.release === entry.release ? more(each) : each)) };
}

/** A level that keeps several has them in the order of releases; of one that does not, the last to come is the one. */
function kept(entries: LevelEntry[], recommended: ReleaseName | undefined, { keep, images }: LevelRules): LevelEntry[] {
  if (!keep) return superseded(entries, recommended, images);
  const seen = new Map<string, number>();
  const sorted = entries.toSorted((left, right) => byRelease(right.release, left.release));
  return sorted.filter(({ release }) => {
    const kind = parseReleaseName(release)!.kind;
    const limit = keep[kind] ?? 1;
    const number = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, number);
    return limit === 'all' || number <= limit || release === recommended;
  });
}

/**
 * An older release stays for the images that a newer one has not brought yet: they are what runs there. One that is
 * recommended stays as it is.
 */
function superseded(
  [newest, ...older]: LevelEntry[],
  recommended: ReleaseName | undefined,
  meant: readonly string[],
): LevelEntry[] {
  if (!newest) return [];
  const taken = new Set(Object.keys(newest.images));
  const left: LevelEntry[] = [];
  for (const entry of older) {
    const rest = Object.entries(entry.images).filter(([name]) => meant.includes(name) && !taken.has(name));
    for (const [name] of rest) taken.add(name);
    if (entry.release === recommended) left.push(entry);
    else if (rest.length > 0) left.push({ ...entry, images: Object.fromEntries(rest) });
  }
  return [newest, ...left];
}

/** What the level's own tag names in each repository: the image of the newest release there that has it. */
export function levelTags({ current }: LevelRecord): Map<string, Digest> {
  const tags = new Map<string, Digest>();
  for (const { images } of current) {
    for (const [name, reference] of Object.entries(images)) {
      if (!tags.has(name)) tags.set(name, digestIn(reference));
    }
  }
  return tags;
}

/** `address/repository@digest`, as level records name images. */
export const digestIn = (reference: string): Digest => reference.slice(reference.lastIndexOf('@') + 1) as Digest;

export const sameMap = (left: Record<string, string>, right: Record<string, string>): boolean =>
  Object.keys(left).length === Object.keys(right).length &&
  Object.entries(left).every(([key, value]) => right[key] === value);
