import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CommitId,
  type CreateOutcome,
  openRemote,
  parseRemoteUrl,
  type Remote,
  type RemoteUrl,
  type Transport,
  tagObject,
} from '../../src/git/index.ts';
import { answers, freePort } from '../support/ports.ts';
import { git } from '../support/release-workspace.ts';
import { aBareRepository, aHook, type BareRepository } from '../support/remotes.ts';
import { aFolder, problemsOf } from '../support/workspace.ts';

const tag = 'w.2018.18';
const ref = `refs/tags/${tag}`;

let base: string;
let port: number;
let daemon: ChildProcess;

beforeAll(async () => {
  base = aFolder();
  port = await freePort();
  // Not through `git daemon`: that would be a second process, left over when the first is ended.
  const program = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon');
  const args = ['--listen=127.0.0.1', `--port=${port}`, '--reuseaddr', '--export-all', '--enable=receive-pack'];
  const env = { PATH: process.env.PATH, HOME: base, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  daemon = spawn(program, [...args, `--base-path=${base}`, base], { env, stdio: 'ignore' });
  for (let attempt = 0; attempt < 200 && !(await answers(port)); attempt++)
    await new Promise((resolve) => setTimeout(resolve, 25));
});
afterAll(() => void daemon.kill());

function urlOf(text: string): RemoteUrl {
  const transports = new Set<Transport>(['git', 'file']);
  const parsed = parseRemoteUrl(text, { root: base, transports });
  if (!parsed.ok) throw new Error(parsed.problems[0]!.message);
  return parsed.value;
}

const objectFor = (commit: CommitId, message = 'Version') =>
  tagObject({ commit, tag, tagger: { name: 'R', email: 'r@example.org' }, epochSeconds: 1525737600, message });

const create = (remote: Remote, commit: CommitId, more: { scratch?: string; fallbackRef?: string } = {}) =>
  remote.createTag({ scratch: aFolder(), tag, commit, object: objectFor(commit), ...more });

const tagIn = (repository: BareRepository): string | undefined =>
  git(repository.path, 'for-each-ref', '--format=%(objectname)', ref) || undefined;

const kinds = (folder: string): string[] =>
  git(folder, 'cat-file', '--batch-all-objects', '--batch-check=%(objecttype)').split('\n').sort();

/** The one scratch repository that a call made. */
const onlyIn = (scratch: string): string => {
  expect(readdirSync(scratch)).toHaveLength(1);
  return join(scratch, readdirSync(scratch)[0]!);
};

function failure(outcome: CreateOutcome): Extract<CreateOutcome, { status: 'failed' }> {
  if (outcome.status !== 'failed') throw new Error(outcome.status);
  return outcome;
}

describe.each([
  ['git daemon', (name: string) => `git://127.0.0.1:${port}/${name}`],
  ['path', (name: string) => `./${name}`],
])('a repository reached by its %s', (way, address) => {
  const remoteOf = ({ name }: { name: string }, options: Parameters<typeof openRemote>[1] = {}) =>
    openRemote(urlOf(address(name)), options);

  it('tells exactly the refs that it is asked for, and what tags point to', async () => {
    const repository = aBareRepository(base);
    const [first, , last] = repository.commits as [CommitId, CommitId, CommitId];
    git(repository.path, 'tag', '-a', '-m', 'x', tag, first);
    git(repository.path, 'tag', 'light', first);
    git(repository.path, 'update-ref', 'refs/heads/other', first);
    git(repository.path, 'update-ref', 'refs/heads/refs/heads/main', first);
    git(repository.path, 'update-ref', `refs/tags/x/${ref}`, first);
    const names = ['HEAD', 'refs/heads/main', ref, 'refs/tags/light', 'refs/tags/none'];
    const listed = await remoteOf(repository).listRefs(names);
    expect(listed).toEqual({
      ok: true,
      value: {
        head: { branch: 'refs/heads/main', commit: last },
        refs: new Map([
          ['refs/heads/main', last],
          ['refs/tags/light', first],
          [ref, tagIn(repository)],
        ]),
        peeled: new Map([[ref, first]]),
      },
    });
  });

  it('may be empty, or have a HEAD on no branch', async () => {
    const repository = aBareRepository(base);
    git(repository.path, 'update-ref', '--no-deref', 'HEAD', repository.commits[0]!);
    git(repository.path, 'update-ref', '-d', 'refs/heads/main');
    const listed = await remoteOf(repository).listRefs(['HEAD', 'refs/heads/main']);
    git(base, 'init', '--quiet', '--bare', `empty-${way.replace(' ', '')}.git`);
    const empty = await remoteOf({ name: `empty-${way.replace(' ', '')}.git` }).listRefs(['HEAD', ref]);
    expect([listed, empty]).toMatchObject([{ ok: true }, { ok: true, value: { refs: new Map(), peeled: new Map() } }]);
    if (!listed.ok || !empty.ok) throw new Error();
    expect(listed.value.refs).toEqual(new Map());
    expect(empty.value.head).toBeUndefined();
  });

  it('gets the very tag object, on any commit, without a clone', async () => {
    for (const commit of aBareRepository(base).commits.keys()) {
      const repository = aBareRepository(base);
      const wanted = repository.commits[commit]!;
      const scratch = aFolder();
      expect(await create(remoteOf(repository), wanted, { scratch })).toEqual({ status: 'created' });
      expect(tagIn(repository)).toBe(objectFor(wanted).id);
      expect(git(repository.path, 'rev-parse', `${tag}^{commit}`)).toBe(wanted);
      git(repository.path, 'fsck', '--strict');
      expect(kinds(onlyIn(scratch))).toEqual(['commit', 'tag']);
    }
  });

  it('gets it although its server cannot leave files out', async () => {
    const repository = aBareRepository(base, { 'uploadpack.allowFilter': 'false' });
    const [, older] = repository.commits;
    const scratch = aFolder();
    expect(await create(remoteOf(repository), older!, { scratch })).toEqual({ status: 'created' });
    expect(tagIn(repository)).toBe(objectFor(older!).id);
    // One commit's files, and none of its history.
    expect(kinds(onlyIn(scratch))).toEqual(['blob', 'commit', 'tag', 'tree']);
  });

  it('gets it although its server gives out no commits by id', async () => {
    const repository = aBareRepository(base);
    const [, older] = repository.commits;
    const outcome = await withFirstProtocol(() => create(remoteOf(repository), older!, { fallbackRef: 'HEAD' }));
    expect(outcome).toEqual({ status: 'created' });
    expect(tagIn(repository)).toBe(objectFor(older!).id);
  });

  it('is left alone when it has that tag object already', async () => {
    const repository = aBareRepository(base);
    const commit = repository.commits[0]!;
    await create(remoteOf(repository), commit);
    expect(await create(remoteOf(repository), commit)).toEqual({ status: 'in-sync' });
  });

  it('keeps a tag of that name that is another one, even on the same commit', async () => {
    const repository = aBareRepository(base);
    const [first, second] = repository.commits;
    git(repository.path, 'tag', '-a', '-m', 'other', tag, first!);
    const there = tagIn(repository);
    for (const commit of [first!, second!])
      expect(await create(remoteOf(repository), commit)).toEqual({ status: 'conflict', found: there });
    git(repository.path, 'update-ref', ref, first!);
    expect(await create(remoteOf(repository), first!)).toEqual({ status: 'conflict', found: first });
    expect(tagIn(repository)).toBe(first);
  });

  it('takes the tag of exactly one of many who push it at once, and tells the others whose', async () => {
    for (let round = 0; round < 3; round++) {
      const repository = aBareRepository(base);
      const outcomes = await Promise.all(repository.commits.map((each) => create(remoteOf(repository), each)));
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['conflict', 'conflict', 'created']);
      const winner = repository.commits[outcomes.findIndex(({ status }) => status === 'created')]!;
      expect(tagIn(repository)).toBe(objectFor(winner).id);
      for (const outcome of outcomes)
        if (outcome.status === 'conflict') expect(outcome.found).toBe(objectFor(winner).id);
    }
  });

  it('takes the same tag of many at once, and says to each that it stands', async () => {
    const repository = aBareRepository(base);
    const outcomes = await Promise.all([1, 2, 3].map(() => create(remoteOf(repository), repository.commits[0]!)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['created', 'in-sync', 'in-sync']);
  });

  it('may refuse: what its hook says is told, without what would reach the terminal', async () => {
    const repository = aBareRepository(base);
    aHook(
      repository,
      `printf 'tags are \\033[31mfrozen\\033[0m\\007\\033]0;title\\007 until Monday\\nask \\342\\200\\256the DMCCB\\n' >&2\nexit 1\n`,
    );
    const { problem, retryable } = failure(await create(remoteOf(repository), repository.commits[0]!));
    expect(problem).toMatchObject({ code: 'tag-push-failed', hint: expect.stringContaining('ask who keeps') });
    expect(problem.message).toMatch(
      /refuses the tag: \[remote rejected\] \(pre-receive hook declined\): tags are frozen/,
    );
    expect(problem.message).toMatch(/until Monday ask .*the DMCCB$/);
    expect(problem.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect([retryable, tagIn(repository)]).toEqual([false, undefined]);
  });

  it('may refuse at length: the message stays short', async () => {
    const repository = aBareRepository(base);
    aHook(repository, 'i=0; while [ $i -lt 2000 ]; do echo "no, no and no again" >&2; i=$((i+1)); done; exit 1\n');
    const { problem } = failure(await create(remoteOf(repository), repository.commits[0]!));
    expect(problem.message.length).toBeLessThan(500);
  });

  it('that does not have the commit is told from one that does', async () => {
    const repository = aBareRepository(base);
    const commit = 'dead'.repeat(10) as CommitId;
    const remote = remoteOf(repository);
    expect(await remote.hasCommit({ scratch: aFolder(), commit: repository.commits[0]! })).toEqual({
      ok: true,
      value: true,
    });
    expect(await remote.hasCommit({ scratch: aFolder(), commit })).toEqual({ ok: true, value: false });
    const { problem, retryable } = failure(await create(remote, commit, { fallbackRef: 'HEAD' }));
    expect(problem).toMatchObject({
      code: 'commit-not-found',
      message: `${address(repository.name)} has no commit ${commit}`,
    });
    expect([retryable, tagIn(repository)]).toEqual([false, undefined]);
  });

  it('does not have a commit whose id is that of a file', async () => {
    const repository = aBareRepository(base);
    const blob = git(repository.path, 'rev-parse', 'main:file') as string as CommitId;
    expect(await remoteOf(repository).hasCommit({ scratch: aFolder(), commit: blob })).toEqual({
      ok: true,
      value: false,
    });
  });

  it('that is not there is called that, at once', async () => {
    const remote = remoteOf({ name: 'none.git' });
    const reason =
      way === 'path' ? /does not appear to be a git repository/ : /access denied or repository not exported/;
    const [found] = problemsOf(await remote.listRefs(['HEAD']));
    expect(found).toMatchObject({
      code: 'remote-unreachable',
      message: expect.stringMatching(reason),
      hint: 'look whether the repository is there and you may read it',
    });
    expect(found!.message).toContain(address('none.git'));
    expect(
      problemsOf(await remote.hasCommit({ scratch: aFolder(), commit: 'a'.repeat(40) as CommitId })),
    ).toMatchObject([{ code: 'remote-unreachable', message: expect.stringMatching(reason) }]);
    const { problem, retryable } = failure(await create(remote, 'a'.repeat(40) as CommitId));
    expect([problem.code, retryable]).toEqual(['remote-unreachable', false]);
    expect(existsSync(join(base, 'none.git'))).toBe(false);
  });

  it('is left in the middle when the work is interrupted', async () => {
    const repository = aBareRepository(base);
    const signal = AbortSignal.abort();
    const [found] = problemsOf(await remoteOf(repository, { signal }).listRefs(['HEAD']));
    expect(found).toMatchObject({ code: 'interrupted' });
    const { problem, retryable } = failure(await create(remoteOf(repository, { signal }), repository.commits[0]!));
    expect([problem.code, retryable, tagIn(repository)]).toEqual(['interrupted', false, undefined]);
  });
});

/** As with servers from before 2018: only what a ref points to can be asked for, and nothing be negotiated for a push. */
async function withFirstProtocol<T>(work: () => Promise<T>): Promise<T> {
  const settings = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'protocol.version', GIT_CONFIG_VALUE_0: '0' };
  Object.assign(process.env, settings);
  try {
    return await work();
  } finally {
    for (const key of Object.keys(settings)) delete process.env[key];
  }
}

describe('a server', () => {
  let silent: Server | undefined;
  afterEach(() => void silent?.close());

  it('that cannot be reached is worth another attempt', async () => {
    const remote = openRemote(urlOf(`git://127.0.0.1:${await freePort()}/r.git`));
    expect(problemsOf(await remote.listRefs(['HEAD']))).toMatchObject([
      { code: 'remote-unreachable', message: expect.stringMatching(/^git:\/\/127.*: .*Connection refused$/) },
    ]);
    expect(await create(remote, 'a'.repeat(40) as CommitId)).toMatchObject({
      status: 'failed',
      problem: { code: 'remote-unreachable' },
      retryable: true,
    });
  });

  it('that never answers is given up', async () => {
    silent = createServer((socket) => socket.on('error', () => {}).unref());
    const server = silent;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = urlOf(`git://127.0.0.1:${(server.address() as AddressInfo).port}/r.git`);
    const remote = openRemote(url, { timeoutSeconds: 0.3 });
    expect(problemsOf(await remote.listRefs(['HEAD']))).toMatchObject([
      { code: 'remote-unreachable', message: `${url.display} does not answer in time`, hint: 'try again later' },
    ]);
    expect(await create(remote, 'a'.repeat(40) as CommitId)).toMatchObject({ status: 'failed', retryable: true });
  });

  it('is reached by the transport that its URL was checked for and by no other', async () => {
    const { path } = aBareRepository(base);
    const disguised = { ...urlOf(path), transport: 'https' as const };
    expect(problemsOf(await openRemote(disguised).listRefs(['HEAD']))).toMatchObject([
      { code: 'remote-unreachable', message: expect.stringContaining("transport 'file' not allowed") },
    ]);
  });

  it('may be a folder with any signs in its name', async () => {
    const repository = aBareRepository(base);
    const folder = join(base, 'a %41 #1 näher?');
    mkdirSync(folder);
    renameSync(repository.path, join(folder, 'r.git'));
    const url = parseRemoteUrl('./r.git', { root: folder, transports: new Set<Transport>(['file']) });
    if (!url.ok) throw new Error();
    expect(await create(openRemote(url.value), repository.commits[0]!)).toEqual({ status: 'created' });
  });

  it('is reached whatever repository the environment points git at', async () => {
    for (const name of ['GIT_DIR', 'GIT_COMMON_DIR', 'GIT_NAMESPACE', 'GIT_QUARANTINE_PATH']) {
      const repository = aBareRepository(base);
      process.env[name] = join(base, 'elsewhere.git');
      try {
        expect(await create(openRemote(urlOf(repository.path)), repository.commits[0]!)).toEqual({ status: 'created' });
      } finally {
        delete process.env[name];
      }
      expect(tagIn(repository)).toBeDefined();
    }
    expect(existsSync(join(base, 'elsewhere.git'))).toBe(false);
  });

  it('is reached where git takes no bare repository that it is not told of', async () => {
    const repository = aBareRepository(base);
    Object.assign(process.env, { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.bareRepository' });
    process.env.GIT_CONFIG_VALUE_0 = 'explicit';
    try {
      expect(await create(openRemote(urlOf(repository.path)), repository.commits[0]!)).toEqual({ status: 'created' });
    } finally {
      for (const name of ['COUNT', 'KEY_0', 'VALUE_0']) delete process.env[`GIT_CONFIG_${name}`];
    }
  });

  it('whose objects are named otherwise is called that', async () => {
    const path = join(base, 'sha256.git');
    git(base, 'init', '--quiet', '--bare', '--object-format=sha256', '--initial-branch=main', path);
    git(path, 'update-ref', 'refs/heads/main', git(path, 'commit-tree', '-m', 'one', git(path, 'mktree')));
    expect(problemsOf(await openRemote(urlOf(path)).listRefs(['HEAD']))).toMatchObject([
      { code: 'ref-not-found', message: expect.stringContaining('has objects of sha256') },
    ]);
  });
});

describe('ssh', () => {
  /** What ssh, or what stands in for it, is called with. */
  async function calledWith(set: Record<string, string>, program = 'ssh'): Promise<string> {
    const folder = aFolder();
    const log = join(folder, 'log');
    writeFileSync(join(folder, program), `#!/bin/sh\necho "$0 $*" >> ${log}\nexit 1\n`, { mode: 0o755 });
    const before = { ...process.env };
    const config = join(folder, 'config');
    writeFileSync(config, set.config?.replaceAll('HERE', folder) ?? '');
    const variables = Object.fromEntries(
      Object.entries(set).map(([key, value]) => [key, value.replace('HERE', folder)]),
    );
    Object.assign(process.env, { PATH: `${folder}:${before.PATH}`, GIT_CONFIG_GLOBAL: config, ...variables });
    const start = process.cwd();
    process.chdir(folder); // what is configured is asked once for a directory
    try {
      const url = parseRemoteUrl('git@example.invalid:a.git', { root: base, transports: new Set<Transport>(['ssh']) });
      if (url.ok) await openRemote(url.value).listRefs(['HEAD']);
      return readFileSync(log, 'utf8').trim().split('\n').at(-1)!.replaceAll(`${folder}/`, '');
    } finally {
      process.chdir(start);
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
  }

  it('asks nobody, and is called as git is told to', async () => {
    expect(await calledWith({})).toMatch(/^ssh -oBatchMode=yes .*git@example\.invalid/);
    expect(await calledWith({ GIT_SSH_COMMAND: 'ssh -i key' })).toMatch(/^ssh -i key -oBatchMode=yes /);
    expect(await calledWith({ config: '[core]\n\tsshCommand = ssh -i mine\n' })).toMatch(
      /^ssh -i mine -oBatchMode=yes /,
    );
    expect(await calledWith({ config: '[core]\n\tsshCommand = HERE/mine\n' }, 'mine')).toMatch(
      /^mine (?!.*BatchMode).*git@example\.invalid/,
    );
    expect(await calledWith({ GIT_SSH: 'HERE/other' }, 'other')).toMatch(
      /^other (?!.*BatchMode).*git@example\.invalid/,
    );
  });
});
