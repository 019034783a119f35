import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type JUnitReport, readJUnit, verdictOfTests } from '../../src/checking/junit.ts';
import { problemsOf } from '../support/workspace.ts';

const chunksOf = async function* (text: string | Buffer, size = 65_536) {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
};
const read = (text: string | Buffer, size?: number) => readJUnit(chunksOf(text, size), 'r.xml');
const report = async (text: string): Promise<JUnitReport> => {
  const found = await read(text);
  if (!found.ok) throw new Error(found.problems[0]!.message);
  return found.value;
};
const outcomes = async (cases: string) =>
  Object.fromEntries(
    (await report(`<testsuite name="s">${cases}</testsuite>`)).tests.map(({ name, outcome }) => [name, outcome]),
  );
const refusal = async (text: string | Buffer) =>
  problemsOf(await read(text)).map(({ code, message }) => `${code} ${message}`)[0];

describe('a JUnit file', () => {
  it('tells of each test whether it passed, failed, was skipped, or passed only when it was run again', async () => {
    expect(
      await outcomes(`
        <testcase name="good" time="1"><system-out><![CDATA[<failure/>]]></system-out></testcase>
        <testcase classname="pkg.Class" name="bad"><failure message="x">trace</failure></testcase>
        <testcase name="broken"><error/></testcase>
        <testcase name="left"><skipped/></testcase>
        <testcase name="off" status="notrun"/>
        <testcase name="flaky"><flakyFailure message="x"><stackTrace/></flakyFailure></testcase>
        <testcase name="rerun"><failure/><rerunFailure/></testcase>`),
    ).toEqual({
      's.good': 'passed',
      'pkg.Class.bad': 'failed',
      's.broken': 'failed',
      's.left': 'skipped',
      's.off': 'skipped',
      's.flaky': 'flaky',
      's.rerun': 'failed',
    });
  });

  it.each<[string, string]>([
    [
      'pytest, of a test that failed and was not torn down',
      '<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="0" tests="1"><testcase name="t"><failure/></testcase><testcase name="t"><error/></testcase></testsuite></testsuites>',
    ],
    [
      'pytest-subtests',
      '<testsuite failures="2" errors="0" tests="4"><testcase name="t"><failure/><failure/></testcase></testsuite>',
    ],
    [
      'surefire, of tests that passed and failed when run again',
      '<testsuite tests="1" errors="0" skipped="0" failures="2"><testcase name="a"><flakyFailure/></testcase><testcase name="b"><failure/><rerunFailure/></testcase></testsuite>',
    ],
    [
      'gtest',
      '<testsuites tests="3" failures="1" disabled="1" errors="0"><testsuite name="S" tests="3" failures="1" disabled="1" skipped="0" errors="0"><testcase name="a" status="run" result="completed"><failure/><failure/></testcase><testcase name="b" status="notrun"/></testsuite></testsuites>',
    ],
    [
      'Catch2, which counts assertions',
      '<testsuites><testsuite errors="0" failures="2" tests="40"><testcase name="a"><failure/><failure/></testcase></testsuite></testsuites>',
    ],
    [
      'mocha, which says the same twice',
      '<testsuite tests="2" failures="1" errors="1"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>',
    ],
    [
      'PHPUnit, in suites of suites',
      '<testsuites><testsuite tests="2" errors="1" failures="1"><testsuite tests="1" errors="1" failures="0"><testcase name="a"><error/></testcase></testsuite><testsuite tests="1" errors="0" failures="1"><testcase name="b"><failure/></testcase></testsuite></testsuite></testsuites>',
    ],
  ])('of %s is understood: its totals are of what it tells', async (_what, text) => {
    expect(verdictOfTests((await report(text)).tests).failed).not.toEqual([]);
  });

  it('of gotestsum passes when only its compiler had something to say, and counts that are no numbers say nothing', async () => {
    const texts = [
      '<testsuites tests="1" failures="0" errors="2"><testsuite tests="1" failures="0"><testcase name="a"/></testsuite></testsuites>',
      '<testsuite tests="" failures="" errors="none"><testcase name="a"/></testsuite>',
    ];
    for (const text of texts) expect(verdictOfTests((await report(text)).tests).failed).toEqual([]);
  });

  it('never hides a failure behind a pass of the same name, in whatever order', async () => {
    const [pass, fail, skip] = [
      '<testcase name="t"/>',
      '<testcase name="t"><failure/></testcase>',
      '<testcase name="t"><skipped/></testcase>',
    ];
    expect(await outcomes(pass + fail + skip)).toEqual({ 's.t': 'failed' });
    expect(await outcomes(skip + fail + pass)).toEqual({ 's.t': 'failed' });
    expect(await outcomes(skip + pass)).toEqual({ 's.t': 'passed' });
  });

  it('counts a suite that could not be set up, and nested suites, and tells when and of what they are', async () => {
    const found = await report(`<testsuites><properties><property name="dmrel.digest" value="sha256:1"/></properties>
      <testsuite name="a" timestamp="2018-05-03T01:02:03.5"><error message="no database"/>
        <testsuite name="b" timestamp="2018-05-03T01:02:04+01:00"><testcase name="t"/></testsuite></testsuite></testsuites>`);
    expect(found.tests).toEqual([
      { name: 'a (error)', outcome: 'failed' },
      { name: 'b.t', outcome: 'passed' },
    ]);
    expect(found.properties.get('dmrel.digest')).toEqual(['sha256:1']);
    expect(found.newest).toBe(Date.parse('2018-05-03T01:02:03Z') / 1000);
  });

  it.each<[string, string | Buffer, RegExp]>([
    [
      'a document type',
      '<!DOCTYPE testsuite [<!ENTITY a "b">]><testsuite/>',
      /r\.xml:1:\d+: a document type is not allowed/,
    ],
    [
      'entities within entities',
      '<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>',
      /document type/,
    ],
    [
      'a file of the machine as an entity',
      '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite/>',
      /document type/,
    ],
    ['an entity that nobody defined', '<testsuite name="&secret;"/>', /undefined entity/],
    ['an end that is missing', '<testsuite><testcase name="a"/>', /unclosed tag/],
    ['nothing at all', '', /r\.xml/],
    ['another kind of document', '<html><body/></html>', /'html' is no element of test suites/],
    ['JSON', '{"tests": 1}', /r\.xml/],
    ['bytes that are no UTF-8', Buffer.from([0x3c, 0x61, 0xff, 0xfe]), /not valid|invalid/i],
    [
      'failures that it only counts',
      '<testsuite tests="900" failures="37" errors="2"><testcase name="a"/></testsuite>',
      /a suite says that 37 of its tests failed, and tells of 0/,
    ],
    [
      'errors that it only counts',
      '<testsuite errors="1"><testcase name="a"/></testsuite>',
      /says that 1 of its tests/,
    ],
    [
      'failures of one suite that another has',
      '<testsuites><testsuite failures="1"><testcase name="a"/></testsuite><testsuite><testcase name="b"><failure/></testcase></testsuite></testsuites>',
      /says that 1 of its tests failed, and tells of 0/,
    ],
    [
      'failures of the whole that are in no suite',
      '<testsuites failures="1"><testsuite><testcase name="a"/></testsuite></testsuites>',
      /says that 1 of its tests failed/,
    ],
    ['nesting without end', `<testsuite>${'<testsuite>'.repeat(100)}`, /nests deeper than 64/],
  ])('with %s is refused, with its place', async (_what, text, message) => {
    expect(await refusal(text)).toMatch(message);
    expect(await refusal(text)).toMatch(/^report-invalid /);
  });

  it('of a million tests with long names is refused, and of fifty megabytes of output is read in little memory', async () => {
    const flood = async function* () {
      yield '<testsuite name="s"><testcase name="t"><system-out><![CDATA[';
      const line = 'x'.repeat(2 ** 20);
      for (let megabyte = 0; megabyte < 50; megabyte++) yield line;
      yield ']]></system-out><failure/></testcase></testsuite>';
    };
    const before = process.memoryUsage().heapUsed;
    const found = await readJUnit(flood(), 'r.xml');
    expect(found).toMatchObject({ ok: true, value: { tests: [{ name: 's.t', outcome: 'failed' }] } });
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 2 ** 20);
    const endless = async function* () {
      yield '<testsuite name="s">';
      for (;;) yield `<!--${'x'.repeat(2 ** 20)}-->`;
    };
    expect(problemsOf(await readJUnit(endless(), 'r.xml'))[0]!.message).toMatch(/more than 64 MiB/);
  }, 60_000);

  it('is read the same however it is cut', async () => {
    const text =
      '<testsuite name="ü"><testcase name="t &amp; \u{1f600}"><failure/></testcase><testcase name="b"/></testsuite>';
    const whole = await read(text);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), async (size) => {
        expect(await read(text, size)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
    expect(whole).toMatchObject({ ok: true, value: { tests: [{ name: 'ü.t & \u{1f600}' }, { name: 'ü.b' }] } });
  });
});

