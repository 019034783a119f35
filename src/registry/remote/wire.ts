import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { ended, reading } from './body.ts';
import { whatHappened } from './connection-trouble.ts';
import { isLinkLocal } from './hosts.ts';
import type { Limits, Meter } from './options.ts';
import { Patience } from './patience.ts';
import { offLimits } from './redirect.ts';
import { interrupted, type Trouble } from './trouble.ts';
import type { Trust } from './trust.ts';

declare const DMREL_VERSION: string;
const userAgent = `dmrel/${typeof DMREL_VERSION === 'string' ? DMREL_VERSION : '0.0.0'}`;
const maxHeaderBytes = 16 * 2 ** 10;

export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: URL;
  headers: Record<string, string>;
  body?: Buffer | AsyncIterable<Uint8Array>;
  /** From the first byte sent to the last received. */
  totalSeconds: number;
  /** Between the last byte sent and the answer; as between any two signs of life without it. */
  commitSeconds?: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  url: URL;
  /** To be read to its end, or left early, which closes the connection. */
  body: AsyncIterable<Buffer>;
  /** When its body is of no interest, and nobody has begun to read it. */
  close(): void;
}

/** The connections of one registry, to its own host and to where that sends us. */
export interface Wire {
  send(call: Call): Promise<Answer>;
  close(): void;
}

export interface WireOptions {
  /** The registry's own host: the only one that is shown our certificate, and that may be anywhere. */
  host: string;
  trust: () => Promise<Trust>;
  limits: Limits;
  meter?: Meter | undefined;
  signal?: AbortSignal | undefined;
  /** Called once, when the first request is on its way and there is nothing to do but to wait. */
  whileWaiting?: () => void;
}

type Start = (options: RequestOptions) => ClientRequest;

export function openWire(options: WireOptions): Wire {
  const { signal } = options;
  const origins = ['http:', 'https:'].map((protocol) => new URL(`${protocol}//${options.host}`));
  const isOwn = (url: URL) => origins.some(({ protocol, host }) => url.protocol === protocol && url.host === host);
  /** By protocol and whether it is the registry's own host. */
  const starters = new Map<string, Promise<Start>>();
  const agents: Agent[] = [];
  let waited = false;
  /** What is under way, to be stopped by the signal: with one listener, however many there are. */
  const running = new Set<(trouble: Trouble) => void>();
  const interrupt = () => {
    for (const stop of running) stop(interrupted(options.host));
  };
  signal?.addEventListener('abort', interrupt, { once: true });

  const newStarter = async (secure: boolean, own: boolean): Promise<Start> => {
    const { Agent, request } = await (secure ? import('node:https') : import('node:http'));
    const { ca, cert, key } = secure ? await options.trust() : ({} as Trust);
    const tls = {
      // Said, since NODE_TLS_REJECT_UNAUTHORIZED could else take it away without a word.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
      ...(own && cert !== undefined && key !== undefined ? { cert, key } : {}),
    };
    const agent = new Agent({ keepAlive: true, ...(secure ? tls : {}) });
    agents.push(agent);
    return (call) => {
      const outgoing = request({ ...call, agent });
      const { whileWaiting } = options;
      if (whileWaiting && !waited) outgoing.once('finish', () => setImmediate(whileWaiting));
      waited = true;
      return outgoing;
    };
  };
  const starter = (url: URL): Promise<Start> => {
    const [secure, own] = [url.protocol === 'https:', isOwn(url)];
    const name = `${secure} ${own}`;
    const known = starters.get(name);
    if (known) return known;
    const started = newStarter(secure, own);
    starters.set(name, started);
    started.catch(() => starters.delete(name));
    return started;
  };

  return {
    send: async (call) => {
      const start = await starter(call.url);
      for (;;) {
        if (signal?.aborted) throw interrupted(options.host);
        const outcome = await sendOnce(start, call, isOwn(call.url), options, running);
        if (outcome !== 'stale') return outcome;
      }
    },
    close: () => {
      signal?.removeEventListener('abort', interrupt);
      for (const agent of agents.splice(0)) agent.destroy();
      starters.clear();
    },
  };
}

