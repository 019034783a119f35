import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { formsOf } from '../../src/registry/credentials/credential.ts';
import { mediaTypes, openRemoteRegistry, type RemoteOptions, type RemoteRegistry } from '../../src/registry/index.ts';
import { parseChallenges, scopesOf } from '../../src/registry/remote/challenge.ts';
import { isLinkLocal, isLoopback } from '../../src/registry/remote/hosts.ts';
import { follow } from '../../src/registry/remote/redirect.ts';
import { realmOf } from '../../src/registry/remote/token.ts';
import { type Digest, digestOf, Failure } from '../../src/support/index.ts';
import { listening } from '../support/file-server.ts';
import { login } from '../support/registry-server.ts';
import { startWork } from '../support/work.ts';
import { once } from './images.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;
const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, layers: [] }));
const digest = digestOf(content);

interface Seen {
  line: string;
  authorization: string | undefined;
}

/** A server of node that does as it is told. */
async function aServer(listener: Listener): Promise<{ host: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const port = await listening(
    createServer((request, response) => {
      seen.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization });
      request.on('error', () => {});
      request.resume();
      listener(request, response);
    }),
  );
  return { host: `127.0.0.1:${port}`, seen };
}

/** Asks for a password, and then does as it is told. */
const guarded =
  (listener: Listener): Listener =>
  (request, response) => {
    if (request.headers.authorization === basic) return listener(request, response);
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
  };

/** Writes without an end, as long as somebody reads. */
function forever(response: ServerResponse, chunk: string | Buffer): void {
  const more = () => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

function open(host: string, options: RemoteOptions = {}): RemoteRegistry {
  const limits = { pauseSeconds: 0.001, idleSeconds: 0.5, ...options.limits };
  return openRemoteRegistry(host, { plainHttp: true, env: {}, login, ...options, limits });
}

/** What was said; nothing of it is a secret. */
async function said(work: Promise<unknown>): Promise<string> {
  const outcome: any = await work.catch((error) => error);
  const problems = outcome instanceof Failure ? outcome.problems : outcome?.problems;
  if (!problems) throw new Error(`went well, or failed otherwise: ${outcome?.stack ?? JSON.stringify(outcome)}`);
  const text = JSON.stringify([problems, outcome, String(outcome?.stack)]);
  for (const secret of [login.password, basic.slice(6), 'secret-token']) expect(text).not.toContain(secret);
  const [{ code, message }] = problems as [{ code: string; message: string }];
  return `${code}: ${message}`;
}

async function contentOf(registry: RemoteRegistry, of: Digest): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of registry.readBlob('a', of)) parts.push(chunk);
  return Buffer.concat(parts);
}

