import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  keyVariable,
  openTrust,
  type Signer,
  type Statement,
  signerFor,
  signStatement,
} from '../../src/evidence/index.ts';
import { isSignedBy } from '../../src/evidence/public-key.ts';
import { unwrap } from '../../src/support/index.ts';
import { counterpart } from '../support/counterparts.ts';
import { aKeyPair, aStatement, aTrustingWorkspace } from '../support/keys.ts';
import { aFolder, aWorkspace, brief, problemsOf } from '../support/workspace.ts';

const head = 'schema: dmrel/workspace/v1\norganization: test\n';

describe('a trust section', () => {
  const findings = async (trust: string) =>
    brief(problemsOf(await aWorkspace().with('dmrel.yaml', `${head}trust:\n${trust}`).open()));
  const keys = '  keys:\n    a: {public: a.pub}\n    alice: {public: b.pub}\n';

  it.each<[string, string, string]>([
    [
      'a role with an unknown key',
      `${keys}  roles: {tester: [a], builder: [alise]}\n`,
      "dmrel.yaml:7:34 unknown-name there is no key 'alise'",
    ],
    [
      'a key with two roles',
      `${keys}  roles: {tester: [a], builder: [alice, a]}\n`,
      "dmrel.yaml:7:41 wrong-value key 'a' has the role 'tester' already",
    ],
    [
      'a day that does not exist',
      '  keys:\n    a: {public: a.pub, notBefore: "2018-02-30"}\n  roles: {}\n',
      'dmrel.yaml:5:35 no-such-date there is no day 2018-02-30',
    ],
    [
      'a revocation on a day that does not exist',
      '  keys:\n    a: {public: a.pub, revoked: {on: "2018-13-01", reason: lost}}\n  roles: {}\n',
      'dmrel.yaml:5:38 no-such-date there is no day 2018-13-01',
    ],
    [
      'a key that ends before it begins',
      '  keys:\n    a: {public: a.pub, notBefore: "2018-02-02", notAfter: "2018-02-01"}\n  roles: {}\n',
      "dmrel.yaml:5:59 wrong-value key 'a' ends before it begins",
    ],
    [
      'a private key in two places',
      '  keys:\n    a: {public: a.pub, signer: {env: A, file: /a.pem}}\n  roles: {}\n',
      "dmrel.yaml:5:32 wrong-value the private key of 'a' must be in one place",
    ],
    [
      'a passphrase for a command',
      '  keys:\n    a: {public: a.pub, signer: {command: [sign], passphraseEnv: A}}\n  roles: {}\n',
      "dmrel.yaml:5:32 wrong-value the private key of 'a' must be in one place",
    ],
    [
      'a passphrase alone',
      '  keys:\n    a: {public: a.pub, signer: {passphraseEnv: A}}\n  roles: {}\n',
      "dmrel.yaml:5:32 wrong-value the private key of 'a' must be in one place",
    ],
    [
      'a private key in the workspace',
      '  keys:\n    a: {public: a.pub, signer: {file: keys/a.pem}}\n  roles: {}\n',
      "dmrel.yaml:5:39 wrong-value 'file' must be an absolute path, or one that begins with ~/",
    ],
    [
      'a key without its public half',
      '  keys:\n    a: {}\n  roles: {}\n',
      "dmrel.yaml:5:5 missing-key 'a' lacks 'public'",
    ],
    ['a misspelt key', '  keys: {}\n  role: {}\n', "dmrel.yaml:5:3 unknown-key unknown key 'role'"],
  ])('may not have %s', async (_what, trust, finding) => {
    expect(await findings(trust)).toContain(finding);
  });

  it('may not let a role promote that signs other things', async () => {
    const level = (promoter: string, more = '') =>
      `${keys}  roles: {tester: [a], manager: [alice]}\nregistries: {r: "layout:r"}\nlevels: {batch: {registry: r, promoter: ${promoter}${more}}}\n`;
    const says = (role: string) => expect.stringContaining(`wrong-value the role '${role}' signs other things too`);
    expect(await findings(level('tester'))).toContainEqual(says('tester'));
    const approvals = ', approvals: {role: manager, count: 1}';
    expect(await findings(level('manager', approvals))).toContainEqual(says('manager'));
    expect((await findings(level('manager'))).join()).not.toContain('signs other things');
  });

  it('may leave keys without a role, and roles without a key', async () => {
    expect(await findings(`${keys}  roles: {tester: []}\n`)).toEqual([]);
  });
});

