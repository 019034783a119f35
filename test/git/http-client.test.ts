import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Session } from '../../src/git/http/host.ts';
import { type OwnOptions, openOwnRemote } from '../../src/git/http/remote.ts';
import { type CommitId, openRemote, type Remote } from '../../src/git/index.ts';
import { openProgramRemote } from '../../src/git/program.ts';
import * as faults from '../support/git-server.ts';
import { git } from '../support/release-workspace.ts';
import { aBareRepository, aTag, type BareRepository, onlyTheseSettings, refIn, remoteUrl } from '../support/remotes.ts';
import { aFolder, problemsOf } from '../support/workspace.ts';

const tag = 'w.2018.18';
const ref = `refs/tags/${tag}`;
const login = { username: 'rm', password: 'sesame' };
const servers: faults.GitServer[] = [];
let base: string;
let certificates: ReturnType<typeof faults.makeCertificates>;

beforeAll(() => {
  base = aFolder();
  certificates = faults.makeCertificates(join(base, 'tls'));
  onlyTheseSettings(base, []);
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function aServer(options: Partial<faults.ServerOptions> = {}): Promise<faults.GitServer> {
  const server = await faults.startGitServer({ root: base, ...options });
  servers.push(server);
  return server;
}

/** The settings are read anew for each session: a process reads them once. */
const remoteOf = (server: faults.GitServer, { name }: { name: string }, options: OwnOptions = {}): Remote =>
  openOwnRemote(remoteUrl(`${server.url}/${name}`), { session: new Session(), ...options });

/** With git for what the client leaves to it; `asked` tells whether it did. */
function withGit(server: faults.GitServer, { name }: { name: string }, options: OwnOptions = {}) {
  const url = remoteUrl(`${server.url}/${name}`);
  const state = { asked: 0 };
  const instead = () => {
    state.asked += 1;
    return openProgramRemote(url);
  };
  return { remote: openOwnRemote(url, { session: new Session(), instead, ...options }), state };
}

const create = (remote: Remote, { commits }: BareRepository, name = tag) =>
  remote.createTag({ scratch: aFolder(), tag: name, commit: commits[0]!, object: aTag(commits[0]!, name) });

const linesOf = (server: faults.GitServer): string[] =>
  server.requests.map(({ line }) => line.replace(/\/r\d+\.git/, '/R'));
const discovery = (service: 'upload' | 'receive') => `GET /R/info/refs?service=git-${service}-pack`;

describe('one request a repository', () => {
  it('reads references and one makes a tag, once the first of a host has learned what it can do', async () => {
    const server = await aServer();
    const session = new Session();
    const repositories = Array.from({ length: 6 }, () => aBareRepository(base));
    const remotes = repositories.map((each) => remoteOf(server, each, { session }));
    await Promise.all(remotes.map((remote) => remote.listRefs([ref, 'HEAD'])));
    expect(linesOf(server).sort()).toEqual([discovery('upload'), ...Array(6).fill('POST /R/git-upload-pack')]);
    server.requests.length = 0;
    const outcomes = await Promise.all(remotes.map((remote, index) => create(remote, repositories[index]!)));
    expect(outcomes.every(({ status }) => status === 'created')).toBe(true);
    expect(linesOf(server).sort()).toEqual([discovery('receive'), ...Array(6).fill('POST /R/git-receive-pack')]);
  });

  it('is small among thousands of tags, and counted', async () => {
    const server = await aServer();
    const session = new Session();
    const [first, repository] = [aBareRepository(base), aBareRepository(base)];
    const packed = Array.from({ length: 2000 }, (_, index) => `create refs/tags/d.${index} ${repository.commits[0]}\n`);
    execFileSync('git', ['update-ref', '--stdin'], { cwd: repository.path, input: packed.join('') });
    git(repository.path, 'pack-refs', '--all');
    await remoteOf(server, first, { session }).listRefs([ref]);
    await create(remoteOf(server, first, { session }), first);

    const meter = { requests: 0, sent: 0, received: 0 };
    const remote = remoteOf(server, repository, { session, meter });
    await create(remote, repository);
    expect(meter.requests).toBe(1);
    expect(meter.received).toBeLessThan(1000);
    expect(meter.sent).toBeLessThan(1000);
    await remote.listRefs([ref]);
    expect(meter.requests).toBe(2);
    expect(meter.received).toBeGreaterThan(200);
    expect(meter.received).toBeLessThan(2000);
  });

  it('keeps its connections', async () => {
    const server = await aServer();
    const ports = new Set<number | undefined>();
    server.fault = (request) => {
      ports.add(request.socket.remotePort);
      return false;
    };
    const repository = aBareRepository(base);
    const remote = remoteOf(server, repository);
    await remote.listRefs([ref]);
    await create(remote, repository);
    await remote.hasCommit({ scratch: '', commit: repository.commits[0]! });
    await remote.hasCommit({ scratch: '', commit: 'a'.repeat(40) as CommitId });
    await remote.listRefs([ref]);
    expect([server.requests.length, ports.size]).toEqual([7, 1]);
  });

  it('is not enough for a server that wants the whole exchange, which it gets', async () => {
    const server = await aServer();
    for (const status of [400, 403, 404, 500]) {
      server.fault = faults.wholeExchangeOnly(status);
      const session = new Session();
      for (const repository of [aBareRepository(base), aBareRepository(base), aBareRepository(base)]) {
        const remote = remoteOf(server, repository, { session });
        // The command of a first read stands on the GET before it.
        expect(await remote.listRefs(['refs/heads/main'])).toMatchObject({ ok: true });
        expect(await create(remote, repository)).toEqual({ status: 'created' });
      }
      expect(linesOf(server).slice(-2)).toEqual([discovery('receive'), 'POST /R/git-receive-pack']);
      // It is tried once, and the host is believed.
      const pushes = linesOf(server).filter((line) => line === 'POST /R/git-receive-pack');
      expect(pushes).toHaveLength(4);
      server.requests.length = 0;
    }
  });

  it('does not spoil the others where the first repository is not there', async () => {
    const server = await aServer();
    const session = new Session();
    const repository = aBareRepository(base);
    const all = [{ name: 'none.git' }, repository, repository, repository];
    const listed = await Promise.all(all.map((each) => remoteOf(server, each, { session }).listRefs(['HEAD'])));
    expect(listed.map(({ ok }) => ok)).toEqual([false, true, true, true]);
    expect(problemsOf(listed[0]!)).toMatchObject([
      { code: 'remote-unreachable', message: expect.stringMatching(/none\.git: repository not found \(HTTP 404/) },
    ]);
  });
});

describe('a server of the first protocol', () => {
  it('is read by its advertisement and pushed to as any other; for commits git is asked', async () => {
    const server = await aServer({ firstProtocolOnly: true });
    const repository = aBareRepository(base, { 'uploadpack.allowAnySHA1InWant': 'true' });
    git(repository.path, 'tag', '-a', '-m', 'x', 'old', repository.commits[0]!);
    const { remote, state } = withGit(server, repository);
    expect(await remote.listRefs(['HEAD', 'refs/tags/old'])).toEqual({
      ok: true,
      value: {
        head: { branch: 'refs/heads/main', commit: repository.commits[2] },
        refs: new Map([['refs/tags/old', refIn(repository, 'refs/tags/old')]]),
        peeled: new Map([['refs/tags/old', repository.commits[0]]]),
      },
    });
    expect(await create(remote, repository)).toEqual({ status: 'created' });
    expect(state.asked).toBe(0);
    const has = (commit: CommitId) => remote.hasCommit({ scratch: aFolder(), commit });
    expect(await has(repository.commits[0]!)).toEqual({ ok: true, value: true });
    expect(state.asked).toBe(1);
  });
});

describe('a connection that fails', () => {
  it.each([1, 2])('before the server has heard is worth another attempt (%d)', async (times) => {
    const server = await aServer();
    const repository = aBareRepository(base);
    const session = new Session();
    const remote = remoteOf(server, repository, { session });
    server.fault = faults.cut(times);
    expect(await create(remote, repository)).toMatchObject({
      status: 'failed',
      retryable: true,
      problem: { code: 'tag-push-failed', message: expect.stringMatching(/the connection was cut$/) },
    });
    server.fault = undefined;
    expect(await create(remote, repository)).toEqual({ status: 'created' });
  });

  it('after the server has done it is a success', async () => {
    const server = await aServer();
    for (const attempt of ['whole exchange', 'shortcut']) {
      const repository = aBareRepository(base);
      const remote = remoteOf(server, repository);
      if (attempt === 'shortcut') await create(remote, repository, 'other');
      server.fault = faults.cutAfterwards({ root: base });
      expect(await create(remote, repository)).toEqual({ status: 'in-sync' });
      expect(refIn(repository, ref)).toBe(aTag(repository.commits[0]!, tag).id);
    }
  });

  it('since nobody listens is worth another attempt', async () => {
    const server = await aServer();
    const repository = aBareRepository(base);
    await server.close();
    expect(problemsOf(await remoteOf(server, repository).listRefs([ref]))).toMatchObject([
      { code: 'remote-unreachable', message: expect.stringMatching(/Connection refused$/), hint: 'try again later' },
    ]);
    expect(await create(remoteOf(server, repository), repository)).toMatchObject({ status: 'failed', retryable: true });
  });

  it('since the server has closed a kept one is made anew', async () => {
    const server = await aServer();
    const repository = aBareRepository(base);
    const remote = remoteOf(server, repository);
    await remote.listRefs([ref]);
    server.fault = faults.cut(1);
    expect(await remote.listRefs([ref])).toMatchObject({ ok: true });
  });

  it.each<[number, () => object, number | undefined]>([
    [503, () => ({ 'Retry-After': '7' }), 7],
    [429, () => ({ 'Retry-After': new Date(Date.now() + 30_000).toUTCString() }), 30],
    [502, () => ({}), undefined],
    [500, () => ({}), undefined],
  ])('with status %d is worth another attempt, when the server says', async (status, headers, seconds) => {
    const server = await aServer();
    const repository = aBareRepository(base);
    const remote = remoteOf(server, repository);
    server.fault = faults.withStatus(status, headers() as Record<string, string>, 2);
    const outcome = await create(remote, repository);
    expect(outcome).toMatchObject({ status: 'failed', retryable: true, problem: { code: 'tag-push-failed' } });
    if (outcome.status !== 'failed') throw new Error();
    expect(outcome.problem.message).toContain(`HTTP ${status}: not now`);
    if (seconds === undefined) expect(outcome.retryAfterSeconds).toBeUndefined();
    else expect(Math.abs(outcome.retryAfterSeconds! - seconds)).toBeLessThanOrEqual(5);
    server.fault = undefined;
    expect(await create(remote, repository)).toEqual({ status: 'created' });
  });

  it('with status 403 is not', async () => {
    const server = await aServer();
    const repository = aBareRepository(base);
    server.fault = faults.withStatus(403, {}, 100);
    const outcome = await create(remoteOf(server, repository), repository);
    expect(outcome).toMatchObject({ status: 'failed', retryable: false });
  });
});

describe('a password', () => {
  const log = () => (existsSync(join(base, 'helper.log')) ? readFileSync(join(base, 'helper.log'), 'utf8') : '');
  const questions = () => [...log().matchAll(/verb=(\w+)/g)].map(([, verb]) => verb);

  it('is asked for once a host, sent at once from then on, and approved', async () => {
    rmSync(join(base, 'helper.log'), { force: true });
    onlyTheseSettings(base, [], login);
    const server = await aServer({ auth: login });
    const session = new Session();
    const repositories = Array.from({ length: 5 }, () => aBareRepository(base));
    const remotes = repositories.map((each) => remoteOf(server, each, { session }));
    await Promise.all(remotes.map((remote, index) => create(remote, repositories[index]!)));
    expect(repositories.map((each) => refIn(each, ref))).not.toContain(undefined);
    expect(questions()).toEqual(['get', 'store']);
    expect(server.requests.filter(({ authorization }) => authorization === undefined)).toHaveLength(1);
  });

  it('that is wrong is asked for once, rejected, and never shown', async () => {
    rmSync(join(base, 'helper.log'), { force: true });
    onlyTheseSettings(base, [], { ...login, password: 'open-oat' });
    const server = await aServer({ auth: login });
    const session = new Session();
    const repository = aBareRepository(base);
    const remotes = Array.from({ length: 5 }, () => remoteOf(server, repository, { session }));
    const outcomes = await Promise.all(remotes.map((remote) => create(remote, repository)));
    const again = await remotes[0]!.listRefs([ref]);
    expect(questions()).toEqual(['get', 'erase']);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'failed', retryable: false });
      if (outcome.status !== 'failed') throw new Error();
      expect(outcome.problem.message).toMatch(/does not take the password that git has for it$/);
    }
    const shown = JSON.stringify([outcomes, again]);
    const header = Buffer.from(`rm:open-oat`).toString('base64');
    expect(shown).not.toContain('open-oat');
    expect(shown).not.toContain(header);
  });

  it('that git does not have is said to be missing', async () => {
    onlyTheseSettings(base, []);
    const server = await aServer({ auth: login });
    const found = problemsOf(await remoteOf(server, aBareRepository(base)).listRefs([ref]));
    expect(found).toMatchObject([
      {
        message: expect.stringMatching(/asks for a password, and git has none$/),
        hint: expect.stringContaining('git ls-remote'),
      },
    ]);
  });

  it('that only ~/.netrc has is found by git', async () => {
    onlyTheseSettings(base, []);
    const server = await aServer({ auth: login });
    writeFileSync(join(base, '.netrc'), `machine 127.0.0.1 login ${login.username} password ${login.password}\n`);
    const { remote, state } = withGit(server, aBareRepository(base));
    expect(await remote.listRefs(['HEAD'])).toMatchObject({ ok: true });
    expect(state.asked).toBe(1);
    rmSync(join(base, '.netrc'));
  });

  it('of each repository its own is used where git is configured so', async () => {
    rmSync(join(base, 'helper.log'), { force: true });
    onlyTheseSettings(base, ['[credential]\n\tuseHttpPath = true'], login);
    const server = await aServer({ auth: login });
    const session = new Session();
    const repositories = [aBareRepository(base), aBareRepository(base)];
    for (const repository of repositories) {
      expect(await remoteOf(server, repository, { session }).listRefs(['HEAD'])).toMatchObject({ ok: true });
      expect(log()).toContain(`path=${repository.name}\n`);
    }
    expect(questions()).toEqual(['get', 'store', 'get', 'store']);
  });

  it('by another scheme than Basic is for git', async () => {
    onlyTheseSettings(base, []);
    const server = await aServer();
    const session = new Session();
    server.fault = faults.withStatus(401, { 'WWW-Authenticate': 'Negotiate' }, 1);
    const { remote, state } = withGit(server, aBareRepository(base), { session });
    expect(await remote.listRefs(['HEAD'])).toMatchObject({ ok: true });
    expect(state.asked).toBe(1);
    // So is the rest of that host.
    const another = withGit(server, aBareRepository(base), { session });
    await another.remote.listRefs(['HEAD']);
    expect(another.state.asked).toBe(1);
  });
});

