import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { cleanEnv, dmrel, dmrelJson, home, type RunOptions } from '../support/dmrel.ts';
import { git, imageConfig, ReleaseWorkspace, withImage } from '../support/release-workspace.ts';
import { aFolder } from '../support/workspace.ts';

const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', '2018-05-03'];

/** A refusal as a program reads it, and as a person does: with its hint, and no stack trace. */
async function refusal(root: string, args: string[], options: RunOptions = {}) {
  const { code, json } = await dmrelJson(root, args, options);
  const text = await dmrel(root, args, options);
  const [found] = json.problems;
  expect([text.code, text.out + text.err]).toEqual([code, expect.not.stringMatching(/\n\s+at |unexpected:/)]);
  expect(text.err).toContain(`error  ${found.code}  `);
  expect(text.err).toContain(`\n  = ${found.hint}\n`);
  return { exit: code, code: found.code, message: found.message, hint: found.hint, all: json.problems };
}

const problemsOf = async (workspace: ReleaseWorkspace, args: string[]): Promise<{ code: string; message: string }[]> =>
  (await dmrelJson(workspace.root, args)).json.problems;

async function succeed(workspace: ReleaseWorkspace, ...lines: string[]): Promise<void> {
  for (const line of lines) {
    const { code, err } = await dmrel(workspace.root, line.split(' '));
    if (code !== 0) throw new Error(`${line}: ${err}`);
  }
}
const tagLine = weekly.join(' ');

describe('a name that nobody knows', () => {
  it('of a milestone, a feature in its place, a level: which was meant, and exit code 2', async () => {
    const workspace = withImage(1);
    workspace.write(
      'milestones/m.yaml',
      'schema: dmrel/milestones/v1\nmilestones:\n  LDM-503-3: {title: a, needs: [F-1]}\n',
    );
    workspace.write('milestones/f.yaml', 'schema: dmrel/features/v1\nfeatures:\n  F-1: {title: a}\n');
    for (const [args, code, message, hint] of [
      [
        ['milestone', 'show', 'LDM-503-4'],
        'unknown-milestone',
        "there is no milestone 'LDM-503-4'",
        "did you mean 'LDM-503-3'?",
      ],
      [
        ['milestone', 'status', 'zzz'],
        'unknown-milestone',
        "there is no milestone 'zzz'",
        "'dmrel milestone list' shows all 1",
      ],
      [
        ['milestone', 'status', 'f-01'],
        'unknown-milestone',
        'F-1 is a feature, not a milestone',
        "name a milestone that needs it; 'dmrel milestone list' shows all",
      ],
      [['promote', '--level', 'bacth'], 'unknown-level', "there is no level 'bacth'", "did you mean 'batch'?"],
      [
        ['check', '--level', 'toString'],
        'unknown-level',
        "there is no level 'toString'",
        'this workspace has: dev, batch',
      ],
      [['promote'], 'usage', 'name a level: --level LEVEL', "'dmrel status' shows the levels"],
      [
        ['milestone', 'list', '--as-of', '2018-02-30'],
        'usage',
        "--as-of: there is no day '2018-02-30'",
        'expected YYYY-MM-DD',
      ],
      [['status', '--level', 'prod'], 'unknown-level', "there is no level 'prod'", 'this workspace has: dev, batch'],
    ] as const) {
      expect(await refusal(workspace.root, [...args])).toMatchObject({ exit: 2, code, message, hint });
    }
  });

  it('of a release: which there are, or how to make one', async () => {
    const workspace = withImage(1);
    const none = { exit: 2, code: 'unknown-release', hint: expect.stringContaining('dmrel tag weekly') };
    expect(await refusal(workspace.root, ['build'])).toMatchObject({
      ...none,
      message: 'there is no release to build',
    });
    expect(await refusal(workspace.root, ['build', '--release', tag])).toMatchObject(none);
    expect(await refusal(workspace.root, ['promote', '--level', 'dev'])).toMatchObject({
      exit: 2,
      code: 'unknown-release',
      message: 'there is no release that is built',
    });
    await succeed(workspace, tagLine);
    for (const name of ['w.2018.19', 'w.2018.99', '../..', `${tag}/../${tag}`]) {
      for (const args of [['build'], ['check', '--level', 'dev'], ['promote', '--level', 'dev']]) {
        expect(await refusal(workspace.root, [...args, '--release', name])).toMatchObject({
          exit: 2,
          code: 'unknown-release',
          message: `there is no release '${name}' in this workspace`,
          hint: `known: ${tag}`,
        });
      }
    }
    expect(await refusal(workspace.root, ['promote', '--level', 'batch'])).toMatchObject({
      message: 'there is no release that stands at dev',
      hint: 'dmrel promote --level dev',
    });
  });
});

