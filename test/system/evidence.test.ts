import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { preAuthEncoding } from '../../src/evidence/dsse.ts';
import {
  attachStatement,
  signedText,
  signerFor,
  signStatement,
  verificationSummary,
  writeEvidence,
} from '../../src/evidence/index.ts';
import { openLayout } from '../../src/registry/index.ts';
import { type Digest, digestOf, hexOf, type Instant, unwrap } from '../../src/support/index.ts';
import { anImage } from '../registry/images.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { aStatement, aTrustingWorkspace } from '../support/keys.ts';
import { git } from '../support/release-workspace.ts';
import { aFolder } from '../support/workspace.ts';

const release = 'w.2018.18';
const image = digestOf('image');
const folder = `releases/${release}/evidence`;
const record = `schema: dmrel/release/v1
name: ${release}
kind: weekly
date: "2018-05-03"
created: {at: "2018-05-03T00:04:11Z", by: T <t@example.org>, operation: 01HZ0000000000000000000000}
source: {contentId: ${'c'.repeat(40)}}
previous: null
products: {}
images:
  stack: {repository: build/stack, digest: "${image}", inputs: "${digestOf('inputs')}", size: 1, platforms: [linux/amd64]}
`;

/** A file outside of any workspace. */
function outside(name: string, content: string): string {
  const file = join(aFolder(), name);
  writeFileSync(file, content);
  return file;
}

/** A workspace in git with an upstream, a release, and keys. */
async function aReleased() {
  const made = await aTrustingWorkspace();
  const write = (file: string, content: string): string => {
    mkdirSync(dirname(join(made.root, file)), { recursive: true });
    writeFileSync(join(made.root, file), content);
    return join(made.root, file);
  };
  write(`releases/${release}/release.yaml`, record);
  write('.gitignore', '.dmrel/\n');
  const upstream = aFolder();
  git(upstream, 'init', '--quiet', '--bare', '--initial-branch=main');
  git(made.root, 'init', '--quiet', '--initial-branch=main');
  git(made.root, 'config', 'user.name', 'T');
  git(made.root, 'config', 'user.email', 't@example.org');
  git(made.root, 'add', '--all');
  git(made.root, 'commit', '--quiet', '-m', 'workspace');
  git(made.root, 'remote', 'add', 'origin', upstream);
  git(made.root, 'push', '--quiet', '--set-upstream', 'origin', 'main');
  return { ...made, upstream, write };
}

const testResult = (result = 'PASSED', of: Digest = image) =>
  aStatement(
    {
      predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
      predicate: {
        result,
        configuration: [
          {
            name: 'smoke',
            digest: { sha256: hexOf(digestOf('definition')) },
            annotations: { startedOn: '2018-05-03T12:00:00Z', finishedOn: '2018-05-03T12:01:00Z' },
          },
        ],
        failedTests: result === 'FAILED' ? ['smoke'] : [],
      },
    },
    of,
  );

describe('dmrel evidence', () => {
  let workspace: Awaited<ReturnType<typeof aReleased>>;
  let names: Record<'sound' | 'byBuilder' | 'unsigned', string>;
  const add = async (statement: ReturnType<typeof testResult>, role: string | undefined) => {
    const signer = role === undefined ? undefined : await workspace.signer(role);
    const signed = unwrap(await signStatement(statement, signer));
    await writeEvidence(workspace.root, folder, signed);
    return hexOf(signed.digest);
  };
  beforeAll(async () => {
    workspace = await aReleased();
    names = {
      sound: await add(testResult(), 'tester'),
      byBuilder: await add(testResult(), 'builder'),
      unsigned: await add(testResult('FAILED'), undefined),
    };
  });

  it('list tells of each statement what it is, by whom, and whether it counts', async () => {
    const { code, json } = await dmrelJson(workspace.root, ['evidence', 'list']);
    expect(code).toBe(0);
    const statements = json.releases[0].statements as { file: string }[];
    const of = (name: string) => statements.find(({ file }) => file === `${folder}/${name}.json`);
    expect(of(names.sound)).toMatchObject({
      kind: 'test result',
      subjects: [{ name: 'dev/stack', digest: image }],
      at: '2018-05-03T12:01:00Z',
      signedBy: 'tester-1',
      counts: true,
    });
    expect(of(names.byBuilder)).toMatchObject({
      counts: false,
      why: "key 'builder-1' has the role 'builder', and this needs 'tester'",
    });
    expect(of(names.unsigned)).toMatchObject({ signedBy: null, counts: false, why: 'nobody signed it' });
    const { out } = await dmrel(workspace.root, ['evidence', 'list', '--release', release]);
    expect(out).toMatch(/^w\.2018\.18: 3 statements\n/);
    expect(out).toMatch(/ test result +dev\/stack +tester-1 +counts\n/);
  });

  it('show gives one in plain text, found by the beginning of its digest or by its file', async () => {
    for (const name of [names.sound.slice(0, 12), `sha256:${names.sound}`, `${folder}/${names.sound}.json`]) {
      const { code, json } = await dmrelJson(workspace.root, ['evidence', 'show', name]);
      expect([code, json.statement, json.signedBy, json.counts]).toEqual([0, testResult(), 'tester-1', true]);
    }
    const { out } = await dmrel(workspace.root, ['evidence', 'show', names.byBuilder]);
    expect(out).toContain('signed by builder-1\ncounts for nothing: key');
    expect((await dmrel(workspace.root, ['evidence', 'show', 'abcdef'])).err).toContain("no statement 'abcdef'");
  });

  it('verify says no, and why, as long as something there does not count', async () => {
    const { code, json } = await dmrelJson(workspace.root, ['evidence', 'verify']);
    expect(code).toBe(1);
    expect(json).toMatchObject({ sound: false, releases: [{ release, statements: 3, counting: 1 }] });
    expect(
      json.problems.map(({ code: each, severity }: { code: string; severity: string }) => [each, severity]),
    ).toEqual([
      ['evidence-untrusted', 'error'],
      ['evidence-untrusted', 'error'],
    ]);
  });
});

