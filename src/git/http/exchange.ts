import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { problem, systemClock } from '../../support/index.ts';
import { safe } from '../command.ts';
import { agent } from './agent.ts';
import type { Answer, Call, Caller } from './connection.ts';
import type { Host } from './host.ts';
import { Surprise, Trouble, type TroubleDetails, unreachable } from './trouble.ts';

export interface Exchange extends Call {
  /** The content type that an answer must have (gitprotocol-http). */
  accept: string;
  /** The path of the repository, for credentials. */
  repository: string;
}

export type Reply = { status: 'ok'; body: AsyncIterable<Buffer> } | { status: 'redirect'; location: string };

/**
 * Send a request, with a credential once the host has asked for one, and make of the answer's status what it means for
 * git (gitprotocol-http, "Authentication" and "General Request Processing"). Throws Surprise and Trouble.
 */
export async function exchange(host: Host, wanted: Exchange, caller: Caller): Promise<Reply> {
  const { accept, repository, ...call } = wanted;
  // Never compressed: what is asked for is short, and what is not asked for should not grow here.
  const common = { Accept: accept, 'Accept-Encoding': 'identity', 'User-Agent': agent, ...call.headers };
  const send = (authorization: string | undefined) =>
    host.connection.send(
      { ...call, headers: authorization === undefined ? common : { ...common, Authorization: authorization } },
      caller,
    );

  let sent = host.credentials.header(repository);
  let answer = await send(sent);
  while (answer.status === 401) {
    await readText(answer);
    if (!/(?:^|,)\s*Basic(?:\s|,|$)/i.test(answer.headers['www-authenticate'] ?? ''))
      throw new Surprise('it asks for another authentication than Basic', { ofHost: true });
    const next = await host.credentials.after401(repository, sent);
    if ('stop' in next) {
      // git's HTTP reads that file by itself, past the helpers.
      if (next.stop === 'none' && existsSync(join(process.env.HOME ?? homedir(), '.netrc')))
        throw new Surprise('it asks for a password');
      throw refused(next.stop, caller.display);
    }
    sent = next.send;
    answer = await send(sent);
  }
  if (sent !== undefined && answer.status < 400) await host.credentials.accepted(repository, sent);
  return replyOf(answer, accept, caller.display);
}

async function replyOf(answer: Answer, accept: string, display: string): Promise<Reply> {
  const { status, headers } = answer;
  if (status === 200) {
    const type = headers['content-type']?.split(';')[0]?.trim();
    const encoding = headers['content-encoding'] ?? 'identity';
    if (type === accept && encoding === 'identity') return { status: 'ok', body: answer.body };
    await readText(answer);
    throw new Surprise(`it answers with ${safe(type === accept ? encoding : (type ?? 'nothing'))}, not with ${accept}`);
  }
  const text = await readText(answer);
  if ([301, 302, 303, 307, 308].includes(status) && headers.location !== undefined)
    return { status: 'redirect', location: headers.location };
  const said = headers['content-type']?.startsWith('text/plain') ? safe(text.trim()) : '';
  const words = said === '' ? `HTTP ${status}` : `HTTP ${status}: ${said}`;
  if (status === 404 || status === 410)
    throw unreachable(`${display}: repository not found (${words})`, look, { status, unheard: true });
  if (status === 403) throw unreachable(`${display} refuses access (${words})`, look, { status, unheard: true });
  if (status >= 500 || [408, 425, 429].includes(status)) throw busy(`${display}: ${words}`, status, headers);
  throw new Surprise(`it answers with ${words}`);
}

const look = 'look whether the repository is there and you may read it';

function busy(message: string, status: number, headers: Answer['headers']): Trouble {
  const seconds = retryAfter(headers['retry-after'], systemClock());
  const details: TroubleDetails = { status, retryable: true, unheard: status < 500 };
  return unreachable(
    message,
    'try again later',
    seconds === undefined ? details : { ...details, retryAfterSeconds: seconds },
  );
}

const longestWait = 600;

/** Seconds or a date (RFC 9110, 10.2.3); nobody is made to wait for hours. */
export function retryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^[0-9]{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(longestWait, Math.max(0, Math.ceil(seconds)));
}

function refused(why: 'none' | 'refused', display: string): Trouble {
  const message =
    why === 'none'
      ? `${display} asks for a password, and git has none`
      : `${display} does not take the password that git has for it`;
  const hint = "git's credential helpers are what dmrel uses; try: git ls-remote URL";
  return new Trouble(problem('remote-unreachable', message, { hint }), { status: 401, unheard: true });
}

const longestText = 4096;

/** The beginning of a text, and the end of the answer with it. */
async function readText(answer: Answer): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longestText) break;
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, longestText);
}
