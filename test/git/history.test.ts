import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CommitId,
  type History,
  parseRemoteUrl,
  type RemoteUrl,
  readHistory,
  type Transport,
} from '../../src/git/index.ts';
import { unwrap } from '../../src/support/index.ts';
import { gitDaemon, silentServer } from '../support/git-servers.ts';
import { git, gitInput } from '../support/release-workspace.ts';
import { aFolder } from '../support/workspace.ts';

let base: string;
let daemon: Awaited<ReturnType<typeof gitDaemon>>;
let silent: Awaited<ReturnType<typeof silentServer>>;
beforeAll(async () => {
  base = aFolder();
  [daemon, silent] = await Promise.all([gitDaemon(base), silentServer()]);
});
afterAll(() => {
  daemon.stop();
  silent.stop();
});

let made = 0;
function aRepository(config: Record<string, string> = { 'uploadpack.allowFilter': 'true' }) {
  const name = `r${made++}.git`;
  const path = join(base, name);
  git(base, 'init', '--quiet', '--bare', '--initial-branch=main', path);
  for (const [key, value] of Object.entries(config)) git(path, 'config', key, value);
  const commit = (message: string | Buffer, parents: CommitId[] = [], bytes = 10): CommitId => {
    const blob = gitInput(path, randomBytes(bytes), 'hash-object', '-w', '--stdin');
    const tree = gitInput(path, `100644 blob ${blob}\tfile\n`, 'mktree');
    const id = gitInput(path, message, 'commit-tree', tree, ...parents.flatMap((each) => ['-p', each]), '-F', '-');
    git(path, 'update-ref', `refs/heads/at-${id}`, id);
    return id as CommitId;
  };
  return { path, commit, url: remote(path), daemonUrl: remote(`git://127.0.0.1:${daemon.port}/${name}`) };
}

const remote = (text: string): RemoteUrl =>
  unwrap(parseRemoteUrl(text, { root: '/', transports: new Set<Transport>(['file', 'git', 'http']) }));
const history = (url: RemoteUrl, from: CommitId, to: CommitId, more = {}) => {
  const scratch = aFolder();
  return readHistory(url, { scratch, from, to, ...more }, { timeoutSeconds: 20 });
};
const subjects = (found: History) => (found.status === 'known' ? found.commits.map(({ subject }) => subject) : found);

