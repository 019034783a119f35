import type { CalendarDate } from '../support/index.ts';
import { type NameKind, nothing, type ParsedName, plainDigits } from './parsed.ts';
import { dayOf, thursdayOf } from './weeks.ts';

/**
 * Tags of Science Platform images (SQR-059), read exactly as the platform's own menu reads them: a tag that is nearly of
 * one form is of the next, and `unknown` in the end. Every step passes over the text once.
 */
export interface TagOptions {
  /** Names that somebody moves by hand from image to image, such as `recommended`; all else that is no version is unknown. */
  aliases?: ReadonlySet<string>;
}

interface Meaning {
  label: string;
  version: string;
  date: CalendarDate | null;
}

interface Form {
  kind: NameKind;
  head: RegExp;
  /** Undefined for a week or a day that does not exist. */
  meaning(...parts: string[]): Meaning | undefined;
  /** Undefined where nothing may follow. */
  suffixes?: false;
}

const semantic = (kind: string, numbers: string[], candidate = ''): Meaning => {
  const version = numbers.map(plainDigits).join('.') + candidate;
  return { label: `${kind} r${version}`, version, date: null };
};
const dated = (label: string, numbers: string[], date: CalendarDate | undefined): Meaning | undefined =>
  date && { label, version: numbers.map(plainDigits).join('.'), date };

/** In the order in which they are tried. */
const forms: Form[] = [
  {
    kind: 'release-candidate',
    head: /^r([0-9]+)_([0-9]+)_([0-9]+)_(rc[0-9]+)/,
    meaning: (major, minor, patch, rc) => semantic('Release Candidate', [major!, minor!, patch!], `-${rc}`),
  },
  {
    kind: 'release',
    head: /^r([0-9]+)_([0-9]+)_([0-9]+)/,
    meaning: (...numbers) => semantic('Release', numbers),
  },
  {
    kind: 'release', // until 17: two digits and one
    head: /^r([0-9]{2})([0-9])$/,
    meaning: (major, minor) => semantic('Release', [major!, minor!, '0']),
    suffixes: false,
  },
  {
    kind: 'weekly',
    head: /^w_([0-9]+)_([0-9]+)/,
    meaning: (year, week) =>
      dated(`Weekly ${year}_${week}`, [year!, week!, '0'], thursdayOf(Number(year), Number(week))),
  },
  {
    kind: 'daily',
    head: /^d_([0-9]+)_([0-9]+)_([0-9]+)/,
    meaning: (year, month, day) =>
      dated(`Daily ${year}_${month}_${day}`, [year!, month!, day!], dayOf(Number(year), Number(month), Number(day))),
  },
];

const experimental = 'exp_';

/** Never fails: what is of no form is of kind `unknown`. */
export function parseImageTag(text: string, { aliases }: TagOptions = {}): ParsedName {
  const name = text === '' ? 'latest' : text; // what docker takes where no tag is given
  if (/[\n\r\u2028\u2029]/.test(name)) return { ...nothing, name, kind: 'unknown', display: name, base: name };
  if (aliases?.has(name)) return aliasTag(name);
  let depth = 0;
  while (name.startsWith(experimental, depth * 4) && name.length > (depth + 1) * 4) depth += 1;
  if (depth === 0) return plainTag(name);
  const inner = plainTag(name.slice(depth * 4));
  return { ...inner, name, kind: 'experimental', display: 'Experimental '.repeat(depth) + inner.display };
}

function plainTag(name: string): ParsedName {
  for (const { kind, head, meaning, suffixes } of forms) {
    const match = head.exec(name);
    const rest = match && suffixesOf(name.slice(match[0].length));
    if (!match || !rest || (suffixes === false && match[0] !== name)) continue;
    const found = meaning(...match.slice(1));
    if (found) return tagOf(name, kind, found.label, rest, { version: found.version, date: found.date });
  }
  const { base, rest } = unversioned(name);
  return tagOf(name, 'unknown', base, rest, { base });
}

function aliasTag(name: string): ParsedName {
  const { base, rest } = unversioned(name);
  const words = base
    .replaceAll('_', ' ')
    .replace(/\p{L}+/gu, (word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase());
  return tagOf(name, 'alias', words, rest, { base });
}

/** What may stand behind a version, as written. */
interface Suffixes {
  cycle?: string;
  cycleBuild?: string;
  rspBuild?: string;
  extra?: string;
  architecture?: string;
}

function tagOf(name: string, kind: NameKind, label: string, rest: Suffixes, more: Partial<ParsedName>): ParsedName {
  const { cycle, cycleBuild, rspBuild, extra, architecture } = rest;
  const display = [
    label,
    cycle && ` (SAL Cycle ${cycle}${cycleBuild ? `, Build ${cycleBuild}` : ''})`,
    rspBuild && ` (RSP Build ${rspBuild})`,
    extra && ` [${extra}]`,
    architecture && ` [${architecture}]`,
  ];
  return {
    ...nothing,
    name,
    kind,
    display: display.join(''),
    cycle: numberOf(cycle),
    cycleBuild: numberOf(cycleBuild),
    rspBuild: numberOf(rspBuild),
    architecture: architecture ?? null,
    extra: extra ?? null,
    ...more,
  };
}

const numberOf = (digits: string | undefined): number | null => (digits === undefined ? null : Number(digits));
/** A number that no JSON reader would change; longer ones are text. */
const exact = (digits: string | undefined): boolean => digits === undefined || Number.isSafeInteger(Number(digits));

/** `_c0020.001`, `_rsp19`, `_anything`, `-arm64`, each at most once and in this order; undefined when something else is left. */
function suffixesOf(text: string): Suffixes | undefined {
  const match = /^_c([0-9]+)\.([0-9]+)/.exec(text);
  if (match && exact(match[1]) && exact(match[2])) {
    const rest = afterCycle(text.slice(match[0].length));
    if (rest) return { cycle: match[1]!, cycleBuild: match[2]!, ...rest };
  }
  return afterCycle(text);
}

function afterCycle(text: string): Suffixes | undefined {
  const match = /^_rsp([0-9]+)/.exec(text);
  if (match && exact(match[1])) {
    const rest = afterBuild(text.slice(match[0].length));
    if (rest) return { rspBuild: match[1]!, ...rest };
  }
  return afterBuild(text);
}

function afterBuild(text: string): Suffixes | undefined {
  if (text === '') return {};
  const { before, architecture } = splitArchitecture(text);
  if (architecture !== undefined && before === '') return { architecture };
  if (!text.startsWith('_') || text.length === 1) return undefined;
  if (architecture === undefined || before.length === 1) return { extra: text.slice(1) };
  return { extra: before.slice(1), architecture };
}

function splitArchitecture(text: string): { before: string; architecture?: string } {
  const dash = text.lastIndexOf('-');
  const after = text.slice(dash + 1);
  return dash >= 0 && /^[a-z0-9]+$/.test(after)
    ? { before: text.slice(0, dash), architecture: after }
    : { before: text };
}

/** A name without a version may still say its cycle and its architecture: `recommended_c0027-arm64`. */
function unversioned(name: string): { base: string; rest: Suffixes } {
  const { before, ...architecture } = splitArchitecture(name);
  const underscore = before.lastIndexOf('_');
  const match = underscore < 0 ? null : /^_c([0-9]+)$/.exec(before.slice(underscore));
  return match && exact(match[1])
    ? { base: before.slice(0, underscore), rest: { cycle: match[1]!, ...architecture } }
    : { base: before, rest: architecture };
}
