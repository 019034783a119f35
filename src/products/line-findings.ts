import { excerptAt } from '../documents/index.ts';
import { type Problem, problem } from '../support/index.ts';

const maxProblems = 50;

/** Collects what is wrong with a file of lines, each with its place, up to a number that a person still reads. */
export function lineFindings(text: string, file: string) {
  const problems: Problem[] = [];
  const report = (line: number, column: number, message: string, hint?: string): void => {
    if (problems.length >= maxProblems) return;
    const at = { file, line, column };
    const details = { at, excerpt: excerptAt(text, [line, column]), ...(hint ? { hint } : {}) };
    problems.push(problem('manifest-syntax', message, details));
  };
  return { problems, report };
}
