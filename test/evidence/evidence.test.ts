import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UserCache } from '../../src/documents/index.ts';
import {
  type CheckResult,
  latestResult,
  parseTestResult,
  readResults,
  type Statement,
  type StoredResult,
  signStatement,
  testResultStatement,
  writeEvidence,
} from '../../src/evidence/index.ts';
import { digestOf, hexOf, type Instant, unwrap } from '../../src/support/index.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

const folder = 'releases/w.2018.18/evidence';
const image = digestOf('image');

/** Where no keys are trusted. */
const resultsIn = (root: string) =>
  readResults({ root, config: {} as never, document: {} as never, userCache: UserCache.open(root, {}) }, 'w.2018.18');

async function writeStatement(root: string, into: string, statement: Statement): Promise<string> {
  return writeEvidence(root, into, unwrap(await signStatement(statement, undefined)));
}

function aResult(more: Partial<CheckResult> = {}): CheckResult {
  return {
    repository: 'dev/stack',
    digest: image,
    check: 'smoke',
    configuration: digestOf('definition'),
    passed: true,
    startedOn: '2018-05-03T12:00:00Z' as Instant,
    finishedOn: '2018-05-03T12:01:00Z' as Instant,
    passedTests: ['smoke exits 0'],
    failedTests: [],
    ...more,
  };
}
const failed = { passed: false, passedTests: [], failedTests: ['smoke exits 0: exit code 1'] };
const at = (time: string) => ({ finishedOn: `2018-05-03T${time}Z` as Instant });

/** A statement with something in it changed: `path` leads there. */
function altered(path: (string | number)[], value: unknown): unknown {
  const statement = JSON.parse(JSON.stringify(testResultStatement(aResult())));
  const last = path.at(-1)!;
  let inner = statement;
  for (const step of path.slice(0, -1)) inner = inner[step];
  if (value === undefined) delete inner[last];
  else inner[last] = value;
  return statement;
}

