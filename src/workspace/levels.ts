import type { Document } from '../documents/index.ts';
import type { ReleaseKind } from '../names/index.ts';
import { didYouMean, isTimeZone, type Problem, parseLocal, parseRecurrence, recurrences } from '../support/index.ts';
import type { WorkspaceConfig } from './config.ts';
import { membersOf } from './image-matrix.ts';
import type { ImageDefinition } from './images.ts';

/** A place where releases run, and what it asks of them. */
export interface LevelConfig {
  registry: string;
  /** Levels a release must stand at before: all of them, or any one. */
  after?: string[] | { all: string[] } | { any: string[] };
  checks?: string[];
  ceilings?: CeilingsConfig;
  /** How long a release must have stood at the levels before. */
  soak?: string;
  /** How soon after tagging it should be available here. */
  within?: string;
  approvals?: ApprovalRule | ApprovalRule[];
  freeze?: FreezeWindow[];
  /** A milestone whose features must all be verified. */
  milestone?: string;
  /** The role whose keys may promote here; `promoter-LEVEL` without it. */
  promoter?: string;
  /** The role whose keys may waive checks here; that of the first approval rule without it. */
  waivers?: string;
  /** The role whose keys may promote here past the gate; nobody without it, where the workspace trusts keys. */
  emergency?: string;
  keep?: Partial<Record<ReleaseKind, number | 'all'>>;
}

/** The most that may be found, whatever the checks themselves allow. */
export interface CeilingsConfig {
  /** By severity: critical, high, medium, low, negligible, unknown. */
  vulnerabilities?: Record<string, number>;
  /** Bytes of an image's layers and configuration, `8GiB`. */
  size?: string;
}

/** So many different people of a role. */
export interface ApprovalRule {
  role: string;
  count?: number;
  /** How long an approval holds; without it, as long as the release stays what it is. */
  within?: string;
}

/** A time in which nothing is promoted, or outside of which nothing is, in the terms of RFC 5545. */
export interface FreezeWindow {
  /** DTSTART as a local time: `2018-06-01T18:00:00`. */
  start: string;
  /** TZID: a zone of the IANA database; UTC without it. */
  zone?: string;
  /** How long it lasts: days are days of the calendar, hours are exact (3.3.6). Or `end`. */
  duration?: string;
  /** DTEND as a local time in the same zone. */
  end?: string;
  rrule?: string;
  /** deny without it. */
  effect?: 'deny' | 'allow';
  reason: string;
}

/** Levels before one, and whether one of them is enough. */
export function levelsBefore({ after }: Pick<LevelConfig, 'after'>): { any: boolean; levels: string[] } {
  if (after === undefined) return { any: false, levels: [] };
  if (Array.isArray(after)) return { any: false, levels: after };
  return 'any' in after ? { any: true, levels: after.any } : { any: false, levels: after.all };
}

/** What a level asks of people, as a list. */
export function approvalRules({ approvals }: Pick<LevelConfig, 'approvals'>): (ApprovalRule & { count: number })[] {
  const rules = approvals === undefined ? [] : Array.isArray(approvals) ? approvals : [approvals];
  return rules.map((rule) => ({ ...rule, count: rule.count ?? 1 }));
}

type Known = (
  what: string,
  names: Record<string, unknown>,
  path: (string | number)[],
  wanted: readonly string[],
) => void;

/** What a schema cannot see of levels: names that must exist, and conditions that could never keep anything out. */
export function checkLevels(
  document: Document<WorkspaceConfig>,
  images: ReadonlyMap<string, ImageDefinition>,
  known: Known,
  problems: Problem[],
): void {
  const { registries = {}, checks = {}, levels = {} } = document.value;
  for (const [name, level] of Object.entries(levels)) {
    const { any, levels: before } = levelsBefore(level);
    const listed = Array.isArray(level.after) || level.after === undefined ? [] : [any ? 'any' : 'all'];
    known('level', levels, ['levels', name, 'after', ...listed], before);
    known('check', checks, ['levels', name, 'checks'], level.checks ?? []);
    if (!Object.hasOwn(registries, level.registry)) {
      const hint = didYouMean(level.registry, Object.keys(registries)) ?? `define it under 'registries:'`;
      const message = `there is no registry '${level.registry}'`;
      problems.push(document.problem('unknown-name', ['levels', name, 'registry'], message, { hint, part: 'value' }));
    }
  }
  for (const [name, level] of Object.entries(levels)) problems.push(...levelProblems(document, name, level));
  problems.push(...gatesThatAskNothing(document, images));
}

