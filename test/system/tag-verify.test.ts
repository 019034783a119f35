import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { configuredFormat, openSigner } from '../../src/git/index.ts';
import { counterpart } from '../support/counterparts.ts';
import { dmrel, dmrelJson, type RunOptions } from '../support/dmrel.ts';
import { git, gitInput, ReleaseWorkspace } from '../support/release-workspace.ts';
import { aGpgHome, allowing, anSshKey } from '../support/signers.ts';
import { done, recordIn, tagByHand } from '../support/tags.ts';
import { aFolder } from '../support/workspace.ts';

const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', '2018-05-03'];
const next = ['tag', 'weekly', '--date', '2018-05-10'];
const verify = ['tag', 'verify', tag];

const states = (json: any, release = 0) =>
  Object.fromEntries(
    json.releases[release].products.map(({ product, state }: { product: string; state: string }) => [product, state]),
  );

describe('dmrel tag verify', () => {
  it('finds every tag as it was recorded, and asks who is named only', async () => {
    const workspace = new ReleaseWorkspace(3);
    await done(workspace, weekly);
    workspace.addCommits('p00', 1);
    expect(await done(workspace, verify)).toEqual({ out: `${tag}: 3 of 3 tags as recorded\n`, err: '' });
    const { code, json } = await dmrelJson(workspace.root, verify);
    expect([code, json.sound, states(json), json.problems]).toEqual([0, true, { p00: 'ok', p01: 'ok', p02: 'ok' }, []]);
    const unknown = await dmrelJson(workspace.root, ['tag', 'verify', 'w.2018.19']);
    expect([unknown.code, unknown.json.problems[0].code]).toEqual([2, 'unknown-release']);
  });

  it('names every tag that is not: moved, deleted, made again, lightweight, and who does not answer', async () => {
    const workspace = new ReleaseWorkspace(7);
    await done(workspace, weekly);
    const change = (product: string, ...args: string[]) => git(workspace.remote(product), ...args);
    change('p00', 'update-ref', `refs/tags/${tag}`, tagByHand(workspace, 'p00', 'x', { at: 'main~1' }));
    change('p01', 'update-ref', '-d', `refs/tags/${tag}`);
    tagByHand(workspace, 'p02', tag, { tagger: 'Somebody <s@example.org>' });
    tagByHand(workspace, 'p03', tag, { date: 2 });
    change('p04', 'update-ref', `refs/tags/${tag}`, 'main');
    rmSync(workspace.remote('p05'), { recursive: true });
    const { code, json } = await dmrelJson(workspace.root, verify);
    expect([code, json.sound]).toEqual([1, false]);
    expect(states(json)).toEqual({
      p00: 'moved',
      p01: 'deleted',
      p02: 'recreated',
      p03: 'recreated',
      p04: 'lightweight',
      p06: 'ok',
    });
    const recorded = recordIn(workspace, tag).products;
    expect(json.releases[0].products[0]).toMatchObject({
      expected: { object: recorded.p00.object, commit: recorded.p00.commit },
      found: { commit: git(workspace.remote('p00'), 'rev-parse', 'main~1') },
    });
    expect(json.releases[0].products[1].found).toBeNull();
    expect(json.problems.map(({ code, subject }: any) => [code, subject])).toEqual([
      ['remote-unreachable', 'p05'],
      ...['p00', 'p01', 'p02', 'p03', 'p04'].map((product) => ['tag-drift', product]),
    ]);
    const text = await dmrel(workspace.root, verify);
    expect([text.code, text.out]).toEqual([1, `${tag}: 1 of 7 tags as recorded\n`]);
    const wanted = ['p00 was moved', 'p01 was deleted', 'p02 was made again', 'p03 was made again', 'p04 was replaced'];
    for (const what of wanted) expect(text.err).toContain(`${tag}: ${tag} of ${what}`);
    expect(text.err).toContain('p05.git');
  });

  it('is what a tag run does at its end: a tag that was changed in the same moment is not on record', async () => {
    const workspace = new ReleaseWorkspace(2);
    const remote = workspace.remote('p01');
    const hook = join(remote, 'hooks/post-receive');
    mkdirSync(join(hook, '..'), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\ngit update-ref refs/tags/${tag} refs/heads/main\n`);
    chmodSync(hook, 0o755);
    const { code, json } = await dmrelJson(workspace.root, weekly);
    expect([code, json.problems[0]]).toMatchObject([
      4,
      { code: 'tag-unverified', message: 'not as they were written: p01 (lightweight)' },
    ]);
    expect(existsSync(join(workspace.root, 'releases', tag))).toBe(false);
    git(remote, 'update-ref', '-d', `refs/tags/${tag}`);
    chmodSync(hook, 0o644);
    await done(workspace, weekly);
    await done(workspace, verify);
  });
});

describe('dmrel audit', () => {
  it('compares all releases and asks each remote once', async () => {
    const workspace = new ReleaseWorkspace(3);
    expect((await done(workspace, ['audit'])).out).toBe('no release has a record\n');
    await done(workspace, weekly);
    await done(workspace, next);
    await done(workspace, ['tag', 'candidate', '18.1.0', '--from', tag]);
    git(workspace.remote('p01'), 'update-ref', '-d', 'refs/tags/w.2018.19');
    const folder = aFolder();
    const log = join(folder, 'log');
    const real = (process.env.PATH ?? '')
      .split(delimiter)
      .map((each) => join(each, 'git'))
      .find(existsSync)!;
    writeFileSync(join(folder, 'git'), `#!/bin/sh\nprintf '%s\\n' "$*" >> ${log}\nexec ${real} "$@"\n`);
    chmodSync(join(folder, 'git'), 0o755);
    const env = { PATH: `${folder}${delimiter}${process.env.PATH}` };
    const { code, json } = await dmrelJson(workspace.root, ['audit'], { env });
    expect(code).toBe(1);
    expect(json.releases.map(({ release }: { release: string }) => release).sort()).toEqual([
      'v18.1.0.rc1',
      tag,
      'w.2018.19',
    ]);
    expect(json.problems.map(({ message }: { message: string }) => message)).toEqual([
      expect.stringMatching(/^w\.2018\.19: w\.2018\.19 of p01 was deleted, recorded as /),
    ]);
    const asked = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes('ls-remote'));
    expect(asked.map((line) => /p0\d/.exec(line)?.[0]).sort()).toEqual(workspace.products);
  });
});