describe('a redirect', () => {
  it('of the first request on the same host is followed, and the push goes where it leads', async () => {
    const server = await aServer();
    const repository = aBareRepository(base);
    server.fault = faults.redirect('/old-name', `/${repository.name}`);
    const remote = remoteOf(server, { name: 'old-name' });
    expect(await remote.listRefs(['HEAD'])).toMatchObject({
      ok: true,
      value: { head: { commit: repository.commits[2] } },
    });
    expect(await create(remote, repository)).toEqual({ status: 'created' });
  });

  it('to https is followed there', async () => {
    onlyTheseSettings(base, [`[http]\n\tsslCAInfo = ${certificates.caFile}`]);
    const [server, secure] = [await aServer(), await aServer({ tls: certificates.tls })];
    const repository = aBareRepository(base);
    server.fault = faults.redirect('/', `${secure.url}/`, 302);
    expect(await create(remoteOf(server, repository), repository)).toEqual({ status: 'created' });
    expect(linesOf(secure)).toEqual([discovery('receive'), 'POST /R/git-receive-pack']);
  });

  it.each<[string, (from: faults.GitServer, to: faults.GitServer) => string]>([
    ['to another port', (_, to) => to.url],
    ['to another name of the same machine', (from) => from.url.replace('127.0.0.1', 'localhost')],
    ['with a user name', (from) => from.url.replace('://', '://x:y@')],
  ])('%s is left to git, and the password stays', async (_, target) => {
    onlyTheseSettings(base, [], login);
    const [server, elsewhere] = [await aServer(), await aServer()];
    const repository = aBareRepository(base);
    const session = new Session();
    server.fault = (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end();
        return true;
      }
      return faults.redirect('/', `${target(server, elsewhere)}/`)(request, response);
    };
    const found = problemsOf(await remoteOf(server, repository, { session }).listRefs(['HEAD']));
    expect(found).toMatchObject([{ message: expect.stringContaining('redirects to another host') }]);
    expect(elsewhere.requests).toEqual([]);
    onlyTheseSettings(base, []);
  });

  it('without an end is left', async () => {
    const server = await aServer();
    server.fault = faults.redirect('/', '/x/');
    const found = problemsOf(await remoteOf(server, { name: 'r.git' }).listRefs(['HEAD']));
    expect(found).toMatchObject([{ message: expect.stringContaining('redirects for ever') }]);
    expect(server.requests.length).toBeLessThan(10);
  });

  it('of a push is not followed', async () => {
    const [server, elsewhere] = [await aServer(), await aServer()];
    const repository = aBareRepository(base);
    server.fault = (request, response) =>
      request.method === 'POST' && faults.redirect('/', `${elsewhere.url}/`, 307)(request, response) === true;
    expect(await create(remoteOf(server, repository), repository)).toMatchObject({ status: 'failed' });
    expect([elsewhere.requests, refIn(repository, ref)]).toEqual([[], undefined]);
  });
});

