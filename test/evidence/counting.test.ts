import '../support/as-built.ts';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  evidenceFolder,
  readBuildResults,
  readEvidence,
  type Statement,
  signerFor,
  signStatement,
  writeEvidence,
} from '../../src/evidence/index.ts';
import { digestOf, hexOf, unwrap } from '../../src/support/index.ts';
import { openWorkspace } from '../../src/workspace/index.ts';
import { aStatement, aTrustingWorkspace, type TrustOptions } from '../support/keys.ts';
import { aFolder } from '../support/workspace.ts';

const release = 'w.2018.18';
const folder = evidenceFolder(release);

const testResult = (finishedOn = '2018-05-03T12:00:00Z'): Statement =>
  aStatement({
    predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
    predicate: { result: 'PASSED', configuration: [{ name: 'smoke', annotations: { finishedOn } }] },
  });
const summaryOf = (level: string): Statement =>
  aStatement({
    predicateType: 'https://slsa.dev/verification_summary/v1',
    predicate: {
      verificationResult: 'PASSED',
      verifiedLevels: [`DMREL_LEVEL_${level.toUpperCase()}`],
      timeVerified: '2018-05-03T12:00:00Z',
    },
  });

async function aWorkspace(options: TrustOptions = {}) {
  const made = await aTrustingWorkspace(options);
  const home = aFolder();
  return {
    ...made,
    home,
    /** What counts and what is told, as another run of dmrel sees it. */
    async look(env: NodeJS.ProcessEnv = { XDG_CACHE_HOME: home }) {
      const { statements, problems } = await readEvidence(unwrap(await openWorkspace(made.root, env)), release);
      return {
        statements,
        by: statements.map(({ signedBy }) => signedBy?.key ?? 'nobody'),
        told: problems.map(({ severity, code, message }) =>
          `${severity} ${code} ${message}`.replace(/releases\S*\/([0-9a-f]{64})\.json/, 'FILE'),
        ),
      };
    },
    async add(statement: Statement, role: string): Promise<string> {
      return writeEvidence(made.root, folder, await made.sign(statement, role));
    },
    /** A file of evidence that holds this text, well named. */
    put(text: string): string {
      mkdirSync(join(made.root, folder), { recursive: true });
      const file = `${folder}/${hexOf(digestOf(text))}.json`;
      writeFileSync(join(made.root, file), text);
      return file;
    },
    envelope: async (statement: Statement, role: string) => JSON.parse((await made.sign(statement, role)).text),
  };
}

