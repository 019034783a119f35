import { catalogue, type ProblemCode } from './catalogue.ts';

/** A place in a file that a person wrote. Lines and columns count from 1. */
export interface Position {
  file: string;
  line?: number;
  column?: number;
}

/** Something that is wrong, said as a value: what, where, and what to do about it. */
export interface Problem {
  code: ProblemCode;
  severity: 'error' | 'warning';
  message: string;
  /** What to do next, in the imperative. */
  hint?: string;
  at?: Position;
  /** The offending line (a window of it, safe to print) and where the caret goes, counted from 0. */
  excerpt?: { text: string; caret: number };
  /** The last lines that a program printed, where they tell more than a sentence could. */
  output?: readonly string[];
  /** What the problem is about, for machines: a product, a feature, an image. */
  subject?: string;
}

export type Result<T> = { ok: true; value: T } | { ok: false; problems: Problem[] };

export type ProblemDetails = Omit<Problem, 'code' | 'message' | 'severity'>;

export function problem(code: ProblemCode, message: string, details: ProblemDetails = {}): Problem {
  return { code, severity: 'error', message, ...details };
}

export function warning(code: ProblemCode, message: string, details: ProblemDetails = {}): Problem {
  return { code, severity: 'warning', message, ...details };
}

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });

export function failed<T = never>(...problems: Problem[]): Result<T> {
  return { ok: false, problems };
}

/** Carries problems to the one place that prints them. Thrown only where no caller could do anything else. */
export class Failure extends Error {
  readonly problems: Problem[];
  constructor(...problems: Problem[]) {
    super(problems.map((each) => each.message).join('\n'));
    this.name = 'Failure';
    this.problems = problems;
  }
}

export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Failure(...result.problems);
}

export const errorsOf = (problems: readonly Problem[]): Problem[] =>
  problems.filter((each) => each.severity === 'error');

/**
 * The one place where problems become an exit code: the most telling of all errors
 * (interrupted, then wrong usage, an invalid workspace, incomplete, the answer is no), or 0.
 */
export function exitCodeOf(problems: readonly Problem[]): number {
  const codes = new Set(errorsOf(problems).map((each) => catalogue[each.code].exit as number));
  return [70, 130, 2, 3, 4, 1].find((code) => codes.has(code)) ?? 0;
}
