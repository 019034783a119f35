import { clip, printable } from '../support/index.ts';
import { findSecrets } from './secrets.ts';

/** What one look at an image found: each thing asked for, in words. Nothing failed: it passed. */
export interface Verdict {
  passed: string[];
  warned: string[];
  failed: string[];
  /** What was counted, by name. */
  counts?: Record<string, number>;
}

/** A statement names so many tests of each outcome; the rest is a number. */
const maxNames = 300;
const maxName = 200;

/** Names from elsewhere as a statement may hold them: safe to print, no longer than a line, and not without end. */
export function boundedNames(names: readonly string[], what: string): string[] {
  const kept = names.slice(0, maxNames).map((name) => clip(printable(name), maxName));
  return names.length > maxNames ? [...kept, `and ${names.length - maxNames} more ${what}`] : kept;
}

const maxLine = 300;

/**
 * The last line that a program printed, as a statement may hold it: statements are signed, pushed and never taken back, so
 * that a line with something that looks like a secret stays in the log.
 */
export function lastLineOf(tail: string): string {
  const line = tail.trimEnd().split('\n').at(-1) ?? '';
  const [secret] = findSecrets('', Buffer.from(line));
  return secret === undefined ? clip(printable(line), maxLine) : `(the last line has ${secret}: see the log)`;
}

export function merge(verdicts: readonly Verdict[]): Verdict {
  const counts = Object.assign({}, ...verdicts.map((each) => each.counts ?? {}));
  return {
    ...(Object.keys(counts).length > 0 ? { counts } : {}),
    passed: verdicts.flatMap(({ passed }) => passed),
    warned: verdicts.flatMap(({ warned }) => warned),
    failed: verdicts.flatMap(({ failed }) => failed),
  };
}