/** A workspace in which git signs with ssh, and a file of those who may. */
function signing(products = 2, config = 'tags: {allowedSigners: signers}\n') {
  const workspace = new ReleaseWorkspace(products, config);
  const keys = aFolder();
  const [mine, strange] = [anSshKey(keys, 'mine'), anSshKey(keys, 'strange')];
  workspace.write('signers', allowing('rm@example.org', mine));
  git(workspace.root, 'config', 'gpg.format', 'ssh');
  git(workspace.root, 'config', 'user.signingKey', mine);
  workspace.commitAll();
  return { workspace, keys, mine, strange };
}

const signatures = async (workspace: ReleaseWorkspace, options?: RunOptions, release = tag) => {
  const { code, json } = await dmrelJson(workspace.root, ['tag', 'verify', release, '--signatures'], options);
  return { code, of: Object.fromEntries(json.releases[0].signatures.map((each: any) => [each.product, each])), json };
};

describe('signatures of ssh keys', () => {
  it('are made with --sign, good for git and for us; a stranger and no signature are told from them', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace, strange } = signing(3);
    await done(workspace, [...weekly, '--sign']);
    for (const product of workspace.products) {
      const how = ['-c', `gpg.ssh.allowedSignersFile=${join(workspace.root, 'signers')}`, 'verify-tag', tag];
      git(workspace.remote(product), ...how);
      git(workspace.root, ...how);
    }
    const good = await signatures(workspace);
    expect([good.code, good.of.p00]).toEqual([
      0,
      {
        product: 'p00',
        good: true,
        says: expect.stringMatching(/^Good "git" signature for rm@example\.org with ED25519/),
      },
    ]);
    expect((await done(workspace, [...verify, '--signatures'])).out).toBe(
      `${tag}: 3 of 3 tags as recorded, 3 signed and verified\n`,
    );

    git(workspace.root, 'config', 'user.signingKey', strange);
    await done(workspace, [...next, '--sign', 'ssh', '--only', 'p00']);
    const other = await signatures(workspace, {}, 'w.2018.19');
    expect([other.code, other.of.p00.good, other.json.problems[0]]).toMatchObject([
      1,
      false,
      {
        code: 'tag-drift',
        subject: 'p00',
        message: expect.stringContaining('the tag of p00 has no good signature: No principal matched.'),
      },
    ]);
    await done(workspace, ['tag', 'daily', '--date', '2018-05-03']);
    const none = await signatures(workspace, {}, 'd.2018.05.03');
    expect([none.code, none.of.p02]).toEqual([1, { product: 'p02', good: false, says: 'not signed' }]);
    const audit = await dmrelJson(workspace.root, ['audit', '--signatures']);
    expect(audit.json.problems).toHaveLength(4);
  });

  it('that git made itself are verified, of a message in another encoding too', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace, mine } = signing(2);
    const message = join(aFolder(), 'message');
    for (const [product, text] of [
      ['p00', `Version ${tag} release from branch heads\n`],
      ['p01', Buffer.from('Version w.2018.18 release from branch heads\n\nna\xefve\n', 'latin1')],
    ] as const) {
      writeFileSync(message, text);
      const person = ['-c', 'user.name=Release Manager', '-c', 'user.email=rm@example.org'];
      const key = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${mine}`];
      git(workspace.remote(product), ...person, ...key, 'tag', '-s', '-F', message, tag, 'main');
    }
    await done(workspace, [...weekly, '--ignore-message', '--ignore-tagger']);
    const { code, of } = await signatures(workspace);
    expect([code, of.p00.good, of.p01.good]).toEqual([0, true, true]);
  });

  it('are verified as the workspace is configured, and not at all when the file of signers is missing', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace } = signing(1, 'tags: {sign: ssh}\n');
    await done(workspace, weekly);
    expect((await signatures(workspace)).code).toBe(1);
    git(workspace.root, 'config', 'gpg.ssh.allowedSignersFile', join(workspace.root, 'signers'));
    expect((await signatures(workspace)).code).toBe(0);
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml').replace('sign: ssh', 'allowedSigners: nowhere'));
    const { code, json } = await dmrelJson(workspace.root, [...verify, '--signatures']);
    expect([code, json.problems]).toMatchObject([3, [{ code: 'file-not-found', message: 'nowhere does not exist' }]]);
  });

  it('are of the key and held against the file that git means, whose names count from the top of its work tree', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace, mine } = signing(1, 'tags: {sign: ssh}\n');
    copyFileSync(mine.replace(/\.pub$/, ''), join(workspace.root, '.git/key'));
    copyFileSync(mine, join(workspace.root, '.git/key.pub'));
    git(workspace.root, 'config', 'user.signingKey', '.git/key.pub');
    git(workspace.root, 'config', 'gpg.ssh.allowedSignersFile', 'signers');
    const elsewhere = (args: string[]) => dmrel(aFolder(), ['-C', workspace.root, ...args]);
    expect((await elsewhere(weekly)).code).toBe(0);
    expect((await elsewhere([...verify, '--signatures'])).code).toBe(0);
  });

  it('are looked for in sound tags alone: what was deleted or is lightweight is said once', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace } = signing(3);
    git(workspace.remote('p02'), 'tag', tag, 'main');
    await done(workspace, [...weekly, '--sign', 'ssh', '--ignore-lightweight']);
    git(workspace.remote('p01'), 'tag', '-d', tag);
    const { code, of, json } = await signatures(workspace);
    expect([code, Object.keys(of), of.p02.says]).toEqual([1, ['p00', 'p02'], 'not signed']);
    expect(json.problems.map(({ subject }: any) => subject)).toEqual(['p01', 'p02']);
  });

  it('are made as dmrel.yaml says, unless --no-sign says otherwise', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace } = signing(1, 'tags: {sign: ssh, allowedSigners: signers}\n');
    const signed = (name: string) => git(workspace.remote('p00'), 'cat-file', 'tag', name).includes('SSH SIGNATURE');
    await done(workspace, weekly);
    await done(workspace, [...next, '--no-sign']);
    expect([signed(tag), signed('w.2018.19')]).toEqual([true, false]);
    expect((await dmrelJson(workspace.root, [...weekly, '--sign', 'x'])).json.problems[0].code).toBe('usage');
    expect(await configuredFormat(workspace.root)).toBe('ssh');
    git(workspace.root, 'config', '--unset', 'gpg.format');
    expect(await configuredFormat(workspace.root)).toBe('gpg');
  });

  it('are made of a tag that --force moves, too', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace } = signing(2);
    tagByHand(workspace, 'p00', tag, { at: 'main~1' });
    await done(workspace, [...weekly, '--sign', '--force', 'conflict', '--yes']);
    const { code, of } = await signatures(workspace);
    expect([code, of.p00.good, of.p01.good]).toEqual([0, true, true]);
    tagByHand(workspace, 'p01', tag, { message: 'other' });
    await done(workspace, [...weekly, '--sign', '--force', 'message', '--yes']);
    expect((await signatures(workspace)).code).toBe(0);
    expect((await done(workspace, verify)).out).toBe(`${tag}: 2 of 2 tags as recorded\n`);
  });

  it('stand in the plan: a run that was killed is finished with the same objects, without the key', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace, keys } = signing(3, 'tags: {sign: ssh, allowedSigners: signers}\n');
    const planned = await dmrel(workspace.root, weekly, { dieAt: { line: 3 } });
    expect(planned.code).toBeNull();
    const made = new Map(workspace.tagged(tag).map((product) => [product, workspace.tag(product, tag)!.object]));
    const plan = join(keys, 'plan.json');
    await done(workspace, [...next, '--plan-out', plan]);
    const saved = JSON.parse(readFileSync(plan, 'utf8')).details.products;
    git(workspace.root, 'config', 'user.signingKey', join(keys, 'gone.pub'));
    const again = await dmrel(workspace.root, weekly);
    // The tag of the workspace alone is signed at its own time.
    expect([again.code, again.err]).toEqual([4, expect.stringContaining('tag the workspace: FAILED: cannot sign: ')]);
    for (const [product, object] of made) expect(workspace.tag(product, tag)!.object).toBe(object);
    expect((await signatures(workspace)).code).toBe(0);
    await dmrel(workspace.root, ['apply', plan]);
    for (const product of workspace.products)
      expect(workspace.tag(product, 'w.2018.19')!.object).toBe(saved[product].object);
  });

  it('cannot be made without a key: signing-failed, and nothing is written', async () => {
    if (!counterpart('ssh-keygen')) return;
    const { workspace, keys } = signing(2);
    const before = workspace.state();
    for (const [setting, message] of [
      [['user.signingKey', join(keys, 'gone.pub')], /^cannot sign: /],
      [['gpg.ssh.program', join(keys, 'no-program')], /^cannot sign: .*no-program is not installed$/],
      [['--unset', 'user.signingKey'], /^git is not told which ssh key to sign with$/],
      [['gpg.ssh.defaultKeyCommand', 'ssh-add -L'], /^dmrel runs no gpg\.ssh\.defaultKeyCommand to find a key$/],
      [['gpg.format', 'x509'], /^git is told to sign with x509, dmrel cannot$/],
    ] as const) {
      git(workspace.root, 'config', ...setting);
      const { code, json } = await dmrelJson(workspace.root, [...weekly, '--sign']);
      expect([code, json.problems]).toMatchObject([
        4,
        [{ code: 'signing-failed', message: expect.stringMatching(message) }],
      ]);
      expect(json.problems[0].hint).toBeDefined();
    }
    expect(workspace.state()).toBe(before);
    expect(existsSync(join(workspace.root, '.dmrel/operations'))).toBe(false);
  });

  it('are not waited for without end: a signer that hangs is ended, by its time and by Ctrl-C', async () => {
    const { workspace, keys } = signing(1);
    const [program, pid] = [join(keys, 'hanging'), join(keys, 'pid')];
    writeFileSync(program, `#!/bin/sh\necho $$ > ${pid}.new; mv ${pid}.new ${pid}\nsleep 60\n`);
    chmodSync(program, 0o755);
    git(workspace.root, 'config', 'gpg.ssh.program', program);
    const gone = () => {
      const id = readFileSync(pid, 'utf8').trim();
      rmSync(pid);
      return !existsSync(`/proc/${id}`);
    };
    const signer = await openSigner(workspace.root, 'ssh', { timeoutSeconds: 0.5 });
    const begin = Date.now();
    const signed = signer.ok && (await signer.value.sign(Buffer.from('x')));
    expect(signed).toMatchObject({
      ok: false,
      problems: [{ code: 'signing-failed', message: `cannot sign: ${program} did not end in 0.5 s` }],
    });
    expect([Date.now() - begin < 20_000, gone()]).toEqual([true, true]);
    const before = workspace.state();
    const { code } = await dmrel(workspace.root, [...weekly, '--sign'], {
      during: ({ kill }) => {
        const timer = setInterval(() => {
          if (!existsSync(pid)) return;
          clearInterval(timer);
          kill('SIGINT');
        }, 5);
      },
    });
    expect([code, gone(), workspace.state()]).toEqual([130, true, before]);
    expect(Date.now() - begin).toBeLessThan(40_000);
  });
});