describe('what its tests say together', () => {
  const test = (name: string, outcome: 'passed' | 'failed' | 'skipped' | 'flaky') => ({ name, outcome });

  it('is a pass only when something ran and nothing failed; what was skipped is told', () => {
    expect(verdictOfTests([test('a', 'passed'), test('b', 'skipped'), test('c', 'flaky')])).toEqual({
      passed: ['a'],
      warned: ['c: passed only when run again', 'b: skipped'],
      failed: [],
    });
    expect(verdictOfTests([test('a', 'passed'), test('b', 'failed')]).failed).toEqual(['b']);
    expect(verdictOfTests([]).failed).toEqual(['at least one test ran: none did']);
    expect(verdictOfTests([test('a', 'skipped')]).failed).toEqual(['at least one test ran: none did']);
  });

  it('is bounded: so many names, none without end, none that a terminal would obey', () => {
    const many = Array.from({ length: 20_000 }, (_, number) => test(`t${number}`, 'failed'));
    const { failed } = verdictOfTests([test(`\u001b[2J${'x'.repeat(5000)}`, 'failed'), ...many]);
    expect(failed.length).toBe(301);
    expect(failed.at(-1)).toBe('and 19701 more tests that failed');
    expect(failed[0]!.length).toBe(200);
    expect(failed[0]).toMatch(/^\\x1b\[2J/);
  });
});
