import type { ReleaseRecord } from '../releases/index.ts';
import { type Problem, problem } from '../support/index.ts';
import type { ImageDetails } from './plan.ts';

/**
 * Images that would be others from now on, though the release stood at a level with those it has: the record of what was checked
 * and promoted would name them no longer. Pure.
 */
export function promotedImages(
  { name: release, images = {}, promotions = [] }: ReleaseRecord,
  decided: Record<string, ImageDetails>,
): Problem[] {
  return Object.entries(decided).flatMap(([name, { action, found }]) => {
    const before = images[name]?.digest;
    const levels = promotions.filter((each) => Object.hasOwn(each.images, name)).map(({ level }) => level);
    if (before === undefined || levels.length === 0) return [];
    if (action !== 'build' && found?.digest === before) return [];
    const message = `${name} of ${release} was promoted to ${[...new Set(levels)].join(' and ')}, and would be another image`;
    const hint = 'make a new release of it, or say --yes: the levels keep what they have';
    return [problem('release-in-use', message, { hint, subject: name })];
  });
}
