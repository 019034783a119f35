import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { usualLimits } from '../../src/registry/remote/options.ts';
import { type Answer, openWire, type Wire } from '../../src/registry/remote/wire.ts';

let server: Server;
let wire: Wire;

afterEach(() => {
  wire.close();
  server.close();
});

/** What a server that speaks like that answers. */
async function answerOf(speak: (socket: Socket) => void): Promise<Answer> {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => speak(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  wire = openWire({ host, trust: async () => ({}), limits: { ...usualLimits, idleSeconds: 3 } });
  return wire.send({ method: 'GET', url: new URL(`http://${host}/v2/`), headers: {}, totalSeconds: 10 });
}

async function contentOf({ body }: Answer): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('the body of an answer', () => {
  it('comes whole, in however many parts', async () => {
    const answer = await answerOf(async (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
      for (const part of ['ab', 'cd', 'ef']) {
        await pause(20);
        socket.write(part);
      }
    });
    expect(await contentOf(answer)).toBe('abcdef');
  });

  it('comes whole when it is read long after it came', async () => {
    const answer = await answerOf((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'));
    await pause(200);
    expect(await contentOf(answer)).toBe('abc');
  });

  it.each(['', 'ab'])('that was cut after "%s" before anybody read it is an error at once', async (part) => {
    const answer = await answerOf((socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n${part}`));
    await pause(200);
    const begun = process.hrtime.bigint();
    await expect(contentOf(answer)).rejects.toMatchObject({ problem: { code: 'registry-unreachable' } });
    expect(Number(process.hrtime.bigint() - begun) / 1e9).toBeLessThan(2);
  });

  it('that stops is an error after a while', async () => {
    const answer = await answerOf((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab'));
    await expect(contentOf(answer)).rejects.toThrow(/does not go on in time/);
  });

  it('that is left early ends the connection', async () => {
    let closed = false;
    const answer = await answerOf((socket) => {
      socket.on('close', () => {
        closed = true;
      });
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\nab');
    });
    for await (const _ of answer.body) break;
    await pause(100);
    expect(closed).toBe(true);
  });
});
