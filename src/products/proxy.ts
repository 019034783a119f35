import type { Socket } from 'node:net';
import { failed, ok, printable, problem, type Result } from '../support/index.ts';

/** A proxy that opens tunnels (RFC 9110, 9.3.6). */
export interface Proxy {
  host: string;
  port: number;
  /** `host:port`: what messages may say of it. */
  display: string;
  authorization?: string;
}

/** The proxy answered, and opened no tunnel. */
export class TunnelRefused extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the proxy answers ${status}`);
    this.status = status;
  }
}

const variables = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'];

/** The proxy that the environment names for a URL, as git and curl read it; http is spoken to this host alone. */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): Result<Proxy | undefined> {
  const name = variables.find((each) => env[each]);
  if (url.protocol !== 'https:' || name === undefined || isDirect(url, env)) return ok(undefined);
  const text = env[name]!;
  const refuse = (why: string): Result<never> =>
    failed(
      problem('remote-unreachable', `${url.href}: ${name} ${why}`, {
        hint: `name one like http://HOST:PORT, or put ${url.hostname} into no_proxy`,
      }),
    );
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1];
  if (scheme !== undefined && scheme.toLowerCase() !== 'http')
    return refuse(`names a proxy of the kind '${printable(scheme)}', which dmrel does not speak to`);
  const whole = scheme === undefined ? `http://${text}` : text;
  const parsed = URL.canParse(whole) ? new URL(whole) : undefined;
  // In parts, for a URL forgets a port of 80, and curl's default is another.
  const port = Number(/:([0-9]{1,5})\/*$/.exec(text)?.[1] ?? 1080);
  if (!parsed?.hostname || port < 1 || port > 65_535) return refuse('names no proxy');
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const proxy = { host, port, display: `${parsed.hostname}:${port}` };
  if (parsed.username === '' && parsed.password === '') return ok(proxy);
  const secret = [parsed.username, parsed.password].map(unescaped).join(':');
  return ok({ ...proxy, authorization: `Basic ${Buffer.from(secret).toString('base64')}` });
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isDirect(url: URL, env: NodeJS.ProcessEnv): boolean {
  const host = url.hostname.toLowerCase();
  return (env.no_proxy ?? env.NO_PROXY ?? '')
    .toLowerCase()
    .split(/[\s,]+/)
    .map((entry) => entry.replace(/^\*?\./, '').replace(/:443$/, ''))
    .some((domain) => domain === '*' || (domain !== '' && (host === domain || host.endsWith(`.${domain}`))));
}

/** A connection through the proxy, on which TLS is spoken with the server itself. */
export async function openTunnel(proxy: Proxy, url: URL, signal: AbortSignal): Promise<Socket> {
  const { request } = await import('node:http');
  const authority = `${url.hostname}:${url.port || 443}`;
  return new Promise((resolve, reject) => {
    const asked = request({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: authority,
      headers: { Host: authority, ...(proxy.authorization ? { 'Proxy-Authorization': proxy.authorization } : {}) },
      agent: false,
      signal,
    });
    asked.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      if (statusCode >= 200 && statusCode < 300 && head.length === 0) return resolve(socket);
      socket.destroy();
      reject(new TunnelRefused(statusCode));
    });
    asked.on('error', reject);
    asked.end();
  });
}
