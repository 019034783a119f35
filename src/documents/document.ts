import { type Position, type Problem, type ProblemCode, type ProblemDetails, printable } from '../support/index.ts';
import type { ParsedYaml, Path, Place } from './yaml.ts';

/** A file that was read, checked against its schema, and remembers where everything stands. */
export interface Document<T> {
  /** How the file is named in messages: its path from the root of the workspace. */
  file: string;
  /** The schema it declares, `dmrel/features/v1`. */
  schema: string;
  value: T;
  /** Where the key, or list item, at a path stands. */
  locate(path: Path, part?: 'key' | 'value'): Position;
  /** A problem at a path of this document, with the offending line. */
  problem(code: ProblemCode, path: Path, message: string, details?: ProblemDetails & ReportOptions): Problem;
}

export interface ReportOptions {
  severity?: 'error' | 'warning';
  part?: 'key' | 'value';
}

const excerptWidth = 96;

const secret = /(:\/\/|(?<=^|[\s"'])[^\s"':@/]+:)([^\s"']*)@/g;
/** No URL is longer than this on either side of what is shown. */
const reach = 4096;

/** The line at a place, cut to a window around the caret, and safe to print. */
export function excerptAt(text: string, [line, column]: Place): { text: string; caret: number } {
  const starts = lineStarts(text);
  const next = starts[line];
  const start = starts[line - 1] ?? 0;
  const end = next === undefined ? text.length : next - 1;
  const length = end - start - (end > start && text[end - 1] === '\r' ? 1 : 0);
  const caret = Math.min(column - 1, length);
  const from = caret <= excerptWidth - 16 ? 0 : caret - Math.floor(excerptWidth / 2);
  // Of a long line only what is near: a thousand findings may all be of one line of megabytes.
  const nearFrom = Math.max(0, caret - reach);
  const near = unspoken(text.slice(start + nearFrom, start + Math.min(length, caret + reach)));
  const part = (first: number, last: number) =>
    printable(near.slice(first - nearFrom, last - nearFrom).replaceAll('\t', ' '));
  const [before, after] = [part(from, caret), part(caret, from + excerptWidth)];
  const lead = from > 0 ? '…' : '';
  return { text: `${lead}${before}${after}`, caret: lead.length + before.length };
}

/** Without the passwords and tokens of URLs; everything stands where it stood. */
const unspoken = (line: string): string =>
  line.replace(secret, (_all, before: string, hidden: string) => `${before}${'*'.repeat(hidden.length)}@`);

let lastText: { text: string; starts: number[] } | undefined;

/** Where each line begins. Remembered for the last text: findings come many at a time, all of one file. */
function lineStarts(text: string): number[] {
  if (lastText?.text !== text) {
    const starts = [0];
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
    lastText = { text, starts };
  }
  return lastText.starts;
}

let parseYaml: ((text: string) => ParsedYaml) | undefined;
let missed = false;

/**
 * Run a check over documents, some of which may come from the cache and so know only where their first two levels
 * stand. Where a finding needed more, the parser is loaded and the check run again: only findings pay for positions.
 */
export async function withPositions<T>(check: () => T): Promise<T> {
  missed = false;
  const result = check();
  if (!missed) return result;
  ({ parseYaml } = await import('./yaml.ts'));
  return check();
}

export interface DocumentSource<T> {
  file: string;
  schema: string;
  text: string;
  value: T;
  keys: Record<string, Place>;
}

/** A document over text that is known to be sound. */
export function documentOf<T>(source: DocumentSource<T>, parsed?: ParsedYaml): Document<T> {
  let whole = parsed;
  const placeOf = (path: Path, part: 'key' | 'value'): Place => {
    const known = part === 'key' && path.length <= 2 ? source.keys[path.join('\0')] : undefined;
    if (known) return known;
    whole ??= parseYaml?.(source.text);
    missed ||= whole === undefined;
    return whole?.locate(path, part) ?? [1, 1];
  };
  return {
    file: source.file,
    schema: source.schema,
    value: source.value,
    locate: (path, part = 'key') => {
      const [line, column] = placeOf(path, part);
      return { file: source.file, line, column };
    },
    problem: (code, path, message, { severity = 'error', part = 'key', ...details } = {}) => {
      const place = placeOf(path, part);
      const at = { file: source.file, line: place[0], column: place[1] };
      return { code, severity, message, at, excerpt: excerptAt(source.text, place), ...details };
    },
  };
}
