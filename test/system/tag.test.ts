import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { cleanEnv, dmrel, dmrelJson } from '../support/dmrel.ts';
import { git, ReleaseWorkspace } from '../support/release-workspace.ts';
import { moments } from '../support/sample.ts';
import { refuse, tagByHand } from '../support/tags.ts';
import { aFolder } from '../support/workspace.ts';

const date = '2018-05-03';
const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', date];

describe('a repository of the index', () => {
  it('is reached as git is configured in the workspace, wherever dmrel is started', async () => {
    const workspace = new ReleaseWorkspace(1);
    const { root } = workspace;
    workspace.write('products/repos.yaml', 'p00: ./nowhere/p00.git\n');
    workspace.commitAll();
    for (const scheme of ['', 'file://'])
      git(root, 'config', `url.${scheme}${root}/remotes/.insteadOf`, `${scheme}${root}/nowhere/`);
    const env = { ...(await cleanEnv()), GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'a.b', GIT_CONFIG_VALUE_0: 'c' };
    const { code, err } = await dmrel(tmpdir(), ['-C', root, ...weekly], { env });
    expect([code, code === 0 ? '' : err]).toEqual([0, '']);
    expect(workspace.tagged(tag)).toEqual(['p00']);
  });
});

describe('dmrel tag weekly', () => {
  it('tags every product at the head of its branch, annotated, and records what it did', async () => {
    const workspace = new ReleaseWorkspace(5);
    const { code, out } = await dmrel(workspace.root, weekly);
    expect({ code, out }).toEqual({
      code: 0,
      out: `${tag}: 5 repositories tagged from the heads of their branches (5 new), recorded in releases/${tag}/release.yaml\n`,
    });
    const record = parse(workspace.read(`releases/${tag}/release.yaml`));
    for (const product of workspace.products) {
      const found = workspace.tag(product, tag)!;
      expect(found).toEqual({ object: record.products[product].object, type: 'tag', commit: workspace.head(product) });
      expect(git(workspace.remote(product), 'cat-file', 'tag', tag)).toMatch(
        /tagger Release Manager <rm@example.org> \d+ \+0000\n\nVersion w.2018.18 release from branch heads$/,
      );
    }
    expect(git(workspace.root, 'log', '-1', '--format=%s')).toBe(`Tag ${tag}`);
    expect(git(workspace.root, 'log', '-1', '--format=%(trailers:key=Dmrel-Operation,valueonly)').trim()).toBe(
      record.created.operation,
    );
    expect(git(workspace.root, 'rev-parse', `${tag}^{commit}`)).toBe(git(workspace.root, 'rev-parse', 'HEAD'));
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
  });

  it('sends nothing but the tag object to a repository', async () => {
    const workspace = new ReleaseWorkspace(1);
    const before = git(workspace.remote('p00'), 'count-objects');
    await dmrel(workspace.root, weekly);
    const [had, has] = [before, git(workspace.remote('p00'), 'count-objects')].map((text) =>
      Number(text.split(' ')[0]),
    );
    const packed = git(workspace.remote('p00'), 'count-objects', '-v').match(/in-pack: (\d+)/)![1];
    expect(has! + Number(packed) - had!).toBe(1);
  });

  it('changes nothing the second time, and says so, though the branches have gone on', async () => {
    const workspace = new ReleaseWorkspace(3);
    await dmrel(workspace.root, weekly);
    workspace.addCommits('p01', 1);
    const before = workspace.state();
    const { code, out } = await dmrel(workspace.root, weekly);
    expect({ code, out }).toEqual({
      code: 0,
      out: `${tag}: nothing to do; 3 repositories in sync, recorded in releases/${tag}/release.yaml\n`,
    });
    expect(workspace.state()).toBe(before);
  });

  it('shows with --dry-run what it would do, and does not', async () => {
    const workspace = new ReleaseWorkspace(2);
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, [...weekly, '--dry-run']);
    expect(code).toBe(0);
    expect(json.steps.map(({ id, action }: { id: string; action: string }) => `${action} ${id}`)).toEqual([
      'create tag:p00',
      'create tag:p01',
      'create verify',
      'create record',
      'create commit',
      'create workspace-tag',
    ]);
    expect(json.steps[0].to).toBe(workspace.head('p00'));
    expect(workspace.state()).toBe(before);
  });

  it('stops before anything is written when a tag exists on another commit, and names every such repository', async () => {
    const workspace = new ReleaseWorkspace(4);
    for (const product of ['p01', 'p03']) {
      git(workspace.remote(product), 'tag', '-a', '-m', 'other', tag, 'main~1');
    }
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, weekly);
    expect(code).toBe(1);
    expect(json.problems.map(({ code, subject }: { code: string; subject: string }) => [code, subject])).toEqual([
      ['tag-conflict', 'p01'],
      ['tag-conflict', 'p03'],
    ]);
    expect(workspace.state()).toBe(before);
    expect(existsSync(join(workspace.root, 'releases'))).toBe(false);
  });

  it('takes a tag that points to the right commit for done, and a lightweight one for a conflict', async () => {
    const workspace = new ReleaseWorkspace(2);
    tagByHand(workspace, 'p00', tag);
    const first = await dmrel(workspace.root, weekly);
    expect([first.code, first.err]).toEqual([0, expect.anything()]);
    expect(parse(workspace.read(`releases/${tag}/release.yaml`)).products.p00.object).toBe(
      workspace.tag('p00', tag)!.object,
    );

    const other = new ReleaseWorkspace(2);
    git(other.remote('p00'), 'tag', tag, 'main');
    const { code, json } = await dmrelJson(other.root, weekly);
    expect([code, json.problems[0].code]).toEqual([1, 'lightweight-tag']);
    expect(other.tagged(tag)).toEqual(['p00']);
  });

  it('tags auxiliaries only after every product is tagged', async () => {
    const workspace = new ReleaseWorkspace(4);
    workspace.write(
      'dmrel.yaml',
      workspace.read('dmrel.yaml').replace('products: {', 'products: {groups: {auxiliary: [p00]}, '),
    );
    workspace.commitAll();
    refuse(workspace, 'p02');
    const { code } = await dmrel(workspace.root, weekly);
    expect(code).toBe(4);
    expect(workspace.tagged(tag)).toEqual(['p01', 'p03']);
  });

  it('goes on past a repository that refuses, says what is left, and finishes when it no longer does', async () => {
    const workspace = new ReleaseWorkspace(3);
    const allow = refuse(workspace, 'p01');
    const { code, err } = await dmrel(workspace.root, weekly);
    expect(code).toBe(4);
    expect(err).toContain('refuses the tag');
    expect(err).toContain('run the same command again: dmrel tag weekly --date 2018-05-03');
    expect(workspace.tagged(tag)).toEqual(['p00', 'p02']);
    expect(existsSync(join(workspace.root, `releases/${tag}/release.yaml`))).toBe(false);
    allow();
    const operations = readdirSync(join(workspace.root, '.dmrel/operations'));
    const again = await dmrel(workspace.root, weekly);
    expect(again.code).toBe(0);
    expect(workspace.tagged(tag)).toHaveLength(3);
    expect(readdirSync(join(workspace.root, '.dmrel/operations'))).toEqual(operations);
  });

  it('names every repository that cannot be reached, and writes nothing', async () => {
    const workspace = new ReleaseWorkspace(3);
    workspace.write(
      'products/repos.yaml',
      `${workspace.read('products/repos.yaml')}gone: ./remotes/gone.git\nlost: ./remotes/lost.git\n`,
    );
    workspace.commitAll();
    const { code, json } = await dmrelJson(workspace.root, weekly);
    expect(code).toBe(1);
    expect(json.problems.map(({ code, subject }: { code: string; subject: string }) => [code, subject])).toEqual([
      ['remote-unreachable', 'gone'],
      ['remote-unreachable', 'lost'],
    ]);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('finishes a run that was killed after any line of its journal, with the commits and dates of the first', async () => {
    const lines = Array.from({ length: 18 }, (_, index) => index + 1); // begin; 5 tags, record, commit, tag: two each; end
    const template = new ReleaseWorkspace(5);
    for (const kill of moments(lines)) {
      const workspace = template.copy();
      const heads = workspace.products.map((product) => workspace.head(product));
      const killed = await dmrel(workspace.root, weekly, { dieAt: { line: kill } });
      expect([kill, killed.code]).toEqual([kill, null]);
      const objects = Object.fromEntries(
        workspace.tagged(tag).map((product) => [product, workspace.tag(product, tag)!.object]),
      );
      for (const product of workspace.products) workspace.addCommits(product, 1); // work goes on meanwhile
      const { code, err } = await dmrel(workspace.root, weekly);
      expect({ kill, code, err: code === 0 ? '' : err }).toEqual({ kill, code: 0, err: '' });
      expect(workspace.products.map((product) => workspace.tag(product, tag)!.commit)).toEqual(heads);
      for (const [product, object] of Object.entries(objects)) expect(workspace.tag(product, tag)!.object).toBe(object);
      const record = parse(workspace.read(`releases/${tag}/release.yaml`));
      expect(Object.keys(record.products)).toEqual(workspace.products);
      expect(git(workspace.root, 'status', '--porcelain')).toBe('');
      expect(git(workspace.root, 'rev-parse', `${tag}^{commit}`)).toBe(git(workspace.root, 'rev-parse', 'HEAD'));
    }
  }, 240_000);

  it('finishes what was begun when interrupted, leaves the rest, and goes on when run again', async () => {
    const workspace = new ReleaseWorkspace(6);
    const interrupted = await dmrel(workspace.root, weekly, { dieAt: { line: 2, signal: 'SIGINT' } });
    expect([interrupted.code, interrupted.err]).toEqual([
      130,
      expect.stringContaining('go on with: dmrel tag weekly --date 2018-05-03'),
    ]);
    expect((await dmrel(workspace.root, weekly)).code).toBe(0);
    expect(workspace.tagged(tag)).toHaveLength(6);
  });

  it('interrupted while it looks says the whole command again: no plan keeps what it was of', async () => {
    const workspace = new ReleaseWorkspace(2);
    const folder = aFolder();
    const real = (process.env.PATH ?? '')
      .split(delimiter)
      .map((each) => join(each, 'git'))
      .find(existsSync)!;
    const script = `case "$*" in *ls-remote*) kill -INT $PPID; exec sleep 5;; esac\nexec ${real} "$@"`;
    writeFileSync(join(folder, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const env = { PATH: `${folder}${delimiter}${process.env.PATH}` };
    const narrowed = [...weekly, '--ref', 'stable,main', '--only', 'p00', '--limit', '1', '--ignore-tagger'];
    const { code, err } = await dmrel(workspace.root, narrowed, { env });
    expect([code, err]).toEqual([
      130,
      expect.stringContaining(`go on with: dmrel ${narrowed.join(' ').replace('stable,main', "'stable,main'")}\n`),
    ]);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('lets one of two runs at the same time do the work, and tells the other', async () => {
    const workspace = new ReleaseWorkspace(4);
    const runs = await Promise.all([dmrel(workspace.root, weekly), dmrel(workspace.root, weekly)]);
    expect(runs.map(({ code }) => code).sort()).not.toContain(1);
    expect(runs.some(({ code }) => code === 0)).toBe(true);
    for (const { code, err } of runs) if (code === 4) expect(err).toContain('is at work here');
    expect(git(workspace.root, 'log', '--format=%s', '--grep=^Tag ').split('\n')).toHaveLength(1);
  });

  it('pushes the record and its tag together when the workspace has a remote', async () => {
    const workspace = new ReleaseWorkspace(2);
    const origin = join(workspace.root, 'remotes/workspace.git');
    git(workspace.root, 'init', '--quiet', '--bare', '--initial-branch=main', origin);
    git(workspace.root, 'remote', 'add', 'origin', origin);
    git(workspace.root, 'push', '--quiet', '--set-upstream', 'origin', 'main');
    expect((await dmrel(workspace.root, weekly)).code).toBe(0);
    expect(git(origin, 'rev-parse', 'main', `${tag}^{commit}`).split('\n')).toEqual(
      Array(2).fill(git(workspace.root, 'rev-parse', 'HEAD')),
    );
    expect((await dmrel(workspace.root, weekly)).out).toContain('nothing to do');
  });

  it('asks who you are before anything is written', async () => {
    const workspace = new ReleaseWorkspace(1);
    git(workspace.root, 'config', '--unset', 'user.email');
    git(workspace.root, 'config', '--unset', 'user.name');
    const { code, err } = await dmrel(workspace.root, weekly);
    expect(code).toBe(3);
    expect(err).toContain('git config user.name');
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('takes who you are from the environment, as git does, and lets it lead to no other repository', async () => {
    const workspace = new ReleaseWorkspace(1);
    git(workspace.root, 'config', '--unset', 'user.email');
    git(workspace.root, 'config', '--unset', 'user.name');
    const person = { NAME: 'Cron', EMAIL: 'cron@example.org' };
    const named = ['AUTHOR', 'COMMITTER'].flatMap((role) =>
      Object.entries(person).map(([field, value]) => [`GIT_${role}_${field}`, value]),
    );
    const env = { ...Object.fromEntries(named), GIT_DIR: '/nowhere', GIT_INDEX_FILE: '/nowhere/index' };
    const { code, err } = await dmrel(workspace.root, weekly, { env });
    expect([code, code === 0 ? '' : err]).toEqual([0, '']);
    expect(git(workspace.root, 'log', '-1', '--format=%an <%ae> %s')).toBe(`Cron <cron@example.org> Tag ${tag}`);
  });
});

describe('dmrel tag weekly --manifest', () => {
  const manifest = (workspace: ReleaseWorkspace, commits: (product: string) => string) => {
    const lines = workspace.products.map((product) => `${product}  ${commits(product)}  1.0+1  `);
    workspace.write('products/manifests/b42.txt', `# product SHA1 Version\nBUILD=b42\n${lines.join('\n')}\n`);
    workspace.commitAll();
  };

  it('takes the commits of the manifest, not the heads', async () => {
    const workspace = new ReleaseWorkspace(3);
    manifest(workspace, (product) => git(workspace.remote(product), 'rev-parse', 'main~1'));
    const { code, err } = await dmrel(workspace.root, [...weekly, '--manifest', 'b42']);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    for (const product of workspace.products) {
      expect(workspace.tag(product, tag)!.commit).toBe(git(workspace.remote(product), 'rev-parse', 'main~1'));
    }
    const record = parse(workspace.read(`releases/${tag}/release.yaml`));
    expect(record.source).toEqual({ manifest: 'b42', contentId: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(record.products.p00.version).toBe('1.0+1');
    const other = await dmrelJson(workspace.root, [...weekly, '--manifest', 'b43']);
    expect([other.code, other.json.problems[0].code]).toEqual([1, 'record-conflict']);
  });

  it('finds out before it writes that a repository does not have the commit', async () => {
    const workspace = new ReleaseWorkspace(3);
    const missing = 'dead'.repeat(10);
    manifest(workspace, (product) => (product === 'p01' ? missing : workspace.head(product)!));
    const { code, json } = await dmrelJson(workspace.root, [...weekly, '--manifest', 'b42']);
    expect(code).toBe(1);
    expect(json.problems).toMatchObject([{ code: 'commit-not-found', subject: 'p01' }]);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('names the line of a manifest that it does not understand, and a product that the index does not have', async () => {
    const workspace = new ReleaseWorkspace(1);
    workspace.write('products/manifests/b42.txt', '# c\nBUILD=b42\np00 not-a-commit 1.0\n');
    const bad = await dmrelJson(workspace.root, [...weekly, '--manifest', 'b42']);
    expect([bad.code, bad.json.problems[0].code, bad.json.problems[0].at]).toEqual([
      3,
      'manifest-syntax',
      { file: 'products/manifests/b42.txt', line: 3, column: 5 },
    ]);
    workspace.write('products/manifests/b42.txt', `# c\nBUILD=b42\nunheard-of ${'a'.repeat(40)} 1.0\n`);
    const unknown = await dmrelJson(workspace.root, [...weekly, '--manifest', 'b42']);
    expect([unknown.code, unknown.json.problems[0].code]).toEqual([3, 'unknown-product']);
    const name = await dmrelJson(workspace.root, [...weekly, '--manifest', '../b42']);
    expect([name.code, name.json.problems[0].code]).toEqual([2, 'invalid-name']);
  });
});
