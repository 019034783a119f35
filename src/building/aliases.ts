import { byRelease, type ReleaseKind } from '../names/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import type { Digest } from '../support/index.ts';

/** A tag that follows releases, and what it names now. */
export interface AliasFacts {
  tag: string;
  kinds: readonly ReleaseKind[];
  names: Digest | undefined;
}

type Release = Pick<ReleaseRecord, 'name' | 'kind' | 'date'>;

/**
 * Whether a release is newer than another: of one kind by its name, so that 98.0.1 is not, though it was made after 99.0.0
 * (SQR-016, o_latest); of two kinds by its day.
 */
export function isNewer(one: Release, than: Release): boolean {
  if (one.kind === than.kind) return byRelease(one.name, than.name) > 0;
  return one.date > than.date;
}

/** The newest release before which an alias would move back: one of the alias's kinds that has the image. */
export function newerHolder(
  image: string,
  alias: AliasFacts,
  release: Release,
  records: readonly ReleaseRecord[],
): string | undefined {
  let newest: ReleaseRecord | undefined;
  for (const record of records) {
    if (record.name === release.name || record.images?.[image] === undefined) continue;
    if (!alias.kinds.includes(record.kind) || !isNewer(record, release)) continue;
    if (!newest || isNewer(record, newest)) newest = record;
  }
  return newest?.name;
}
