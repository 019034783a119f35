import { compareNames, type NameKind, type ParsedName, parseName } from '../names/index.ts';
import {
  type CalendarDate,
  didYouMean,
  failed,
  ok,
  parseDate,
  parseDuration,
  problem,
  type Result,
} from '../support/index.ts';

/** What of one kind is kept: whatever meets all of it. */
export interface KeepRule {
  /** The newest so many. */
  number?: number;
  /** Seconds before now, for kinds that have a day. */
  age?: number;
  /** Not from before this day. */
  since?: CalendarDate;
  /** Not older than this version. */
  version?: string;
}

/** By kind. Of a kind without a rule everything is kept; so are aliases and names that mean nothing, whatever is said. */
export type KeepRules = Partial<Record<NameKind, KeepRule>>;

const kinds = {
  release: 'release',
  candidate: 'release-candidate',
  weekly: 'weekly',
  daily: 'daily',
  milestone: 'milestone',
  experimental: 'experimental',
} as const satisfies Record<string, NameKind>;

/** `weekly=4,daily=10+30d,release=17.0.0`: numbers, ages, days (2018-05-01) and versions, with + between. Problem: `usage`. */
export function parseKeep(text: string): Result<KeepRules> {
  const rules: KeepRules = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    const [, kind = '', rest = ''] = /^([a-z-]+)=(.+)$/.exec(part) ?? [];
    const rule = parseRule(rest);
    if (!Object.hasOwn(kinds, kind)) return wrong(part, didYouMean(kind, Object.keys(kinds)) ?? known);
    const form = 'a number, an age (30d), a day (2018-05-01), a version (17.0.0), or all; with + between';
    if (!rule) return wrong(part, form);
    const named = kinds[kind as keyof typeof kinds];
    const cannot = cannotApply(named, rule);
    if (cannot !== undefined) return wrong(part, cannot);
    if (Object.hasOwn(rules, named)) return wrong(part, `${kind} is said twice; join what must be met with +`);
    rules[named] = rule;
  }
  return ok(rules);
}

const known = `there are: ${Object.keys(kinds).join(', ')}; write weekly=4,daily=10+30d`;
const wrong = (part: string, hint: string) => failed(problem('usage', `--keep: '${part}' is no rule`, { hint }));

/** A rule that would never let anything go is a mistake: these names have no version, and those no day. */
function cannotApply(kind: NameKind, { age, since, version }: KeepRule): string | undefined {
  const [isDated, isVersioned] = [datedKinds, versionedKinds].map((each) => each.includes(kind));
  if (isDated && version !== undefined)
    return 'these are named by their day, not by a version: say a number, 30d or 2018-05-01';
  if (isVersioned && (age !== undefined || since !== undefined))
    return 'these are named by their version, not by a day: say a number or 17.0.0';
  return undefined;
}

const datedKinds: readonly NameKind[] = ['weekly', 'daily'];
const versionedKinds: readonly NameKind[] = ['release', 'release-candidate'];

function parseRule(text: string): KeepRule | undefined {
  const rule: KeepRule = {};
  for (const each of text.split('+')) {
    if (each === 'all') continue;
    const [age, since] = [parseDuration(each), parseDate(each)];
    if (/^[0-9]{1,6}$/.test(each)) rule.number = Number(each);
    else if (age !== undefined) rule.age = age;
    else if (since !== undefined) rule.since = since;
    else if (/^[0-9]{1,6}(?:\.[0-9]{1,6}){1,2}$/.test(each)) rule.version = each;
    else return undefined;
  }
  return rule;
}

/** The rules of a level: numbers, by the kinds of releases. */
export function rulesOfLevel(keep: Readonly<Record<string, number | 'all' | undefined>>): KeepRules {
  return Object.fromEntries(
    Object.entries(keep).flatMap(([kind, number]) =>
      typeof number === 'number' ? [[kinds[kind as keyof typeof kinds], { number }]] : [],
    ),
  );
}

/** Why each tag is let go; tags that are kept are not among them. Images of one version for several machines count once. */
export function tagsToLetGo(tags: readonly string[], rules: KeepRules, now: Date): Map<string, string> {
  const leaving = new Map<string, string>();
  for (const [kind, rule] of Object.entries(rules) as [NameKind, KeepRule][]) {
    if (kind === 'alias' || kind === 'unknown') continue;
    const names = tags.map((tag) => parseName(tag)).filter((name) => name.kind === kind);
    names.sort((left, right) => compareNames(right, left));
    const versions: string[] = [];
    for (const name of names) {
      const { version: own, base, cycle, cycleBuild, rspBuild, extra } = name;
      const version = JSON.stringify([own, base, cycle, cycleBuild, rspBuild, extra]);
      if (versions.at(-1) !== version) versions.push(version);
      const reason = reasonToLetGo(name, rule, versions.length, now);
      if (reason !== undefined) leaving.set(name.name, reason);
    }
  }
  return leaving;
}

function reasonToLetGo(
  name: ParsedName,
  { number, age, since, version }: KeepRule,
  place: number,
  now: Date,
): string | undefined {
  if (number !== undefined && place > number) return `not one of the newest ${number}`;
  // A name without a day or a version cannot be measured by one: it stays.
  if (name.date !== null) {
    const seconds = (now.getTime() - Date.parse(`${name.date}T00:00:00Z`)) / 1000;
    if (age !== undefined && seconds > age) return `of ${name.date}, too old`;
    if (since !== undefined && name.date < since) return `from before ${since}`;
  } else if (version !== undefined && name.version !== null && isOlder(name.version, version))
    return `older than ${version}`;
  return undefined;
}

function isOlder(version: string, limit: string): boolean {
  const [left, right] = [version, limit].map((each) => each.split('-')[0]!.split('.').map(Number)) as [
    number[],
    number[],
  ];
  for (let index = 0; index < 3; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return version.includes('-'); // a candidate comes before its release
}