/** Roles that nobody has, milestones without a name, windows that are none. */
function levelProblems(document: Document<WorkspaceConfig>, name: string, level: LevelConfig): Problem[] {
  const problems: Problem[] = [];
  const at = ['levels', name];
  if (name === 'recommended') {
    const hint = "call it otherwise: 'dmrel recommend' moves the tag of that name";
    problems.push(document.problem('wrong-value', at, `no level can be called '${name}'`, { hint, part: 'key' }));
  }
  const { roles } = document.value.trust ?? {};
  const role = (path: (string | number)[], wanted: string | undefined) => {
    if (wanted === undefined || !roles || Object.hasOwn(roles, wanted)) return;
    const hint = didYouMean(wanted, Object.keys(roles)) ?? `define it under 'trust: roles:'`;
    const message = `there is no role '${wanted}'`;
    problems.push(document.problem('unknown-name', [...at, ...path], message, { hint, part: 'value' }));
  };
  for (const key of ['promoter', 'waivers', 'emergency'] as const) role([key], level[key]);
  const listed = Array.isArray(level.approvals);
  const rules = approvalRules(level);
  for (const [index, rule] of rules.entries()) {
    const path = listed ? ['approvals', index] : ['approvals'];
    role([...path, 'role'], rule.role);
    if (rules.findIndex((each) => each.role === rule.role) < index) {
      const hint = 'ask for it once, with the larger count';
      const message = `approvals by '${rule.role}' are asked for twice`;
      problems.push(document.problem('wrong-value', [...at, ...path, 'role'], message, { hint, part: 'value' }));
    }
    const people = roles && peopleOf(document.value, rule.role);
    if (people !== undefined && people < rule.count) {
      const hint = `name more of them under 'trust: roles: ${rule.role}:'`;
      const message = `${rule.count} people of '${rule.role}' must approve, and there are ${people}`;
      problems.push(document.problem('wrong-value', [...at, ...path, 'count'], message, { hint, part: 'value' }));
    }
  }
  for (const [index, window] of (level.freeze ?? []).entries()) {
    for (const { key, message, hint } of windowFaults(window)) {
      const path = [...at, 'freeze', index, ...(key === undefined ? [] : [key])];
      problems.push(document.problem('wrong-value', path, message, { hint, part: 'value' }));
    }
  }
  return problems;
}

function peopleOf({ trust }: WorkspaceConfig, role: string): number | undefined {
  const names = trust && Object.hasOwn(trust.roles, role) ? trust.roles[role] : undefined;
  return names && new Set(names.map((key) => trust!.keys[key]?.person ?? key)).size;
}

/** What is wrong with a window: a time that does not exist, no end, a rule that does not have its start. */
function windowFaults(window: FreezeWindow): { key?: keyof FreezeWindow; message: string; hint: string }[] {
  const { start, end, duration, rrule, zone } = window;
  const faults: { key?: keyof FreezeWindow; message: string; hint: string }[] = [];
  const [begin, finish] = [parseLocal(start), end === undefined ? undefined : parseLocal(end)];
  const hint = 'a local time such as 2018-06-01T18:00:00';
  if (begin === undefined) faults.push({ key: 'start', message: `there is no ${start}`, hint });
  if (end !== undefined && finish === undefined) faults.push({ key: 'end', message: `there is no ${end}`, hint });
  if ((end === undefined) === (duration === undefined)) {
    faults.push({ message: 'a window needs a duration or an end, not both', hint: `'duration: 8h', or 'end: ...'` });
  } else if (begin !== undefined && finish !== undefined && finish <= begin) {
    faults.push({ key: 'end', message: 'it ends before it begins', hint: 'let it end after it begins' });
  }
  if (zone !== undefined && !isTimeZone(zone)) {
    const known = 'a zone of the IANA database, such as America/Santiago';
    faults.push({ key: 'zone', message: `there is no time zone '${zone}'`, hint: known });
  }
  const rule = rrule === undefined ? undefined : parseRecurrence(rrule);
  if (typeof rule === 'string') {
    faults.push({ key: 'rrule', message: rule, hint: 'RFC 5545, 3.3.10: FREQ=WEEKLY;BYDAY=FR' });
  } else if (rule && begin !== undefined && recurrences(rule, begin).next().value !== begin) {
    faults.push({
      key: 'start',
      message: `the rule does not have its own start`,
      hint: 'begin it on a day that the rule names',
    });
  }
  return faults;
}

/** Conditions of a level that could never keep anything out: whoever wrote them thinks that they do. */
function gatesThatAskNothing(
  document: Document<WorkspaceConfig>,
  images: ReadonlyMap<string, ImageDefinition>,
): Problem[] {
  const { checks = {}, levels = {} } = document.value;
  const problems: Problem[] = [];
  for (const [name, level] of Object.entries(levels)) {
    if (level.soak !== undefined && levelsBefore(level).levels.length === 0) {
      const hint = `name the level where a release has to stand so long: 'after: [LEVEL]'`;
      problems.push(document.problem('wrong-value', ['levels', name, 'soak'], "'soak' without 'after'", { hint }));
    }
    const counts = (level.checks ?? []).some((each) => checks[each]?.kind === 'vulnerabilities');
    if (level.ceilings?.vulnerabilities && !counts) {
      const hint = `name a check of kind vulnerabilities among the checks of ${name}`;
      const message = 'nothing counts the vulnerabilities that this limits';
      problems.push(
        document.problem('wrong-value', ['levels', name, 'ceilings', 'vulnerabilities'], message, { hint }),
      );
    }
    const meant = [...images.values()]
      .filter(({ config }) => config.levels?.includes(name) ?? true)
      .map((each) => each.name);
    for (const [index, check] of (level.checks ?? []).entries()) {
      const on = checks[check]?.images?.flatMap((each) => membersOf(each, images));
      if (meant.length === 0 || on === undefined || on.some((each) => meant.includes(each))) continue;
      const hint = `its images are ${on.join(', ')}; those of ${name} are ${meant.join(', ')}`;
      const message = `the check '${check}' looks at no image of ${name}`;
      problems.push(document.problem('wrong-value', ['levels', name, 'checks', index], message, { hint }));
    }
  }
  return problems;
}
