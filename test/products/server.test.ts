import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Access, readBuildManifest, readEupsList } from '../../src/products/index.ts';
import { type Problem, unwrap } from '../../src/support/index.ts';
import {
  type Answer,
  aFileServer,
  aProxy,
  aServerOf,
  cut,
  type FileServer,
  file,
  movedTo,
  never,
  status,
} from '../support/file-server.ts';
import { makeCertificates } from '../support/git-server.ts';
import { aFolder, brief as briefly, problemsOf } from '../support/workspace.ts';

const list = 'EUPS distribution w_2018_18 version list. Version 1.0\n#BUILD=b3595\nafw generic 15.0+1\n';
const manifest = `BUILD=b3595\nafw ${'a'.repeat(40)} 15.0+1\n`;
const path = '/tags/w_2018_18.list';
const quick: Access = { env: {}, limits: { pauseSeconds: 0.01, answerSeconds: 10 } };

const brief = (problems: readonly Problem[]) => briefly(problems).map((each) => each.trim());
let ca: Buffer;
let tls: { key: Buffer; cert: Buffer };
let plain: FileServer;
let secure: FileServer;

beforeAll(async () => {
  const made = makeCertificates(join(aFolder(), 'tls'));
  ca = readFileSync(made.caFile);
  tls = made.tls;
  plain = await aFileServer();
  secure = await aFileServer(tls);
});

const readPlain = (access: Access = quick) => readEupsList('/nowhere', `${plain.url}/tags`, 'w_2018_18', access);
const readSecure = (access: Access = quick) =>
  readEupsList('/nowhere', `${secure.url}/tags`, 'w_2018_18', { ca, ...access });

/** What comes of a server that answers so, and how often it was asked. */
async function answering(answers: Answer[], access: Access = quick) {
  plain.on(path, ...answers);
  const before = plain.asked.length;
  const begun = performance.now();
  const read = await readPlain(access);
  return {
    read,
    problems: problemsOf(read),
    asked: plain.asked.length - before,
    seconds: (performance.now() - begun) / 1000,
  };
}

describe('a list or a manifest on a server', () => {
  it('is read over https, whose certificate authority is trusted', async () => {
    secure.on(path, file(list));
    secure.on('/m/b3595.txt', file(`\ufeff${manifest.replaceAll('\n', '\r\n')}`));
    expect(unwrap(await readSecure())).toEqual({
      tag: 'w_2018_18',
      file: `${secure.url}${path}`,
      build: 'b3595',
      entries: [{ product: 'afw', flavor: 'generic', version: '15.0+1', line: 3 }],
    });
    const read = unwrap(await readBuildManifest('/nowhere', `${secure.url}/m/`, 'b3595', { ...quick, ca }));
    expect(read).toMatchObject({ id: 'b3595', entries: [{ product: 'afw' }] });
    expect(secure.requests.at(-1)!.headers).toMatchObject({ 'accept-encoding': 'identity', 'user-agent': 'dmrel' });
  });

  it('is read over http from this machine', async () => {
    expect(unwrap((await answering([file(list)])).read)).toMatchObject({ build: 'b3595' });
  });

  it('is not read from a server whose certificate nobody vouches for', async () => {
    secure.on(path, file(list));
    const before = secure.asked.length;
    const problems = problemsOf(await readEupsList('/nowhere', `${secure.url}/tags`, 'w_2018_18', quick));
    expect(brief(problems)).toEqual([
      `remote-unreachable ${secure.url}${path} has a certificate that is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE)`,
    ]);
    expect(secure.asked.length).toBe(before);
  });

  it('that is not there is no list; a manifest that is not there is a problem', async () => {
    for (const code of [404, 410]) {
      expect(await answering([status(code)])).toMatchObject({ read: { ok: true, value: undefined }, asked: 1 });
    }
    const problems = problemsOf(await readBuildManifest('/nowhere', plain.url, 'b7', quick));
    expect(brief(problems)).toEqual([`${plain.url}/b7.txt file-not-found ${plain.url}/b7.txt does not exist`]);
  });

  it('is parsed as strictly as one of the workspace, and named by its URL', async () => {
    const { problems } = await answering([file('<!doctype html>\n<p>Welcome</p>\n')]);
    expect(brief(problems)[0]).toBe(
      `${plain.url}${path}:1:1 manifest-syntax does not begin as an EUPS distribution list`,
    );
    const broken = await answering([file(Buffer.from([0x45, 0xff]))]);
    expect(brief(broken.problems)).toEqual([`${plain.url}${path}:1:2 not-utf8 broken UTF-8: byte 0xff`]);
  });
});

