import type { CommitId, ObjectId } from '../git/index.ts';
import { byRelease, type ReleaseKind, type ReleaseName } from '../names/index.ts';
import type { CalendarDate, Digest, Instant } from '../support/index.ts';

export interface ReleasedProduct {
  url: string;
  commit: CommitId;
  tag: string;
  /** The id of the annotated tag object. */
  object: ObjectId;
  version?: string;
  /** The tag was there before this release was made: undo leaves it. */
  preexisting?: true;
  /** Tagged after all products. */
  auxiliary?: true;
}

/** Where the commits of a release come from. */
export interface ReleaseSource {
  /** A build manifest, `b3595`. */
  manifest?: string | null;
  /** The EUPS list that the manifest was held against, `w_2018_18`. */
  eupsTag?: string;
  /** The release whose commits were taken. */
  from?: string;
  /** Branches or tags, the first that a repository has. */
  refs?: string[];
  /** Equal for equal products, commits and versions. */
  contentId: string;
}

/** The milestone that a release was made in advance of. */
export interface ReleasedMilestone {
  id: string;
  /** Features that the release delivers, and that it does not. */
  delivered: string[];
  missing: string[];
  /** Why it was made though features are missing. */
  acceptedMissing?: string;
}

/** A tag that was moved because somebody said so. */
export interface ForcedTag {
  product: string;
  from: ObjectId;
  to: ObjectId;
  because: string;
}

export interface ReleasedImage {
  /** Registry and repository, as dmrel.yaml names the registry: `build/stack`. */
  repository: string;
  digest: Digest;
  /** Digest of everything that went into the build. */
  inputs: Digest;
  /** Bytes of all layers and the configuration. */
  size: number;
  platforms: string[];
  /** The release that it was built for, when that is another one: nothing in it changed since. */
  builtFor?: ReleaseName;
  /** The engine and the class of its version. */
  engine?: string;
  tags?: string[];
  /** What its inputs are the digest of, besides what stands above. */
  sources?: {
    dockerfile: Digest;
    target?: string;
    context: Digest;
    args: Record<string, string>;
    /** By the name that the Dockerfile calls them. */
    parents: Record<string, Digest>;
    /** Those of the release that are in it. */
    products: string[];
  };
  /** Files under evidence/: how it was built, and what it is made of. */
  provenance?: Digest;
  contents?: Digest;
}

/** Images of a release that were let up to a level. */
export interface Promotion {
  level: string;
  at: Instant;
  by: string;
  operation: string;
  images: Record<string, Digest>;
  /** By image, the digest of the file with its verification summary: releases/<name>/evidence/<hex>.json. */
  statements?: Record<string, Digest>;
  /** Its gate was not asked, by whom may say so. */
  emergency?: { reason: string; ref: string; statement?: Digest };
  /** What its gate did not have when it was let up in an emergency. */
  owed?: OwedCondition[];
}

/** A condition of a gate, as it is named there. */
export interface OwedCondition {
  kind: string;
  subject: string;
  text: string;
}

/** A release that was taken away from a level. */
export interface Withdrawal {
  level: string;
  at: Instant;
  by: string;
  operation: string;
  /** `rollback`: another one stands in its place; `demote`: it is not fit for the level. */
  kind: 'rollback' | 'demote';
  images: Record<string, Digest>;
  reason: string;
  /** What stands there since. */
  to?: ReleaseName;
  /** The file of its signed statement. */
  statement?: Digest;
}

/** releases/<name>/release.yaml: what was tagged, built and promoted. */
export interface ReleaseRecord {
  schema: 'dmrel/release/v1';
  name: ReleaseName;
  kind: ReleaseKind;
  date: CalendarDate;
  created: { at: Instant; by: string; operation: string };
  source: ReleaseSource;
  previous: string | null;
  /** What differs from the previous release of its kind. */
  changes?: { added: string[]; removed: string[]; moved: string[] };
  /** Names that follow the newest release of a kind, and were given to this one. */
  aliases?: string[];
  milestone?: ReleasedMilestone;
  products: Record<string, ReleasedProduct>;
  forced?: ForcedTag[];
  images?: Record<string, ReleasedImage>;
  /** Newest last. */
  promotions?: Promotion[];
  /** Newest last. */
  withdrawals?: Withdrawal[];
}

/** What stands at a level: one release and its images, each `address/repository@digest`. */
export interface LevelEntry {
  release: ReleaseName;
  since: Instant;
  images: Record<string, string>;
}

/** Why nothing, or one release, may go up to a level. */
export interface Hold {
  by: string;
  at: Instant;
  reason: string;
  /** The file of its signed statement, under levels/<level>/evidence/. */
  statement?: Digest;
}

/** levels/<level>.yaml: what a deployment reads. */
export interface LevelRecord {
  schema: 'dmrel/level/v1';
  level: string;
  /** Newest first. */
  current: LevelEntry[];
  /** The release that the tag `recommended` names; it moves by command alone. */
  recommended?: ReleaseName;
  held: Hold | null;
  /** Releases that were taken away and may not come back by themselves. */
  withheld?: (Hold & { release: ReleaseName })[];
}

/** The record with its keys in the one order in which it is written, so that equal records are equal bytes. */
export function orderedRecord(record: ReleaseRecord): ReleaseRecord {
  const { schema, name, kind, date, created, source, previous, changes, aliases, milestone } = record;
  const { products, forced, images, promotions, withdrawals } = record;
  const sorted = <Value>(map: Record<string, Value>): Record<string, Value> =>
    Object.fromEntries(Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1)));
  return {
    schema,
    name,
    kind,
    date,
    created,
    source,
    previous,
    ...(changes ? { changes } : {}),
    ...(aliases ? { aliases } : {}),
    ...(milestone ? { milestone } : {}),
    products: sorted(products),
    ...(forced ? { forced } : {}),
    ...(images ? { images: sorted(images) } : {}),
    ...(promotions ? { promotions } : {}),
    ...(withdrawals ? { withdrawals } : {}),
  };
}

/** The same of what stands at a level. */
export function orderedLevel({ schema, level, current, recommended, held, withheld = [] }: LevelRecord): LevelRecord {
  return {
    schema,
    level,
    current,
    ...(recommended === undefined ? {} : { recommended }),
    held,
    ...(withheld.length === 0 ? {} : { withheld }),
  };
}

/** Oldest first: by date, then as names are ordered. */
export const byDate = (left: ReleaseRecord, right: ReleaseRecord): number =>
  left.date === right.date ? byRelease(left.name, right.name) : left.date < right.date ? -1 : 1;