describe('dmrel evidence verify', () => {
  it('says yes when everything counts, and finds what was changed although it is remembered as sound', async () => {
    const workspace = await aReleased();
    const file = await writeEvidence(workspace.root, folder, await workspace.sign(testResult(), 'tester'));
    await writeEvidence(
      workspace.root,
      folder,
      await workspace.sign(testResult('PASSED', digestOf('other')), 'tester'),
    );
    const first = await dmrelJson(workspace.root, ['evidence', 'verify', '--release', release]);
    expect([first.code, first.json.sound]).toEqual([0, true]);
    expect(first.json.problems).toMatchObject([
      { severity: 'warning', message: expect.stringMatching(/is about nothing of w\.2018\.18$/) },
    ]);
    expect((await dmrel(workspace.root, ['evidence', 'list'])).code).toBe(0);
    const path = join(workspace.root, file);
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -10));
    const { code, err } = await dmrel(workspace.root, ['evidence', 'verify']);
    expect(code).toBe(1);
    expect(err).toContain(`digest-mismatch  ${file} was changed after it was written`);
  });
});

describe('dmrel evidence import', () => {
  const commits = (root: string) => git(root, 'log', '--format=%s%n%(trailers)');

  it('brings in what is signed by a trusted key, as envelope or bundle, commits and pushes it; again it does nothing', async () => {
    const workspace = await aReleased();
    const envelope = outside('smoke.json', (await workspace.sign(testResult(), 'tester')).text);
    const args = ['evidence', 'import', envelope, '--release', release];
    const dry = await dmrelJson(workspace.root, [...args, '--dry-run']);
    expect(dry.json.steps.map(({ id, action }: { id: string; action: string }) => [id.split(':')[0], action])).toEqual([
      ['import', 'create'],
      ['commit', 'create'],
      ['push', 'create'],
    ]);
    const done = await dmrelJson(workspace.root, args);
    expect(done.code).toBe(0);
    expect(commits(workspace.root)).toMatch(/^Import evidence of w\.2018\.18\nDmrel-Operation: /);
    expect(git(workspace.upstream, 'rev-parse', 'main')).toBe(git(workspace.root, 'rev-parse', 'main'));
    expect(readdirSync(join(workspace.root, folder))).toHaveLength(1);
    const again = await dmrel(workspace.root, args);
    expect([again.code, again.out]).toEqual([0, 'w.2018.18: nothing to do; 1 statement there already\n']);
  });

  it('writes nothing at all when one of several may not come in, and says which', async () => {
    const workspace = await aReleased();
    const stranger = await aTrustingWorkspace();
    const file = async (name: string, signed: Promise<{ text: string }>) =>
      outside(`${name}.json`, (await signed).text);
    const files = [
      await file('sound', workspace.sign(testResult(), 'tester')),
      await file('stranger', stranger.sign(testResult(), 'tester')),
      await file('other', workspace.sign(testResult('PASSED', digestOf('another')), 'tester')),
      await file('role', workspace.sign(testResult(), 'release-manager')),
      await file('bare', signStatement(testResult(), undefined).then(unwrap)),
      outside('none.json', '{"a":1}'),
      outside(
        'forged.json',
        (await workspace.sign(testResult(), 'tester')).text.replace('"payload":"ey', '"payload":"ez'),
      ),
    ];
    const { code, json } = await dmrelJson(workspace.root, ['evidence', 'import', ...files, '--release', release]);
    expect(code).not.toBe(0);
    expect(json.problems.map(({ message }: { message: string }) => message.replace(/^.*\/|:.*$/g, ''))).toHaveLength(6);
    expect(json.problems.map((each: { code: string }) => each.code)).toEqual([
      'evidence-untrusted',
      'evidence-untrusted',
      'evidence-untrusted',
      'evidence-untrusted',
      'file-unreadable',
      'file-unreadable',
    ]);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
  });

  it('takes nothing in that is longer than what is read of a release: it would stand in the way of all that is', async () => {
    const workspace = await aReleased();
    const signer = unwrap(await signerFor(workspace.workspace, 'tester', workspace.env))!;
    const statement = testResult();
    Object.assign(statement.predicate as object, { passedTests: ['x'.repeat(13 * 2 ** 20)] });
    const payload = Buffer.from(JSON.stringify(statement));
    const signature = unwrap(await signer.sign(preAuthEncoding(payload)));
    const long = outside('long.json', signedText({ payload, signature, keyid: '' }));
    const { code, json } = await dmrelJson(workspace.root, ['evidence', 'import', long, '--release', release]);
    expect([code, json.problems[0].code]).toEqual([3, 'file-too-large']);
    expect(existsSync(join(workspace.root, folder))).toBe(false);
  });

  it('is finished by the same command after it was killed anywhere', async () => {
    const workspace = await aReleased();
    const files: string[] = [];
    for (const name of ['one', 'two']) {
      const statement = testResult(name === 'one' ? 'PASSED' : 'FAILED');
      files.push(outside(`${name}.json`, (await workspace.sign(statement, 'tester')).text));
    }
    const args = ['evidence', 'import', ...files, '--release', release];
    for (const milliseconds of [150, 250, 350]) {
      await dmrel(workspace.root, args, {
        during: ({ kill }) => void setTimeout(kill, milliseconds, 'SIGKILL').unref(),
      });
    }
    expect((await dmrel(workspace.root, args)).code).toBe(0);
    expect(readdirSync(join(workspace.root, folder)).filter((name) => !name.startsWith('.'))).toHaveLength(2);
    expect(git(workspace.root, 'status', '--porcelain', '--', folder)).toBe('');
    expect(git(workspace.upstream, 'rev-parse', 'main')).toBe(git(workspace.root, 'rev-parse', 'main'));
    expect((await dmrelJson(workspace.root, ['evidence', 'verify'])).json.sound).toBe(true);
  });
});

