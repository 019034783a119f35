import { type Brand, type CalendarDate, naturalOrder } from '../support/index.ts';
import { parseMilestoneRelease } from './milestone.ts';
import { dayOf, padded, thursdayOf, type WeekRule, weekOf } from './weeks.ts';

/**
 * A git tag that names a release (SQR-016, "Format of tags"): `w.2018.18`, `d.2018.05.08`, `v15.0.rc2`, `15.0`; and
 * `m.ldm.503.3`, made in advance of a milestone.
 */
export type ReleaseName = Brand<string, 'ReleaseName'>;
export type ReleaseKind = 'daily' | 'weekly' | 'candidate' | 'release' | 'milestone';

export interface ParsedRelease {
  name: ReleaseName;
  kind: ReleaseKind;
  /** Numbers that order releases of one kind: year and week, year month day, version and candidate. */
  order: number[];
}

/**
 * Parse a release name; undefined when it is none, a week or a day that does not exist among them.
 * @param rule whose weeks exist; those of either rule without it, for records outlive the choice of a rule
 */
export function parseReleaseName(text: string, rule?: WeekRule): ParsedRelease | undefined {
  const parsed = (kind: ReleaseKind, order: number[]): ParsedRelease => ({ name: text as ReleaseName, kind, order });
  const weekly = /^w\.([0-9]{4})\.([0-9]{2})$/.exec(text);
  if (weekly) {
    const [year, week] = [Number(weekly[1]), Number(weekly[2])];
    return thursdayOfEither(year, week, rule) ? parsed('weekly', [year, week]) : undefined;
  }
  const daily = /^d\.([0-9]{4})\.([0-9]{2})\.([0-9]{2})$/.exec(text);
  if (daily) {
    const order = daily.slice(1).map(Number) as [number, number, number];
    return dayOf(...order) ? parsed('daily', order) : undefined;
  }
  const candidate = /^v([0-9.]+)\.rc([0-9]{1,6})$/.exec(text);
  if (candidate) {
    const numbers = parseVersion(candidate[1]!);
    return numbers && isPlain(candidate[2]!) ? parsed('candidate', [...numbers, Number(candidate[2])]) : undefined;
  }
  if (parseMilestoneRelease(text)) return parsed('milestone', []);
  const numbers = parseVersion(text.replace(/^v/, ''));
  return numbers ? parsed('release', numbers) : undefined;
}

/** The Thursday of a weekly, by the rule that has such a week. */
export const thursdayOfEither = (year: number, week: number, rule?: WeekRule): CalendarDate | undefined =>
  rule ? thursdayOf(year, week, rule) : (thursdayOf(year, week, 'iso') ?? thursdayOf(year, week, 'us'));

/** `16.1.0` or, as until 15, `15.0`: two or three numbers without leading zeros (DMTN-106). */
export function parseVersion(text: string): [number, number, number] | undefined {
  const parts = text.split('.');
  if (parts.length < 2 || parts.length > 3 || !parts.every(isPlain)) return undefined;
  const [major, minor, patch = 0] = parts.map(Number);
  return [major!, minor!, patch];
}

const isPlain = (digits: string): boolean => /^(?:0|[1-9][0-9]{0,5})$/.test(digits);

/** The weekly of a day: `w.`, the year of its week, the week with two digits. */
export function weeklyName(date: CalendarDate, rule: WeekRule = 'iso'): ReleaseName {
  const { year, week } = weekOf(date, rule);
  return `w.${padded(year, 4)}.${padded(week, 2)}` as ReleaseName;
}

export const dailyName = (date: CalendarDate): ReleaseName => `d.${date.replaceAll('-', '.')}` as ReleaseName;

/** `M.n.p` as it is given; undefined when it is no version. */
export const officialName = (version: string): ReleaseName | undefined =>
  parseVersion(version) && (version as ReleaseName);

/** The n-th candidate of a version, `v16.0.0.rc1`; undefined when either is none. */
export function candidateName(version: string, candidate: number): ReleaseName | undefined {
  const name = `v${version}.rc${candidate}`;
  return candidate >= 1 && parseReleaseName(name) ? (name as ReleaseName) : undefined;
}

/** The number of a version's next candidate, after the highest among names; those that are none do not count. */
export function nextCandidate(version: string, names: Iterable<string>): number | undefined {
  const wanted = parseVersion(version);
  if (!wanted) return undefined;
  let highest = 0;
  for (const name of names) {
    const parsed = parseReleaseName(name);
    if (parsed?.kind === 'candidate' && wanted.every((number, index) => parsed.order[index] === number))
      highest = Math.max(highest, parsed.order[3]!);
  }
  return highest + 1;
}

/**
 * The tag of a release in a repository that keeps versions of its own (SQR-016, external): an official release is
 * hidden behind a `v`, since builds take the latest tag that begins with a digit for the product's version.
 */
export const externalTagOf = (name: ReleaseName): ReleaseName =>
  (/^[0-9]/.test(name) ? `v${name}` : name) as ReleaseName;

/** By kind, then oldest first: rc2 before rc10, v14.0 before 15.0. What is no release name comes last, by name. */
export function byRelease(left: string, right: string): number {
  const [first, second] = [parseReleaseName(left), parseReleaseName(right)];
  if (!first || !second) return Number(!first) - Number(!second) || naturalOrder(left, right);
  if (first.kind !== second.kind) return first.kind < second.kind ? -1 : 1;
  for (const [index, number] of first.order.entries()) {
    const difference = number - (second.order[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return naturalOrder(left, right);
}