describe('a statement', () => {
  it('by a key of the role that may say this counts, and tells who it was', async () => {
    const workspace = await aWorkspace();
    const file = await workspace.add(testResult(), 'tester');
    const { statements, told } = await workspace.look();
    expect(told).toEqual([]);
    expect(statements).toEqual([
      {
        file,
        digest: digestOf(readFileSync(join(workspace.root, file))),
        predicateType: testResult().predicateType,
        subject: testResult().subject,
        predicate: testResult().predicate,
        signedBy: { key: 'tester-1', roles: ['tester'] },
      },
    ]);
  });

  const untrusted = (why: string) => `warning evidence-untrusted FILE counts for nothing: ${why}`;
  it.each<[string, Statement, string, string]>([
    ['a test by a builder', testResult(), 'builder', "key 'builder-1' has the role 'builder', and this needs 'tester'"],
    [
      'a test by who promotes',
      aStatement({ ...summaryOf('dev') }),
      'promoter-batch',
      "key 'batch-1' has the role 'promoter-batch', and this needs 'promoter-dev'",
    ],
    [
      'provenance by a tester',
      aStatement({ predicateType: 'https://slsa.dev/provenance/v1', predicate: {} }),
      'tester',
      "key 'tester-1' has the role 'tester', and this needs 'builder'",
    ],
    [
      'a bill of materials by a manager',
      aStatement({ predicateType: 'https://cyclonedx.org/bom', predicate: {} }),
      'release-manager',
      "key 'alice' has the role 'release-manager', and this needs 'builder'",
    ],
    [
      'a summary of a level by a manager',
      summaryOf('batch'),
      'release-manager',
      "key 'alice' has the role 'release-manager', and this needs 'promoter-batch'",
    ],
  ])('counts for nothing when it is %s', async (_what, statement, role, why) => {
    const workspace = await aWorkspace();
    await workspace.add(statement, role);
    expect(await workspace.look()).toEqual({ statements: [], by: [], told: [untrusted(why)] });
  });

  it.each<[string, string, string | undefined]>([
    ['on its first day', 'notBefore: "2018-05-03"', undefined],
    ['on its last day', 'notAfter: "2018-05-03"', undefined],
    ['before the key is valid', 'notBefore: "2018-05-04"', "it is of 2018-05-03, and key 't' is valid from 2018-05-04"],
    ['after it was', 'notAfter: "2018-05-02"', "it is of 2018-05-03, and key 't' was valid until 2018-05-02"],
    [
      'whenever, of a key that was revoked since',
      'revoked: {on: "2030-01-01", reason: stolen}',
      "key 't' was revoked on 2030-01-01: stolen",
    ],
  ])('made %s counts accordingly, by its own time', async (_what, more, why) => {
    const workspace = await aWorkspace({ roles: { tester: ['t'] }, more: { t: more } });
    const config = readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8');
    // Signed while the key was good.
    writeFileSync(join(workspace.root, 'dmrel.yaml'), config.replace(`, ${more}`, ''));
    const before = { ...workspace, workspace: await workspace.open() };
    const signer = unwrap(await signerFor(before.workspace, 'tester', workspace.env));
    await writeEvidence(workspace.root, folder, unwrap(await signStatement(testResult(), signer)));
    writeFileSync(join(workspace.root, 'dmrel.yaml'), config);
    const { by, told } = await workspace.look();
    expect([by, told]).toEqual(why === undefined ? [['t'], []] : [[], [untrusted(why)]]);
  });

  it('without a time of its own counts only of a key that is valid at any time', async () => {
    const timeless = aStatement({ predicate: { text: 'whenever' } });
    const always = await aWorkspace();
    await always.add(timeless, 'tester');
    expect((await always.look()).by).toEqual(['tester-1']);
    const dated = await aWorkspace({ roles: { tester: ['t'] }, more: { t: 'notBefore: "2018-01-01"' } });
    await dated.add(timeless, 'tester');
    expect((await dated.look()).told).toEqual([untrusted("it tells no time, and key 't' is valid for a time only")]);
  });

  it('that nobody signed, or a stranger, counts for nothing', async () => {
    const [workspace, elsewhere] = [await aWorkspace(), await aWorkspace()];
    workspace.put(JSON.stringify(testResult()));
    workspace.put((await elsewhere.sign(testResult(), 'tester')).text);
    expect(await workspace.look()).toMatchObject({
      by: [],
      told: expect.arrayContaining([untrusted('nobody signed it'), untrusted('no key of this workspace signed it')]),
    });
  });

  it('signed by a stranger in a trusted key’s name is forged', async () => {
    const [workspace, elsewhere] = [await aWorkspace(), await aWorkspace()];
    const forged = await elsewhere.envelope(testResult(), 'tester');
    forged.signatures[0].keyid = (await workspace.signer('tester')).publicKey.hint;
    workspace.put(JSON.stringify(forged));
    expect(await workspace.look()).toMatchObject({
      by: [],
      told: ["error signature-invalid FILE: the signature is not that of key 'tester-1', which it names"],
    });
  });

  it('counts whatever its envelope calls the key, for that is a hint', async () => {
    const workspace = await aWorkspace();
    for (const keyid of [undefined, '', 'SHA256:abc']) {
      const envelope = await workspace.envelope(testResult(), 'tester');
      envelope.signatures[0].keyid = keyid;
      workspace.put(JSON.stringify(envelope));
    }
    expect(await workspace.look()).toMatchObject({ by: ['tester-1', 'tester-1', 'tester-1'], told: [] });
  });

  it('changed in its payload, its type or its subject after it was signed is found out', async () => {
    const workspace = await aWorkspace();
    for (const [from, to] of [
      ['PASSED', 'FAILED'],
      [testResult().subject[0]!.digest.sha256!, hexOf(digestOf('another image'))],
      ['test-result/v0.1', 'test-result/v0.2'],
    ] as const) {
      const envelope = await workspace.envelope(testResult(), 'tester');
      const body = Buffer.from(envelope.payload, 'base64').toString();
      expect(body).toContain(from);
      envelope.payload = Buffer.from(body.replace(from, to)).toString('base64');
      workspace.put(JSON.stringify(envelope));
    }
    const { by, told } = await workspace.look();
    expect([by, told]).toEqual([
      [],
      Array(3).fill(expect.stringContaining('error signature-invalid FILE: the signature is not')),
    ]);
  });

  it('about another image says nothing of this one: its subject goes with it', async () => {
    const workspace = await aWorkspace();
    await workspace.add(aStatement({}, digestOf('another image')), 'tester');
    const { statements } = await workspace.look();
    expect(statements[0]?.subject).toEqual([
      { name: 'dev/stack', digest: { sha256: hexOf(digestOf('another image')) } },
    ]);
  });

  it('in an envelope counts without trust too, as anybody’s', async () => {
    const workspace = await aWorkspace();
    await workspace.add(testResult(), 'tester');
    writeFileSync(join(workspace.root, 'dmrel.yaml'), 'schema: dmrel/workspace/v1\norganization: test\n');
    const { statements, told } = await workspace.look();
    expect([statements.map(({ signedBy }) => signedBy), told]).toEqual([[undefined], []]);
  });

  it('is told, and breaks nothing, however its file is cut off or spoilt', async () => {
    const workspace = await aWorkspace();
    const { text } = await workspace.sign(testResult(), 'tester');
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 3),
        fc.constantFrom('cut', 'flip'),
        fc.integer({ min: 1, max: 255 }),
        async (at, how, bits) => {
          const spoilt = how === 'cut' ? bytes.subarray(0, at) : Buffer.from(bytes);
          if (how === 'flip') spoilt[at] = spoilt[at]! ^ bits;
          const other = await aWorkspaceWith(workspace.root, spoilt);
          const { by, told } = await other;
          // A changed keyid is none of ours; all else is the signature's matter.
          const whole =
            JSON.stringify(safely(spoilt)) ===
            JSON.stringify({ ...safely(bytes), signatures: safely(spoilt)?.signatures });
          if (by.length > 0) expect(whole).toBe(true);
          else expect(told).toHaveLength(1);
        },
      ),
      { numRuns: 60 },
    );

    async function aWorkspaceWith(root: string, content: Buffer) {
      rmSync(join(root, folder), { recursive: true, force: true });
      mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, folder, `${hexOf(digestOf(content))}.json`), content);
      return workspace.look({});
    }
    function safely(content: Buffer) {
      try {
        return JSON.parse(content.toString());
      } catch {
        return undefined;
      }
    }
  });
});

