import type { IncomingMessage, RequestOptions } from 'node:http';
import {
  clip,
  count,
  failed,
  ok,
  type Problem,
  type ProblemCode,
  pause,
  printable,
  problem,
  type Result,
  systemClock,
} from '../support/index.ts';
import { openTunnel, proxyFor, TunnelRefused } from './proxy.ts';

/** By what means, and within which bounds, files are fetched. */
export interface Access {
  /** Where proxies are named; this process's own without it. */
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** Certificate authorities in the place of those that node knows. */
  ca?: string | Buffer;
  limits?: Partial<Limits>;
}

export interface Limits {
  bytes: number;
  attempts: number;
  /** For one attempt, redirects and all. */
  answerSeconds: number;
  /** Before the second attempt; twice as long before each other. */
  pauseSeconds: number;
  /** A server that wants more time than this (Retry-After) is not waited for. */
  waitSeconds: number;
}

const usual: Limits = { bytes: 4 * 2 ** 20, attempts: 4, answerSeconds: 30, pauseSeconds: 0.5, waitSeconds: 20 };
const maxRedirects = 3;

type Outcome =
  | { status: 'found'; bytes: Buffer }
  | { status: 'absent' }
  | { status: 'moved'; to: string }
  | { status: 'failed'; problem: Problem; again?: boolean; afterSeconds?: number };

const fault = (
  code: ProblemCode,
  message: string,
  hint: string,
  more: { again?: boolean; afterSeconds?: number } = {},
) => ({ status: 'failed', problem: problem(code, message, { hint }), ...more }) as const;
const unreachable = (message: string, hint: string, more?: { again?: boolean; afterSeconds?: number }) =>
  fault('remote-unreachable', message, hint, more);
const interrupted = (url: URL) => fault('interrupted', `${url.href}: interrupted`, 'run the same command again');

/**
 * A whole file from a server, or undefined where the server says that there is none. Tried again where that can help.
 * @param url without credentials and query: messages show it
 */
export async function download(url: URL, access: Access = {}): Promise<Result<Buffer | undefined>> {
  const limits = { ...usual, ...access.limits };
  const proxy = proxyFor(url, access.env ?? process.env);
  if (!proxy.ok) return proxy;
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryOnce(url, proxy.value, access, limits);
    if (outcome.status === 'found') return ok(outcome.bytes);
    if (outcome.status === 'absent') return ok(undefined);
    const { again, afterSeconds = 0 } = outcome;
    const tried = attempt > 1 ? ` (tried ${count(attempt, 'time')})` : '';
    const told = { ...outcome.problem, message: outcome.problem.message + tried };
    if (!again || attempt >= limits.attempts || afterSeconds > limits.waitSeconds) return failed(told);
    const jitter = limits.pauseSeconds * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
    await pause(Math.max(afterSeconds, jitter), access.signal);
    if (access.signal?.aborted) return failed(interrupted(url).problem);
  }
}

type Proxies = ReturnType<typeof proxyFor> & { ok: true };

/** One attempt, over all its redirects, within its time. */
async function tryOnce(
  url: URL,
  proxy: Proxies['value'],
  access: Access,
  limits: Limits,
): Promise<Exclude<Outcome, { status: 'moved' }>> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), limits.answerSeconds * 1000);
  const signal = access.signal ? AbortSignal.any([access.signal, late.signal]) : late.signal;
  try {
    let at = url;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const outcome = await ask(at, url, { proxy, signal, ca: access.ca, maxBytes: limits.bytes });
      if (outcome.status !== 'moved') return outcome;
      const to = nextOf(outcome.to, at);
      if (to === undefined) {
        const target = shown(outcome.to, at);
        const hint = 'redirects are followed on the same host only; look there and name the right place in dmrel.yaml';
        return unreachable(`${url.href} redirects to ${target}`, hint);
      }
      at = to;
    }
    return unreachable(`${url.href} redirects again and again`, 'name the right place in dmrel.yaml');
  } catch (error) {
    if (access.signal?.aborted) return interrupted(url);
    if (late.signal.aborted)
      return unreachable(`${url.href} gave no whole answer within ${limits.answerSeconds} s`, 'try again later', {
        again: true,
      });
    return explained(error as NodeJS.ErrnoException, url, proxy?.display);
  } finally {
    clearTimeout(timer);
  }
}

/** The same host and protocol, no credentials: a manifest decides what is tagged, so it comes from where it is said to. */
function nextOf(location: string, from: URL): URL | undefined {
  const to = parsed(location, from);
  return to?.origin === from.origin && to.username === '' && to.password === '' ? to : undefined;
}

/** Without a query or a user, which may hold secrets. */
function shown(location: string, from: URL): string {
  const to = parsed(location, from);
  return to ? printable(clip(`${to.protocol}//${to.host}${to.pathname}`, 200)) : 'what is no URL';
}

