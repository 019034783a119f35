import { systemClock } from '../../support/index.ts';
import { maxTextBytes } from './options.ts';
import { Trouble, wrong } from './trouble.ts';
import type { Answer } from './wire.ts';

/** A whole body; a longer one is an error, and is not read on. Of what refuses, only the beginning matters, if anything. */
export async function readAll(answer: Answer, maxBytes: number, host: string): Promise<Buffer> {
  if (answer.status >= 400) return readBeginning(answer);

  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (length > maxBytes)
      throw wrong(`${host} sends more than ${maxBytes} bytes where few are due`, {
        hint: 'this is no answer to what was asked; look who runs that registry',
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

async function readBeginning(answer: Answer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxTextBytes) break;
    }
  } catch (error) {
    // docker-registry 2.8 answers 416 with the length of the blob, and cuts the connection.
    if (!(error instanceof Trouble && error.details.again)) throw error;
  }
  return Buffer.concat(chunks).subarray(0, maxTextBytes);
}

/** Of an answer to HEAD: to be asked by GET. */
export const knowsNoHead = ({ status }: { status: number }): boolean => status === 405 || status === 501;

export interface Refusal {
  /** As distribution-spec, "Error Codes", has them: `DIGEST_INVALID`. */
  codes: string[];
  words: string;
}

export function readRefusal(reply: { status: number; bytes: Buffer }, show: (text: string) => string): Refusal {
  const errors = errorsIn(reply.bytes).slice(0, 3);
  const said = errors.map(({ code, message }) => [code, message].filter((each) => each !== '').join(': '));
  return {
    codes: errors.map(({ code }) => code),
    words: [`HTTP ${reply.status}`, ...said.map(show)].join('; '),
  };
}

function errorsIn(bytes: Buffer): { code: string; message: string }[] {
  try {
    const { errors } = JSON.parse(bytes.toString('utf8')) as { errors?: unknown };
    if (!Array.isArray(errors)) return [];
    return errors.map((each) => ({ code: textOf(each?.code), message: textOf(each?.message) }));
  } catch {
    return [];
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value);
  const moment = Date.parse(value);
  return Number.isNaN(moment) ? undefined : Math.max(0, Math.ceil((moment - systemClock().getTime()) / 1000));
}
