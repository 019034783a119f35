import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { advertisement, aRawGitServer, packet } from '../support/raw-git-server.ts';
import { git, ReleaseWorkspace } from '../support/release-workspace.ts';
import { done } from '../support/tags.ts';
import { Upstream } from '../support/upstream.ts';
import { aFolder } from '../support/workspace.ts';

const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', '2018-05-03'];
const escapes = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

/** Everything that a run has left in a workspace, as text. */
const allTextIn = (root: string): string =>
  readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/.git/objects'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');

describe('an index of products', () => {
  const pwned = join(aFolder(), 'pwned');
  const touch = `touch${' '}${pwned}`;
  const urls: Record<string, string> = {
    'a transport that runs a command': `ext::sh -c ${touch}`,
    'the same without white space': `ext::sh%20-c%20touch%20${pwned}`,
    'a transport of a helper': `fd::17/foo`,
    'an option': `--upload-pack=touch\${IFS}${pwned}`,
    'a dash': '-oProxyCommand=x',
    'a host that is an option': `ssh://-oProxyCommand=touch${pwned}/x`,
    'a user that is an option': `ssh://-l@host/x`,
    'a host of scp that is an option': `-oProxyCommand=x:path`,
    'a command in a path': `user@host:\`touch ${pwned}\``,
    'a line break': 'https://host/x\ny',
    'an escape': 'https://host/\u001b[31mx',
    'an escaped line break': 'https://host/x%0aHost:%20y',
    'what turns text around': 'https://host/\u202egit.x',
    'a file where only https is allowed': 'file:///etc/passwd',
    'a path where only https is allowed': '/etc',
    'plain http': 'http://host/x',
    'a password': 'https://me:s3cr3t@host/x',
    'a token': 'https://s3cr3t@host/x',
    'a password with signs': 'https://me:s3cr3t/a@s3cr3t@host/x',
    'a password before a host of scp': 'me:s3cr3t@host:x',
  };

  it.each(Object.entries(urls))('with %s is refused before any program starts', async (_what, url) => {
    const workspace = new ReleaseWorkspace(1);
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml').replace('[file]', '[https, ssh]'));
    workspace.write('products/repos.yaml', `p00: ${JSON.stringify(url)}\n`);
    const printed: string[] = [];
    for (const args of [weekly, ...(url.includes('s3cr3t') ? [['doctor'], ['validate']] : [])]) {
      for (const more of ['--debug', '--json']) {
        const { code, out, err } = await dmrel(workspace.root, [...args, more]);
        expect(code).toBe(3);
        printed.push(out, err);
      }
    }
    expect(printed[1]).toMatch(/products\/repos\.yaml:1:\d+ {2}error {2}(?:unsafe-url|wrong-value) {2}/);
    expect(printed.join('')).not.toMatch(escapes);
    // What the file itself says is shown where it is wrong, but never a secret.
    expect(printed.join('')).not.toContain('s3cr3t');
    expect(existsSync(pwned)).toBe(false);
    expect(existsSync(join(workspace.root, '.dmrel/operations'))).toBe(false);
  });

  it.each(['../../x', '..', '/x', '-x', 'a/b', '__proto__x y', '.git', 'a\u001bb', ''])(
    'with a product named %j is refused',
    async (name) => {
      const workspace = new ReleaseWorkspace(1);
      workspace.write('products/repos.yaml', `${JSON.stringify(name)}: ./remotes/p00.git\n`);
      const { code, out, err } = await dmrel(workspace.root, weekly);
      expect(code).toBe(3);
      expect(out + err).not.toMatch(escapes);
      expect(workspace.tagged(tag)).toEqual([]);
    },
  );

  it('may name products as objects name what all have', async () => {
    const workspace = new ReleaseWorkspace(2);
    workspace.write('products/repos.yaml', 'constructor: ./remotes/p00.git\ntoString: ./remotes/p01.git\n');
    workspace.commitAll();
    await done(workspace, weekly);
    expect(workspace.tagged(tag)).toEqual(['p00', 'p01']);
    await done(workspace, ['tag', 'verify', tag]);
    await done(workspace, ['tag', 'undo', tag]);
    expect(workspace.tagged(tag)).toEqual([]);
  });
});