describe('a repository that does not have what the index says', () => {
  it('is named with the branch it lacks, all of them at once, and nothing is tagged', async () => {
    const workspace = new ReleaseWorkspace(3);
    workspace.write(
      'products/repos.yaml',
      'p00: {url: ./remotes/p00.git, ref: nope}\np01: ./remotes/p01.git\np02: {url: ./remotes/p02.git, ref: v1}\n',
    );
    const { exit, all } = await refusal(workspace.root, weekly);
    expect([exit, all.map(({ code, message }: any) => [code, message])]).toEqual([
      1,
      [
        ['ref-not-found', "p00: ./remotes/p00.git has no branch or tag 'nope'"],
        ['ref-not-found', "p02: ./remotes/p02.git has no branch or tag 'v1'"],
      ],
    ]);
    expect(workspace.tagged(tag)).toEqual([]);
  });
});

describe('a workspace that is not ready to be written to', () => {
  it('because git does not know who is there', async () => {
    const workspace = new ReleaseWorkspace(1);
    for (const key of ['user.name', 'user.email']) git(workspace.root, 'config', '--unset', key);
    const before = workspace.state();
    expect(await refusal(workspace.root, weekly)).toMatchObject({
      exit: 3,
      code: 'identity-missing',
      hint: expect.stringContaining('git config user.email'),
    });
    expect(workspace.state()).toBe(before);
    workspace.write(
      'dmrel.yaml',
      `${workspace.read('dmrel.yaml')}tags: {tagger: {name: Bot, email: bot@example.org}}\n`,
    );
    // Whose tags they are does not say who commits the record.
    for (const args of [weekly, [...weekly, '--dry-run']])
      expect(await problemsOf(workspace, args)).toMatchObject([{ code: 'identity-missing' }]);
    expect(workspace.tagged(tag)).toEqual([]);
    const env = {
      ...(await cleanEnv()),
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'user.name',
      GIT_CONFIG_VALUE_0: 'C',
    };
    const known = { ...env, GIT_CONFIG_KEY_1: 'user.email', GIT_CONFIG_VALUE_1: 'c@example.org' };
    expect((await dmrel(workspace.root, [...weekly, '--dry-run'], { env: known })).code).toBe(0);
  });

  it('because it is in the middle of a merge, or on no branch, or ignores what would be written', async () => {
    const workspace = new ReleaseWorkspace(1);
    const { root } = workspace;
    writeFileSync(join(root, '.git/MERGE_HEAD'), `${git(root, 'rev-parse', 'HEAD')}\n`);
    writeFileSync(join(root, '.git/info/exclude'), '/releases/\n');
    const merging = ['workspace-lacks', 'the workspace is in the middle of a merge'];
    const ignoring = [
      'workspace-lacks',
      'git ignores releases/w.2018.18/release.yaml, by .git/info/exclude:1:/releases/',
    ];
    const said = async () =>
      (await problemsOf(workspace, [...weekly, '--dry-run'])).map((each) => [each.code, each.message]);
    expect(await said()).toEqual([merging, ignoring]);
    expect((await refusal(root, weekly)).exit).toBe(3);
    rmSync(join(root, '.git/MERGE_HEAD'));
    writeFileSync(join(root, '.git/info/exclude'), '/releases/*\n!/releases/w.2018.18/\n');
    git(root, 'checkout', '--quiet', '--detach');
    expect(await said()).toEqual([]); // it is pushed nowhere anyway
    git(root, 'remote', 'add', 'origin', './remotes/p00.git');
    expect(await said()).toMatchObject([['workspace-lacks', expect.stringContaining('HEAD is detached')]]);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('because git does not open its repository: whose it is, or of which kind', async () => {
    const workspace = new ReleaseWorkspace(1);
    const { root } = workspace;
    const env = { ...(await cleanEnv()), GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' };
    expect(await refusal(root, weekly, { env })).toMatchObject({
      exit: 3,
      code: 'not-a-repository',
      message: `${root} is in a repository of another user, which git does not open`,
      hint: `if that is right: git config --global --add safe.directory ${root}`,
    });
    git(root, 'config', 'core.repositoryFormatVersion', '7');
    expect((await refusal(root, weekly)).message).toMatch(/^git does not open the repository of .*: .*repo version/);
    rmSync(join(root, '.git'), { recursive: true });
    git(root, 'init', '--quiet', '--object-format=sha256', '--initial-branch=main');
    expect(await refusal(root, weekly)).toMatchObject({
      exit: 3,
      code: 'not-a-repository',
      message: expect.stringContaining('objects of sha256'),
    });
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('because it is in no git repository', async () => {
    const workspace = withImage(1);
    await succeed(workspace, tagLine);
    rmSync(join(workspace.root, '.git'), { recursive: true });
    for (const args of [weekly, ['build'], ['promote', '--level', 'dev', '--release', tag]]) {
      expect(await refusal(workspace.root, args)).toMatchObject({
        exit: 3,
        code: 'not-a-repository',
        message: `${workspace.root} is in no git repository`,
        hint: expect.stringContaining('git init'),
      });
    }
    expect(workspace.tagged(tag)).toEqual(['p00']);
  });

  it('because there is no git', async () => {
    const workspace = new ReleaseWorkspace(1);
    const env = { PATH: aFolder() };
    expect(await refusal(workspace.root, weekly, { env })).toMatchObject({
      exit: 4,
      code: 'command-missing',
      message: 'git is not installed',
      hint: 'install git 2.31 or newer',
    });
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('because something stands where it must write', async () => {
    const workspace = new ReleaseWorkspace(1);
    workspace.write('.dmrel', 'a file\n');
    expect(await refusal(workspace.root, weekly)).toMatchObject({
      exit: 4,
      code: 'file-unwritable',
      message: `the system refused: mkdir ${workspace.root}/.dmrel: EEXIST`,
      hint: expect.stringContaining('something else stands in its place'),
    });
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('because there is no room for what is only needed on the way, or for more open files', async () => {
    const workspace = new ReleaseWorkspace(20);
    const TMPDIR = join(workspace.root, 'nowhere');
    const env = { ...(await cleanEnv()), TMPDIR };
    expect(await refusal(workspace.root, weekly, { env })).toMatchObject({
      exit: 4,
      code: 'file-unwritable',
      hint: `TMPDIR is ${TMPDIR}: make that directory one that can be written to, or set TMPDIR to another`,
    });
    const few = ['-c', 'ulimit -n 50; exec "$@"', 'sh', process.execPath, join(home, 'bin/dmrel.js'), ...weekly];
    const { status, stderr } = spawnSync('sh', few, { cwd: workspace.root, env: await cleanEnv(), encoding: 'utf8' });
    expect([status, stderr]).toEqual([
      4,
      expect.stringMatching(
        /error {2}command-failed {2}cannot start git: EMFILE\n {2}= let more files be open at once/,
      ),
    ]);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('because paths lead out of it', async () => {
    const registry = withImage(1, imageConfig.replace('layout:.dmrel/registry/build', 'layout:../build'));
    await succeed(registry, tagLine);
    expect(await refusal(registry.root, ['build'])).toMatchObject({
      exit: 3,
      code: 'unsafe-path',
      message: "registry 'build' leads out of the workspace: layout:../build",
      hint: 'name a directory inside it',
    });
    for (const image of ['context: ../stack', 'context: /etc', 'context: images/stack, dockerfile: ../Dockerfile']) {
      const workspace = withImage(1, imageConfig.replace('context: images/stack', image));
      await succeed(workspace, tagLine);
      expect(await refusal(workspace.root, ['build'])).toMatchObject({
        exit: 3,
        code: 'unsafe-path',
        message: expect.stringContaining('leads out of the workspace'),
        hint: 'name a path inside it',
      });
    }
  });
});

describe('a Dockerfile', () => {
  it('that is a pipe keeps nobody waiting, and one that is missing is asked for', async () => {
    const workspace = withImage(1);
    await succeed(workspace, tagLine);
    const file = 'images/stack/Dockerfile';
    rmSync(join(workspace.root, file));
    expect(await refusal(workspace.root, ['build'])).toMatchObject({
      exit: 3,
      code: 'file-not-found',
      message: `stack has no ${file}`,
    });
    execFileSync('mkfifo', [join(workspace.root, file)]);
    const during: RunOptions['during'] = ({ kill }) => void setTimeout(kill, 20_000, 'SIGKILL').unref();
    expect(await refusal(workspace.root, ['build'], { during })).toMatchObject({ exit: 3, code: 'not-a-file' });
  });
});

describe('a check', () => {
  it('is not run on an image that is not built', async () => {
    const workspace = withImage(1);
    await succeed(workspace, tagLine);
    expect(await refusal(workspace.root, ['check', '--level', 'dev', '--release', tag])).toMatchObject({
      exit: 1,
      code: 'image-not-built',
      message: `stack of ${tag} is not built`,
      hint: `dmrel build --release ${tag}`,
    });
  });

  it('whose program is not there is no failed check: nothing is kept, and it is said what to install', async () => {
    const workspace = withImage(1, imageConfig.replace('run: [node, smoke.mjs]', 'run: [no-such-program]'));
    await succeed(workspace, tagLine, 'build');
    const { exit, all } = await refusal(workspace.root, ['check', '--level', 'batch', '--release', tag]);
    expect(exit).toBe(4);
    expect(all[0]).toMatchObject({
      code: 'command-missing',
      message: "smoke of stack: cannot start 'no-such-program'",
      hint: 'install it where the check runs, or mend the check',
    });
    const kept = evidence(workspace).map(({ predicate }) => predicate.configuration[0].name);
    expect(new Set(kept)).toEqual(new Set(['structure']));
  });

  it('that fails says what failed, on which image, and is kept as evidence', async () => {
    const workspace = withImage(1, imageConfig.replace('present: [/etc/stack]', 'present: [/etc/stack, /opt]'));
    await succeed(workspace, tagLine, 'build');
    const { exit, code, message } = await refusal(workspace.root, ['check', '--level', 'dev']);
    expect([exit, code, message]).toEqual([1, 'check-failed', 'structure failed on stack: /opt is there: it is not']);
    expect(evidence(workspace)[0]!.predicate).toMatchObject({
      result: 'FAILED',
      passedTests: ['label org.lsst.dmrel.release', '/etc/stack is there'],
      failedTests: ['/opt is there: it is not'],
    });
  });
});

describe('a promotion', () => {
  it('never moves the tag of a release: another image under it is a conflict, and nothing is written', async () => {
    const workspace = withImage(1);
    await succeed(workspace, tagLine, 'build', 'check --level dev');
    const registry = join(workspace.root, '.dmrel/registry');
    mkdirSync(join(registry, 'dev'), { recursive: true });
    cpSync(join(registry, 'build/stack'), join(registry, 'dev/stack'), { recursive: true });
    const index = join(registry, 'dev/stack/index.json');
    const other = `sha256:${'0'.repeat(64)}`;
    const text = readFileSync(index, 'utf8');
    const { digest } = JSON.parse(text).manifests[0];
    writeFileSync(index, text.replaceAll(digest, other));
    const before = workspace.state();
    expect(await refusal(workspace.root, ['promote', '--level', 'dev'])).toMatchObject({
      exit: 1,
      code: 'image-conflict',
      message: `dev/stack:${tag} is ${other} already, wanted ${digest}`,
      hint: 'a release tag never moves; find out who made it',
    });
    expect(workspace.state()).toBe(before);
    expect(readFileSync(index, 'utf8')).toContain(other);
  });
});

describe('git that refuses', () => {
  it('to commit the record, is quoted, and the next run goes on from there', async () => {
    const workspace = new ReleaseWorkspace(2);
    const hook = join(workspace.root, '.git/hooks/pre-commit');
    mkdirSync(join(workspace.root, '.git/hooks'), { recursive: true });
    writeFileSync(hook, '#!/bin/sh\necho "not on a Friday" >&2\nexit 1\n', { mode: 0o755 });
    const { exit, all } = await refusal(workspace.root, weekly);
    expect(exit).toBe(4);
    expect(all[0]).toMatchObject({
      code: 'command-failed',
      message: 'git commit: not on a Friday',
      hint: 'mend what git complains of, then run the same command again',
    });
    expect(workspace.tagged(tag)).toEqual(['p00', 'p01']);
    chmodSync(hook, 0o644);
    await succeed(workspace, tagLine);
    expect(git(workspace.root, 'log', '-1', '--format=%s')).toBe(`Tag ${tag}`);
  });
});

/** What checks found; what images were made of lies beside it. */
function evidence(workspace: ReleaseWorkspace): any[] {
  const folder = join(workspace.root, `releases/${tag}/evidence`);
  return readdirSync(folder)
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .filter(({ predicateType }) => predicateType === 'https://in-toto.io/attestation/test-result/v0.1');
}
