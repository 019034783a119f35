import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openRepository } from '../../src/git/index.ts';
import { git } from '../support/release-workspace.ts';

const request = {
  paths: ['levels/dev.yaml', 'releases/w.2018.18'],
  subject: 'Promote',
  trailers: { 'Dmrel-Level': 'dev' },
};

/** A repository with a commit, and a workspace at its top or below it. */
function aRepository(below = '') {
  const top = mkdtempSync(join(tmpdir(), 'dmrel-commit-'));
  const root = join(top, below);
  git(top, 'init', '--quiet', '--initial-branch=main');
  for (const [key, value] of Object.entries({ 'user.name': 'A', 'user.email': 'a@example.org' }))
    git(top, 'config', key, value);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  };
  write('other.txt', 'one\n');
  write(join(below, 'levels/dev.yaml'), 'one\n');
  git(top, 'add', '--all');
  git(top, 'commit', '--quiet', '--message', 'first');
  write(join(below, 'levels/dev.yaml'), 'two\n');
  write(join(below, 'releases/w.2018.18/release.yaml'), 'two\n');
  const commit = async () => {
    const repository = await openRepository(root);
    return repository.ok ? repository.value.commit(request) : repository;
  };
  const newest = () =>
    git(top, 'show', '--name-only', '--format=%s%n%(trailers:only)', 'HEAD')
      .split('\n')
      .filter((line) => line !== '');
  const status = () => git(top, 'status', '--porcelain');
  return { top, write, commit, newest, status };
}

const made = (below = '') => [
  'Promote',
  'Dmrel-Level: dev',
  `${below}levels/dev.yaml`,
  `${below}releases/w.2018.18/release.yaml`,
];

describe.each(['', 'work/'])('files of a workspace at %p of its repository', (below) => {
  it('are committed alone, whatever else is staged', async () => {
    const { top, write, commit, newest, status } = aRepository(below);
    write('other.txt', 'two\n');
    write('more.txt', 'two\n');
    git(top, 'add', 'other.txt');
    expect(await commit()).toMatchObject({ ok: true, value: git(top, 'rev-parse', 'HEAD') });
    expect(newest()).toEqual(made(below));
    expect(status()).toBe('M  other.txt\n?? more.txt');
  });

  it('are committed where nothing else is staged, and once', async () => {
    const { commit, newest, status, top } = aRepository(below);
    const first = await commit();
    expect(newest()).toEqual(made(below));
    expect(status()).toBe('');
    expect(await commit()).toEqual(first);
    expect(git(top, 'rev-list', '--count', 'HEAD')).toBe('2');
  });

  it('are committed alone when somebody stages something just then', async () => {
    const { top, write, commit, newest, status } = aRepository(below);
    write('other.txt', 'two\n');
    const hook = join(top, '.git/hooks/pre-commit');
    writeFileSync(hook, '#!/bin/sh\n[ -e .git/once ] || { touch .git/once; git add other.txt; }\n');
    chmodSync(hook, 0o755);
    expect(await commit()).toMatchObject({ ok: true, value: git(top, 'rev-parse', 'HEAD') });
    expect(newest()).toEqual(made(below));
    expect(git(top, 'rev-list', '--count', 'HEAD')).toBe('2');
    expect(status()).toBe('M  other.txt');
  });

  it('are committed whatever git is told to show', async () => {
    const { top, commit, newest, status } = aRepository(below);
    const settings = { 'diff.relative': 'true', 'diff.orderFile': '/missing', 'log.showSignature': 'true' };
    for (const [key, value] of Object.entries(settings)) git(top, 'config', key, value);
    expect(await commit()).toMatchObject({ ok: true, value: git(top, 'rev-parse', 'HEAD') });
    git(top, 'config', '--unset', 'diff.orderFile');
    expect(newest()).toEqual(made(below));
    expect(status()).toBe('');
  });

  it('are committed when they are gone', async () => {
    const { top, commit, newest } = aRepository(below);
    await commit();
    rmSync(join(top, below, 'releases'), { recursive: true });
    await commit();
    expect(newest()).toEqual(['Promote', 'Dmrel-Level: dev', `${below}releases/w.2018.18/release.yaml`]);
  });
});

describe('a repository', () => {
  it('in the middle of a merge stays there', async () => {
    const { top, write, commit, newest } = aRepository();
    git(top, 'stash', '--quiet', '--include-untracked');
    git(top, 'checkout', '--quiet', '-b', 'side');
    write('side.txt', 'one\n');
    git(top, 'add', '--all');
    git(top, 'commit', '--quiet', '--message', 'side');
    git(top, 'checkout', '--quiet', 'main');
    git(top, 'commit', '--quiet', '--message', 'main', '--allow-empty');
    git(top, 'merge', '--quiet', '--no-ff', '--no-commit', 'side');
    git(top, 'reset', '--quiet', 'side.txt');
    git(top, 'stash', 'pop', '--quiet');
    expect(existsSync(join(top, '.git/MERGE_HEAD'))).toBe(true);
    expect(await commit()).toMatchObject({
      ok: false,
      problems: [{ code: 'command-failed', message: expect.stringMatching(/partial commit during a merge/) }],
    });
    expect([newest()[0], existsSync(join(top, '.git/MERGE_HEAD'))]).toEqual(['main', true]);
    git(top, 'commit', '--quiet', '--message', 'merged');
    expect(await commit()).toMatchObject({ ok: true, value: git(top, 'rev-parse', 'HEAD') });
  });

  it('that refuses says why, not what follows from that', async () => {
    const { top, commit } = aRepository();
    git(top, 'config', 'commit.gpgSign', 'true');
    git(top, 'config', 'gpg.program', '/bin/false');
    expect(await commit()).toMatchObject({
      ok: false,
      problems: [
        {
          message: 'git commit: gpg failed to sign the data',
          output: ['error: gpg failed to sign the data', 'fatal: failed to write commit object'],
        },
      ],
    });
  });

  it('without a commit gets its first', async () => {
    const { top, commit, newest } = aRepository();
    rmSync(join(top, '.git/refs/heads/main'));
    expect(await commit()).toMatchObject({ ok: true });
    expect(newest()).toEqual(made());
  });
});