describe('the public keys of a trust section', () => {
  const findings = async (files: Record<string, string>, keys: string) => {
    const workspace = aWorkspace().with('dmrel.yaml', `${head}trust:\n  keys:\n${keys}  roles: {}\n`);
    for (const [file, content] of Object.entries(files)) workspace.with(file, content);
    return brief(problemsOf(await openTrust(unwrap(await workspace.open()))));
  };
  const pair = aKeyPair();

  it.each<[string, Record<string, string>, string, string]>([
    [
      'lead out of the workspace',
      {},
      '    a: {public: ../a.pub}\n',
      "dmrel.yaml:5:17 unsafe-path the public key of 'a' leads out of the workspace",
    ],
    ['be missing', {}, '    a: {public: a.pub}\n', 'dmrel.yaml:5:17 file-not-found a.pub does not exist'],
    [
      'be private',
      { 'a.pem': pair.privatePem },
      '    a: {public: a.pem}\n',
      'dmrel.yaml:5:17 key-invalid a.pem is a private key; it must never stand here',
    ],
    [
      'be no keys',
      { 'a.pub': 'ssh-ed25519 AAAA' },
      '    a: {public: a.pub}\n',
      'dmrel.yaml:5:17 key-invalid a.pub is no public key in PEM (-----BEGIN PUBLIC KEY-----)',
    ],
    [
      'be one key under two names',
      { 'a.pub': pair.publicPem, 'b.pub': `\n${pair.publicPem}\n` },
      '    a: {public: a.pub}\n    b: {public: b.pub}\n',
      "dmrel.yaml:6:5 key-invalid 'b' and 'a' are the same key",
    ],
  ])('may not %s', async (_what, files, keys, finding) => {
    expect(await findings(files, keys)).toEqual([finding]);
  });

  it('are all looked at, and every finding told at once', async () => {
    const found = await findings({}, '    a: {public: a.pub}\n    b: {public: ../b.pub}\n');
    expect(found).toHaveLength(2);
  });

  it('are one key too when a point of it is compressed in one of the files', async () => {
    if (!counterpart('openssl')) return;
    const compressed = execFileSync('openssl', ['pkey', '-pubin', '-ec_conv_form', 'compressed'], {
      input: pair.publicPem,
      encoding: 'utf8',
    });
    expect(compressed).not.toBe(pair.publicPem);
    expect(
      await findings(
        { 'a.pub': pair.publicPem, 'b.pub': compressed },
        '    a: {public: a.pub}\n    b: {public: b.pub}\n',
      ),
    ).toEqual(["dmrel.yaml:6:5 key-invalid 'b' and 'a' are the same key"]);
  });
});