describe('that commits were built and tested together', () => {
  const built = () => ({
    ...testResult(),
    subject: [{ name: 'b3595', digest: { sha1: 'c'.repeat(40) } }],
  });
  const look = async (workspace: Awaited<ReturnType<typeof aWorkspace>>) => {
    const { results, problems } = await readBuildResults(await workspace.open(), 'c'.repeat(40));
    return [results.length, problems.map(({ code, message }) => `${code} ${message}`)];
  };
  const put = (root: string, name: string, text: string) => {
    mkdirSync(join(root, 'evidence/builds'), { recursive: true });
    writeFileSync(join(root, `evidence/builds/${name}.json`), text);
  };

  it('is said by builders and testers, in files of any name', async () => {
    const workspace = await aWorkspace();
    for (const role of ['builder', 'tester']) put(workspace.root, role, (await workspace.sign(built(), role)).text);
    expect(await look(workspace)).toEqual([2, []]);
  });

  it('counts for nothing where keys are trusted and somebody else says it, or nobody', async () => {
    const workspace = await aWorkspace();
    put(workspace.root, 'a', JSON.stringify(built()));
    put(workspace.root, 'b', (await workspace.sign(built(), 'release-manager')).text);
    put(workspace.root, 'c', '{');
    expect(await look(workspace)).toEqual([
      0,
      [
        'evidence-untrusted evidence/builds/a.json counts for nothing: nobody signed it',
        "evidence-untrusted evidence/builds/b.json counts for nothing: key 'alice' has the role 'release-manager', and this needs 'tester'",
        'file-unreadable evidence/builds/c.json holds no sound statement',
      ],
    ]);
  });
});

