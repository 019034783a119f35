import { byRelease } from '../names/index.ts';
import type { LevelRecord, ReleaseRecord, Standing } from '../releases/index.ts';
import type { LevelConfig } from '../workspace/index.ts';

/**
 * Images that a release has at a level by its record, and in whose place another release came since: a level that does
 * not keep several has them no more.
 */
export function replacedImages(
  { current }: LevelRecord,
  { keep }: Pick<LevelConfig, 'keep'>,
  { name: release }: Pick<ReleaseRecord, 'name'>,
  { images, promotions }: Standing,
): string[] {
  if (keep !== undefined) return [];
  return Object.keys(images).filter((image) => {
    const there = current.find((each) => each.images[image] !== undefined);
    const came = promotions.findLast((each) => each.images[image] !== undefined)!.at;
    if (!there || there.release === release) return false;
    return there.since > came || (there.since === came && byRelease(there.release, release) > 0);
  });
}