describe('a registry that means harm', () => {
  let begun = 0;
  let worked = startWork();
  beforeEach(() => {
    begun = performance.now();
    worked = startWork();
  });
  /** Of what waits for nobody. */
  const soon = () => expect(worked()).toBeLessThan(5);
  const within = (seconds: number) => expect(performance.now() - begun).toBeLessThan(seconds * 1000);

  it('sends nobody else what it may see', async () => {
    const other = await aServer((_request, response) => response.end(content));
    const server = await aServer(
      guarded((_request, response) => response.writeHead(307, { Location: `http://${other.host}/there` }).end()),
    );
    const registry = open(server.host);
    expect(await contentOf(registry, digest)).toEqual(content);
    expect(await registry.readManifest('a', digest)).toMatchObject({ ok: true });
    expect(other.seen).toEqual([
      { line: 'GET /there', authorization: undefined },
      { line: 'GET /there', authorization: undefined },
    ]);
  });

  it('may send us on to itself, a few times', async () => {
    const server = await aServer(
      guarded((request, response) => {
        const [, number = '0'] = /\?n=(\d)/.exec(request.url!) ?? [];
        if (number === '3') return void response.end(content);
        response.writeHead(302, { Location: `?n=${Number(number) + 1}` }).end();
      }),
    );
    expect(await contentOf(open(server.host), digest)).toEqual(content);
    const round = await aServer(guarded((_request, response) => response.writeHead(302, { Location: '' }).end()));
    expect(await said(contentOf(open(round.host), digest))).toMatch(/^registry-io: .* redirects again and again/);
    expect(round.seen.length).toBe(5);
    soon();
  });

  it.each([
    ['ftp://127.0.0.1/', 'leads to ftp://127.0.0.1'],
    ['file:///etc/passwd', 'leads to file://'],
    ['http://user:pass@127.0.0.1/', 'a URL with a password'],
    ['http://169.254.169.254/latest/meta-data', '169.254.169.254, where no registry is'],
    ['http://[::ffff:a9fe:a9fe]/', 'where no registry is'],
    ['http://[fe80::1]/', 'where no registry is'],
    ['http://[', 'what is no URL'],
  ])('cannot send us to %s', async (Location, expected) => {
    const server = await aServer(guarded((_request, response) => response.writeHead(307, { Location }).end()));
    expect(await said(contentOf(open(server.host), digest))).toContain(expected);
    const upload = await aServer(guarded((_request, response) => response.writeHead(202, { Location }).end()));
    expect(await said(open(upload.host).writeBlob('a', once('x')))).toContain(expected);
  });

  it('cannot send us to where there is no TLS', () => {
    const from = new URL('https://registry.example.org/v2/');
    const refused = (location: string, at = from, plain = false) =>
      expect(() => follow(location, at, 'registry.example.org', plain)).toThrow(/TLS/);
    refused('http://registry.example.org/v2/x');
    refused('http://127.0.0.1/x');
    refused('http://other.example.org/x', from, true);
    refused('http://other.example.org/x', new URL('http://127.0.0.1:5000/v2/'));
    expect(follow('/v2/x?a=b%2Fc', from, 'x', false).href).toBe('https://registry.example.org/v2/x?a=b%2Fc');
    expect(follow('https://cdn.example.org/x', from, 'x', false).host).toBe('cdn.example.org');
    expect(() => follow(undefined, from, 'x', false)).toThrow('Location is missing');
  });

  it('takes uploads at another place without our password, and keeps its query to the letter', async () => {
    const other = await aServer((_request, response) => response.writeHead(201).end());
    const server = await aServer(
      guarded((_request, response) => response.writeHead(202, { Location: `http://${other.host}/up?s=%2F+a&b` }).end()),
    );
    expect(await open(server.host).writeBlob('a', () => once(content), digest, content.length)).toMatchObject({
      ok: true,
    });
    expect(other.seen).toEqual([
      { line: `PUT /up?s=%2F+a&b&digest=sha256%3A${digest.slice(7)}`, authorization: undefined },
    ]);
  });

  it.each([
    ['http://tokens.example.org/', 'without TLS'],
    ['http://user:pass@127.0.0.1/token', 'a URL with a password'],
    ['https://169.254.169.254/token', 'an address of the link itself'],
    ['https://[::ffff:169.254.169.254]/token', 'an address of the link itself'],
    ['nothing', 'what is no URL'],
    ['file:///etc/passwd', 'without TLS'],
  ])('gets no password sent to %s', async (realm, expected) => {
    const server = await aServer((_request, response) =>
      response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="${realm}",service="x"` }).end(),
    );
    expect(await said(open(server.host).resolve('a', 'b'))).toContain(expected);
    expect(server.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    expect(() => realmOf('http://registry.example.org/token', new URL('https://registry.example.org'))).toThrow('TLS');
    expect(realmOf('https://auth.example.org/token#x', new URL('https://registry.example.org')).href).toBe(
      'https://auth.example.org/token',
    );
  });

  it('has what it says of itself shown without secrets and without what moves a terminal', async () => {
    const server = await aServer(
      guarded((_request, response) => {
        const message = `\u001b[31mgot ${login.password} and ${basic}`;
        response.writeHead(400).end(JSON.stringify({ errors: [{ code: 'DENIED', message }] }));
      }),
    );
    const text = await said(open(server.host).readManifest('a', digest));
    expect(text).toContain('\\x1b[31mgot *** and Basic ***');
  });

  it('has no form of a secret shown, as URLs and forms write it either', async () => {
    const both = `${login.username}:${login.password}`;
    const small = encodeURIComponent(both).replace(/%../g, (octet) => octet.toLowerCase());
    const forms = [encodeURIComponent(both), small, `${new URLSearchParams({ p: both, b: basic.slice(6) })}`];
    const server = await aServer(
      guarded((_request, response) =>
        response.writeHead(400).end(JSON.stringify({ errors: [{ code: 'DENIED', message: forms.join(' ') }] })),
      ),
    );
    const text = await said(open(server.host).readManifest('a', digest));
    expect(text).toContain(`${login.username}%3A*** ${login.username}%3a*** p=${login.username}%3A***&b=${'***'}`);
    expect(formsOf('half \ud800')).toContain('half+%EF%BF%BD');
  });

  it('cannot fill the memory with a manifest, an error, a list of tags or of referrers', async () => {
    const server = await aServer((request, response) => {
      const { url = '' } = request;
      if (url.includes('refused')) response.writeHead(418);
      else
        response.writeHead(200, { 'Content-Type': url.includes('referrers') ? mediaTypes.index : 'application/json' });
      forever(response, Buffer.alloc(65_536, ' '));
    });
    const registry = open(server.host);
    const before = process.memoryUsage().rss;
    expect(await said(registry.readManifest('a', digest))).toMatch(/sends more than 4194304 bytes/);
    expect(await said(registry.listTags('a'))).toMatch(/sends more than 4194304 bytes/);
    expect(await said(registry.listReferrers('a', digest))).toMatch(/sends more than 4194304 bytes/);
    expect(await said(registry.readManifest('refused', digest))).toMatch(/HTTP 418/);
    expect(await said(contentOf(open(server.host, { limits: { blobBytes: 2 ** 24 } }), digest))).toMatch(/is endless/);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
    soon();
  });

  it('cannot keep us with lists that do not end', async () => {
    let number = 0;
    const links: [string, () => string][] = [
      ['the same page again', () => '</v2/a/tags/list?last=x>; rel="next"'],
      ['always another', () => `</v2/a/tags/list?last=${number++}>; rel="next"`],
    ];
    for (const [, link] of links) {
      const server = await aServer((_request, response) =>
        response.writeHead(200, { Link: link() }).end('{"tags":["a"]}'),
      );
      expect(await said(open(server.host).listTags('a'))).toMatch(/registry-io: .* does not come to an end/);
      expect(server.seen.length).toBeLessThanOrEqual(1000);
    }
    for (const link of [
      '<http://127.0.0.1:1/v2/a/tags/list>',
      '</v2/b/tags/list>',
      '<//x/v2/a/tags/list>',
      '<http://[>',
    ]) {
      const server = await aServer((_request, response) =>
        response.writeHead(200, { Link: `${link}; rel="next"` }).end('{"tags":["a"]}'),
      );
      expect(await said(open(server.host).listTags('a'))).toMatch(/a list goes on somewhere else/);
    }
    soon();
  });

  it('gives no names that are none', async () => {
    const names = ['../../x', 'a b', 'ok', '', 'x'.repeat(200), 'a\r\nb', 'ok'];
    const server = await aServer((request, response) => {
      if (request.url!.includes('tags/list')) return void response.end(JSON.stringify({ tags: [...names, 7, null] }));
      response.writeHead(200, { 'Docker-Content-Digest': digest }).end();
    });
    expect(await open(server.host).listTags('a')).toEqual([{ tag: 'ok', digest }]);
    const strange = { mediaType: 'a/b', digest: 'sha256:../..', size: 1 };
    const good = { mediaType: 'a/b', digest, size: 1, annotations: { a: 'b', c: 1 } };
    const referring = await aServer((_request, response) => {
      const manifests = [strange, null, 1, { ...good, size: -1.5 }, good, good];
      response.writeHead(200, { 'Content-Type': mediaTypes.index }).end(JSON.stringify({ manifests }));
    });
    expect(await open(referring.host).listReferrers('a', digest)).toEqual({
      ok: true,
      value: [{ ...good, annotations: { a: 'b' } }],
    });
  });

  it('cannot pass off one content for another', async () => {
    const lies = await aServer((_request, response) =>
      response.writeHead(200, { 'Docker-Content-Digest': digest }).end('something else'),
    );
    const registry = open(lies.host);
    expect(await said(registry.readManifest('a', digest))).toMatch(/^digest-mismatch/);
    expect(await said(contentOf(registry, digest))).toMatch(/^digest-mismatch/);
    const another = await aServer((_request, response) =>
      response.writeHead(201, { 'Docker-Content-Digest': digestOf('x'), Location: '/up' }).end(),
    );
    const writing = open(another.host);
    expect(await said(writing.writeManifest('a', { mediaType: mediaTypes.manifest, bytes: content }))).toMatch(
      /^digest-mis/,
    );
    expect(await writing.hasManifest('a', digest).catch(String)).toContain('HTTP 201');
    const nonsense = await aServer((_request, response) =>
      response.writeHead(200, { 'Docker-Content-Digest': 'md5:x' }).end(content),
    );
    expect(await said(open(nonsense.host).resolve('a', 'b'))).toMatch(/is no sha256 digest/);
    // Who says nothing is asked for the content itself.
    const silent = await aServer((_request, response) => response.end(content));
    expect(await open(silent.host).resolve('a', 'b')).toBe(digest);
  });

  it.each([
    ['a page', 'text/html; charset=utf-8', '<html>please log in</html>'],
    ['words of its own', 'application/json', '{"error":"please log in"}'],
    ['a list', 'application/json', '[]'],
    ['what has no type', undefined, ''],
  ])('has no image where it answers everything with %s', async (_what, type, body) => {
    const headers = type === undefined ? {} : { 'Content-Type': type };
    const server = await aServer((_request, response) => response.writeHead(200, headers).end(body));
    const registry = open(server.host);
    const none = (what: string) => `registry-io: ${server.host}/a${what}: what is there is no manifest`;
    expect(await said(registry.resolve('a', 'b'))).toBe(none(':b'));
    expect(await said(registry.readTagged!('a', 'b'))).toBe(none(':b'));
    expect(await said(registry.hasManifest('a', digest))).toBe(none(`@${digest}`));
    expect(await said(registry.readManifest('a', digest))).toContain(none(`@${digest}`));
  });

  it('is asked for the content where a page has the digest of a manifest', async () => {
    for (const [body, known] of [
      [content, true],
      [Buffer.from('<html>'), false],
    ] as const) {
      const headers = { 'Content-Type': 'text/html', 'Docker-Content-Digest': digestOf(body) };
      const server = await aServer((_request, response) => response.writeHead(200, headers).end(body));
      const registry = open(server.host);
      const named = [registry.resolve('a', 'b'), registry.hasManifest('a', digestOf(body))];
      if (known) expect(await Promise.all(named)).toEqual([digest, true]);
      else for (const each of named) expect(await said(each)).toMatch(/^registry-io: .* is no manifest/);
    }
  });

  it.each([405, 501])('may know no HEAD, and say so with %i', async (status) => {
    const there = new Map([
      [`/v2/a/manifests/${digest}`, content],
      ['/v2/a/manifests/b', content],
      [`/v2/a/blobs/${digest}`, content],
    ]);
    const server = await aServer((request, response) => {
      const found = there.get(request.url!);
      if (request.method === 'HEAD') response.writeHead(status).end();
      else if (found) response.writeHead(200, { 'Content-Length': found.length }).end(found);
      else response.writeHead(404).end();
    });
    const registry = open(server.host);
    expect(await registry.resolve('a', 'b')).toBe(digest);
    expect(await registry.hasManifest('a', digest)).toBe(true);
    expect(await registry.hasManifest('a', digestOf('x'))).toBe(false);
    expect(await registry.hasBlob('a', digest)).toBe(true);
    expect(await registry.hasBlob('a', digest, content.length)).toBe(true);
    expect(await registry.hasBlob('a', digest, content.length + 1)).toBe(false);
    expect(await registry.hasBlob('a', digestOf('x'))).toBe(false);
    // Another manifest in the place of the one that was asked for is not that one.
    there.set(`/v2/a/manifests/${digestOf('y')}`, content);
    expect(await registry.hasManifest('a', digestOf('y'))).toBe(false);
  });

  it('is asked for a blob that is there without HEAD, and not read to its end', async () => {
    const server = await aServer((request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(405).end();
      response.writeHead(200);
      forever(response, Buffer.alloc(65_536));
    });
    const registry = open(server.host, { concurrency: 1 });
    for (let times = 0; times < 5; times++) expect(await registry.hasBlob('a', digest)).toBe(true);
    soon();
  });

  it('cannot hand out another part of a blob than was asked for', async () => {
    const large = Buffer.alloc(6 * 2 ** 20, 'large');
    const server = await aServer((request, response) => {
      const { range } = request.headers;
      if (range !== undefined) {
        const head = { 'Content-Range': `bytes 5-${large.length - 1}/${large.length}` };
        return void response.writeHead(206, head).end(large.subarray(5));
      }
      response.writeHead(200, { 'Content-Length': large.length });
      response.write(large.subarray(0, 5_000_000), () => setTimeout(() => response.destroy(), 20));
    });
    const registry = open(server.host, { concurrency: 2 });
    // What is thrown away makes room for others.
    for (let round = 0; round < 3; round++)
      expect(await said(contentOf(registry, digestOf(large)))).toMatch(/comes from another place/);
  });

  it('may know no ranges', async () => {
    const large = Buffer.alloc(6 * 2 ** 20, 'large');
    let first = true;
    const server = await aServer((_request, response) => {
      response.writeHead(200, { 'Content-Length': large.length });
      if (!first) return void response.end(large);
      first = false;
      response.write(large.subarray(0, 5_000_000), () => setTimeout(() => response.destroy(), 20));
    });
    expect(digestOf(await contentOf(open(server.host), digestOf(large)))).toBe(digestOf(large));
  });

  it('cannot keep us with headers, silence or nonsense', async () => {
    const cases: [string, string][] = [
      [`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(100_000)}`, 'endless headers'],
      [`HTTP/1.1 200 ${'x'.repeat(100_000)}\r\n\r\n`, '127.0.0.1'],
      ['220 smtp ready\r\n', 'what it says is no HTTP'],
      ['HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n', 'no HTTP'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '127.0.0.1'],
      ['', 'in time'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nx', 'in time'],
    ];
    for (const [answer, expected] of cases) {
      const port = await listening(
        createSocketServer((socket) => {
          socket.on('error', () => {});
          socket.once('data', () => void socket.write(answer));
        }),
      );
      const limits = { attempts: 2, idleSeconds: expected === 'in time' ? 0.2 : 5 };
      const registry = open(`127.0.0.1:${port}`, { limits });
      const text = await said(registry.readManifest('a', digest));
      expect(text).toMatch(/^registry-(?:unreachable|io)/);
      expect(text).toContain(expected);
    }
    within(10);
  });

  it('cannot keep us for ever, however it drips', async () => {
    const server = await aServer((_request, response) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    const limits = { answerSeconds: 0.3, transferSeconds: 0.3, attempts: 2 };
    expect(await said(open(server.host, { limits }).readManifest('a', digest))).toMatch(/^registry-unreachable/);
    expect(await said(contentOf(open(server.host, { limits }), digest))).toMatch(/^registry-unreachable/);
    within(10);
  });

  it('is asked no more than so many things at a time, with few connections', async () => {
    let [now, most, connections] = [0, 0, 0];
    const listener: Listener = (_request, response) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        response.writeHead(200, { 'Docker-Content-Digest': digest, 'Content-Length': 5 }).end();
      }, 3);
    };
    const server = createServer(listener).on('connection', () => {
      connections += 1;
    });
    const host = `127.0.0.1:${await listening(server)}`;
    for (const [options, limit] of [
      [{}, 8],
      [{ concurrency: 3 }, 3],
    ] as const) {
      [now, most, connections] = [0, 0, 0];
      const registry = open(host, options);
      await Promise.all(Array.from({ length: 100 }, () => registry.resolve('a', 'b')));
      registry.close();
      expect([most, connections]).toEqual([limit, limit]);
    }
  });

  it('is asked again at once over a connection that it has closed meanwhile', async () => {
    const waits: number[] = [];
    const server = createServer((_request, response) =>
      response.writeHead(200, { 'Docker-Content-Digest': digest, 'Content-Length': 5 }).end(),
    );
    server.keepAliveTimeout = 1;
    const registry = open(`127.0.0.1:${await listening(server)}`, {
      pause: async (seconds) => void waits.push(seconds),
    });
    for (let round = 0; round < 20; round++) {
      expect(await registry.resolve('a', 'b')).toBe(digest);
      await new Promise((resolve) => setTimeout(resolve, round % 4));
    }
    expect(waits).toEqual([]);
  });
});

describe('what a server asks for with 401', () => {
  it('is read as RFC 9110 has it', () => {
    expect(parseChallenges('Bearer realm="https://a/t?x=1,2",service="s \\"q\\"", scope="repository:a:pull"')).toEqual([
      { scheme: 'bearer', parameters: { realm: 'https://a/t?x=1,2', service: 's "q"', scope: 'repository:a:pull' } },
    ]);
    expect(parseChallenges('Basic realm="x", BEARER Realm=y').map(({ scheme }) => scheme)).toEqual(['basic', 'bearer']);
    expect(parseChallenges('Negotiate, Basic realm=x')[1]).toEqual({ scheme: 'basic', parameters: { realm: 'x' } });
    for (const text of ['', '"', '=x', 'realm="x"', '\u0000', ',,,'])
      expect(parseChallenges(text).length).toBeLessThan(2);
    const worked = startWork();
    parseChallenges(`Basic realm="${'\\'.repeat(16_000)}`);
    parseChallenges(`${'a='.repeat(8000)}"`);
    parseChallenges(`Basic ${' ,'.repeat(8000)}`);
    expect(worked()).toBeLessThan(0.2);
  });

  it('gives the scopes of repositories, and not many', () => {
    expect(scopesOf('repository:a/b:pull,push repository:c:delete')).toEqual([
      'repository:a/b:pull,push',
      'repository:c:delete',
    ]);
    expect(scopesOf('registry:catalog:* repository:a:pull\u0000 repository:A:pull')).toEqual([]);
    expect(scopesOf('repository:a:pull '.repeat(100)).length).toBe(4);
  });

  it('knows addresses of this machine and of the link, however they are written', () => {
    for (const host of ['localhost', '127.0.0.1', '127.255.0.9', '[::1]', '[::ffff:7f00:1]'])
      expect(isLoopback(host)).toBe(true);
    for (const host of ['128.0.0.1', 'localhost.example.org', '127.example.org', '[::2]', 'x'])
      expect(isLoopback(host)).toBe(false);
    for (const host of ['169.254.1.2', '[fe80::1]', '[febf::1]', '[::ffff:a9fe:1]', '[fd00:ec2::254]'])
      expect(isLinkLocal(host)).toBe(true);
    for (const host of ['169.253.1.2', '[fec0::1]', 'fe80.example.org', '[::1]']) expect(isLinkLocal(host)).toBe(false);
  });
});