/** 'stale' when a kept connection turned out to be closed and all of the request can be sent again. */
function sendOnce(
  start: Start,
  call: Call,
  own: boolean,
  options: WireOptions,
  running: Set<(trouble: Trouble) => void>,
): Promise<Answer | 'stale'> {
  const { url, method, headers, body } = call;
  const { limits, host } = options;
  const display = own ? host : `${host}, by way of ${url.host},`;
  const outgoing = start({
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    path: `${url.pathname}${url.search}`,
    method,
    maxHeaderSize: maxHeaderBytes,
    headers: {
      'User-Agent': userAgent,
      'Accept-Encoding': 'identity',
      ...headers,
      ...(Buffer.isBuffer(body) ? { 'Content-Length': String(body.length) } : {}),
      ...(body === undefined && method !== 'GET' && method !== 'HEAD' ? { 'Content-Length': '0' } : {}),
    },
  });
  let incoming: IncomingMessage | undefined;
  let reason: Error | undefined;
  const stop = (error: Error) => {
    reason ??= error;
    (incoming ?? outgoing).destroy(error);
    outgoing.destroy(error);
  };
  const explain = (error: unknown) => reason ?? whatHappened(error as NodeJS.ErrnoException, display);
  const patience = new Patience(stop, display);
  running.add(stop);
  const total = setTimeout(() => stop(patience.late('does not come to an end')), call.totalSeconds * 1000);
  outgoing.on('close', () => {
    clearTimeout(total);
    patience.end();
    running.delete(stop);
  });
  outgoing.on('socket', (socket: Socket) => {
    if (options.meter) measure(outgoing, socket, options.meter);
    if (!socket.connecting) return;
    if (!own)
      socket.once('lookup', (_error, address) => {
        if (address && isLinkLocal(String(address))) stop(offLimits(host, url));
      });
    patience.begin(limits.connectSeconds, 'does not answer');
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => patience.begin(limits.idleSeconds));
  });

  return new Promise((resolve, reject) => {
    patience.begin(limits.connectSeconds + limits.idleSeconds);
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const closed = outgoing.reusedSocket && !incoming && !reason && /^(?:ECONNRESET|EPIPE)$/.test(error.code ?? '');
      if (closed && (body === undefined || Buffer.isBuffer(body))) resolve('stale');
      else reject(explain(error));
    });
    outgoing.on('response', (response) => {
      incoming = response;
      patience.end();
      const { statusCode = 0, headers } = response;
      const empty = method === 'HEAD' || headers['content-length'] === '0';
      const content = empty ? ended(response) : reading(response, patience, limits.idleSeconds, explain);
      // What is still to be sent is sent to nobody; the connection ends with it.
      if (!outgoing.writableEnded) response.on('end', () => outgoing.destroy());
      resolve({ status: statusCode, headers, url, body: content, close: () => void response.destroy() });
    });
    if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body);
    else
      feed(outgoing, body, () => incoming !== undefined, patience, limits, call.commitSeconds).catch((error) => {
        // Of what is sent, not of the connection.
        stop(error);
        reject(error);
      });
  });
}

async function feed(
  outgoing: ClientRequest,
  body: AsyncIterable<Uint8Array>,
  answered: () => boolean,
  patience: Patience,
  limits: Limits,
  commitSeconds = limits.idleSeconds,
): Promise<void> {
  patience.end();
  outgoing.flushHeaders();
  for await (const chunk of body) {
    if (answered() || outgoing.destroyed) return;
    if (chunk.length === 0 || outgoing.write(chunk)) continue;
    patience.begin(limits.idleSeconds, 'takes no more of what is sent');
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ['drain', 'close', 'response']) outgoing.off(event, done);
        resolve();
      };
      for (const event of ['drain', 'close', 'response']) outgoing.on(event, done);
      if (outgoing.destroyed || !outgoing.writableNeedDrain) done();
    });
    patience.end();
    if (answered() || outgoing.destroyed) return;
  }
  if (answered() || outgoing.destroyed) return;
  patience.begin(commitSeconds);
  outgoing.end();
}

function measure(outgoing: ClientRequest, socket: Socket, meter: Meter): void {
  meter.requests += 1;
  const before = { sent: socket.bytesWritten, received: socket.bytesRead };
  outgoing.on('close', () => {
    meter.sent += socket.bytesWritten - before.sent;
    meter.received += socket.bytesRead - before.received;
  });
}
