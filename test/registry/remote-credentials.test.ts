import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { credentialPaths } from '../../src/registry/credentials/files.ts';
import {
  type ImageRegistry,
  openRemoteRegistry,
  type RemoteOptions,
  type RemoteRegistry,
} from '../../src/registry/index.ts';
import { digestOf, Failure, run, unwrap } from '../../src/support/index.ts';
import { counterpart } from '../support/counterparts.ts';
import { makeCertificates } from '../support/git-server.ts';
import {
  identityToken,
  login,
  type RegistryServer,
  selfSigned,
  startRegistry,
  startTokenServer,
  type TokenServer,
} from '../support/registry-server.ts';
import { aDirectory, anImage, once, removeDirectories } from './images.ts';

const when = counterpart('docker-registry') && counterpart('skopeo') ? describe : describe.skip;
const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64');
const denied = { problems: [{ code: 'registry-denied' }] };
const unreachable = { problems: [{ code: 'registry-unreachable' }] };

let base: string;
let certificates: ReturnType<typeof makeCertificates>;
const opened: RemoteRegistry[] = [];
const servers: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'dmrel-credentials-'));
  certificates = makeCertificates(join(base, 'tls'));
});
afterEach(() => {
  for (const registry of opened.splice(0)) registry.close();
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await rm(base, { recursive: true, force: true });
  await removeDirectories();
});

function open(server: RegistryServer, options: RemoteOptions = {}): RemoteRegistry {
  const registry = openRemoteRegistry(server.host, {
    env: {},
    limits: { pauseSeconds: 0.01 },
    certificateDirectories: [],
    ...options,
  });
  opened.push(registry);
  return registry;
}

/** A home directory with files in it; the environment of who lives there. */
async function aHome(files: Record<string, unknown>, more: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> {
  const home = await aDirectory();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(home, name)), { recursive: true });
    await writeFile(join(home, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const env = Object.fromEntries(Object.entries(more).map(([name, value]) => [name, value?.replace('HOME', home)]));
  return { HOME: home, PATH: process.env.PATH, ...env };
}

/** A credential helper that answers with what a script prints. */
async function aHelper(name: string, script: string): Promise<string> {
  const folder = await aDirectory();
  await writeFile(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, `docker-credential-${name}`), 0o755);
  return folder;
}

async function writesAndReads(registry: ImageRegistry): Promise<void> {
  const digest = await anImage(registry, 'dm/stack', [{ a: '1' }]);
  unwrap(await registry.tag('dm/stack', 'w_1', digest));
  expect(await registry.resolve('dm/stack', 'w_1')).toBe(digest);
}

async function problemOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`no failure: ${error}`);
  const { code, message, hint } = error.problems[0]!;
  // Nothing that anybody could use, in whatever form.
  const all = `${JSON.stringify(error)} ${error.stack} ${JSON.stringify(error.problems)}`;
  for (const secret of [login.password, auth, identityToken]) expect(all).not.toContain(secret);
  return `${code}: ${message} = ${hint}`;
}

