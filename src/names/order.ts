import { naturalOrder } from '../support/index.ts';
import { nameKinds, type ParsedName } from './parsed.ts';

/**
 * Oldest first within a kind: by version, or by base name where either has no version; then cycle, build of the cycle,
 * build of the platform, extra, architecture. What is missing comes first, but for the architecture: the image for all
 * architectures is the newest. Names that say the same are ordered as text.
 */
export function compareNames(left: ParsedName, right: ParsedName): number {
  return (
    compareMeanings(left, right) ||
    compareText(left.cycle, right.cycle) ||
    compareText(left.cycleBuild, right.cycleBuild) ||
    compareText(left.rspBuild, right.rspBuild) ||
    compareText(left.extra, right.extra) ||
    compareArchitectures(left.architecture, right.architecture) ||
    compareText(left.name, right.name)
  );
}

/** As a menu shows them: kinds in their order, in each the newest first. */
export function byMenu(left: ParsedName, right: ParsedName): number {
  return nameKinds.indexOf(left.kind) - nameKinds.indexOf(right.kind) || compareNames(right, left);
}

function compareMeanings(left: ParsedName, right: ParsedName): number {
  if (left.version !== null && right.version !== null) return compareVersions(left.version, right.version);
  if (left.kind === 'milestone' && right.kind === 'milestone') return naturalOrder(left.name, right.name);
  return compareText(left.base, right.base);
}

/** SemVer, but rc2 before rc10: SemVer compares `rc2` and `rc10` as text, for they are no numbers. */
function compareVersions(left: string, right: string): number {
  const [first, second] = [splitVersion(left), splitVersion(right)];
  for (const [index, digits] of first.numbers.entries()) {
    const difference = compareDigits(digits, second.numbers[index]!);
    if (difference !== 0) return difference;
  }
  if (first.candidate === undefined || second.candidate === undefined)
    return Number(first.candidate === undefined) - Number(second.candidate === undefined);
  return compareDigits(first.candidate, second.candidate);
}

function splitVersion(version: string): { numbers: string[]; candidate: string | undefined } {
  const [core, candidate] = version.split('-rc');
  return { numbers: core!.split('.'), candidate: candidate?.replace(/^0+(?=[0-9])/, '') };
}

/** Digits of any length, without leading zeros. */
const compareDigits = (left: string, right: string): number => left.length - right.length || compareText(left, right);

function compareText<T extends string | number>(left: T | null, right: T | null): number {
  if (left === right) return 0;
  if (left === null || right === null) return left === null ? -1 : 1;
  return left < right ? -1 : 1;
}

function compareArchitectures(left: string | null, right: string | null): number {
  return left === null || right === null ? Number(left === null) - Number(right === null) : compareText(left, right);
}
