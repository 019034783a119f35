import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readReport } from '../../src/checking/files.ts';
import { judgeMetrics } from '../../src/checking/metrics.ts';
import { OutputSearch } from '../../src/checking/output.ts';
import { repeatedKey } from '../../src/checking/repeated-key.ts';
import { judgeFindings, readFindings } from '../../src/checking/vulnerabilities.ts';
import { maxLogBytes } from '../../src/runners/index.ts';
import { severities } from '../../src/workspace/index.ts';
import { aFolder, problemsOf } from '../support/workspace.ts';

/** What is held, without what the garbage collector has only not come to yet. */
function heapInUse(): number {
  setFlagsFromString('--expose_gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

const severitiesOf = (report: unknown) => {
  const found = readFindings(report, 'r.json');
  return found.ok
    ? found.value.map(({ id, severity }) => `${id} ${severity}`)
    : found.problems.map(({ message }) => message);
};
const trivy = (...found: object[]) => ({
  SchemaVersion: 2,
  Results: [{ Target: 'debian', Vulnerabilities: found }, { Target: 'node' }],
});
const sarif = (results: object[], rules: object[] = [], more: object = {}) => ({
  version: '2.1.0',
  runs: [{ tool: { driver: { name: 'x', rules } }, results, ...more }],
});

describe('a report of vulnerabilities', () => {
  it('is understood as Trivy, Grype and SARIF write it', () => {
    expect(
      severitiesOf(
        trivy(
          { VulnerabilityID: 'CVE-1', PkgName: 'zlib', Severity: 'CRITICAL' },
          { VulnerabilityID: 'CVE-2', Severity: 'LOW' },
        ),
      ),
    ).toEqual(['CVE-1 critical', 'CVE-2 low']);
    const match = (id: string, severity: string) => ({
      vulnerability: { id, severity },
      artifact: { name: 'a', version: '1' },
    });
    expect(severitiesOf({ matches: [match('GHSA-1', 'High'), match('GHSA-2', 'Negligible')] })).toEqual([
      'GHSA-1 high',
      'GHSA-2 negligible',
    ]);
    const rules = [
      { id: 'a', properties: { 'security-severity': '9.8' } },
      { id: 'b', properties: { 'security-severity': 5.5 } },
      { id: 'c', defaultConfiguration: { level: 'error' } },
    ];
    const results = [
      { ruleId: 'a' },
      { ruleIndex: 1 },
      { ruleId: 'c' },
      { ruleId: 'd', level: 'note' },
      { ruleId: 'e' },
    ];
    expect(severitiesOf(sarif(results, rules))).toEqual(['a critical', 'b medium', 'c high', 'd low', 'e medium']);
  });

  it('is of SARIF with rules in extensions, by place and by id', () => {
    const rule = (id: string, score: string) => ({ id, properties: { 'security-severity': score } });
    const tool = {
      driver: { name: 'd', rules: [rule('a', '1.0')] },
      extensions: [
        { name: 'e', rules: [rule('a', '9.8')] },
        { name: 'f', guid: 'g', rules: [rule('x', '1.0'), rule('b', '7.5')] },
      ],
    };
    const results = [
      { ruleId: 'a' },
      { ruleId: 'a', level: 'note', rule: { id: 'a', toolComponent: { index: 0 } } },
      { level: 'note', rule: { index: 1, toolComponent: { name: 'f' } } },
      { level: 'note', rule: { index: 1, toolComponent: { guid: 'g' } } },
      { level: 'note', ruleIndex: 0, rule: { toolComponent: { index: 0 } } },
      { ruleId: 'b', level: 'note' },
    ];
    expect(severitiesOf({ runs: [{ tool, results }] })).toEqual(['a low', 'a critical', 'b high']);
    const { driver } = tool;
    const nameless = { driver: { rules: [{ ...driver.rules[0], id: '' }, rule('b', '9.8')] }, extensions: null };
    expect(severitiesOf({ runs: [{ tool: nameless, results: [{ ruleIndex: 1 }] }] })).toEqual(['b critical']);
    expect(readFindings({ runs: [{ tool, results: results.slice(2, 5) }] }, 'r.json')).toMatchObject({
      value: [{ severity: 'high' }, { severity: 'critical' }],
    });
  });

  it.each<[unknown, string]>([
    ['', 'high'],
    [' ', 'high'],
    [null, 'high'],
    [' 9.8 ', 'critical'],
    ['0.0', 'negligible'],
    [-1, 'unknown'],
    ['-1.0', 'unknown'],
    ['NaN', 'unknown'],
    [true, 'unknown'],
    [[], 'unknown'],
  ])('with the score %j and the level error is %s', (score, severity) => {
    const result = { ruleId: 'a', level: 'error', properties: { 'security-severity': score } };
    expect(severitiesOf(sarif([result]))).toEqual([`a ${severity}`]);
  });

  it('takes severities that nobody knows for found, and what a scanner let pass for not', () => {
    expect(
      severitiesOf(trivy({ VulnerabilityID: 'CVE-1', Severity: 'Catastrophic' }, { VulnerabilityID: 'CVE-2' })),
    ).toEqual(['CVE-1 unknown', 'CVE-2 unknown']);
    const suppressed = { ruleId: 'a', suppressions: [{ kind: 'external', status: 'accepted' }] };
    const open = { ruleId: 'b', suppressions: [{ kind: 'external', status: 'rejected' }] };
    expect(severitiesOf(sarif([suppressed, open, { ruleId: 'c', kind: 'pass' }]))).toEqual(['b medium']);
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', null, /is no report/],
    ['a list', [], /is no report/],
    ['an empty object', {}, /none of SARIF, Trivy or Grype/],
    ['Trivy that looked at nothing', { SchemaVersion: 2 }, /looked at nothing/],
    ['Trivy with an empty list of what it looked at', { SchemaVersion: 2, Results: [] }, /looked at nothing/],
    ['SARIF without a run', { runs: [] }, /looked at nothing/],
    ['SARIF of a scanner that broke off', { runs: [{ tool: {} }] }, /did not come to its end/],
    [
      'SARIF of a scanner that failed',
      sarif([], [], { invocations: [{ executionSuccessful: false }] }),
      /did not succeed/,
    ],
    ['vulnerabilities that are no list', { Results: [{ Vulnerabilities: 'none' }] }, /no list of objects/],
    ['matches without a vulnerability', { matches: [{}] }, /has no vulnerability/],
  ])('that is %s is refused, not taken for clean', (_what, report, message) => {
    const [problem] = problemsOf(readFindings(report, 'r.json'));
    expect([problem!.code, problem!.message]).toEqual(['report-invalid', expect.stringMatching(message)]);
  });

  it('is refused or understood, whatever it is, and never throws', () => {
    fc.assert(fc.property(fc.jsonValue(), (report) => void readFindings(report, 'r.json')));
    const odd = fc.record(
      { runs: fc.array(fc.jsonValue()), matches: fc.array(fc.jsonValue()), Results: fc.array(fc.jsonValue()) },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(odd, (report) => void readFindings(report, 'r.json')));
  });

  it('is held against a ceiling for each severity, the unknown ones against the strictest', () => {
    const found = (...list: string[]) =>
      list.map((severity, number) => ({ id: `C${number}`, where: 'zlib', severity: severity as 'low' }));
    expect(judgeFindings(found('high', 'high', 'low'), { critical: 0, high: 2 })).toMatchObject({
      passed: ['at most 0 critical: 0', 'at most 2 high: 2'],
      warned: ['1 low, of which any number may be there'],
      failed: [],
      counts: { critical: 0, high: 2, low: 1, unknown: 0 },
    });
    expect(judgeFindings(found('high', 'high', 'high'), { high: 2 }).failed).toEqual([
      'at most 2 high: 3, such as C0 in zlib, C1 in zlib, C2 in zlib',
    ]);
    expect(judgeFindings(found('unknown'), { critical: 0, high: 5 }).failed.length).toBe(1);
    expect(judgeFindings(found('unknown'), { low: 5 })).toMatchObject({ failed: [], counts: { low: 0, unknown: 1 } });
    expect(judgeFindings(found('unknown'), { critical: 0, unknown: 1 }).failed).toEqual([]);
  });

  it('never passes with more found than with less', () => {
    const finding = fc.record({ id: fc.string(), where: fc.constant(''), severity: fc.constantFrom(...severities) });
    const max = fc.dictionary(fc.constantFrom(...severities), fc.nat(3), { minKeys: 1 });
    fc.assert(
      fc.property(fc.array(finding), finding, max, (found, more, ceiling) => {
        const before = judgeFindings(found, ceiling).failed.length;
        expect(judgeFindings([...found, more], ceiling).failed.length).toBeGreaterThanOrEqual(before);
      }),
    );
  });
});

describe('a report in JSON', () => {
  it('with a name twice in one object is refused, wherever that is', async () => {
    const file = join(aFolder(), 'r.json');
    const read = async (text: string) => {
      writeFileSync(file, text);
      return readReport(file, 'r.json');
    };
    for (const text of ['{"A":5,"A":0.5}', '[{"b":{"\\u0041": {} , "A":1}}]'])
      expect(problemsOf(await read(text)).map(({ message }) => message)).toEqual([
        "r.json has 'A' twice in one object",
      ]);
    const sound = '{"A":"A","b":["A","A",{"A":"\\\\"}],"c\\":{":1,"d":{"A":"}\\"","c":":"}}';
    expect(await read(sound)).toEqual({ ok: true, value: JSON.parse(sound) });
    expect((await read(JSON.stringify({ long: '\\"x'.repeat(2 ** 22) }))).ok).toBe(true);
  });

  it('without one is read, whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => expect(repeatedKey(JSON.stringify(value))).toBeUndefined()));
  });
});

describe('measured values', () => {
  const judge = (report: unknown, bounds: object) => judgeMetrics(report, bounds as never).failed;

  it('are held against thresholds, as an object or as lsst.verify writes them', () => {
    const bounds = { 'validate_drp.AM1': { max: 10 }, 'validate_drp.PA1': { min: 1, max: 5 } };
    const measurements = [
      { metric: 'validate_drp.AM1', value: 5.7, unit: 'marcsec' },
      { metric: 'validate_drp.PA1', value: 5 },
    ];
    expect(judge({ measurements }, bounds)).toEqual([]);
    expect(judge({ validate_drp: { AM1: 10, PA1: 1 } }, bounds)).toEqual([]);
    expect(judge({ 'validate_drp.AM1': 10.1, validate_drp: { PA1: 0.9 } }, bounds)).toEqual([
      'validate_drp.AM1 <= 10: 10.1',
      'validate_drp.PA1 >= 1 <= 5: 0.9',
    ]);
  });

  it.each<[string, unknown, string]>([
    ['that is missing', {}, 'not measured'],
    ['that every object has', { constructor: {} }, 'not measured'],
    ['in words', { AM1: '5' }, 'is no number'],
    ['that is null', { AM1: null }, 'is no number'],
    ['without end', JSON.parse('{"AM1": 1e999}'), 'is no number'],
    ['that is true', { AM1: true }, 'is no number'],
    [
      'measured twice',
      {
        measurements: [
          { metric: 'AM1', value: 1 },
          { metric: 'AM1', value: 2 },
        ],
      },
      'measured more than once, with different values',
    ],
    ['of no report', null, 'not measured'],
  ])('%s has failed', (_what, report, why) => {
    expect(judge(report, { AM1: { max: 10 } })).toEqual([`AM1 <= 10: ${why}`]);
  });
});

describe('what a program printed', () => {
  type Wanted = ConstructorParameters<typeof OutputSearch>[0];
  const judgeOutput = (output: string | Iterable<string>, wanted: Wanted) => {
    const search = new OutputSearch(wanted);
    for (const each of typeof output === 'string' ? [output] : output) search.hear(Buffer.from(each));
    return search.verdict();
  };
  it('must match what it must, line by line, and nothing that it must not', () => {
    const output = 'all good\nTOTAL 5\n';
    expect(judgeOutput(output, { match: ['^TOTAL \\d$'], refuse: ['Traceback'] }).failed).toEqual([]);
    expect(judgeOutput(output, { match: ['^bad'], refuse: ['good$'] }).failed).toEqual([
      'output has /^bad/: it has not',
      'output has nothing of /good$/: it has',
    ]);
  });

  it('is searched to its end, however much it is, whole lines at a time and in little memory', () => {
    const much = function* (end: string) {
      for (let part = 0; part < 40; part++)
        yield 'x'
          .repeat(2 ** 10)
          .concat('\n')
          .repeat(2 ** 10);
      yield end;
    };
    expect(
      judgeOutput(much('Trace'.concat('back\nall good')), { match: ['^all good$'], refuse: ['^Traceback$'] }),
    ).toEqual({
      passed: ['output has /^all good$/'],
      warned: [],
      failed: ['output has nothing of /^Traceback$/: it has'],
    });
    expect(judgeOutput(much('\n'), { match: ['^x{5}$'], refuse: ['y'] })).toMatchObject({
      passed: ['output has nothing of /y/'],
      failed: ['output has /^x{5}$/: it has not'],
    });
    const oneLine = Array.from({ length: 30 }, (_, part) => (part === 20 ? 'bad' : 'x'.repeat(2 ** 20)));
    expect(judgeOutput(oneLine, { refuse: ['xbadx'] }).failed.length).toBe(1);

    const before = heapInUse();
    const search = new OutputSearch({ refuse: ['y'] });
    for (const each of much('')) search.hear(Buffer.from(each));
    expect(heapInUse() - before).toBeLessThan(24 * 2 ** 20);
    expect(search.verdict().failed).toEqual([]);
  });

  it('elsewhere, and is more than its log holds, is not taken for clean', async () => {
    const log = join(aFolder(), 'log');
    const judged = async (text: string) => {
      writeFileSync(log, text);
      const search = new OutputSearch({ match: ['good'], refuse: ['bad', 'worse'] });
      await search.readLog(log);
      return search.verdict().failed;
    };
    expect(await judged('good\n')).toEqual([]);
    expect(await judged('good\nbad\n'.padEnd(maxLogBytes, 'x'))).toEqual([
      'output has nothing of /bad/: it has',
      'output has nothing of /worse/: not known, for of so much output only the log could be searched',
    ]);
  });

  it('is not searched for ever: a pattern that grows without end has failed, soon', () => {
    const begun = performance.now();
    const { failed } = judgeOutput(`${'a'.repeat(5000)}!`, { refuse: ['^(a+)+$'] });
    expect(failed).toEqual(['output has nothing of /^(a+)+$/: the pattern takes too long; make it simpler']);
    expect(performance.now() - begun).toBeLessThan(20_000);
  }, 30_000);
});
