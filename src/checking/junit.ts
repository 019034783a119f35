import { SaxesParser } from 'saxes';
import { failed, ok, problem, type Result } from '../support/index.ts';
import { boundedNames, type Verdict } from './verdict.ts';

/** One test of a JUnit file, by what happened in the end. */
export interface JUnitTest {
  name: string;
  /** `flaky`: it failed, was run again, and passed. */
  outcome: 'passed' | 'failed' | 'skipped' | 'flaky';
}

export interface JUnitReport {
  tests: JUnitTest[];
  /** Properties of the whole and of its suites, all values of each. */
  properties: Map<string, string[]>;
  /** When its newest suite was run, seconds of the epoch, where they say so. */
  newest?: number;
}

export const maxJUnitBytes = 64 * 2 ** 20;
const maxTests = 1_000_000;
const maxNameLength = 1000;
const maxDepth = 64;
const maxProperties = 10_000;

/**
 * Read a JUnit file as it comes, in time and memory that its tests need, not its output. Of Ant's form and those of pytest,
 * gtest and surefire (`flakyFailure`, `rerunFailure`). No document type, and so no entities but XML's own.
 * Problem: `report-invalid`.
 * @param name how the file is called in messages
 */
export async function readJUnit(chunks: AsyncIterable<Buffer | string>, name: string): Promise<Result<JUnitReport>> {
  const parser = new SaxesParser({ position: true });
  const reader = new Reader();
  const refuse = (message: string): never => {
    throw new Refusal(`${name}:${parser.line}:${parser.column + 1}: ${message}`);
  };
  parser.on('error', (error) => refuse(error.message.replace(/^\d+:\d+: /, '').slice(0, 200)));
  parser.on('doctype', () => refuse('a document type is not allowed here'));
  parser.on('opentag', (tag) => {
    const trouble = reader.open(tag.name, tag.attributes as Record<string, string>);
    if (trouble) refuse(trouble);
  });
  parser.on('closetag', ({ name: tag }) => {
    const trouble = reader.close(tag);
    if (trouble) refuse(trouble);
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let length = 0;
  try {
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > maxJUnitBytes) refuse(`more than ${maxJUnitBytes / 2 ** 20} MiB`);
      parser.write(typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
    }
    parser.write(decoder.decode());
    parser.close();
    if (!reader.isJUnit) refuse('holds no test suites');
  } catch (error) {
    const message = error instanceof Refusal ? error.message : `${name}: ${(error as Error).message}`;
    const hint = 'expected a JUnit file, whole and in UTF-8; look at what wrote it';
    return failed(problem('report-invalid', message, { hint }));
  }
  return ok(reader.report());
}

class Refusal extends Error {}

/** Elements that say that something did not go well, also what went well when it was run again. */
const bad = new Set(['failure', 'error', 'rerunFailure', 'rerunError', 'flakyFailure', 'flakyError']);

/**
 * How many bad elements a suite says it has, at least. The same failures may stand under both names (mocha), and of the
 * whole `errors` may be lines of a compiler (gotestsum). `tests` is held against nothing: Catch2 counts assertions,
 * pytest-subtests and reruns of surefire count what has no element of its own.
 */
function declaredBad(tag: string, { failures, errors }: Record<string, string>): number {
  const said = tag === 'testsuites' ? [failures] : [failures, errors];
  return Math.max(0, ...said.filter((each) => /^\d{1,9}$/.test(each ?? '')).map(Number));
}

const isSuite = (tag: string): boolean => tag === 'testsuite' || tag === 'testsuites';

/** What the elements say, kept as small as it can be. */
class Reader {
  isJUnit = false;
  #stack: string[] = [];
  #suites: string[] = [];
  /** Of each suite that is open: what it says it has, and how many bad elements there were before it. */
  #declared: { bad: number; before: number }[] = [];
  #bad = 0;
  #test: { name: string; failed: boolean; skipped: boolean; again: boolean } | undefined;
  #tests = new Map<string, JUnitTest['outcome']>();
  #properties = new Map<string, string[]>();
  #propertyCount = 0;
  #newest: number | undefined;

  /** @returns why it cannot be */
  open(tag: string, attributes: Record<string, string>): string | undefined {
    if (this.#stack.length === 0) {
      if (tag !== 'testsuites' && tag !== 'testsuite') return `'${tag.slice(0, 50)}' is no element of test suites`;
      this.isJUnit = true;
    }
    this.#stack.push(tag);
    if (this.#stack.length > maxDepth) return `nests deeper than ${maxDepth}`;
    if (bad.has(tag)) this.#bad += 1;
    if (isSuite(tag)) this.#declared.push({ bad: declaredBad(tag, attributes), before: this.#bad });
    if (this.#test) this.#inTest(tag);
    else if (tag === 'testsuite') {
      this.#suites.push(attributes.name ?? '');
      this.#runAt(attributes.timestamp);
    } else if (tag === 'testcase') {
      if (this.#tests.size >= maxTests) return `more than ${maxTests} tests`;
      const parts = [attributes.classname ?? this.#suites.at(-1) ?? '', attributes.name ?? '(no name)'];
      const name = parts
        .filter((part) => part !== '')
        .join('.')
        .slice(0, maxNameLength);
      const skipped = attributes.status === 'notrun' || attributes.result === 'suppressed';
      this.#test = { name, failed: false, skipped, again: false };
    } else if (tag === 'property') return this.#property(attributes);
    else if ((tag === 'error' || tag === 'failure') && !this.#test) {
      // A suite that could not be set up says so beside its tests.
      this.#count(`${this.#suites.at(-1) || 'suite'} (${tag})`.slice(0, maxNameLength), 'failed');
    }
    return undefined;
  }

  /** @returns why it cannot be */
  close(tag: string): string | undefined {
    this.#stack.pop();
    if (isSuite(tag)) {
      const declared = this.#declared.pop()!;
      const found = this.#bad - declared.before;
      if (found < declared.bad) return `a suite says that ${declared.bad} of its tests failed, and tells of ${found}`;
    }
    if (tag === 'testsuite' && !this.#test) this.#suites.pop();
    if (tag !== 'testcase' || !this.#test || this.#stack.includes('testcase')) return undefined;
    const { name, failed: hasFailed, skipped, again } = this.#test;
    this.#test = undefined;
    this.#count(name, hasFailed ? 'failed' : skipped ? 'skipped' : again ? 'flaky' : 'passed');
    return undefined;
  }

  /** `2018-05-03T01:02:03`, with or without a zone: UTC without one. */
  #runAt(timestamp: string | undefined): void {
    const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$/.exec(timestamp ?? '');
    const seconds = match ? Date.parse(`${match[1]}${match[2] ?? 'Z'}`) / 1000 : Number.NaN;
    if (seconds > (this.#newest ?? 0)) this.#newest = seconds;
  }

  #inTest(tag: string): void {
    const test = this.#test!;
    // rerunFailure stands beside the first failure of a test that never passed; flakyFailure in one that did in the end.
    if (tag === 'failure' || tag === 'error' || tag === 'rerunFailure' || tag === 'rerunError') test.failed = true;
    else if (tag === 'skipped') test.skipped = true;
    else if (tag === 'flakyFailure' || tag === 'flakyError') test.again = true;
  }

  /** The same name again is another try or another parameter: a failure is never hidden by a pass. */
  #count(name: string, outcome: JUnitTest['outcome']): void {
    const rank = { skipped: 0, passed: 1, flaky: 2, failed: 3 };
    const known = this.#tests.get(name);
    if (known === undefined || rank[outcome] > rank[known]) this.#tests.set(name, outcome);
  }

  #property({ name, value }: Record<string, string>): string | undefined {
    if (name === undefined) return undefined;
    this.#propertyCount += 1;
    if (this.#propertyCount > maxProperties) return `more than ${maxProperties} properties`;
    const values = this.#properties.get(name) ?? [];
    if (value !== undefined && !values.includes(value)) this.#properties.set(name, [...values, value]);
    return undefined;
  }

  report(): JUnitReport {
    const tests = [...this.#tests].map(([name, outcome]) => ({ name, outcome }));
    return { tests, properties: this.#properties, ...(this.#newest === undefined ? {} : { newest: this.#newest }) };
  }
}

/** What JUnit files say together: what was skipped did not pass, and no test at all is a failure. */
export function verdictOfTests(tests: readonly JUnitTest[]): Verdict {
  const named = (outcome: JUnitTest['outcome']) =>
    tests.filter((each) => each.outcome === outcome).map(({ name }) => name);
  const [passed, flaky, skipped, bad] = [named('passed'), named('flaky'), named('skipped'), named('failed')];
  const ran = passed.length + flaky.length + bad.length;
  return {
    passed: boundedNames(passed, 'tests that passed'),
    warned: [
      ...boundedNames(flaky, 'tests that passed only when run again').map(
        (name) => `${name}: passed only when run again`,
      ),
      ...boundedNames(skipped, 'tests that were skipped').map((name) => `${name}: skipped`),
    ],
    failed: [...boundedNames(bad, 'tests that failed'), ...(ran === 0 ? ['at least one test ran: none did'] : [])],
  };
}