describe('names on the command line', () => {
  const hostile = [
    '../../x',
    '--upload-pack=x',
    '-x',
    'a b',
    'x\u001b]0;y\u0007',
    'refs/heads/main:refs/heads/x',
    '*',
    '',
  ];
  const commands: ((name: string) => string[])[] = [
    (name) => [...weekly, `--from=${name}`],
    (name) => [...weekly, `--only=${name}`],
    (name) => [...weekly, `--except=${name}`],
    (name) => [...weekly, `--manifest=${name}`],
    (name) => [...weekly, `--ref=${name}`],
    (name) => ['tag', 'weekly', `--date=${name}`],
    (name) => ['build', `--release=${name}`],
    (name) => ['tag', 'verify', '--', name], // the others read names in the same way
    (name) => ['tag', 'undo', '--', name],
    (name) => ['tag', 'candidate', '--', name],
    (name) => ['resume', `--take-over=${name}`],
  ];

  it.each(hostile)('such as %j are refused, or name nothing, and make nothing', async (name) => {
    const workspace = new ReleaseWorkspace(1);
    const before = workspace.state();
    for (const command of commands) {
      const args = command(name);
      const { code, out, err } = await dmrel(workspace.root, args);
      expect([args, [1, 2, 3].includes(code!)]).toEqual([args, true]);
      expect(out + err).not.toMatch(escapes);
      expect(err).not.toContain('unexpected:');
      expect(workspace.state()).toBe(before);
    }
  });
});

describe('a server', () => {
  const head = 'a'.repeat(40);
  const askOf = (url: string) => {
    const workspace = new ReleaseWorkspace(1);
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml').replace('[file]', '[file, git]'));
    workspace.write('products/repos.yaml', `p00: ${url}\n`);
    workspace.commitAll();
    return workspace;
  };

  it('that sends escapes with its refusal reaches no terminal', async () => {
    const server = await aRawGitServer((socket) =>
      socket.end(packet('ERR \u001b]0;owned\u0007\u001b[2J go \u009b31m away \u202e https://me:s3cr3t@host/x')),
    );
    const { root } = askOf(server.url);
    const { code, out, err } = await dmrel(root, weekly);
    server.end();
    expect([code, err]).toEqual([1, expect.stringMatching(/error {2}remote-unreachable {2}.*go .*away/)]);
    expect(out + err).not.toMatch(escapes);
    expect(out + err).not.toContain('s3cr3t');
  });

  it('that has a million refs is listened to, in little memory', async () => {
    const server = await aRawGitServer((socket) => Readable.from(advertisement(head, 1_000_000)).pipe(socket));
    const { root } = askOf(server.url);
    let peak = 0;
    const { code, json } = await dmrelJson(root, [...weekly, '--dry-run'], {
      during: ({ pid }) => {
        const timer = setInterval(() => {
          peak = Math.max(peak, peakOf(pid));
        }, 20).unref();
        setTimeout(() => clearInterval(timer), 60_000).unref();
      },
    });
    server.end();
    expect([code, json.details.products.p00.commit]).toEqual([0, head]);
    expect(peak).toBeGreaterThan(20);
    expect(peak).toBeLessThan(150);
  });

  it.each(['', 'zzzz', '0005', packet('\0\0\0'), packet(`${head} HEAD\0symref=HEAD:\u001b\n`), 'ffff'.repeat(1000)])(
    'that talks nonsense (%j) is called unreachable',
    async (nonsense) => {
      const server = await aRawGitServer((socket) => socket.end(nonsense));
      const { root } = askOf(server.url);
      const { code, json } = await dmrelJson(root, weekly);
      server.end();
      expect([code, json.problems.map(({ code }: { code: string }) => code)]).toEqual([1, ['remote-unreachable']]);
      expect(json.problems[0].message).not.toMatch(escapes);
    },
  );

  it('whose hooks print escapes, of a product or of the upstream, reaches no terminal and no journal', async () => {
    const upstream = new Upstream(2);
    const machine = upstream.machine('first');
    const script = '#!/bin/sh\nprintf "\\033]0;owned\\007\\033[2Jno \\302\\233 way\\n" >&2\nexit 1\n';
    for (const path of [machine.remote('p00'), upstream.path]) {
      mkdirSync(join(path, 'hooks'), { recursive: true });
      writeFileSync(join(path, 'hooks/update'), script);
      chmodSync(join(path, 'hooks/update'), 0o755);
    }
    for (const args of [weekly, ['resume']]) {
      const { code, out, err } = await dmrel(machine.root, args);
      expect([code, err]).toEqual([4, expect.stringContaining('way')]);
      expect(out + err).not.toMatch(escapes);
    }
    chmodSync(join(machine.remote('p00'), 'hooks/update'), 0o644);
    const { code, out, err } = await dmrel(machine.root, weekly);
    expect([code, err]).toEqual([4, expect.stringContaining('push-refused  origin refuses the records')]);
    expect(out + err).not.toMatch(escapes);
    expect(allTextIn(join(machine.root, '.dmrel'))).not.toContain('\u001b');
  });
});