describe('what is remembered of statements', () => {
  const cacheFile = (home: string): string => {
    const [set] = readdirSync(join(home, 'dmrel')).filter((name) => name.startsWith('evidence-'));
    return join(home, 'dmrel', set!, `${release}.json`);
  };
  const withOne = async () => {
    const workspace = await aWorkspace();
    const file = await workspace.add(testResult(), 'tester');
    const first = await workspace.look();
    expect(first.by).toEqual(['tester-1']);
    return { ...workspace, file, first };
  };

  it('changes nothing in what they say', async () => {
    const { look, first } = await withOne();
    expect(await look()).toEqual(first);
    expect(await look({})).toEqual(first);
  });

  it('leaves long texts where they are, and reads them when they are asked for', async () => {
    const workspace = await aWorkspace();
    const parts = Array.from({ length: 2000 }, (_, index) => ({ name: `component-${index}`, version: '1.0' }));
    const statement = aStatement({ predicateType: 'https://cyclonedx.org/bom', predicate: { components: parts } });
    const file = await workspace.add(statement, 'builder');
    const first = await workspace.look();
    expect(first.statements[0]!.predicate).toEqual(statement.predicate);
    expect(readFileSync(cacheFile(workspace.home), 'utf8')).not.toContain('component-7');
    const again = await workspace.look();
    expect(again).toEqual(first);
    const other = await workspace.look();
    writeFileSync(join(workspace.root, file), 'changed');
    expect(() => other.statements[0]!.predicate).toThrow('was changed while it was read');
  });

  it('spares the signature: what was verified once is not verified again', async () => {
    const { home, look } = await withOne();
    // Seen by its answer: what is remembered is taken for what was verified.
    const file = cacheFile(home);
    writeFileSync(file, readFileSync(file, 'utf8').replace('PASSED', 'PASSED, as remembered'));
    expect((await look()).statements[0]!.predicate).toMatchObject({ result: 'PASSED, as remembered' });
  });

  it('is of the user alone', async () => {
    const { home } = await withOne();
    expect(statSync(cacheFile(home)).mode & 0o777).toBe(0o600);
  });

  it('does not outlast the trust in a key', async () => {
    const { root, look } = await withOne();
    const config = join(root, 'dmrel.yaml');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace('tester-1.pub}', 'tester-1.pub, revoked: {on: "2018-06-01", reason: lost}}'));
    expect((await look()).by).toEqual([]);
    writeFileSync(config, text.replace('tester: [tester-1]', 'tester: []'));
    expect((await look()).told[0]).toMatch(/key 'tester-1' has no role/);
    // The name of a key is nothing: another key under it makes no signature of the old one good.
    const other = await aTrustingWorkspace();
    writeFileSync(config, text);
    writeFileSync(join(root, 'trust/tester-1.pub'), other.pairs['tester-1']!.publicPem);
    expect((await look()).told[0]).toMatch(/no key of this workspace signed it/);
  });

  it('does not hide that a file was changed, also when its times are set back', async () => {
    const { root, file, look } = await withOne();
    const path = join(root, file);
    const { atime, mtime } = statSync(path);
    writeFileSync(path, readFileSync(path, 'utf8').replace('payloadType', 'payloadtype'));
    utimesSync(path, atime, mtime);
    expect(await look()).toMatchObject({ by: [], told: [expect.stringMatching(/digest-mismatch FILE was changed/)] });
  });

  it('does not bring back a file that is gone', async () => {
    const { root, file, look } = await withOne();
    rmSync(join(root, file));
    expect(await look()).toEqual({ statements: [], by: [], told: [] });
  });

  it.each<[string, (text: string) => string]>([
    ['is of another workspace', (text) => text.replace(/"root":"[^"]*"/, '"root":"/elsewhere"')],
    ['is of another build', (text) => text.replace(/"build":"[^"]*"/, '"build":"other"')],
    ['is cut off', (text) => text.slice(0, 200)],
    ['is empty', () => ''],
    ['holds nothing', () => '{}'],
  ])('is not looked at where it %s', async (_what, change) => {
    const { home, look, first } = await withOne();
    const file = cacheFile(home);
    writeFileSync(file, change(readFileSync(file, 'utf8').replace('PASSED', 'as remembered')));
    expect(await look()).toEqual(first);
  });

  it('is not looked at where others may have written it, or it is a link', async () => {
    const { home, look, first } = await withOne();
    const file = cacheFile(home);
    writeFileSync(file, readFileSync(file, 'utf8').replace('PASSED', 'as remembered'));
    chmodSync(file, 0o622);
    expect(await look()).toEqual(first);
    writeFileSync(file, readFileSync(file, 'utf8').replace('PASSED', 'as remembered'));
    chmodSync(file, 0o600);
    renameSync(file, `${file}.aside`);
    symlinkSync(`${file}.aside`, file);
    expect(await look()).toEqual(first);
  });

  it('is never in the workspace itself, which may come from elsewhere with one', async () => {
    const { root, look, first, home } = await withOne();
    const inside = join(root, '.cache');
    const file = cacheFile(home);
    const copy = file.replace(home, inside);
    mkdirSync(join(copy, '..'), { recursive: true });
    writeFileSync(copy, readFileSync(file, 'utf8').replace('PASSED', 'brought along'), { mode: 0o600 });
    expect(await look({ XDG_CACHE_HOME: inside })).toEqual(first);
    expect(await look({ HOME: root })).toEqual(first);
    expect(readFileSync(copy, 'utf8')).toContain('brought along');
  });
});