describe('https', () => {
  it('with a certificate that nobody vouches for is refused, by git too', async () => {
    onlyTheseSettings(base, []);
    const server = await aServer({ tls: certificates.tls });
    const repository = aBareRepository(base);
    const { remote, state } = withGit(server, repository);
    expect(problemsOf(await remote.listRefs(['HEAD']))).toMatchObject([
      { message: expect.stringMatching(/certificate/) },
    ]);
    expect(state.asked).toBe(1);
    expect(server.requests).toEqual([]);
  });

  it('with one of a named authority is used; one of another is not', async () => {
    const server = await aServer({ tls: certificates.tls });
    const repository = aBareRepository(base);
    process.env.GIT_SSL_CAINFO = certificates.caFile;
    expect(await remoteOf(server, repository).listRefs(['HEAD'])).toMatchObject({ ok: true });
    process.env.GIT_SSL_CAINFO = faults.makeCertificates(join(base, 'tls2')).caFile;
    expect(await remoteOf(server, repository).listRefs(['HEAD'])).toMatchObject({ ok: false });
    delete process.env.GIT_SSL_CAINFO;
    const named = { ...server, url: server.url.replace('127.0.0.1', '127.0.0.2') };
    onlyTheseSettings(base, [`[http]\n\tsslCAInfo = ${certificates.caFile}`]);
    expect(await remoteOf(named, repository).listRefs(['HEAD'])).toMatchObject({ ok: false });
  });
});

