import { basicOf } from '../credentials/credential.ts';
import type { Token, TokenRequest } from './authority.ts';
import { isLinkLocal } from './hosts.ts';
import { denied } from './trouble.ts';

/**
 * Where tokens are asked for, when that is a place that may be told a password: with TLS, or on the registry's own host
 * when that has none either.
 */
export function realmOf(realm: string, origin: URL): URL {
  const refuse = (what: string) =>
    denied(`${origin.host} sends us for a token ${what}`, 'no password goes there; look who runs that registry');
  if (!URL.canParse(realm)) throw refuse('to what is no URL');
  const url = new URL(realm);
  if (url.username !== '' || url.password !== '') throw refuse('to a URL with a password in it');
  const plain = url.protocol === 'http:' && origin.protocol === 'http:' && url.hostname === origin.hostname;
  if (url.protocol !== 'https:' && !plain) throw refuse(`to ${url.host}, without TLS`);
  if (isLinkLocal(url.hostname)) throw refuse(`to ${url.host}, an address of the link itself`);
  url.hash = '';
  return url;
}

export interface TokenCall {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  body?: Buffer;
}

/** distribution, "Token Authentication Specification" and "OAuth2 Token Authentication". */
export function tokenCall({ realm, service, scopes, credential }: TokenRequest, origin: URL): TokenCall {
  const url = realmOf(realm, origin);
  if (credential?.kind === 'identity') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'dmrel',
      refresh_token: credential.token,
    });
    if (service !== undefined) form.set('service', service);
    form.set('scope', scopes.join(' '));
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' };
    return { method: 'POST', url, headers, body: Buffer.from(form.toString()) };
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (credential?.kind === 'password') headers.Authorization = basicOf(credential);
  return { method: 'GET', url, headers };
}

const shortestSeconds = 60;

/** undefined when it is no answer of a token server. */
export function readToken(bytes: Buffer): Token | undefined {
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null = null;
  try {
    answer = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  const { token, access_token, expires_in } = answer ?? {};
  const text = typeof token === 'string' && token !== '' ? token : access_token;
  // It becomes a header.
  if (typeof text !== 'string' || !/^[\x21-\x7e]{1,65536}$/.test(text)) return undefined;
  const seconds = typeof expires_in === 'number' && expires_in > 0 ? expires_in : shortestSeconds;
  return { header: `Bearer ${text}`, expiresInSeconds: Math.min(seconds, 86_400) };
}