describe('who signs in a role', () => {
  const bytes = Buffer.from('to be signed');
  const signs = async (signer: Signer | undefined) => {
    const signature = unwrap(await signer!.sign(bytes));
    return isSignedBy(signer!.publicKey, bytes, signature);
  };
  const withSigner = async (signer: string, algorithm?: 'ed25519') => {
    const made = await aTrustingWorkspace({
      roles: { tester: ['t.1-x'] },
      more: { 't.1-x': `signer: ${signer}` },
      ...(algorithm ? { algorithm } : {}),
    });
    return { ...made, pem: made.pairs['t.1-x']!.privatePem };
  };
  const why = async (workspace: Parameters<typeof signerFor>[0], env: NodeJS.ProcessEnv) =>
    problemsOf(await signerFor(workspace, 'tester', env)).map(({ code, message }) => `${code} ${message}`);

  it('is nobody where the workspace trusts no keys', async () => {
    expect(await signerFor(unwrap(await aWorkspace().open()), 'tester', {})).toEqual({ ok: true, value: undefined });
  });

  it('is the first key of the role whose private half is at hand, in the variable made from its name', async () => {
    const { workspace, env } = await aTrustingWorkspace();
    const { DMREL_KEY_ALICE: _, ...bob } = env;
    expect(unwrap(await signerFor(workspace, 'release-manager', env))?.key).toBe('alice');
    const signer = unwrap(await signerFor(workspace, 'release-manager', bob));
    expect(signer).toMatchObject({ key: 'bob', role: 'release-manager', promoter: false });
    expect(await signs(signer)).toBe(true);
    expect(keyVariable('t.1-x')).toBe('DMREL_KEY_T_1_X');
  });

  it('can be said, where a role has several people', async () => {
    const { workspace, env } = await aTrustingWorkspace();
    expect(unwrap(await signerFor(workspace, 'release-manager', env, { key: 'bob' }))?.key).toBe('bob');
    const other = await signerFor(workspace, 'release-manager', env, { key: 'tester-1' });
    expect(brief(problemsOf(other))).toEqual([
      "dmrel.yaml signer-missing 'tester-1' is no key of the role 'release-manager'",
    ]);
  });

  it('may have the private key in a file, in the home directory too, or behind a passphrase', async () => {
    const home = aFolder();
    const inHome = await withSigner('{file: ~/key.pem}', 'ed25519');
    writeFileSync(join(home, 'key.pem'), inHome.pem);
    expect(await signs(unwrap(await signerFor(inHome.workspace, 'tester', { HOME: home })))).toBe(true);

    const locked = await withSigner(`{file: ${home}/locked.pem, passphraseEnv: WORD}`);
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'sesame' } as const;
    writeFileSync(join(home, 'locked.pem'), locked.pairs['t.1-x']!.privateKey.export(options));
    expect(await signs(unwrap(await signerFor(locked.workspace, 'tester', { WORD: 'sesame' })))).toBe(true);
    expect(await why(locked.workspace, {})).toEqual([
      `signer-missing nobody can sign as 'tester' here: t.1-x: ${home}/locked.pem is encrypted, and no passphrase is given`,
    ]);
    expect(await why(locked.workspace, { WORD: 'wrong' })).toEqual([
      `signer-missing nobody can sign as 'tester' here: t.1-x: ${home}/locked.pem cannot be opened with the passphrase given`,
    ]);
  });

  it.each<[string, string, string]>([
    ['absent', '', 'DMREL_KEY_T_1_X is not set'],
    ['of another form', '-----BEGIN EC PRIVATE KEY-----\nAAAA\n', 'DMREL_KEY_T_1_X is no PKCS#8 key in PEM'],
    [
      'cosign’s own form',
      '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAA\n',
      'DMREL_KEY_T_1_X is no PKCS#8 key in PEM',
    ],
    ['damaged', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'DMREL_KEY_T_1_X is damaged'],
    ['another key’s', aKeyPair().privatePem, 'DMREL_KEY_T_1_X is not the private key of trust/t.1-x.pub'],
  ])('is nobody when the private key is %s, and no word of it is told', async (_what, pem, says) => {
    const { workspace } = await aTrustingWorkspace({ roles: { tester: ['t.1-x'] } });
    const told = await why(workspace, { DMREL_KEY_T_1_X: pem });
    expect(told).toEqual([expect.stringContaining(`nobody can sign as 'tester' here: t.1-x: ${says}`)]);
    if (pem.length > 40) expect(told[0]).not.toContain(pem.split('\n')[1]!);
  });

  it('is the next key of the role when one is not valid today, and nobody when none is', async () => {
    const more = { a: 'notAfter: "2018-06-01"', b: 'notBefore: "2999-01-01"' };
    const both = await aTrustingWorkspace({ roles: { tester: ['a', 'b', 'c'] }, more });
    expect(unwrap(await signerFor(both.workspace, 'tester', both.env))?.key).toBe('c');
    const ended = await aTrustingWorkspace({ roles: { tester: ['a', 'b'] }, more });
    expect(problemsOf(await signerFor(ended.workspace, 'tester', ended.env))).toMatchObject([
      {
        code: 'signer-missing',
        message: "nobody can sign as 'tester' here: a: it was valid until 2018-06-01; b: it is valid from 2999-01-01",
        hint: expect.stringContaining('make the next key'),
      },
    ]);
  });

  it('is nobody whose key was revoked, and nobody for a role without keys', async () => {
    const made = await aTrustingWorkspace({
      roles: { tester: ['t'] },
      more: { t: 'revoked: {on: "2018-06-01", reason: stolen}' },
    });
    expect(await why(made.workspace, made.env)).toEqual([
      "signer-missing nobody can sign as 'tester' here: t: it was revoked on 2018-06-01",
    ]);
    const { workspace, env } = await aTrustingWorkspace({ roles: { builder: ['b'] } });
    expect(await why(workspace, env)).toEqual(["signer-missing no key has the role 'tester'"]);
  });

  describe('by a command', () => {
    const script = (body: string): string => {
      const file = join(aFolder(), 'sign.sh');
      writeFileSync(file, `#!/bin/sh\n${body}\n`);
      chmodSync(file, 0o755);
      return file;
    };
    const told = async (command: string): Promise<string[]> => {
      const { workspace } = await withSigner(`{command: [${command}]}`);
      const signer = unwrap(await signerFor(workspace, 'tester', {}, { timeoutSeconds: 1 }));
      return problemsOf(await signer!.sign(bytes)).map(({ code, message }) => `${code} ${message}`);
    };

    it('gives it the bytes on standard input and takes base64, broken into lines or not', async () => {
      if (!counterpart('openssl')) return;
      const key = join(aFolder(), 'key.pem');
      const file = script(`openssl dgst -sha256 -sign ${key} | base64 -w 20`);
      const { workspace, pem } = await withSigner(`{command: [${file}]}`);
      writeFileSync(key, pem);
      expect(await signs(unwrap(await signerFor(workspace, 'tester', {})))).toBe(true);
    });

    it.each([
      [
        'prints no signature of this key',
        'cat > /dev/null; echo AAAA',
        'what it prints is no signature of trust/t.1-x.pub',
      ],
      ['prints nothing', 'cat > /dev/null', 'what it prints is not base64'],
      ['prints hex', 'cat > /dev/null; echo 30:45', 'what it prints is not base64'],
      ['fails', 'echo password >&2; exit 3', 'it ended with exit code 3'],
      ['never ends', 'sleep 30', 'it was stopped (timeout)'],
      ['floods its output', 'yes', 'it was stopped (output-too-large)'],
    ])('that %s is told, and nothing is signed', async (_what, body, says) => {
      const file = script(body);
      expect(await told(file)).toEqual([`signing-failed '${file}' does not sign as 't.1-x': ${says}`]);
    });

    it('that is not there is told', async () => {
      expect(await told('/nowhere/sign')).toEqual([
        "signing-failed '/nowhere/sign' does not sign as 't.1-x': it cannot be started",
      ]);
    });
  });
});