describe('a server in trouble', () => {
  it.each([
    ['answers 500', status(500)],
    ['answers 503', status(503)],
    ['cuts the connection', cut],
    [
      'cuts the file',
      (response) => {
        response.writeHead(200, { 'Content-Length': String(list.length) }).write(list.slice(0, -20));
        setTimeout(() => response.socket?.destroy(), 20);
      },
    ],
  ] as [string, Answer][])('that %s once is asked again', async (_what, trouble) => {
    expect(await answering([trouble, file(list)])).toMatchObject({ read: { ok: true }, asked: 2 });
  });

  it('is given up after four attempts, with its own reason', async () => {
    const { problems, asked } = await answering([status(502)]);
    expect(brief(problems)).toEqual([`remote-unreachable ${plain.url}${path} answers 502 Bad Gateway (tried 4 times)`]);
    expect(asked).toBe(4);
    const refused = await readEupsList('/nowhere', 'http://127.0.0.1:1/tags', 'w_2018_18', quick);
    expect(brief(problemsOf(refused))).toEqual([
      'remote-unreachable http://127.0.0.1:1/tags/w_2018_18.list: the connection was refused (tried 4 times)',
    ]);
  });

  it('that asks to wait is given the time', async () => {
    const { read, asked, seconds } = await answering([status(429, { 'Retry-After': '1' }), file(list)]);
    expect([read.ok, asked]).toEqual([true, 2]);
    expect(seconds).toBeGreaterThan(0.95);
    const past = { 'Retry-After': 'Mon, 07 May 2018 12:00:00 GMT' };
    expect(await answering([status(503, past), file(list)])).toMatchObject({ read: { ok: true }, asked: 2 });
  });

  it('that asks for more time than anybody waits is not waited for', async () => {
    for (const after of ['3600', new Date(Date.now() + 3_600_000).toUTCString()]) {
      const { problems, asked, seconds } = await answering([status(429, { 'Retry-After': after }), file(list)]);
      expect(problems).toMatchObject([{ code: 'remote-unreachable', hint: expect.stringMatching(/in 3(600|59\d) s/) }]);
      expect(asked).toBe(1);
      expect(seconds).toBeLessThan(5);
    }
  });

  it.each([400, 401, 403, 418])('that answers %i is not asked again', async (code) => {
    expect(await answering([status(code), file(list)])).toMatchObject({
      problems: [{ code: 'remote-unreachable', message: expect.stringContaining(`answers ${code}`) }],
      asked: 1,
    });
  });

  const limited: Access = { env: {}, limits: { pauseSeconds: 0.01, attempts: 2, answerSeconds: 0.3 } };
  it.each([
    ['never answers', never],
    [
      'sends a byte from time to time',
      (response) => {
        response.writeHead(200, { 'Content-Length': '1000000' });
        const timer = setInterval(() => response.write('#'), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ] as [string, Answer][])('that %s is left after its time', async (_what, answer) => {
    const { problems, asked, seconds } = await answering([answer], limited);
    expect(brief(problems)).toEqual([
      `remote-unreachable ${plain.url}${path} gave no whole answer within 0.3 s (tried 2 times)`,
    ]);
    expect(asked).toBe(2);
    expect(seconds).toBeLessThan(5);
  });

  it('that sends without end is cut off', async () => {
    let closed = false;
    const endless: Answer = (response) => {
      const more = () => {
        while (!closed && response.write('#'.repeat(65_536)));
      };
      response.on('drain', more).on('close', () => {
        closed = true;
      });
      response.writeHead(200);
      more();
    };
    const { problems, asked } = await answering([endless]);
    expect(brief(problems)).toEqual([`file-too-large ${plain.url}${path} has more than 4 MiB`]);
    expect(asked).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closed).toBe(true);
    const announced: Answer = (response) => response.writeHead(200, { 'Content-Length': '5000000' }).flushHeaders();
    expect((await answering([announced])).problems).toMatchObject([{ code: 'file-too-large' }]);
  });

  it.each([
    ['comes without its length, so nobody would see', `HTTP/1.0 200 OK\r\n\r\n${list}`],
    ['comes compressed', `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n..`],
    ['does not speak http', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['does not speak http', `HTTP/1.1 200 OK\r\n${`X-Y: ${'z'.repeat(1000)}\r\n`.repeat(40)}\r\n`],
  ])('that %s is not believed', async (message, bytes) => {
    const port = await aServerOf(bytes);
    const problems = problemsOf(await readEupsList('/nowhere', `http://127.0.0.1:${port}`, 'w_2018_18', quick));
    expect(problems).toMatchObject([{ code: 'remote-unreachable', message: expect.stringContaining(message) }]);
  });

  it('is left at once when the user interrupts, also in a pause', async () => {
    for (const answer of [never, status(500)]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 100);
      const access: Access = { env: {}, signal: controller.signal, limits: { pauseSeconds: 30 } };
      const { problems, seconds } = await answering([answer], access);
      expect(problems).toMatchObject([{ code: 'interrupted' }]);
      expect(seconds).toBeLessThan(5);
    }
  });

  it('shows nothing at the terminal that is not to be seen', async () => {
    const port = await aServerOf('HTTP/1.1 403 \x9b31mNo\u202e\r\nContent-Length: 0\r\n\r\n');
    const [found] = problemsOf(await readEupsList('/nowhere', `http://127.0.0.1:${port}`, 'w_2018_18', quick));
    expect(found!.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe('a server that redirects', () => {
  it('is followed to another path of the same host, three times', async () => {
    plain.on('/1', movedTo('/2', 307));
    plain.on('/2', movedTo('3', 301));
    plain.on('/3', file(list));
    expect(await answering([movedTo(`${plain.url}/1`)])).toMatchObject({ read: { ok: true }, asked: 4 });
    plain.on('/3', movedTo('/4'));
    plain.on('/4', file(list));
    const { problems, asked } = await answering([movedTo('/1')]);
    expect(problems).toMatchObject([
      { code: 'remote-unreachable', message: expect.stringContaining('again and again') },
    ]);
    expect(asked).toBe(4);
  });

  it.each([
    ['another host', 'http://localhost:1/x', 'http://localhost:1/x'],
    ['this host by another protocol', 'https://127.0.0.1:1/x', 'https://127.0.0.1:1/x'],
    ['a file', 'file:///etc/passwd', 'file:///etc/passwd'],
    ['what is no URL', 'http://[', 'what is no URL'],
    ['a place with a secret', 'https://u:hunter2@host/x?signature=hunter2#hunter2', 'https://host/x'],
  ])('is not followed to %s', async (_what, location, told) => {
    const { problems, asked } = await answering([movedTo(location), file(list)]);
    expect(brief(problems)).toEqual([`remote-unreachable ${plain.url}${path} redirects to ${told}`]);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
    expect(asked).toBe(1);
  });

  it('is not followed from https to http, nor with a password', async () => {
    const before = plain.asked.length;
    for (const location of [`${plain.url}${path}`, secure.url.replace('//', '//u:hunter2@')]) {
      secure.on(path, movedTo(location));
      const problems = problemsOf(await readSecure());
      expect(problems).toMatchObject([
        { code: 'remote-unreachable', message: expect.stringContaining('redirects to') },
      ]);
      expect(JSON.stringify(problems)).not.toContain('hunter2');
    }
    expect(plain.asked.length).toBe(before);
  });
});

describe('a proxy', () => {
  const through = (text: string, more: NodeJS.ProcessEnv = {}): Access => ({
    ...quick,
    ca,
    env: { https_proxy: text, ...more },
  });
  const readAt = (host: string, access: Access) =>
    readEupsList('/nowhere', `https://${host}:${secure.port}/tags`, 'w_2018_18', access);

  it('that the environment names is asked for a tunnel, in which the server is still held to its certificate', async () => {
    secure.on(path, file(list));
    const proxy = await aProxy(secure.port);
    expect(await readAt('localhost', through(`http://user:hunt%20er2@127.0.0.1:${proxy.port}`))).toMatchObject({
      ok: true,
      value: { build: 'b3595' },
    });
    expect(await readAt('127.0.0.1', through('', { ALL_PROXY: `127.0.0.1:${proxy.port}/` }))).toMatchObject({
      ok: true,
    });
    expect([proxy.tunnels, proxy.authorizations]).toEqual([
      [`localhost:${secure.port}`, `127.0.0.1:${secure.port}`],
      [`Basic ${Buffer.from('user:hunt er2').toString('base64')}`, undefined],
    ]);
    const problems = problemsOf(await readAt('eups.example.org', through(`http://127.0.0.1:${proxy.port}`)));
    expect(problems).toMatchObject([
      { code: 'remote-unreachable', message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') },
    ]);
  });

  it('is left aside where no_proxy names the host, and for http to this machine', async () => {
    secure.on(path, file(list));
    for (const without of ['*', 'localhost', 'example.org, LOCALHOST', '.localhost'])
      expect(await readAt('localhost', through('http://127.0.0.1:1', { no_proxy: without }))).toMatchObject({
        ok: true,
      });
    for (const without of ['', 'host', 'local', 'xlocalhost', 'a.localhost'])
      expect(await readAt('localhost', through('http://127.0.0.1:1', { no_proxy: without }))).toMatchObject({
        ok: false,
      });
    plain.on(path, file(list));
    expect(await readPlain(through('http://127.0.0.1:1', { http_proxy: 'http://127.0.0.1:1' }))).toMatchObject({
      ok: true,
    });
  });

  it('that refuses, or is of a kind that dmrel does not speak to, is told without its password', async () => {
    const refusing = await aProxy(secure.port, 407);
    const told: [string, string][] = [
      [`http://u:hunter2@127.0.0.1:${refusing.port}`, 'the proxy answers 407'],
      ['socks5://u:hunter2@127.0.0.1:1', "names a proxy of the kind 'socks5'"],
      ['https://u:hunter2@127.0.0.1:1', "names a proxy of the kind 'https'"],
      ['http://u:hunter2@:1', 'names no proxy'],
      ['http://u:hunter2@127.0.0.1:99999', 'names no proxy'],
      ['http://u:hunter2@127.0.0.1:1', `through the proxy 127.0.0.1:1: the connection was refused`],
    ];
    for (const [proxy, message] of told) {
      const problems: Problem[] = problemsOf(await readAt('localhost', through(proxy)));
      expect(problems).toMatchObject([{ code: 'remote-unreachable', message: expect.stringContaining(message) }]);
      expect(JSON.stringify(problems)).not.toContain('hunter2');
    }
    expect(refusing.tunnels).toHaveLength(1);
  });
});

describe('where manifests and lists are', () => {
  it.each([
    ['https://u:hunter2@host/m', 'carries credentials'],
    ['https://hunter2@host/m', 'carries credentials'],
    ['https://host/m?token=hunter2', 'has a query or a fragment'],
    ['https://host/m#hunter2', 'has a query or a fragment'],
    ['http://host/m', 'is reached by http'],
    ['http://localhost.example.org/m', 'is reached by http'],
    ['http://127.0.0.1.example.org/m', 'is reached by http'],
    ['ftp://host/m', 'is no https:// URL'],
    ['file:///etc', 'is no https:// URL'],
    ['https://', 'is no URL'],
    ['https://ho st/m', 'has white space'],
    ['https://host\\@evil/m', 'has white space or characters'],
    ['https://host/\u202em', 'has white space'],
  ])('cannot be %s', async (source, message) => {
    for (const problems of [
      problemsOf(await readEupsList('/nowhere', source, 'w_2018_18', quick)),
      problemsOf(await readBuildManifest('/nowhere', source, 'b1', quick)),
    ]) {
      expect(problems).toMatchObject([
        { code: 'unsafe-url', message: expect.stringContaining(message), at: { file: 'dmrel.yaml' } },
      ]);
      expect(JSON.stringify(problems)).not.toContain('hunter2');
    }
  });

  it('is inside the workspace where it is a directory', async () => {
    for (const source of ['..', '../m', '/etc', 'a/../../b'])
      expect(problemsOf(await readEupsList(aFolder(), source, 'w_2018_18'))).toMatchObject([{ code: 'unsafe-path' }]);
  });

  it('is asked only for names that keep their grammar, whatever it is asked', async () => {
    const before = plain.asked.length;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 20 }),
          fc.constantFrom('../b1', 'b1/..', 'b1?x', 'b1%2f', '..'),
        ),
        async (name) => {
          await readEupsList('/nowhere', `${plain.url}/property`, name, quick);
          await readBuildManifest('/nowhere', `${plain.url}/property`, name, quick);
        },
      ),
      { numRuns: 300 },
    );
    await readEupsList('/nowhere', `${plain.url}/property`, 'w_latest', quick);
    const asked = plain.asked.slice(before);
    expect(asked).toContain('/property/w_latest.list');
    for (const each of asked) expect(each).toMatch(/^\/property\/(?:[a-z_][a-z0-9_]*\.list|b[1-9][0-9]*\.txt)$/);
  });
});
