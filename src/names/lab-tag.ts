import { eupsTagOf } from './eups.ts';
import { parseReleaseName, type ReleaseName } from './release.ts';

/**
 * How images of the Science Platform's lab are tagged (lsst-sqre/sciplat-lab, scripts/helper-functions.sh): the EUPS tag,
 * with `r` in the place of its `v`. A version of two numbers gets its third, for menus know no other.
 */
export function labTagOf(release: ReleaseName): string {
  const parsed = parseReleaseName(release);
  const tag = eupsTagOf(release);
  if (parsed?.kind !== 'release' && parsed?.kind !== 'candidate') return tag;
  const [major, minor, patch, candidate] = parsed.order;
  return `r${major}_${minor}_${patch}${candidate === undefined ? '' : `_rc${candidate}`}`;
}