describe('a program that leaves something behind, with its output open', () => {
  const script = 'sleep 8 & head -c 60000 /dev/zero';

  it('has said all when it exits, for who does not wait for what it leaves', async () => {
    const done = await run('sh', ['-c', script], { leaves: true, timeoutSeconds: 4 });
    expect(done).toMatchObject({ exitCode: 0, stdout: '\0'.repeat(60_000) });
    expect(done.failure).toBeUndefined();
  });

  it('is given no more than its time by anybody', async () => {
    const begun = performance.now();
    expect(await run('sh', ['-c', script], { timeoutSeconds: 0.5 })).toMatchObject({ failure: 'timeout' });
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

when('a registry that wants a name and a password', () => {
  let server: RegistryServer;
  beforeAll(async () => {
    server = await startRegistry({ auth: 'htpasswd' });
    servers.push(server);
  });

  it('gets those of the files of docker and podman, from wherever they stand', async () => {
    const { host } = server;
    const file = { auths: { [host]: { auth } } };
    const homes = [
      await aHome({ '.docker/config.json': file }),
      await aHome({ 'elsewhere/config.json': file }, { DOCKER_CONFIG: 'HOME/elsewhere' }),
      await aHome({ '.config/containers/auth.json': file }),
      await aHome({ 'run/containers/auth.json': file }, { XDG_RUNTIME_DIR: 'HOME/run' }),
      await aHome({ 'my.json': file, '.docker/config.json': '{' }, { REGISTRY_AUTH_FILE: 'HOME/my.json' }),
      await aHome({ '.docker/config.json': { auths: { [`https://${host}/v2/`]: login } } }),
      await aHome({ '.docker/config.json': { auths: { [host]: {} } }, '.config/containers/auth.json': file }),
      await aHome({ '.docker/config.json': { auths: { [host]: { auth: 'bm8=' }, [`${host}/dm`]: { auth } } } }),
    ];
    for (const env of homes) await writesAndReads(open(server, { env }));
    await writesAndReads(open(server, { login }));
  });

  it('looks where podman keeps them without a session, too', () => {
    const env = { HOME: '/home/u', REGISTRY_AUTH_FILE: '/my.json' };
    const [mine, docker, own] = ['/my.json', '/home/u/.docker/config.json', '/home/u/.config/containers/auth.json'];
    expect(credentialPaths(env, 1000)).toEqual([mine, docker, '/run/containers/1000/auth.json', own]);
    expect(credentialPaths({ ...env, XDG_RUNTIME_DIR: '' }, 0)[2]).toBe('/run/containers/0/auth.json');
    expect(credentialPaths({ ...env, XDG_RUNTIME_DIR: '/run/user/1000' }, 1000)).toEqual([
      mine,
      docker,
      '/run/user/1000/containers/auth.json',
      own,
    ]);
  });

  it('gets those that podman has written', async () => {
    const env = await aHome({}, { REGISTRY_AUTH_FILE: 'HOME/auth.json' });
    const args = ['login', '--tls-verify=false', '--username', login.username, '--password', login.password];
    expect(await run('skopeo', [...args, server.host], { env })).toMatchObject({ exitCode: 0 });
    await writesAndReads(open(server, { env }));
  });

  it('gets those of a credential helper, for that host before the store of all hosts', async () => {
    const { host } = server;
    const answer = JSON.stringify({ ServerURL: host, Username: login.username, Secret: login.password });
    const helper = await aHelper('here', `read -r asked; test "$1 $asked" = 'get ${host}' && echo '${answer}'`);
    const path = { PATH: `${helper}${delimiter}${process.env.PATH}` };
    const wrong = { auths: { [host]: { auth: Buffer.from('a:b').toString('base64') } } };
    for (const settings of [
      { ...wrong, credHelpers: { [host]: 'here' }, credsStore: 'none' },
      { ...wrong, credsStore: 'here' },
    ]) {
      await writesAndReads(open(server, { env: await aHome({ '.docker/config.json': settings }, path) }));
    }
  });

  it('says which helper did not answer, and asks no other program', async () => {
    const path = {
      PATH: [
        await aHelper('none', 'echo credentials not found in native keychain; exit 1'),
        await aHelper('broken', `echo 'sec:ret word' ; echo 'sec:ret word' >&2; exit 3`),
        await aHelper('babbling', `echo 'sec:ret word'`),
        await aHelper('nameless', `echo '{"Secret":"sec:ret word"}'`),
        process.env.PATH,
      ].join(delimiter),
    };
    const cases: [string, RegExp][] = [
      ['none', /none are kept for it: dm\/stack: HTTP 401[^()]*= try: docker login/],
      ['broken', /docker-credential-broken failed \(exit code 3\)/],
      ['babbling', /docker-credential-babbling does not answer as it should/],
      ['nameless', /docker-credential-nameless does not answer as it should/],
      ['missing', /docker-credential-missing is not on PATH/],
      ['../../bin/sh', /a credential helper has another name/],
      ['A', /a credential helper has another name/],
    ];
    for (const [credsStore, expected] of cases) {
      const env = await aHome({ '.docker/config.json': { credsStore } }, path);
      expect(await problemOf(open(server, { env }).resolve('dm/stack', 'w_1'))).toMatch(expected);
    }
  });

  it('takes the answer of a helper that leaves something behind, and waits for none that holds its output open', async () => {
    const { host } = server;
    const answer = JSON.stringify({ ServerURL: host, Username: login.username, Secret: login.password });
    const path = { PATH: `${await aHelper('leaving', `sleep 8 & echo '${answer}'`)}${delimiter}${process.env.PATH}` };
    const env = await aHome({ '.docker/config.json': { credsStore: 'leaving' } }, path);
    const begun = performance.now();
    await writesAndReads(open(server, { env }));
    expect(performance.now() - begun).toBeLessThan(6000);
  });

  it('says where files are of no use, without a word of what is in them', async () => {
    const env = await aHome({
      '.docker/config.json': `{"auths": {"${server.host}": {"auth": "${auth}"`,
      '.config/containers/auth.json': { auths: { [server.host]: { auth: 'sec:ret word' } } },
    });
    const said = await problemOf(open(server, { env }).resolve('dm/stack', 'w_1'));
    expect(said).toMatch(/config\.json is no JSON; .*auth\.json: an 'auth' that is no name and password/);
  });

  it('is not asked again and again with a wrong password', async () => {
    const meter = { requests: 0, sent: 0, received: 0 };
    const registry = open(server, { meter, login: { ...login, password: 'no' } });
    const said = await problemOf(registry.resolve('dm/stack', 'w_1'));
    expect(said).toMatch(/^registry-denied: 127\.0\.0\.1:[0-9]+ does not let in the credentials that are kept for it/);
    expect(meter.requests).toBe(2);
    expect(await registry.writeBlob('dm/stack', once('x'))).toMatchObject(denied);
    expect(await registry.deleteManifest('dm/stack', digestOf('x'))).toMatchObject(denied);
    await expect(registry.mountBlob('dm/stack', digestOf('x'), 'b')).rejects.toMatchObject(denied);
  });
});

when('a registry with a token server', () => {
  let tokens: TokenServer;
  let server: RegistryServer;
  beforeAll(async () => {
    const openssl = (args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
    tokens = await startTokenServer(selfSigned(base, 'ec', openssl));
    server = await startRegistry({ auth: tokens });
    servers.push(tokens, server);
  });
  afterEach(() => {
    Object.assign(tokens, { lifeSeconds: 300, saidSeconds: undefined, spoilt: false, fault: undefined });
    tokens.requests.length = 0;
  });

  it('asks for a token for each kind of access once', async () => {
    const registry = open(server, { login });
    await writesAndReads(registry);
    await Promise.all(Array.from({ length: 20 }, () => registry.resolve('dm/stack', 'w_1')));
    const scopes = tokens.requests.map((request) => request.scopes.join(' '));
    expect(scopes.sort()).toEqual(['repository:dm/stack:pull', 'repository:dm/stack:pull,push']);
    const [first] = tokens.requests;
    expect(first).toMatchObject({ method: 'GET', service: 'test service', authorization: `Basic ${auth}` });
  });

  it('asks for both repositories of a mount, and for the right to delete', async () => {
    const registry = open(server, { login });
    const { digest } = unwrap(await registry.writeBlob('dm/from', once('mounted')));
    tokens.requests.length = 0;
    expect(await registry.mountBlob('dm/to', digest, 'dm/from')).toBe(true);
    expect(tokens.requests.map((request) => request.scopes)).toEqual([
      ['repository:dm/from:pull', 'repository:dm/to:pull,push'],
    ]);
    const image = await anImage(registry, 'dm/to', [{ a: '1' }]);
    unwrap(await registry.deleteManifest('dm/to', image));
    expect(await registry.hasManifest('dm/to', image)).toBe(false);
  });

  it('makes tokens of an identity token', async () => {
    const files = { auths: { [server.host]: { auth: '', identitytoken: identityToken } } };
    await writesAndReads(open(server, { env: await aHome({ '.docker/config.json': files }) }));
    const [first] = tokens.requests;
    expect(first).toMatchObject({ method: 'POST', authorization: undefined });
    expect(first!.form.get('grant_type')).toBe('refresh_token');
    const helper = await aHelper('id', `echo '{"Username":"<token>","Secret":"${identityToken}"}'`);
    const path = { PATH: `${helper}${delimiter}${process.env.PATH}` };
    await writesAndReads(open(server, { env: await aHome({ '.docker/config.json': { credsStore: 'id' } }, path) }));
  });

  it('takes another token when one has ended, in the middle of an upload too', async () => {
    // The registry allows for a minute of difference between clocks.
    Object.assign(tokens, { lifeSeconds: -59, saidSeconds: 300 });
    const registry = open(server, { login });
    const image = await anImage(registry, 'dm/stack', [{ a: '1' }]);
    tokens.lifeSeconds = 300;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    tokens.requests.length = 0;
    unwrap(await registry.tag('dm/stack', 'ended', image));
    expect(await registry.resolve('dm/stack', 'ended')).toBe(image);
    expect(tokens.requests.length).toBe(2);
  });

  it('asks again before a token ends', async () => {
    Object.assign(tokens, { saidSeconds: 1.5 });
    const registry = open(server, { login });
    await registry.resolve('dm/stack', 'w_1');
    await registry.resolve('dm/stack', 'w_1');
    expect(tokens.requests.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await registry.resolve('dm/stack', 'w_1');
    expect(tokens.requests.length).toBe(2);
  });

  it('tells when tokens do not help', async () => {
    tokens.spoilt = true;
    const said = await problemOf(open(server, { login }).resolve('dm/stack', 'w_1'));
    expect(said).toMatch(/^registry-denied: .*does not let in the credentials that are kept for it/);
    expect(tokens.requests.length).toBe(1);
    tokens.spoilt = false;
    expect(await problemOf(open(server).resolve('dm/stack', 'w_1'))).toMatch(/anybody without credentials/);
    const wrong = open(server, { login: { ...login, password: 'no' } });
    expect(await problemOf(wrong.resolve('dm/stack', 'w_1'))).toMatch(
      /its token server at .* gives no token: HTTP 401/,
    );
  });

  it('asks a token server again that cannot now, follows it nowhere, and takes no nonsense from it', async () => {
    let left = 2;
    tokens.fault = (_request, response) => left-- > 0 && !!response.writeHead(503).end();
    await writesAndReads(open(server, { login }));
    const faults: [string, TokenServer['fault']][] = [
      ['HTTP 302', (_, response) => !!response.writeHead(302, { Location: `${tokens.url}2` }).end()],
      ['gives no token', (_, response) => !!response.end('{"token":"a\\r\\nX: y"}')],
      ['gives no token', (_, response) => !!response.end('{"token":""}')],
      ['gives no token', (_, response) => !!response.end('<html>')],
      ['sends more than', (_, response) => !!response.end(`{"token":"${'x'.repeat(300_000)}"}`)],
    ];
    for (const [expected, fault] of faults) {
      tokens.fault = fault;
      tokens.requests.length = 0;
      expect(await problemOf(open(server, { login }).resolve('dm/stack', 'w_1'))).toMatch(expected);
      expect(tokens.requests.length).toBe(1);
    }
  });

  it('takes tokens of RSA as well, from a server with TLS', async () => {
    const openssl = (args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
    const signer = selfSigned(base, 'rsa', openssl);
    const secure = await startTokenServer(signer, { tls: true });
    const behind = await startRegistry({ auth: secure });
    servers.push(secure, behind);
    await writesAndReads(open(behind, { login, ca: signer.cert }));
    expect(await problemOf(open(behind, { login }).resolve('dm/stack', 'w_1'))).toMatch(
      /a certificate that nobody here/,
    );
  });
});

when('a registry with TLS by a private authority', () => {
  let server: RegistryServer;
  beforeAll(async () => {
    server = await startRegistry({ tls: certificates.tls, auth: 'htpasswd' });
    servers.push(server);
  });

  it('is trusted when its authority is named, as an option, in certs.d or to node', async () => {
    const ca = execFileSync('cat', [certificates.caFile]);
    await writesAndReads(open(server, { ca, login }));
    const directory = await aDirectory();
    await mkdir(join(directory, server.host));
    await writeFile(join(directory, server.host, 'ca.crt'), ca);
    await writesAndReads(open(server, { certificateDirectories: [directory], login }));
  });

  it('is not trusted otherwise, whatever node is told, and nothing is sent to it', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      for (const plainHttp of [undefined, false]) {
        const registry = open(server, { login, ...(plainHttp === undefined ? {} : { plainHttp }) });
        const said = await problemOf(registry.resolve('dm/stack', 'w_1'));
        expect(said).toMatch(/^registry-unreachable: .* a certificate that nobody here trusts: .*certs\.d/);
      }
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    expect(await open(server, { login, plainHttp: true }).writeBlob('dm/stack', once('x'))).toMatchObject({
      ok: false,
    });
  });

  it('is shown our certificate, which has a key beside it', async () => {
    const strict = await startRegistry({ tls: certificates.tls, clientCa: certificates.caFile });
    servers.push(strict);
    const ca = execFileSync('cat', [certificates.caFile]);
    await expect(open(strict, { ca }).resolve('dm/stack', 'w_1')).rejects.toMatchObject(unreachable);
    await writesAndReads(open(strict, { ca, ...certificates.tls }));
    const directory = await aDirectory();
    await mkdir(join(directory, strict.host));
    const put = (name: string, content: Buffer) => writeFile(join(directory, strict.host, name), content);
    await put('ca.crt', ca);
    await put('client.cert', certificates.tls.cert);
    const half = open(strict, { certificateDirectories: [directory] });
    expect(await problemOf(half.resolve('dm/stack', 'w_1'))).toMatch(/client\.cert has no key beside it/);
    await put('client.key', certificates.tls.key);
    await writesAndReads(open(strict, { certificateDirectories: [directory] }));
  });
});
