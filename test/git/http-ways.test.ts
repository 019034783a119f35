import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CommitId, openRemote, type Remote, type RemoteOptions } from '../../src/git/index.ts';
import { type GitServer, makeCertificates, startGitServer } from '../support/git-server.ts';
import { git } from '../support/release-workspace.ts';
import {
  aBareRepository,
  aHook,
  aTag,
  type BareRepository,
  onlyTheseSettings,
  refIn,
  remoteUrl,
} from '../support/remotes.ts';
import { rounds } from '../support/sample.ts';
import { hasSshd, type Sshd, startSshd } from '../support/sshd.ts';
import { aFolder, problemsOf } from '../support/workspace.ts';

const login = { username: 'rm@example.org', password: 'sesame & open' };
let base: string;
let plain: GitServer;
let closed: GitServer;
let daemon: ChildProcess;
let daemonUrl: string;
let sshd: Sshd | undefined;

beforeAll(async () => {
  base = aFolder();
  const { caFile, tls } = makeCertificates(join(base, 'tls'));
  onlyTheseSettings(base, [`[http]\n\tsslCAInfo = ${caFile}`], login);
  plain = await startGitServer({ root: base });
  closed = await startGitServer({ root: base, tls, auth: login });
  ({ daemon, daemonUrl } = await startDaemon(base));
  sshd = await startSshd(join(base, 'ssh'));
  if (sshd) process.env.GIT_SSH_COMMAND = sshd.command;
});
afterAll(async () => {
  daemon.kill();
  sshd?.stop();
  await Promise.all([plain.close(), closed.close()]);
});

async function startDaemon(base: string) {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const program = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon');
  const args = ['--listen=127.0.0.1', `--port=${port}`, '--reuseaddr', '--export-all', '--enable=receive-pack'];
  const daemon = spawn(program, [...args, `--base-path=${base}`, base], { stdio: 'ignore' });
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false)).on('connect', () => socket.end());
    });
  for (let attempt = 0; attempt < 200 && !(await answers()); attempt++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  return { daemon, daemonUrl: `git://127.0.0.1:${port}` };
}

const tag = 'w.2018.18';
const ref = `refs/tags/${tag}`;

type Client = 'auto' | 'own' | 'git';

const ways: [string, () => string, Client, number][] = [
  ['its own client over http', () => plain.url, 'own', rounds(50)],
  ['its own client over https with a password', () => closed.url, 'own', rounds(50)],
  ['git over http', () => plain.url, 'git', 4],
  ['git over https with a password', () => closed.url, 'git', 2],
  ['a path', () => base, 'auto', 4],
  ['the git daemon', () => daemonUrl, 'auto', 4],
  ['ssh', () => `${sshd!.url}${base}`, 'auto', 2],
];
const reachable = ways.filter(([way]) => way !== 'ssh' || hasSshd());