describe('a statement of what a check found', () => {
  it('is an in-toto test result, bound to the image and to the definition of the check by digest', () => {
    expect(testResultStatement(aResult())).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'dev/stack', digest: { sha256: hexOf(image) } }],
      predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
      predicate: {
        result: 'PASSED',
        configuration: [
          {
            name: 'smoke',
            digest: { sha256: hexOf(digestOf('definition')) },
            annotations: { startedOn: '2018-05-03T12:00:00Z', finishedOn: '2018-05-03T12:01:00Z' },
          },
        ],
        passedTests: ['smoke exits 0'],
        warnedTests: [],
        failedTests: [],
      },
    });
    expect(testResultStatement(aResult(failed)).predicate).toMatchObject({
      result: 'FAILED',
      failedTests: failed.failedTests,
    });
  });

  it('says what it was made of, through JSON and back', () => {
    for (const each of [aResult(), aResult(failed), aResult({ passedTests: ['näher', '\x1b', '"'] })])
      expect(parseTestResult(JSON.parse(JSON.stringify(testResultStatement(each))))).toEqual(each);
  });

  it.each<[string, (string | number)[], unknown]>([
    ['another type of statement', ['_type'], 'https://in-toto.io/Statement/v0.1'],
    ['another predicate', ['predicateType'], 'https://slsa.dev/provenance/v1'],
    ['no image', ['subject'], []],
    ['no list of images', ['subject'], 'stack'],
    ['an image without a digest', ['subject', 0, 'digest'], {}],
    ['an image by another digest', ['subject', 0, 'digest'], { sha512: 'a'.repeat(128) }],
    ['a digest cut off', ['subject', 0, 'digest', 'sha256'], 'a'.repeat(63)],
    ['a digest in capitals', ['subject', 0, 'digest', 'sha256'], 'A'.repeat(64)],
    ['a digest with more behind it', ['subject', 0, 'digest', 'sha256'], `${'a'.repeat(64)}\n`],
    ['no check', ['predicate', 'configuration'], []],
    ['a check without a name', ['predicate', 'configuration', 0, 'name'], undefined],
    ['a check without a digest', ['predicate', 'configuration', 0, 'digest'], undefined],
    ['no time', ['predicate', 'configuration', 0, 'annotations'], undefined],
    [
      'a time that does not exist',
      ['predicate', 'configuration', 0, 'annotations', 'finishedOn'],
      '2018-02-30T12:00:00Z',
    ],
    [
      'a time of another zone',
      ['predicate', 'configuration', 0, 'annotations', 'finishedOn'],
      '2018-05-03T12:00:00+02:00',
    ],
    ['no predicate', ['predicate'], null],
    ['a result that is none', ['predicate', 'result'], 'passed'],
    ['no result', ['predicate', 'result'], undefined],
    ['a pass with failures', ['predicate', 'failedTests'], ['present: /etc/stack']],
  ])('with %s says nothing', (_what, path, value) => {
    expect(parseTestResult(altered(path, value))).toBeUndefined();
  });

  it('of any JSON is a result or nothing, never thrown, and never a pass of another image', () => {
    for (const each of [null, undefined, 0, '', 'text', [], {}, { predicate: [] }, [null]])
      expect(parseTestResult(each)).toBeUndefined();
    const paths = [
      [],
      ['_type'],
      ['subject'],
      ['subject', 0],
      ['subject', 0, 'digest'],
      ['predicate'],
      ['predicate', 'configuration'],
      ['predicate', 'configuration', 0],
      ['predicate', 'configuration', 0, 'annotations'],
      ['predicate', 'passedTests'],
      ['predicate', 'failedTests'],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const parsed = parseTestResult(path.length === 0 ? value : altered(path, value));
        if (!parsed) return;
        expect(parsed.digest).toBe(image);
        expect([...parsed.passedTests, ...parsed.failedTests].every((each) => typeof each === 'string')).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

async function stored(...results: CheckResult[]): Promise<{ root: string; files: string[] }> {
  const root = aFolder();
  const files: string[] = [];
  for (const each of results) files.push(await writeStatement(root, folder, testResultStatement(each)));
  return { root, files };
}

describe('the evidence of a release', () => {
  it('is read as it was written, oldest first, each file named by the digest of its bytes', async () => {
    const results = [
      aResult(at('14:00:00')),
      aResult({ ...failed, ...at('12:00:00') }),
      aResult({ check: 'structure', ...at('13:00:00') }),
    ];
    const { root, files } = await stored(...results);
    const found = await resultsIn(root);
    expect(found.problems).toEqual([]);
    expect(found.results).toEqual([1, 2, 0].map((index) => ({ ...results[index], file: files[index] })));
    for (const file of files) expect(file).toBe(`${folder}/${hexOf(digestOf(readFileSync(join(root, file))))}.json`);
  });

  it('holds the same statement once, however often it is written, and many at the same time', async () => {
    const root = aFolder();
    const results = [0, 1, 2, 3].map((number) => aResult({ check: `c${number}` }));
    await Promise.all(
      [...results, ...results, ...results].map((each) => writeStatement(root, folder, testResultStatement(each))),
    );
    expect((await resultsIn(root)).results).toHaveLength(4);
    expect(readdirSync(join(root, folder))).toHaveLength(4);
  });

  it('is nothing before the first check', async () => {
    expect(await resultsIn(aFolder())).toEqual({ results: [], problems: [] });
  });

  it('that somebody changed is told and does not count', async () => {
    const { root, files } = await stored(aResult(failed), aResult({ check: 'structure' }));
    const text = readFileSync(join(root, files[0]!), 'utf8');
    for (const changed of [text.replace('FAILED', 'PASSED'), `${text}\n`, text.slice(0, -20), '', '\0'.repeat(100)]) {
      writeFileSync(join(root, files[0]!), changed);
      const { results, problems } = await resultsIn(root);
      expect(results.map(({ check }) => check)).toEqual(['structure']);
      expect(problems).toMatchObject([
        {
          code: 'digest-mismatch',
          severity: 'error',
          at: { file: files[0] },
          hint: `restore it from git: git checkout -- ${files[0]}`,
        },
      ]);
    }
  });

  it('under another statement’s name is told and does not count', async () => {
    const { root, files } = await stored(aResult(), aResult(failed));
    renameSync(join(root, files[0]!), join(root, files[1]!));
    const { results, problems } = await resultsIn(root);
    expect([results, problems.map(({ code }) => code)]).toEqual([[], ['digest-mismatch']]);
  });

  it.each([
    ['a note', 'README.md'],
    ['a statement by a name that people gave it', 'smoke.json'],
    ['a copy', `${hexOf(image)}.json.orig`],
    ['a name in capitals', `${hexOf(image).toUpperCase()}.json`],
  ])('has no place for %s: it is told and does not count', async (_what, name) => {
    const { root, files } = await stored(aResult());
    const passes = JSON.stringify(testResultStatement(aResult({ check: 'structure' })));
    writeFileSync(join(root, folder, name), passes);
    const { results, problems } = await resultsIn(root);
    expect(results.map(({ file }) => file)).toEqual(files);
    expect(problems).toMatchObject([
      { code: 'digest-mismatch', at: { file: `${folder}/${name}` }, hint: 'move it elsewhere: only dmrel writes here' },
    ]);
  });

  it('passes over what an interrupted write left, and what git needs', async () => {
    const { root } = await stored(aResult());
    for (const name of ['.gitkeep', `.${hexOf(image)}.json.1.1.abc.tmp`]) writeFileSync(join(root, folder, name), '{');
    const { results, problems } = await resultsIn(root);
    expect([results.length, problems]).toEqual([1, []]);
  });

  it('tells a file that is well named but no sound statement', async () => {
    const { root } = await stored(aResult());
    const put = (content: string | Uint8Array): string => {
      const file = `${folder}/${hexOf(digestOf(content))}.json`;
      writeFileSync(join(root, file), content);
      return file;
    };
    const files = [
      put('no JSON'),
      put('null'),
      put('{}'),
      put(JSON.stringify(altered(['predicate', 'result'], 'passed'))),
      put(JSON.stringify(altered(['subject'], []))),
    ];
    const { results, problems } = await resultsIn(root);
    expect(results).toHaveLength(1);
    expect(problems.map(({ at }) => at!.file).sort()).toEqual(files.sort());
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['file-unreadable']));
  });

  it('is never so long that nobody would read it again', async () => {
    const long = testResultStatement(aResult({ passedTests: ['x'.repeat(16 * 2 ** 20)] }));
    expect(problemsOf(await signStatement(long, undefined))).toMatchObject([{ code: 'file-too-large' }]);
  });

  it('leaves statements of another kind to those who made them', async () => {
    const { root } = await stored(aResult());
    await writeStatement(root, folder, altered(['predicateType'], 'https://slsa.dev/provenance/v1') as never);
    const { results, problems } = await resultsIn(root);
    expect([results.length, problems]).toEqual([1, []]);
  });

  it('reads no folder, no device and no file without an end in place of a statement', async () => {
    const { root } = await stored(aResult());
    const name = (letter: string): string => join(root, folder, `${letter.repeat(64)}.json`);
    mkdirSync(name('a'));
    symlinkSync('/dev/zero', name('b'));
    writeFileSync(name('c'), Buffer.alloc(2 ** 24 + 1));
    symlinkSync('nowhere', name('d'));
    const { results, problems } = await resultsIn(root);
    expect(results).toHaveLength(1);
    expect(problems.map(({ code }) => code)).toEqual(['not-a-file', 'not-a-file', 'file-too-large', 'file-not-found']);
    expect(brief(problems).every((each) => each.startsWith(folder))).toBe(true);
  });
});

describe('the latest result of a check on an image', () => {
  const kept = (more: Partial<CheckResult>): StoredResult => ({ ...aResult(more), file: 'x' });

  const configuration = digestOf('definition');
  const asked = { check: 'smoke', digest: image, configuration };

  it('is of the same moment that of the definition in force, a failure or a pass', () => {
    const stale = { ...at('11:00:00'), configuration: digestOf('another') };
    for (const outcome of [{}, failed])
      for (const before of [{}, failed]) {
        const [wanted, other] = [kept({ ...outcome, ...at('11:00:00') }), kept({ ...before, ...stale })];
        expect(latestResult([wanted, other], asked)).toBe(wanted);
        expect(latestResult([other, wanted], asked)).toBe(wanted);
      }
  });

  it('is the newest, whatever the order; of the same moment a failure', () => {
    const old = kept(at('10:00:00'));
    const newer = kept({ ...failed, ...at('11:00:00') });
    const same = kept(at('11:00:00'));
    for (const results of [
      [old, newer, same],
      [same, newer, old],
      [newer, same, old],
    ])
      expect(latestResult(results, asked)).toBe(newer);
    expect(latestResult([newer, kept(at('11:00:01')), old], asked)).toMatchObject({ passed: true });
  });

  it('is none of another check and none of another digest', () => {
    const results = [kept({ check: 'structure' }), kept({ digest: digestOf('another') })];
    expect(latestResult(results, asked)).toBeUndefined();
    expect(latestResult([], asked)).toBeUndefined();
  });
});