describe('signatures of gpg keys', () => {
  const homes: { end(): void }[] = [];
  afterAll(() => {
    for (const { end } of homes) end();
  });

  it('are made by gpg, good for git and for us; without the key in the keyring they are not', async () => {
    if (!counterpart('gpg') || !counterpart('gpgconf')) return;
    const mine = aGpgHome('Release Manager <rm@example.org>');
    const empty = aGpgHome('Somebody <s@example.org>');
    homes.push(mine, empty);
    const env = { GNUPGHOME: mine.GNUPGHOME };
    const workspace = new ReleaseWorkspace(2, 'tags: {sign: gpg}\n');
    const { code, err } = await dmrel(workspace.root, weekly, { env });
    expect([code, code === 0 ? '' : err]).toEqual([0, '']);
    const object = git(workspace.remote('p00'), 'cat-file', 'tag', tag);
    expect(object).toContain('-----BEGIN PGP SIGNATURE-----');
    const good = await signatures(workspace, { env });
    expect([good.code, good.of.p00.good, good.of.p00.says]).toEqual([
      0,
      true,
      expect.stringContaining('Good signature'),
    ]);
    const other = await signatures(workspace, { env: { GNUPGHOME: empty.GNUPGHOME } });
    expect([other.code, other.of.p01.good]).toEqual([1, false]);
    const none = await dmrelJson(workspace.root, next, { env: { GNUPGHOME: empty.GNUPGHOME } });
    expect([none.code, none.json.problems[0].code]).toEqual([4, 'signing-failed']);
    expect(none.json.problems[0].message).toMatch(/^cannot sign: gpg: .*(?:No secret key|failed)/);
    expect(workspace.tagged('w.2018.19')).toEqual([]);
    // What is signed is what git signs.
    expect(gitInput(workspace.remote('p00'), `${object}\n`, 'hash-object', '-t', 'tag', '--stdin')).toBe(
      workspace.tag('p00', tag)!.object,
    );
  });
});
