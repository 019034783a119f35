import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { connectionText, problem } from '../../support/index.ts';
import { Surprise, Trouble, unreachable } from './trouble.ts';

/** What went over the wire: requests, and bytes with their headers. */
export interface Meter {
  requests: number;
  sent: number;
  received: number;
}

/** On whose behalf something is sent. */
export interface Caller {
  /** The repository, as messages name it. */
  display: string;
  signal?: AbortSignal | undefined;
  /** For one whole exchange: from the first byte sent to the last received. */
  timeoutSeconds?: number | undefined;
  meter?: Meter | undefined;
}

export interface Call {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  body?: Buffer;
  /** An answer that is longer is cut off. */
  maxBytes: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** To be read to its end, or left early, which closes the connection. */
  body: AsyncIterable<Buffer>;
}

/** Connections to one host, kept open between requests. */
export interface Connection {
  send(call: Call, caller: Caller): Promise<Answer>;
}

const sockets = 32;
const connectSeconds = 15;
const idleSeconds = 30;
const totalSeconds = 60;
const maxHeaderBytes = 16 * 2 ** 10;

/** Of a host's sockets one agent; `ca` in the place of the certificate authorities that node knows. */
export async function openConnection(protocol: 'http:' | 'https:', ca?: Buffer): Promise<Connection> {
  const { Agent, request } = await (protocol === 'https:' ? import('node:https') : import('node:http'));
  const agent: Agent = new Agent({
    keepAlive: true,
    maxSockets: sockets,
    ...(protocol === 'https:' ? { rejectUnauthorized: true } : {}),
    ...(ca === undefined ? {} : { ca }),
  });
  const start = (url: URL, options: RequestOptions) => request(url, { ...options, agent });
  return {
    send: async (call, caller) => {
      for (;;) {
        const outcome = await sendOnce(start, call, caller);
        if (outcome !== 'stale') return outcome;
      }
    },
  };
}

/**
 * 'stale' when a kept connection turned out to be closed: another is taken then. All that this client sends may be sent
 * twice, for what it changes it changes by lease.
 */
function sendOnce(
  start: (url: URL, options: RequestOptions) => ClientRequest,
  call: Call,
  caller: Caller,
): Promise<Answer | 'stale'> {
  const { url, method, headers, body } = call;
  const outgoing = start(url, {
    method,
    maxHeaderSize: maxHeaderBytes,
    headers: { ...headers, ...(body === undefined ? {} : { 'Content-Length': String(body.length) }) },
  });
  let incoming: IncomingMessage | undefined;
  let reason: Trouble | undefined;
  const stop = (trouble: Trouble) => {
    reason ??= trouble;
    (incoming ?? outgoing).destroy(trouble);
  };
  const explain = (error: unknown) => reason ?? whatHappened(error as NodeJS.ErrnoException, caller.display);
  limit(outgoing, caller, stop);
  if (caller.meter) count(outgoing, caller.meter);

  return new Promise((resolve, reject) => {
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const stale = outgoing.reusedSocket && !incoming && !reason && /^(?:ECONNRESET|EPIPE)$/.test(error.code ?? '');
      if (stale) resolve('stale');
      else reject(explain(error));
    });
    outgoing.on('response', (response) => {
      incoming = response;
      const { statusCode = 0, headers } = response;
      resolve({ status: statusCode, headers, body: bounded(response, call.maxBytes, caller.display, explain) });
    });
    outgoing.end(body);
  });
}

/** Limits of time: to connect, between two signs of life, and of the whole. None of them while it waits for its turn. */
function limit(outgoing: ClientRequest, caller: Caller, stop: (trouble: Trouble) => void): void {
  const late = (what: string, unheard = false) =>
    stop(unreachable(`${caller.display} ${what}`, 'try again later', { retryable: true, unheard }));
  const timers: NodeJS.Timeout[] = [];
  const total = caller.timeoutSeconds ?? totalSeconds;
  const interrupted = () => stop(new Trouble(problem('interrupted', `${caller.display}: interrupted`)));
  outgoing.on('socket', (socket: Socket) => {
    timers.push(setTimeout(() => late('does not answer in time'), total * 1000));
    if (socket.connecting) {
      const connecting = setTimeout(() => late('does not answer in time', true), connectSeconds * 1000);
      timers.push(connecting);
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
    }
  });
  outgoing.setTimeout(idleSeconds * 1000, () => late('has stopped in the middle of its answer'));
  caller.signal?.addEventListener('abort', interrupted, { once: true });
  if (caller.signal?.aborted) interrupted();
  outgoing.on('close', () => {
    for (const timer of timers) clearTimeout(timer);
    caller.signal?.removeEventListener('abort', interrupted);
  });
}

function count(outgoing: ClientRequest, meter: Meter): void {
  meter.requests += 1;
  outgoing.on('socket', (socket: Socket) => {
    const before = { sent: socket.bytesWritten, received: socket.bytesRead };
    outgoing.on('close', () => {
      meter.sent += socket.bytesWritten - before.sent;
      meter.received += socket.bytesRead - before.received;
    });
  });
}

async function* bounded(
  response: IncomingMessage,
  maxBytes: number,
  display: string,
  explain: (error: unknown) => Error,
): AsyncGenerator<Buffer> {
  let received = 0;
  const chunks = response[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
  try {
    for (;;) {
      const { done, value } = await chunks.next().catch((error) => {
        throw explain(error);
      });
      if (done) return;
      received += value.length;
      if (received > maxBytes) {
        const hint = 'this is no answer to what was asked; look what is at that URL';
        throw unreachable(`${display} sends more than ${maxBytes} bytes where few are due`, hint);
      }
      yield value;
    }
  } finally {
    await chunks.return?.();
  }
}

const tls = /^(?:UNABLE_TO_|CERT_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|ERR_TLS_|ERR_SSL_|EPROTO|HOSTNAME)/;
const unheard = /^(?:ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|ENETDOWN)/;

/** Errors of node's sockets and its parser, in words. What concerns certificates is left to git, which may trust others. */
function whatHappened(error: NodeJS.ErrnoException, display: string): Error {
  if (error instanceof Trouble || error instanceof Surprise) return error;
  const code = error.code ?? '';
  if (tls.test(code)) return new Surprise(`TLS: ${code}`, { ofHost: true });
  if (code === 'HPE_HEADER_OVERFLOW')
    return unreachable(`${display} sends endless headers`, 'look what is at that URL', {});
  if (code.startsWith('HPE_')) return new Surprise(`no HTTP: ${code}`);
  return unreachable(`${display}: ${connectionText(code)}`, 'try again later', {
    retryable: true,
    unheard: unheard.test(code),
  });
}
