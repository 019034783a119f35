import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { clip, printable } from '../../support/index.ts';
import { cameBy } from './collect.ts';
import { isLinkLocal, schemeOf } from './hosts.ts';
import type { Limits, Meter } from './options.ts';
import { interrupted, Trouble, unreachable, wrong } from './trouble.ts';
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

/** A time limit for the next sign of life; none runs while we are the ones who are waited for. */
class Patience {
  #timer: NodeJS.Timeout | undefined;
  readonly #stop: (error: Error) => void;
  readonly #display: string;
  constructor(stop: (error: Error) => void, display: string) {
    this.#stop = stop;
    this.#display = display;
  }
  begin(seconds: number, what = 'does not go on'): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#stop(this.late(what)), seconds * 1000);
  }
  end(): void {
    clearTimeout(this.#timer);
  }
  late(what: string): Trouble {
    return unreachable(`${this.#display} ${what} in time`, { again: true });
  }
}

/** The body of an answer that has none; at its end the connection is free for the next request. */
async function* ended(response: IncomingMessage): AsyncGenerator<Buffer> {
  response.on('error', () => {});
  response.resume();
  if (response.readableEnded || response.destroyed) return;
  await new Promise<void>((resolve) => {
    response.once('end', resolve);
    response.once('close', resolve);
  });
}

async function* reading(
  response: IncomingMessage,
  patience: Patience,
  idleSeconds: number,
  explain: (error: unknown) => Error,
): AsyncGenerator<Buffer> {
  // Not by the iterator that streams have: it watches a dozen events of each, and most answers are of one chunk.
  let end: 'whole' | 'cut' | Error | undefined;
  let wake = () => {};
  const at = (event: string, what?: typeof end) =>
    response.on(event, (error?: Error) => {
      end ??= error ?? what;
      wake();
    });
  at('readable');
  at('end', 'whole');
  at('error');
  at('close', 'cut');
  try {
    for (;;) {
      const chunk: Buffer | null = response.destroyed ? null : response.read();
      if (chunk !== null) {
        patience.end();
        cameBy(chunk.length);
        yield chunk;
      } else if (end === undefined) {
        patience.begin(idleSeconds);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (end === 'whole') return;
      else throw explain(end === 'cut' ? Object.assign(new Error('cut'), { code: 'ECONNRESET' }) : end);
    }
  } finally {
    patience.end();
    if (end !== 'whole') response.destroy();
  }
}

function measure(outgoing: ClientRequest, socket: Socket, meter: Meter): void {
  meter.requests += 1;
  const before = { sent: socket.bytesWritten, received: socket.bytesRead };
  outgoing.on('close', () => {
    meter.sent += socket.bytesWritten - before.sent;
    meter.received += socket.bytesRead - before.received;
  });
}

const offLimits = (host: string, url: URL): Trouble =>
  unreachable(`${host} leads to ${printable(clip(url.host, 200))}, where no registry is`, {
    hint: 'addresses of the link itself (169.254.0.0/16, fe80::/10) are not asked; look who runs that registry',
  });

/**
 * Where the registry sends us: nowhere without TLS from a place that has it, to no link-local address, with no password in
 * the URL.
 */
export function follow(location: string | undefined, from: URL, host: string, plainHttp: boolean): URL {
  const to = location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const bad = (what: string) =>
    wrong(`${host} leads to ${what}`, {
      hint: 'that is not followed; look who runs that registry',
    });
  if (to === undefined) throw bad(location === undefined ? 'no place at all (Location is missing)' : 'what is no URL');
  const shown = printable(clip(`${to.protocol}//${to.host}`, 200));
  if (to.protocol !== 'https:' && to.protocol !== 'http:') throw bad(shown);
  if (to.username !== '' || to.password !== '') throw bad(`a URL with a password, at ${printable(clip(to.host, 200))}`);
  if (to.protocol === 'http:' && to.host !== from.host && !plainHttp && schemeOf(to.hostname) !== 'any')
    throw bad(`${shown}, without TLS`);
  if (to.protocol === 'http:' && from.protocol === 'https:') throw bad(`${shown}, from TLS to none`);
  if (to.host !== from.host && isLinkLocal(to.hostname)) throw offLimits(host, to);
  return to;
}

const certificate = /^(?:UNABLE_TO_|CERT_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|HOSTNAME|ERR_TLS_CERT)/;
const words: Record<string, string> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'Could not resolve host',
  EAI_AGAIN: 'Could not resolve host',
};

/** Errors of node's sockets and its parser, in words. */
function whatHappened(error: NodeJS.ErrnoException, display: string): Error {
  if (error instanceof Trouble) return error;
  const code = error.code ?? '';
  if (certificate.test(code))
    return unreachable(`${display} shows a certificate that nobody here trusts: ${code}`, {
      hint: 'put the certificate of its authority into /etc/docker/certs.d/HOST/ca.crt, or name it in NODE_EXTRA_CA_CERTS',
    });
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return unreachable(`${display}: no TLS with it (${code})`, {
      hint: 'it may want a certificate, or speak plain http, which has to be allowed for each registry',
    });
  if (code === 'HPE_HEADER_OVERFLOW')
    return unreachable(`${display} sends endless headers`, { hint: 'this is no registry; look what is there' });
  const what = code.startsWith('HPE_') ? `what it says is no HTTP (${code})` : words[code];
  return unreachable(`${display}: ${what ?? (code || 'the connection failed')}`, { again: true });
}
