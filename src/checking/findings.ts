import { type Severity, severities } from '../workspace/index.ts';

/** One vulnerability as a scanner found it: what, where, how bad. */
export interface Finding {
  id: string;
  where: string;
  severity: Severity;
}

export type Json = Record<string, unknown>;
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A part of a report is not as its format says. */
export class Misshapen extends Error {}

export const list = (value: unknown, what: string): Json[] => {
  if (!Array.isArray(value) || !value.every(isObject)) throw new Misshapen(`${what} is no list of objects`);
  return value;
};

const otherWords: Record<string, Severity> = {
  important: 'high',
  moderate: 'medium',
  info: 'negligible',
  informational: 'negligible',
  none: 'negligible',
};

export function severityOf(word: unknown): Severity {
  const lower = text(word).toLowerCase();
  const known = severities.find((each) => each === lower);
  return known ?? (Object.hasOwn(otherWords, lower) ? otherWords[lower]! : 'unknown');
}