describe('a key that promotes', () => {
  const testResult = (result: string): Statement =>
    aStatement({
      predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
      predicate: { result, configuration: [{ annotations: { finishedOn: '2018-05-03T12:00:00Z' } }] },
    });
  const summary = (verificationResult: string): Statement =>
    aStatement({
      predicateType: 'https://slsa.dev/verification_summary/v1',
      predicate: {
        verificationResult,
        verifiedLevels: ['DMREL_LEVEL_BATCH'],
        timeVerified: '2018-05-03T12:00:00Z',
      },
    });

  it.each<[string, Statement]>([
    ['a failed test', testResult('FAILED')],
    ['a test with warnings', testResult('WARNED')],
    ['even a passed test', testResult('PASSED')],
    ['an approval', aStatement()],
    ['provenance', aStatement({ predicateType: 'https://slsa.dev/provenance/v1' })],
    ['that an image does not stand at a level', summary('FAILED')],
    ['a summary of neither yes nor no', summary('passed')],
    ['a summary without a result', summary(undefined as never)],
  ])('never signs %s: cosign would take it for a yes', async (_what, statement) => {
    const { signer } = await aTrustingWorkspace();
    const refused = await signStatement(statement, await signer('promoter-batch'));
    expect(problemsOf(refused).map(({ code }) => code)).toEqual(['signing-refused']);
  });

  it('signs that an image stands at a level, and nothing else about it', async () => {
    const { signer } = await aTrustingWorkspace();
    const promoter = await signer('promoter-batch');
    expect((await signStatement(summary('PASSED'), promoter)).ok).toBe(true);
    expect((await signStatement(summary('FAILED'), await signer('tester'))).ok).toBe(true);
  });

  it('is told from others by the levels', async () => {
    const { signer } = await aTrustingWorkspace({ roles: { 'promoter-batch': ['p'], tester: ['t'] } });
    expect([(await signer('promoter-batch')).promoter, (await signer('tester')).promoter]).toEqual([true, false]);
  });
});
