import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { JobEnd } from '../runners/index.ts';
import { failed, nameWithin, ok, problem, type Result } from '../support/index.ts';
import type { Expectations } from '../workspace/index.ts';
import { listFiles } from './files.ts';
import { type JUnitTest, readJUnit, verdictOfTests } from './junit.ts';
import type { OutputSearch } from './output.ts';
import { boundedNames, lastLineOf, merge, type Verdict } from './verdict.ts';

/** What ran, in words for people and for the statement. */
export interface Ran {
  /** The command: `node smoke.mjs`. */
  name: string;
  timeout: string;
  root: string;
}

/** A job that came to an end by itself, or why nothing can be said. */
export function conclusive(end: JobEnd, { name }: Ran, program: string): Result<JobEnd> {
  switch (end.status) {
    case 'passed':
    case 'failed':
    case 'timeout':
      return ok(end);
    case 'not-started': {
      const hint = 'install it where the check runs, or mend the check';
      return failed(problem('command-missing', `cannot start '${program}'`, { hint }));
    }
    case 'lost': {
      const hint = 'nothing was recorded; run the same command again';
      return failed(problem('check-inconclusive', `${name}: ${end.reason ?? 'it was lost'}`, { hint }));
    }
    case 'interrupted':
      return failed(problem('interrupted', `${name} was interrupted`));
    default:
      return end.status satisfies never;
  }
}

/** Hold what a program left against what is expected of it. Problem: `report-invalid`. */
export async function judgeProgram(
  expected: Expectations,
  end: JobEnd,
  ran: Ran,
  output: OutputSearch,
): Promise<Result<Verdict>> {
  await output.readLog(join(end.folder, 'log'));
  const verdicts = [judgeExit(expected.exitCode ?? 0, end, ran), output.verdict()];
  if (expected.junit !== undefined) {
    const tests = await judgeJUnit(expected.junit, end, ran);
    if (!tests.ok) return tests;
    verdicts.push(tests.value);
  }
  return ok(merge(verdicts));
}

export function judgeExit(wanted: number, end: JobEnd, { name, timeout, root }: Ran): Verdict {
  const asked = `${name} exits ${wanted}`;
  const log = nameWithin(root, join(end.folder, 'log'));
  if (end.status === 'timeout')
    return { passed: [], warned: [], failed: [`${asked}: stopped after ${timeout} (${log})`] };
  if (end.exitCode === wanted) return { passed: [asked], warned: [], failed: [] };
  const code = end.exitCode ?? 'unknown';
  return { passed: [], warned: [], failed: [`${asked}: exit code ${code}: ${lastLineOf(end.tail)} (${log})`] };
}

/** JUnit files of the directory for results. That there is none is a failure: the tests did not come to write it. */
async function judgeJUnit(pattern: string, end: JobEnd, { root }: Ran): Promise<Result<Verdict>> {
  const folder = join(end.folder, 'results');
  const files = await listFiles(folder, pattern);
  if (!files.ok) return files;
  if (files.value.length === 0) return ok({ passed: [], warned: [], failed: [`${pattern} is there: it is not`] });
  const tests: JUnitTest[] = [];
  for (const file of files.value) {
    const read = await readJUnit(createReadStream(file), nameWithin(root, file));
    // What a suite left half written, or in no form at all, is a finding about that suite.
    if (!read.ok) {
      const why = read.problems.map(({ message }) => message);
      return ok({ passed: [], warned: [], failed: boundedNames(why, 'findings') });
    }
    tests.push(...read.value.tests);
  }
  return ok(verdictOfTests(tests));
}