describe('a password', () => {
  it('in the URL of the upstream is neither printed nor kept, whatever goes wrong', async () => {
    const workspace = new ReleaseWorkspace(1);
    const { root } = workspace;
    git(root, 'remote', 'add', 'origin', 'https://me:s3cr3t@127.0.0.1:1/x.git');
    git(root, 'config', 'branch.main.remote', 'origin');
    git(root, 'config', 'branch.main.merge', 'refs/heads/main');
    git(root, 'update-ref', 'refs/remotes/origin/main', 'HEAD');
    for (const args of [weekly, ['tag', 'undo', tag], ['resume', '--take-over', tag], ['doctor']]) {
      for (const more of [[], ['--json'], ['--debug']]) {
        const { code, out, err } = await dmrel(root, [...args, ...more]);
        expect([args, code === 0]).toEqual([args, false]);
        expect(out + err).not.toContain('s3cr3t');
      }
    }
    const kept = execFileSync('find', [root, '-path', '*/.dmrel/*', '-type', 'f'], { encoding: 'utf8' });
    for (const file of kept.split('\n').filter(Boolean)) expect(readFileSync(file, 'utf8')).not.toContain('s3cr3t');
  });
});

describe('four hundred repositories', () => {
  it('are tagged in one run with little memory, and found in sync by the next', async () => {
    const workspace = new ReleaseWorkspace(1);
    const products = Array.from({ length: 400 }, (_, index) => `p${String(index).padStart(3, '0')}`);
    const remotes = join(workspace.root, 'remotes');
    execFileSync('sh', ['-c', 'for name; do cp -r p00.git "$name.git"; done', 'sh', ...products], { cwd: remotes });
    workspace.write('products/repos.yaml', products.map((name) => `${name}: ./remotes/${name}.git\n`).join(''));
    workspace.commitAll();
    let peak = 0;
    const measured = {
      during: ({ pid }: { pid: number }) => {
        const timer = setInterval(() => {
          const found = peakOf(pid);
          peak = Math.max(peak, found);
          if (found === 0) clearInterval(timer);
        }, 50).unref();
      },
    };
    const first = await dmrel(workspace.root, weekly, measured);
    expect([first.code, first.out]).toEqual([
      0,
      `${tag}: 400 repositories tagged from the heads of their branches (400 new), recorded in releases/${tag}/release.yaml\n`,
    ]);
    for (const name of ['p000', 'p123', 'p399'])
      expect(git(join(remotes, `${name}.git`), 'rev-parse', `${tag}^{commit}`)).toBe(workspace.head(name));
    const second = await dmrel(workspace.root, weekly, measured);
    expect(second.out).toContain('nothing to do; 400 repositories in sync');
    const verified = await dmrel(workspace.root, ['tag', 'verify', tag], measured);
    expect(verified.out).toBe(`${tag}: 400 of 400 tags as recorded\n`);
    expect(peak).toBeGreaterThan(20);
    expect(peak).toBeLessThan(150);
  });
});

/** The most memory that a process has had so far, in megabytes; 0 when it is gone. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
