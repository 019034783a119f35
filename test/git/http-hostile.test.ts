import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Session } from '../../src/git/http/host.ts';
import { openOwnRemote } from '../../src/git/http/remote.ts';
import type { CommitId, Remote } from '../../src/git/index.ts';
import { aTag, onlyTheseSettings, remoteUrl } from '../support/remotes.ts';
import { aFolder, problemsOf } from '../support/workspace.ts';

const tag = 'v1';
const ref = `refs/tags/${tag}`;
const id = 'a'.repeat(40);
const commit = 'c'.repeat(40) as CommitId;
const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeAll(() => onlyTheseSettings(aFolder(), []));
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

type Script = (request: string, socket: Socket) => void;

/** A server that says whatever it likes to each request, without any HTTP of its own. */
async function aRawServer(script: Script): Promise<{ url: string; heard: string[] }> {
  const heard: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const [, head, length] = /^(.*?\r\n(?:content-length: ([0-9]+)\r\n)?.*?)\r\n\r\n/is.exec(text) ?? [];
      if (head === undefined) return;
      const wanted = head.length + 4 + Number(/content-length: ([0-9]+)/i.exec(head)?.[1] ?? length ?? 0);
      if (text.length < wanted) return;
      heard.push(text.slice(0, wanted));
      text = text.slice(wanted);
      script(heard.at(-1)!, socket);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

/** UTF-8 as a string of its bytes. */
const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');
const line = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text;
const capabilities = `${line('version 2\n')}${line('ls-refs=unborn\n')}${line('fetch=shallow filter\n')}0000`;
const pushing = `${line(`${id} refs/heads/m\0report-status side-band-64k delete-refs\n`)}0000`;
const typeOf = (request: string): string => {
  const service = /git-(?:upload|receive)-pack/.exec(request)![0];
  return `application/x-${service}-${request.startsWith('GET') ? 'advertisement' : 'result'}`;
};
const answer = (request: string, body: string, more = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${typeOf(request)}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const endless = (request: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${typeOf(request)}\r\nTransfer-Encoding: chunked\r\n\r\n`;
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

/** Answers the GETs as git does; what comes to a POST is the script's. */
const onPost =
  (script: Script): Script =>
  (request, socket) => {
    if (!request.startsWith('GET')) return script(request, socket);
    socket.write(answer(request, request.includes('receive-pack') ? pushing : capabilities), 'latin1');
  };

/** As long as the other side reads. */
function pour(socket: Socket, text: string): void {
  const go = () => {
    while (!socket.destroyed && socket.write(text, 'latin1'));
    if (!socket.destroyed) socket.once('drain', go);
  };
  go();
}

const remoteOf = (url: string, timeoutSeconds = 20): Remote =>
  openOwnRemote(remoteUrl(`${url}/r.git`), { session: new Session(), timeoutSeconds });
const create = (remote: Remote) => remote.createTag({ scratch: '', tag, commit, object: aTag(commit, tag) });

/** Everything that can be asked, each of a server of its own; all must end soon with a problem that can be shown. */
async function expectProblems(script: Script, message: RegExp, limitSeconds = 4): Promise<void> {
  const { url } = await aRawServer(script);
  const start = process.hrtime.bigint();
  const remote = remoteOf(url, limitSeconds);
  const outcome = await create(remote);
  if (outcome.status !== 'failed') throw new Error(outcome.status);
  const problems = [
    ...problemsOf(await remoteOf(url, limitSeconds).listRefs([ref])),
    ...problemsOf(await remoteOf(url, limitSeconds).hasCommit({ scratch: '', commit })),
    outcome.problem,
  ];
  expect(problems).toHaveLength(3);
  for (const each of problems) {
    expect(each.message).toMatch(message);
    expect(each.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(each.message.length).toBeLessThan(500);
  }
  // They would go on for ever; a busy machine may take some seconds longer.
  expect(Number(process.hrtime.bigint() - start) / 1e9).toBeLessThan(Math.max(10, limitSeconds * 5));
}

describe('a hostile server', () => {
  it('that sends ten million references is cut off', async () => {
    const references = Array.from({ length: 1000 }, (_, index) => line(`${id} refs/tags/v1.${index}\n`)).join('');
    let sent = 0;
    const { url } = await aRawServer(
      onPost((request, socket) => {
        socket.write(endless(request));
        socket.on('drain', () => {
          sent = socket.bytesWritten;
        });
        pour(socket, chunked(references));
      }),
    );
    const [found] = problemsOf(await remoteOf(url).listRefs([ref]));
    expect(found).toMatchObject({
      code: 'remote-unreachable',
      message: expect.stringMatching(/sends more than 1048576 bytes where few are due$/),
    });
    // Far from half a gigabyte: what it has got rid of are buffers.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sent).toBeLessThan(16 * 2 ** 20);
  });

  it('that advertises without end is cut off', async () => {
    const references = Array.from({ length: 1000 }, (_, index) =>
      line(`${id} refs/tags/${index}${'x'.repeat(500)}\n`),
    ).join('');
    const script: Script = (request, socket) => {
      socket.write(endless(request));
      pour(socket, chunked(references));
    };
    // Sixteen MiB three times take a busy machine some seconds.
    await expectProblems(script, /more than 16777216 bytes|endless/, 15);
  });

  it('that has endless capabilities is not listened to', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => line(`capability-${index}\n`)).join('');
    const script: Script = (request, socket) => {
      socket.write(endless(request));
      socket.write(chunked(line('version 2\n')));
      pour(socket, chunked(names));
    };
    await expectProblems(script, /endless capabilities/);
  });

  it('that sends endless headers is cut off', async () => {
    const script: Script = (_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      pour(socket, `X-More: ${'x'.repeat(1000)}\r\n`);
    };
    await expectProblems(script, /endless headers/);
  });

  it.each([
    ['no hex', 'zzzzHEAD'],
    ['a length of three', '0003HEAD'],
    ['more than is sent', 'fff0HEAD'],
    ['more than there may be', 'ffffHEAD'],
    ['nothing', ''],
  ])('whose packets have a wrong length is not believed: %s', async (_, body) => {
    await expectProblems((request, socket) => void socket.write(answer(request, body)), /packet|without an end/);
  });

  it('that is slow, byte by byte, is given up', async () => {
    const script: Script = (request, socket) => {
      socket.write(endless(request));
      const timer = setInterval(() => socket.write(chunked('0')), 50);
      socket.on('close', () => clearInterval(timer));
    };
    await expectProblems(script, /does not answer in time/, 0.4);
  });

  it('that is slow with its headers is given up', async () => {
    const script: Script = (_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX: ');
      const timer = setInterval(() => socket.write('x'), 50);
      socket.on('close', () => clearInterval(timer));
    };
    await expectProblems(script, /does not answer in time/, 0.4);
  });

  it('that answers with something else, or packed, is not taken for a repository', async () => {
    const script =
      (head: string): Script =>
      (_, socket) =>
        void socket.write(`HTTP/1.1 200 OK\r\n${head}\r\nContent-Length: 5\r\n\r\nhello`);
    await expectProblems(script('Content-Type: text/html'), /answers with text\/html, not with application/);
    await expectProblems(script('X: y'), /answers with nothing, not with/);
    const packed: Script = (request, socket) =>
      void socket.write(answer(request, capabilities, 'Content-Encoding: gzip\r\n'));
    await expectProblems(packed, /answers with gzip/);
  });

  it('that is no web server at all, or hangs up, is told', async () => {
    await expectProblems((_, socket) => void socket.write('SSH-2.0-OpenSSH_9\r\n'), /no HTTP/);
    await expectProblems((_, socket) => void socket.end('HTTP/1.1 200 OK\r\n'), /connection was cut|no HTTP/);
  });

  it('that calls out with terminal escapes is shown without them', async () => {
    const script: Script = (request, socket) =>
      void socket.write(
        answer(request, line(bytesOf('ERR \u001b[2J\u001b]0;owned\u0007 your \u202e terminal\n'))),
        'latin1',
      );
    await expectProblems(script, /\/r\.git: .*your .*terminal/);
    const rude: Script = (_, socket) =>
      void socket.write('HTTP/1.1 503 x\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n\u001b[31mred');
    await expectProblems(rude, /HTTP 503: red/);
  });

  it('cannot bring in references that were not asked for', async () => {
    const body = `${line(`${id} refs/tags/v1.0\n`)}${line(`${id} refs/tags/other\n`)}${line(`${id} HEAD\n`)}0000`;
    const { url } = await aRawServer(onPost((request, socket) => void socket.write(answer(request, body))));
    const listed = await remoteOf(url).listRefs([ref]);
    expect(listed).toEqual({ ok: true, value: { refs: new Map(), peeled: new Map() } });
  });

  it('that confirms another tag, or none, has not made this one', async () => {
    const band = (text: string) => line(`\u0001${text}`);
    for (const report of ['', `${line('unpack ok\n')}${line('ok refs/tags/other\n')}0000`, '0000']) {
      const { url } = await aRawServer(
        onPost((request, socket) => {
          const push = request.includes('receive-pack');
          socket.write(answer(request, push ? `${band(report)}0000` : '0000'));
        }),
      );
      expect(await create(remoteOf(url))).toMatchObject({ status: 'failed' });
    }
  });

  it('cannot have a large object unpacked, or sit on an answer that is known', async () => {
    const bomb = `PACK\0\0\0\u0002\0\0\0\u0001${String.fromCharCode(0x9f, 0xff, 0xff, 0xff, 0x7f)}${'x'.repeat(100)}`;
    const body = `${line('packfile\n')}`;
    const { url } = await aRawServer(
      onPost((request, socket) => {
        const packet = `\u0001${bomb}`;
        const text = `${body}${(packet.length + 4).toString(16).padStart(4, '0')}${packet}0000`;
        socket.write(answer(request, text), 'latin1');
      }),
    );
    const found = problemsOf(await remoteOf(url).hasCommit({ scratch: '', commit }));
    expect(found).toMatchObject([{ message: expect.stringContaining('its pack cannot be read') }]);

    // "Not here", and then more without end: the connection is closed.
    const server = await aRawServer(
      onPost((request, socket) => {
        socket.write(endless(request));
        pour(socket, chunked(line(`ERR upload-pack: not our ref ${commit}`)));
      }),
    );
    expect(await remoteOf(server.url).hasCommit({ scratch: '', commit })).toEqual({ ok: true, value: false });
  });

  it('cannot pass a commit for another', async () => {
    const { packOf } = await import('../../src/git/http/pack.ts');
    const pack = (await packOf('commit', Buffer.from('tree x'))).toString('latin1');
    const text = `${line('packfile\n')}${(pack.length + 5).toString(16).padStart(4, '0')}\u0001${pack}0000`;
    const { url } = await aRawServer(onPost((request, socket) => void socket.write(answer(request, text), 'latin1')));
    expect(await remoteOf(url).hasCommit({ scratch: '', commit })).toEqual({ ok: true, value: false });
  });

  it('that is interrupted in the middle of its answer holds nobody', async () => {
    const { url } = await aRawServer((request, socket) => void socket.write(endless(request)));
    const abort = new AbortController();
    const remote = openOwnRemote(remoteUrl(`${url}/r.git`), { session: new Session(), signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    expect(problemsOf(await remote.listRefs([ref]))).toMatchObject([{ code: 'interrupted' }]);
  });

  it('is asked with nothing that it could take for its own: no credential, no compression, no redirect with one', async () => {
    const { url, heard } = await aRawServer(onPost((request, socket) => void socket.write(answer(request, '0000'))));
    await remoteOf(url).listRefs([ref]);
    expect(heard).toHaveLength(2);
    for (const request of heard) {
      expect(request).not.toMatch(/authorization|cookie/i);
      expect(request).toMatch(/Accept-Encoding: identity\r\n/);
    }
    expect(heard[0]).toMatch(/^GET \/r\.git\/info\/refs\?service=git-upload-pack HTTP\/1\.1\r\n/);
    expect(heard[0]).toMatch(/Git-Protocol: version=2\r\n/);
  });
});
