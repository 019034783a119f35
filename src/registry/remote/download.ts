import { createHash, type Hash } from 'node:crypto';
import { type Digest, stopwatch } from '../../support/index.ts';
import { mismatch } from './digests.ts';
import type { Reply, Session } from './session.ts';
import { Trouble, unreachable, wrong } from './trouble.ts';
import type { Answer } from './wire.ts';

/** What is not larger is looked at as a whole before any of it is handed out, and fetched again when it is damaged. */
const wholeBytes = 4 * 2 ** 20;
const maxGaps = 5;
const maxDamages = 2;
const accepted = new Set([200, 206]);

/**
 * A blob in chunks, the last only when the whole has its digest. A connection that is cut is taken up where it ended
 * (`Range`), and the hash goes on.
 */
export async function* downloadBlob(session: Session, repository: string, digest: Digest): AsyncGenerator<Buffer> {
  const download = new Download(session, repository, digest);
  let held: Buffer[] = [];
  let heldBytes = 0;
  let handedOut = false;
  for (let damages = 0; ; damages++) {
    for await (const chunk of download.chunks()) {
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes <= wholeBytes && !handedOut) continue;
      handedOut = true;
      const last = held.pop()!;
      yield* held;
      held = [last];
    }
    if (download.isRight()) break;
    // Too short, without a word of it; or not what was asked for.
    if (handedOut && damages === 0 && (await download.hasMore())) continue;
    if (handedOut || damages === maxDamages) throw mismatch(session.display(repository, ''), digest);
    download.restart();
    [held, heldBytes] = [[], 0];
  }
  yield* held;
}

class Download {
  readonly #session: Session;
  readonly #repository: string;
  readonly #digest: Digest;
  #hash: Hash = createHash('sha256');
  #received = 0;
  #gaps = 0;
  readonly #spentSeconds = stopwatch();
  #next: Answer | undefined;

  constructor(session: Session, repository: string, digest: Digest) {
    this.#session = session;
    this.#repository = repository;
    this.#digest = digest;
  }

  restart(): void {
    this.#hash = createHash('sha256');
    this.#received = 0;
  }

  isRight(): boolean {
    return `sha256:${this.#hash.copy().digest('hex')}` === this.#digest;
  }

  /** Whether there is something behind what was said to be all; it comes as the next chunks. */
  async hasMore(): Promise<boolean> {
    this.#gaps += 1;
    this.#next = await this.#open();
    return this.#next !== undefined;
  }

  /** To the end of what the server has, over all gaps. */
  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      try {
        const answer = this.#next ?? (await this.#open());
        this.#next = undefined;
        if (answer) yield* this.#read(answer);
        return;
      } catch (error) {
        if (!(error instanceof Trouble) || !error.details.again) throw error;
        this.#gaps += 1;
        if (this.#gaps > maxGaps || this.#spentSeconds() > this.#session.limits.transferSeconds) throw error;
        const { pauseSeconds } = this.#session.limits;
        await this.#session.pause(Math.random() * pauseSeconds);
      }
    }
  }

  async *#read(answer: Answer): AsyncGenerator<Buffer> {
    // A server that knows no ranges sends all of it again.
    let skip = answer.status === 200 ? this.#received : 0;
    for await (const chunk of answer.body) {
      const rest = skip < chunk.length ? chunk.subarray(skip) : undefined;
      skip = Math.max(0, skip - chunk.length);
      if (rest === undefined || rest.length === 0) continue;
      this.#received += rest.length;
      if (this.#received > this.#session.limits.blobBytes) throw this.#trouble('is endless');
      if (this.#spentSeconds() > this.#session.limits.transferSeconds) throw this.#late();
      this.#hash.update(rest);
      yield rest;
    }
  }

  /** undefined when there is nothing behind what has come. */
  async #open(): Promise<Answer | undefined> {
    const from = this.#received;
    const answer = await this.#session.retrying(
      () =>
        this.#session.open(
          {
            method: 'GET',
            to: `blobs/${this.#digest}`,
            repository: this.#repository,
            access: 'pull',
            headers: { Accept: '*/*', ...(from === 0 ? {} : { Range: `bytes=${from}-` }) },
          },
          accepted,
        ),
      { seconds: this.#session.limits.retrySeconds },
    );
    if (!('bytes' in answer)) return this.#checked(answer, from);
    if (answer.status === 416 && from > 0) return undefined;
    throw this.#refused(answer);
  }

  #checked(answer: Answer, from: number): Answer {
    const { status, headers } = answer;
    const [, start] = /^bytes ([0-9]{1,15})-/.exec(headers['content-range'] ?? '') ?? [];
    const compressed = (headers['content-encoding'] ?? 'identity') !== 'identity';
    if (!compressed && (status === 200 || (start !== undefined && Number(start) === from))) return answer;
    answer.close();
    throw this.#trouble(compressed ? 'comes compressed, unasked' : 'comes from another place than was asked for');
  }

  #refused(answer: Reply): Trouble {
    if (answer.status === 404) return this.#trouble('is not there');
    return this.#session.refused(answer, this.#repository, `@${this.#digest}`, 'build or copy the image again');
  }

  #late(): Trouble {
    return unreachable(
      `${this.#session.display(this.#repository, `@${this.#digest}`)} does not come to an end in time`,
    );
  }

  #trouble(what: string): Trouble {
    return wrong(`${this.#session.display(this.#repository, `@${this.#digest}`)} ${what}`, {
      hint: 'build or copy the image again',
    });
  }
}