describe.each(reachable)(
  'a repository that dmrel reaches by %s',
  (_way: string, root: () => string, client: Client, races: number) => {
    const remoteOf = ({ name }: { name: string }, options: RemoteOptions = {}): Remote =>
      openRemote(remoteUrl(`${root()}/${name}`), { client, ...options });
    const create = (remote: Remote, commit: CommitId, name = tag, message = 'Version') =>
      remote.createTag({ scratch: aFolder(), tag: name, commit, object: aTag(commit, name, message) });
    const move = (remote: Remote, commit: CommitId, from: ReturnType<typeof refIn>) =>
      remote.moveTag({ scratch: aFolder(), tag, commit, object: aTag(commit, tag, 'moved'), from: from! });
    const remove = (remote: Remote, from: ReturnType<typeof refIn>, name = tag) =>
      remote.deleteTag({ scratch: aFolder(), tag: name, from: from! });

    it('tells exactly the refs that it is asked for, and what tags point to', async () => {
      const repository = aBareRepository(base);
      const [first, , last] = repository.commits as [CommitId, CommitId, CommitId];
      git(repository.path, 'tag', '-a', '-m', 'x', tag, first);
      git(repository.path, 'tag', '-a', '-m', 'x', `${tag}.1`, first);
      git(repository.path, 'tag', 'light', first);
      git(repository.path, 'update-ref', 'HEADS', first);
      git(repository.path, 'update-ref', 'refs/heads/main2', first);
      const names = ['HEAD', 'refs/heads/main', ref, 'refs/tags/light', 'refs/tags/none'];
      expect(await remoteOf(repository).listRefs(names)).toEqual({
        ok: true,
        value: {
          head: { branch: 'refs/heads/main', commit: last },
          refs: new Map<string, string | undefined>([
            ['refs/heads/main', last],
            ['refs/tags/light', first],
            [ref, refIn(repository, ref)],
          ]),
          peeled: new Map([[ref, first]]),
        },
      });
      expect(await remoteOf(repository).listRefs([])).toMatchObject({ ok: true, value: { refs: new Map() } });
    });

    it('may be empty, or have a HEAD on no branch', async () => {
      const repository = aBareRepository(base);
      git(repository.path, 'update-ref', '--no-deref', 'HEAD', repository.commits[0]!);
      expect(await remoteOf(repository).listRefs(['HEAD'])).toEqual({
        ok: true,
        value: { refs: new Map(), peeled: new Map(), head: { commit: repository.commits[0] } },
      });
      const empty = aBareRepository(base);
      git(empty.path, 'update-ref', '-d', 'refs/heads/main');
      const listed = await remoteOf(empty).listRefs(['HEAD', ref]);
      expect(listed).toEqual({ ok: true, value: { refs: new Map(), peeled: new Map() } });
    });

    it('gets the very tag object, and once', async () => {
      const repository = aBareRepository(base);
      const remote = remoteOf(repository);
      const commit = repository.commits[0]!;
      expect(await create(remote, commit)).toEqual({ status: 'created' });
      expect(refIn(repository, ref)).toBe(aTag(commit, tag).id);
      expect(git(repository.path, 'rev-parse', `${tag}^{commit}`)).toBe(commit);
      git(repository.path, 'fsck', '--strict');
      expect(await create(remote, commit)).toEqual({ status: 'in-sync' });
    });

    it('keeps a tag of that name that is another one, annotated or not', async () => {
      const repository = aBareRepository(base);
      const [first, second] = repository.commits as [CommitId, CommitId];
      await create(remoteOf(repository), first);
      const there = aTag(first, tag).id;
      expect(await create(remoteOf(repository), second)).toEqual({ status: 'conflict', found: there });
      expect(await create(remoteOf(repository), first, tag, 'other')).toEqual({ status: 'conflict', found: there });
      git(repository.path, 'tag', 'light', first);
      expect(await create(remoteOf(repository), first, 'light')).toEqual({ status: 'conflict', found: first });
      expect(refIn(repository, ref)).toBe(there);
    });

    it('takes tags of any name and of taggers from everywhere', async () => {
      const repository = aBareRepository(base);
      const commit = repository.commits[1]!;
      for (const name of ['v1+b%41#&', 'u/ünïcode-標識', "it's", '$(id)']) {
        const object = aTag(commit, name, `Überblick ✓ ${name}`, 'Žofie Ørsted 標');
        const outcome = await remoteOf(repository).createTag({ scratch: aFolder(), tag: name, commit, object });
        expect(outcome).toEqual({ status: 'created' });
        const listed = await remoteOf(repository).listRefs([`refs/tags/${name}`]);
        expect(listed).toMatchObject({ ok: true, value: { refs: new Map([[`refs/tags/${name}`, object.id]]) } });
      }
      git(repository.path, 'fsck', '--strict');
    });

    it('has its tag moved from where it is said to be, and from nowhere else', async () => {
      const repository = aBareRepository(base);
      const [first, second, third] = repository.commits as [CommitId, CommitId, CommitId];
      const remote = remoteOf(repository);
      expect(await move(remote, first, aTag(first, tag).id)).toEqual({ status: 'absent' });
      await create(remote, first);
      const was = refIn(repository, ref);
      // An object that the server has never seen.
      const unknown = aTag(third, tag).id;
      expect(await move(remote, second, unknown)).toEqual({ status: 'conflict', found: was });
      expect(await move(remote, second, was)).toEqual({ status: 'moved' });
      const is = aTag(second, tag, 'moved').id;
      expect(refIn(repository, ref)).toBe(is);
      expect(await move(remote, third, was)).toEqual({ status: 'conflict', found: is });
      expect(await move(remote, second, was)).toEqual({ status: 'in-sync' });
      expect(refIn(repository, ref)).toBe(is);
    });

    it('has its tag deleted while it is what it is said to be', async () => {
      const repository = aBareRepository(base);
      const [first, second] = repository.commits as [CommitId, CommitId];
      const remote = remoteOf(repository);
      await create(remote, first);
      const is = refIn(repository, ref);
      expect(await remove(remote, aTag(second, tag).id)).toEqual({ status: 'conflict', found: is });
      expect(refIn(repository, ref)).toBe(is);
      expect(await remove(remote, is)).toEqual({ status: 'deleted' });
      expect(refIn(repository, ref)).toBeUndefined();
      expect(await remove(remote, is)).toEqual({ status: 'absent' });
      git(repository.path, 'tag', 'light', first);
      expect(await remove(remote, first as never, 'light')).toEqual({ status: 'deleted' });
    });

    it('may refuse: what its hook says is told, without what would reach the terminal', async () => {
      const repository = aBareRepository(base);
      const commit = repository.commits[0]!;
      await create(remoteOf(repository), commit, 'old');
      aHook(
        repository,
        `printf 'tags are \\033[31mfrozen\\033[0m\\007\\nuntil \\342\\200\\256Monday\\n' >&2\nexit 1\n`,
      );
      const old = refIn(repository, 'refs/tags/old');
      for (const outcome of [
        await create(remoteOf(repository), commit),
        await remove(remoteOf(repository), old, 'old'),
        await remoteOf(repository).moveTag({
          scratch: aFolder(),
          tag: 'old',
          commit,
          object: aTag(commit, 'old', 'm'),
          from: old!,
        }),
      ]) {
        if (outcome.status !== 'failed') throw new Error(outcome.status);
        expect(outcome).toMatchObject({ retryable: false, problem: { code: 'tag-push-failed' } });
        expect(outcome.problem.message).toMatch(
          /refuses the tag: \[remote rejected\] \(pre-receive hook declined\): tags are frozen.* until .*Monday/,
        );
        expect(outcome.problem.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }
      expect([refIn(repository, ref), refIn(repository, 'refs/tags/old')]).toEqual([undefined, old]);
    });

    it('may refuse at length', async () => {
      const repository = aBareRepository(base);
      const commit = repository.commits[0]!;
      aHook(repository, 'i=0; while [ $i -lt 3000 ]; do echo "no, no and no again" >&2; i=$((i+1)); done; exit 1\n');
      const outcome = await create(remoteOf(repository), commit);
      if (outcome.status !== 'failed') throw new Error(outcome.status);
      expect(outcome.problem.message).toContain('no, no and no again');
      expect(outcome.problem.message.length).toBeLessThan(500);
    });

    it.each(['true', 'false'])('knows which commits it has, where it can leave files out: %s', async (allowFilter) => {
      const repository = aBareRepository(base, { 'uploadpack.allowFilter': allowFilter });
      const remote = remoteOf(repository);
      const has = async (commit: string) => remote.hasCommit({ scratch: aFolder(), commit: commit as CommitId });
      for (const commit of repository.commits) expect(await has(commit)).toEqual({ ok: true, value: true });
      expect(await has('dead'.repeat(10))).toEqual({ ok: true, value: false });
      expect(await has(git(repository.path, 'rev-parse', 'main:file'))).toEqual({ ok: true, value: false });
      expect(await has(git(repository.path, 'rev-parse', 'main^{tree}'))).toEqual({ ok: true, value: false });
    });

    it('that does not have the commit does not get the tag', async () => {
      const repository = aBareRepository(base);
      const commit = 'dead'.repeat(10) as CommitId;
      const outcome = await create(remoteOf(repository), commit);
      expect(outcome).toMatchObject({ status: 'failed', retryable: false, problem: { code: 'commit-not-found' } });
      if (outcome.status !== 'failed') throw new Error();
      expect(outcome.problem.message).toBe(`${root()}/${repository.name} has no commit ${commit}`);
      expect(refIn(repository, ref)).toBeUndefined();
    });

    it('that is not there is called that', async () => {
      const remote = remoteOf({ name: 'none.git' });
      const commit = 'a'.repeat(40) as CommitId;
      expect(problemsOf(await remote.listRefs(['HEAD']))).toMatchObject([{ code: 'remote-unreachable' }]);
      expect(problemsOf(await remote.hasCommit({ scratch: aFolder(), commit }))).toMatchObject([
        { code: 'remote-unreachable', message: expect.stringContaining(`${root()}/none.git`) },
      ]);
      expect(await create(remote, commit)).toMatchObject({ status: 'failed', retryable: false });
    });

    it('is left in the middle when the work is interrupted', async () => {
      const repository = aBareRepository(base);
      const options = { signal: AbortSignal.abort() };
      expect(problemsOf(await remoteOf(repository, options).listRefs(['HEAD']))).toMatchObject([
        { code: 'interrupted' },
      ]);
      const outcome = await create(remoteOf(repository, options), repository.commits[0]!);
      expect(outcome).toMatchObject({ status: 'failed', retryable: false, problem: { code: 'interrupted' } });
      expect(refIn(repository, ref)).toBeUndefined();
    });

    it('takes the tag of exactly one of two who push it at once, and tells the other whose', async () => {
      const repository = aBareRepository(base);
      const [first, second] = repository.commits as [CommitId, CommitId];
      for (let race = 0; race < races; race++) {
        const name = `race-${race}`;
        const outcomes = await Promise.all(
          [first, second].map((commit) => settled(() => create(remoteOf(repository), commit, name))),
        );
        const won = outcomes.findIndex(({ status }) => status === 'created');
        expect(outcomes.map(({ status }) => status).sort()).toEqual(['conflict', 'created']);
        const { id } = aTag([first, second][won]!, name);
        expect(refIn(repository, `refs/tags/${name}`)).toBe(id);
        expect(outcomes[1 - won]).toEqual({ status: 'conflict', found: id });
      }
    });

    it('takes the same tag of two at once, and says to both that it stands', async () => {
      const repository: BareRepository = aBareRepository(base);
      const commit = repository.commits[0]!;
      for (let race = 0; race < races; race++) {
        const both = [1, 2].map(() => settled(() => create(remoteOf(repository), commit, `same-${race}`)));
        expect((await Promise.all(both)).map(({ status }) => status).sort()).toEqual(['created', 'in-sync']);
      }
    });
  },
);

/** As the runner of steps does: what may be tried again is. */
async function settled<T extends { status: string; retryable?: boolean }>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const outcome = await work();
    if (outcome.status !== 'failed' || !outcome.retryable || attempt === 5) return outcome;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
