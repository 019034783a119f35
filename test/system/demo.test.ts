import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { counterpart } from '../support/counterparts.ts';
import { cleanEnv, dmrel, dmrelJson, type Ended, home } from '../support/dmrel.ts';
import { git } from '../support/release-workspace.ts';

/** A demonstration that is ended without notice as soon as it has said something. */
async function killedWhenItSays(cwd: string, dir: string, words: string): Promise<void> {
  const child = spawn(process.execPath, [join(home, 'bin/dmrel.js'), 'demo', dir], { cwd, env: await cleanEnv() });
  let said = '';
  const listen = (chunk: Buffer) => {
    said += chunk;
    if (said.includes(words)) child.kill('SIGKILL');
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  await new Promise((resolve) => child.on('exit', resolve));
  expect([child.signalCode, said]).toEqual(['SIGKILL', expect.stringContaining(words)]);
}

const levels = ['dev', 'jupyterlab', 'commissioning', 'batch'];

describe('the demonstration', () => {
  const root = join(mkdtempSync(join(tmpdir(), 'dmrel-demo-')), 'demo');
  let first: Ended;
  let release: string;
  beforeAll(async () => {
    // As a person may have it for all repositories.
    const settings = join(mkdtempSync(join(tmpdir(), 'dmrel-settings-')), 'gitconfig');
    writeFileSync(
      settings,
      '[commit]\n  gpgSign = true\n[tag]\n  gpgSign = true\n[core]\n  hooksPath = /nowhere/hooks\n',
    );
    first = await dmrel(home, ['demo', root], { env: { GIT_CONFIG_GLOBAL: settings } });
    release = readdirSync(join(root, 'releases'))[0]!;
  });

  it('ends with exit code 0 and a milestone that its release has made ready', () => {
    expect([first.code, first.code === 0 ? '' : first.err]).toEqual([0, '']);
    expect(first.out).toContain('$ dmrel milestone status LDM-503-3');
    expect(first.out).toMatch(/LDM-503-3 {2}Alert Generation Validation +READY/);
    expect(first.out).toContain(`${release} at batch`);
  });

  it('leaves nothing uncommitted, and a workspace that is valid', async () => {
    expect(git(root, 'status', '--porcelain')).toBe('');
    expect((await dmrelJson(root, ['validate'])).json.valid).toBe(true);
  });

  it('tagged twelve repositories: git finds every tag and commit it recorded', () => {
    const record = parse(readFileSync(join(root, `releases/${release}/release.yaml`), 'utf8'));
    expect(Object.keys(record.products)).toHaveLength(12);
    for (const [name, { commit, object }] of Object.entries<{ commit: string; object: string }>(record.products)) {
      const refs = git(
        root,
        'ls-remote',
        join(root, `remotes/${name}.git`),
        `refs/tags/${release}`,
        `refs/tags/${release}^{}`,
        'refs/heads/main',
      );
      expect(refs.split('\n').sort()).toEqual(
        [`${object}\trefs/tags/${release}`, `${commit}\trefs/tags/${release}^{}`, `${commit}\trefs/heads/main`].sort(),
      );
    }
  });

  it('printed digests that skopeo finds, the same at every level', async () => {
    if (!counterpart('skopeo')) return;
    const record = parse(readFileSync(join(root, `releases/${release}/release.yaml`), 'utf8'));
    const env = await cleanEnv();
    const digestOf = (reference: string) =>
      JSON.parse(execFileSync('skopeo', ['inspect', reference], { env, encoding: 'utf8' })).Digest;
    for (const [name, { digest }] of Object.entries<{ digest: string }>(record.images)) {
      expect(first.out).toContain(`build/${name}@${digest}`);
      expect(digestOf(`oci:${root}/.dmrel/registry/build/${name}:${release}`)).toBe(digest);
    }
    for (const level of levels) {
      expect(first.out).toContain(`layout:.dmrel/registry/${level}:stack@${record.images.stack.digest}`);
      for (const name of [release, level]) {
        expect(digestOf(`oci:${root}/.dmrel/registry/${level}/stack:${name}`)).toBe(record.images.stack.digest);
      }
    }
  });

  it('lets the three commands of the card work in its directory', async () => {
    const before = git(root, 'rev-parse', 'HEAD');
    const status = await dmrelJson(root, ['milestone', 'status', 'LDM-503-3']);
    expect([status.code, status.json.status, status.json.counts.delivered]).toEqual([0, 'ready', 6]);
    expect(status.json.features[0].delivered).toEqual({ release, date: expect.any(String), levels });
    const tag = await dmrelJson(root, ['tag', 'weekly']);
    expect(tag.code).toBe(0);
    const promoted = await dmrelJson(root, ['promote', '--level', 'batch']);
    expect([promoted.code, promoted.json.changed]).toEqual([0, false]);
    if (tag.json.plan.release === release) expect(git(root, 'rev-parse', 'HEAD')).toBe(before);
  });

  it('shows the board', async () => {
    const { json } = await dmrelJson(root, ['status']);
    expect(
      json.levels.map(({ level, current }: { level: string; current: { release: string }[] }) => [
        level,
        current[0]!.release,
      ]),
    ).toEqual(levels.map((level) => [level, release]));
  });

  it('works again in the same directory for the next week, killed in its middle too', async () => {
    await killedWhenItSays(root, '.', '$ dmrel check --level jupyterlab');
    const again = await dmrel(root, ['demo', '.']);
    expect(again.out).toContain('was not finished');
    expect([again.code, again.code === 0 ? '' : again.err]).toEqual([0, '']);
    const releases = readdirSync(join(root, 'releases')).sort();
    expect(releases).toHaveLength(2);
    expect(again.out).toContain(`${releases.at(-1)} stands at batch`);
    const { json } = await dmrelJson(root, ['status']);
    expect(json.levels[1].current.map((each: { release: string }) => each.release)).toEqual(releases.reverse());
  });

  it('killed while it makes its workspace or after it has tagged, goes on there when it is run again', async () => {
    const other = join(mkdtempSync(join(tmpdir(), 'dmrel-demo-')), 'demo');
    await killedWhenItSays(home, other, 'Make a workspace');
    rmSync(join(other, 'remotes/afw.git/HEAD'), { force: true });
    await killedWhenItSays(home, other, '[17/17] tag the workspace: done');
    await killedWhenItSays(home, other, 'changed milestones/features/DM-AP.yaml');
    const [name] = readdirSync(join(other, 'releases'));
    expect(git(other, 'show', 'HEAD:milestones/features/DM-AP.yaml').match(/delivered: .*/g)).toEqual(
      Array(5).fill(`delivered: {tag: ${name}}`),
    );
    expect((await dmrelJson(other, ['audit'])).json.sound).toBe(true);
  });

  it('has no JSON, and says so', async () => {
    const { code, json } = await dmrelJson(home, ['demo', join(root, 'other')]);
    expect([code, json.problems]).toMatchObject([2, [{ code: 'usage', hint: 'run it without --json' }]]);
  });

  it('refuses a directory that holds something else', async () => {
    const other = mkdtempSync(join(tmpdir(), 'dmrel-other-'));
    writeFileSync(join(other, 'precious'), '');
    const { code, err } = await dmrel(home, ['demo', other]);
    expect(code).toBe(2);
    expect(err).toContain('holds something else');
    expect(readdirSync(other)).toEqual(['precious']);
  });
});