describe('reading what lies between two commits', () => {
  it.each(['url', 'daemonUrl'] as const)('counts and tells them without their content (%s)', async (kind) => {
    const repository = aRepository();
    const first = repository.commit('first');
    const second = repository.commit('second\n\nwith a body\nof two lines', [first]);
    const third = repository.commit('third', [second]);
    const found = await history(repository[kind], first, third);
    expect(found).toMatchObject({ status: 'known', ahead: 2, behind: 0 });
    if (found.status !== 'known') return;
    expect(found.commits.map(({ subject, body }) => [subject, body.trim()])).toEqual(
      expect.arrayContaining([
        ['third', ''],
        ['second', 'with a body\nof two lines'],
      ]),
    );
  });

  it('counts both sides when the second does not descend from the first', async () => {
    const { commit, url } = aRepository();
    const root = commit('root');
    const left = commit('left 2', [commit('left 1', [root])]);
    const right = commit('right', [root]);
    expect(await history(url, left, right)).toMatchObject({ status: 'known', ahead: 1, behind: 2 });
    expect(await history(url, right, left)).toMatchObject({ status: 'known', ahead: 2, behind: 1 });
    const stranger = commit('of another root');
    expect(await history(url, left, stranger)).toMatchObject({ status: 'known', ahead: 1, behind: 3 });
  });

  it('knows merges, and takes no more commits than were asked for', async () => {
    const { commit, url } = aRepository();
    const root = commit('root');
    const merge = commit('merged', [commit('a', [root]), commit('b', [root])]);
    const found = await history(url, root, merge);
    expect(found.status === 'known' && found.commits.filter((each) => each.merge).length).toBe(1);
    const few = await history(url, root, merge, { maxCommits: 1 });
    expect(few).toMatchObject({ ahead: 3, commits: [{ subject: 'merged' }] });
  });

  it('keeps apart what commits say, whatever bytes they say it with', async () => {
    const { commit, url } = aRepository();
    const root = commit('root');
    const hostile = commit(Buffer.from('\x1b[2J\x01 %H %x00 \xff\n\n\x1e\x1fbody\n', 'latin1'), [root]);
    const found = await history(url, root, commit('last', [hostile]));
    expect(found).toMatchObject({ status: 'known', ahead: 2 });
    expect(subjects(found)).toEqual(expect.arrayContaining(['last', '\x1b[2J\x01 %H %x00 ÿ']));
  });

  it('reads a small repository whose server cannot leave content out', async () => {
    const repository = aRepository({});
    const first = repository.commit('first');
    const second = repository.commit('second', [first]);
    expect(await history(repository.daemonUrl, first, second)).toMatchObject({ status: 'known', ahead: 1 });
  });

  it('stops a server that sends everything when that is too much', async () => {
    const repository = aRepository({});
    const first = repository.commit('first');
    const second = repository.commit('second', [first], 60 * 2 ** 20);
    const options = { timeoutSeconds: 30, maxBytes: 2 ** 20 };
    const found = await readHistory(repository.url, { scratch: aFolder(), from: first, to: second }, options);
    expect(found).toEqual({
      status: 'unavailable',
      silent: false,
      reason: `${repository.path} sends more than 1 MiB and cannot send commits alone`,
    });
    git(repository.path, 'config', 'uploadpack.allowFilter', 'true');
    const again = await readHistory(repository.url, { scratch: aFolder(), from: first, to: second }, options);
    expect(again).toMatchObject({ status: 'known', ahead: 1 });
  });

  it.each(['git', 'http'])('gives up on a silent %s server when its time is over', async (scheme) => {
    const url = remote(`${scheme}://127.0.0.1:${silent.port}/x.git`);
    const started = performance.now();
    const [from, to] = ['1'.repeat(40), '2'.repeat(40)] as CommitId[];
    const found = await readHistory(url, { scratch: aFolder(), from: from!, to: to! }, { timeoutSeconds: 1 });
    expect(found).toEqual({
      status: 'unavailable',
      silent: true,
      reason: `${url.display} does not answer in time`,
    });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('says which commit is not there, and leaves nothing behind', async () => {
    const { commit, url } = aRepository();
    const scratch = aFolder();
    const absent = '1'.repeat(40) as CommitId;
    const found = await readHistory(url, { scratch, from: absent, to: commit('one') });
    expect(found).toEqual({ status: 'unavailable', silent: false, reason: `${url.display} has no commit ${absent}` });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('takes the tags where a server gives out no commits by id', async () => {
    const { path, commit, url } = aRepository({ 'protocol.version': '0' });
    const first = commit('first');
    const second = commit('second', [first]);
    for (const name of git(path, 'for-each-ref', '--format=%(refname)').split('\n'))
      git(path, 'update-ref', '-d', name);
    const last = gitInput(path, 'later', 'commit-tree', `${second}^{tree}`, '-p', second);
    git(path, 'tag', '-a', '-m', 'x', 'one', first);
    git(path, 'update-ref', 'refs/heads/main', last);
    process.env.GIT_CONFIG_COUNT = '1';
    process.env.GIT_CONFIG_KEY_0 = 'protocol.version';
    process.env.GIT_CONFIG_VALUE_0 = '0';
    try {
      expect(await history(url, first, second)).toMatchObject({ status: 'unavailable' });
      const refs = ['refs/tags/one', 'refs/heads/main'];
      expect(await history(url, first, second, { refs })).toMatchObject({ status: 'known', ahead: 1 });
    } finally {
      for (const name of ['COUNT', 'KEY_0', 'VALUE_0']) delete process.env[`GIT_CONFIG_${name}`];
    }
  });

  it('ends when it is interrupted', async () => {
    const url = remote(`http://127.0.0.1:${silent.port}/x.git`);
    const [from, to] = ['1'.repeat(40), '2'.repeat(40)] as CommitId[];
    const signal = AbortSignal.timeout(300);
    const started = performance.now();
    const found = await readHistory(url, { scratch: aFolder(), from: from!, to: to! }, { timeoutSeconds: 30, signal });
    expect(found.status).toBe('unavailable');
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