function parsed(location: string, from: URL): URL | undefined {
  return URL.canParse(location, from.href) ? new URL(location, from) : undefined;
}

interface Means {
  proxy: Proxies['value'];
  signal: AbortSignal;
  ca: string | Buffer | undefined;
  maxBytes: number;
}

async function ask(at: URL, url: URL, { proxy, signal, ca, maxBytes }: Means): Promise<Outcome> {
  signal.throwIfAborted();
  const tls = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
  const options: RequestOptions = {
    signal,
    maxHeaderSize: 16 * 2 ** 10,
    headers: { Accept: 'text/plain, */*;q=0.5', 'Accept-Encoding': 'identity', 'User-Agent': 'dmrel' },
    ...(at.protocol === 'https:' ? tls : {}),
  };
  if (proxy) {
    const socket = await openTunnel(proxy, at, signal);
    const [{ connect }, { isIP }] = await Promise.all([import('node:tls'), import('node:net')]);
    const host = at.hostname.replace(/^\[|\]$/g, '');
    const servername = isIP(host) === 0 ? { servername: host } : {};
    options.createConnection = () => connect({ socket, host, ...servername, ...tls });
  } else options.agent = false;
  const { request } = await (at.protocol === 'https:' ? import('node:https') : import('node:http'));
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(at, options).on('response', resolve).on('error', reject).end();
  });
  try {
    return await outcomeOf(response, url, maxBytes);
  } finally {
    response.destroy();
  }
}

async function outcomeOf(response: IncomingMessage, url: URL, maxBytes: number): Promise<Outcome> {
  const { statusCode: status = 0, headers } = response;
  if (status === 200) return wholeBody(response, url, maxBytes);
  if (status === 404 || status === 410) return { status: 'absent' };
  if ([301, 302, 303, 307, 308].includes(status)) return { status: 'moved', to: headers.location ?? '' };
  const answer = `${url.href} answers ${status} ${printable(clip(response.statusMessage ?? '', 100))}`.trimEnd();
  if (status === 429 || status >= 500) {
    const afterSeconds = secondsOf(headers['retry-after']);
    const hint = afterSeconds === undefined ? 'try again later' : `try again in ${afterSeconds} s`;
    return unreachable(answer, hint, { again: true, ...(afterSeconds === undefined ? {} : { afterSeconds }) });
  }
  return unreachable(answer, 'it must be there to be read without a password; look at that URL');
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function secondsOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(retryAfter)) return Number(retryAfter);
  const moment = Date.parse(retryAfter);
  return Number.isNaN(moment) ? undefined : Math.max(0, Math.ceil((moment - systemClock().getTime()) / 1000));
}

async function wholeBody(response: IncomingMessage, url: URL, maxBytes: number): Promise<Outcome> {
  const { headers } = response;
  const tooLarge = () =>
    fault('file-too-large', `${url.href} has more than ${maxBytes / 2 ** 20} MiB`, 'this is no such file; look there');
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    return unreachable(`${url.href} comes compressed, unasked`, 'let the server send files of text as they are');
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    const message = `${url.href} comes without its length, so nobody would see that it is cut off`;
    return unreachable(message, 'let the server send Content-Length');
  }
  if (Number(headers['content-length']) > maxBytes) return tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return tooLarge();
    chunks.push(chunk);
  }
  return { status: 'found', bytes: Buffer.concat(chunks) };
}

const distrust = /^(?:UNABLE_TO_|CERT_|CRL_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|HOSTNAME|ERR_TLS_)/;

function explained(error: NodeJS.ErrnoException, url: URL, proxy: string | undefined): Outcome & { status: 'failed' } {
  const through = proxy === undefined ? '' : ` through the proxy ${proxy}`;
  const where = url.href + through;
  if (error instanceof TunnelRefused) {
    const hint =
      error.status === 407 ? 'the proxy wants a user and a password in https_proxy' : 'ask who runs the proxy';
    return unreachable(`${where}: ${error.message}`, hint, { again: error.status >= 500 || error.status === 429 });
  }
  const code = error.code ?? '';
  if (distrust.test(code)) {
    const hint = 'check the address; a certificate authority of your own goes into NODE_EXTRA_CA_CERTS';
    return unreachable(`${where} has a certificate that is not trusted (${code})`, hint);
  }
  if (code.startsWith('HPE_') || code === 'EPROTO' || code.startsWith('ERR_SSL_'))
    return unreachable(`${where} does not speak ${url.protocol.slice(0, -1)} (${code})`, 'check the address');
  const words: Record<string, string> = {
    ECONNREFUSED: 'the connection was refused',
    ECONNRESET: 'the connection was cut',
    EPIPE: 'the connection was cut',
    ENOTFOUND: 'there is no such host',
    EAI_AGAIN: 'the host cannot be looked up now',
  };
  const why = words[code] ?? (code || 'the connection failed');
  return unreachable(`${where}: ${why}`, 'check the address and the network, then try again', { again: true });
}