describe('dmrel verify', () => {
  it('answers yes or no about an image at a level, without a workspace', async () => {
    const keys = await aTrustingWorkspace();
    const away = aFolder();
    const registry = openLayout(join(away, 'registry'));
    const digest = await anImage(registry, 'batch/stack', [{ a: '1' }]);
    const statement = verificationSummary([{ name: 'batch/stack', digest: { sha256: hexOf(digest) } }], {
      level: 'batch',
      passed: true,
      at: '2018-05-03T12:00:00Z' as Instant,
      verifier: 'https://lsst.org/dmrel',
      resource: 'batch/stack',
      policy: { uri: 'dmrel.yaml', digest: digestOf('policy') },
      inputs: [],
    });
    const signed = unwrap(await signStatement(statement, await keys.signer('promoter-batch')));
    unwrap(await attachStatement(registry, 'batch/stack', digest, signed));
    writeFileSync(join(away, 'batch.pub'), keys.pairs['batch-1']!.publicPem);
    writeFileSync(join(away, 'tester.pub'), keys.pairs['tester-1']!.publicPem);

    const args = ['verify', `layout:registry:batch/stack@${digest}`, '--level', 'batch', '--key'];
    const yes = await dmrel(away, [...args, 'batch.pub']);
    expect(yes).toEqual({
      code: 0,
      out: `yes  layout:registry:batch/stack@${digest} at batch\n     it was verified for batch at 2018-05-03T12:00:00Z\n`,
      err: '',
    });
    const no = await dmrelJson(away, [...args, 'tester.pub']);
    expect([no.code, no.json.verified, no.json.reasons]).toEqual([
      1,
      false,
      ['this key signed nothing of what is attached to it (1 statement)'],
    ]);
    const offline = await dmrel(away, [
      'verify',
      `x.org/batch/stack@${digest}`,
      '--level',
      'dev',
      '--key',
      'batch.pub',
      '--offline',
      'registry',
    ]);
    expect([offline.code, offline.out.split('\n')[1]]).toEqual([1, '     this key speaks of level batch, not of dev']);
    for (const wrong of [['verify', 'x.org/a@b'], [...args.slice(0, 2), '--key', 'batch.pub'], args.slice(0, 4)])
      expect((await dmrel(away, wrong)).code).toBe(2);
  });
});