describe("what git's settings ask", () => {
  it('beyond this client goes through git: a header that a server wants', async () => {
    onlyTheseSettings(base, ['[http]\n\textraHeader = "X-Pass: yes"']);
    const server = await aServer();
    server.fault = (request, response) => {
      if (request.headers['x-pass'] === 'yes') return false;
      response.writeHead(400).end();
      return true;
    };
    const repository = aBareRepository(base);
    const { remote, state } = withGit(server, repository);
    expect(await create(remote, repository)).toEqual({ status: 'created' });
    expect(state.asked).toBe(1);
    const found = problemsOf(await remoteOf(server, repository).listRefs(['HEAD']));
    expect(found).toMatchObject([{ message: expect.stringContaining('http.extraheader') }]);
    onlyTheseSettings(base, []);
  });

  it('a URL that git would have to escape or simplify goes through git', async () => {
    const server = await aServer();
    const repository = aBareRepository(base);
    for (const name of [`./${repository.name}`, `x/../${repository.name}`]) {
      const { remote, state } = withGit(server, { name });
      expect(await remote.listRefs(['HEAD'])).toMatchObject({ ok: true });
      expect(state.asked).toBe(1);
    }
  });

  it('the client can be chosen', async () => {
    const server = await aServer();
    const repository = aBareRepository(base);
    const url = remoteUrl(`${server.url}/${repository.name}`);
    await openRemote(url, { client: 'git' }).listRefs([ref]);
    const byGit = linesOf(server).length;
    const agents: (string | undefined)[] = [];
    server.fault = (request) => {
      agents.push(request.headers['user-agent']);
      return false;
    };
    await openRemote(url, { client: 'own' }).listRefs([ref]);
    await openRemote(url).listRefs([ref]);
    await openRemote(url, { client: 'git' }).listRefs([ref]);
    expect(byGit).toBeGreaterThan(0);
    expect(agents.map((each) => each?.split('/')[0])).toEqual(['dmrel', 'dmrel', 'dmrel', 'git', 'git']);
  });
});
