import { clip, printable, pause as wait } from '../../support/index.ts';
import { formsOf } from '../credentials/credential.ts';
import { findCredential } from '../credentials/find.ts';
import { isRepositoryName, type RemoteAddress } from '../names.ts';
import { type Authority, openAuthority, type Purpose } from './authority.ts';
import { apiHost, apiName } from './hosts.ts';
import { Lane } from './lane.ts';
import { type Limits, maxTextBytes, type RemoteOptions, usualConcurrency, usualLimits } from './options.ts';
import { findProtocol } from './protocol.ts';
import { follow } from './redirect.ts';
import { type Refusal, readAll, readRefusal, retryAfter } from './reply.ts';
import { type Retrying, retrying } from './retry.ts';
import { readToken, tokenCall } from './token.ts';
import { denied, interrupted, invalidName, type Trouble, unreachable, wrong } from './trouble.ts';
import { readTrust, type Trust } from './trust.ts';
import { type Answer, type Call, openWire, type Wire } from './wire.ts';

export interface Request {
  method: Call['method'];
  /** Below `/v2/NAME/`, or a place where the registry has sent us. */
  to: string | URL;
  repository: string;
  /** What is done with the repository; `from` names another one that is read. */
  access: 'pull' | 'pull,push' | 'delete';
  from?: string;
  headers?: Record<string, string>;
  body?: Buffer;
  /** A longer answer is cut off. */
  maxBytes?: number;
}

export interface Reply {
  status: number;
  headers: Answer['headers'];
  url: URL;
  bytes: Buffer;
}

const maxRedirects = 3;
const moved = new Set([301, 302, 303, 307, 308]);

/** What is kept between the requests to one registry: connections, tokens, lanes; and what may never be printed. */
export class Session {
  readonly limits: Limits;
  readonly host: string;
  readonly options: RemoteOptions;
  /** Set when the server has refused a blob in one piece. */
  chunked: boolean;
  /** Whether it may have lists of referrers; a tag stands in their place where it has not. */
  listsReferrers = true;
  readonly #address: RemoteAddress;
  readonly #wire: Wire;
  readonly #authority: Authority;
  readonly #secrets = new Set<string>();
  readonly #short: Lane;
  readonly #down: Lane;
  readonly #up: Lane;
  #origin: Promise<URL> | undefined;
  #trust: Promise<Trust> | undefined;

  constructor(address: RemoteAddress, options: RemoteOptions) {
    const { env = process.env, login, meter, signal, concurrency = usualConcurrency } = options;
    this.#address = address;
    this.options = options;
    this.host = address.host;
    this.limits = { ...usualLimits, ...options.limits };
    this.chunked = options.chunkBytes !== undefined;
    // A stream that feeds another must not wait for a lane that the other holds.
    this.#short = new Lane(concurrency);
    this.#down = new Lane(Math.ceil(concurrency / 2));
    this.#up = new Lane(Math.ceil(concurrency / 2));
    const trust = () => (this.#trust ??= readTrust(this.host, options));
    // What the answer is hashed with takes as long to load as the answer to come.
    const whileWaiting = () => void import('node:crypto');
    this.#wire = openWire({ host: apiHost(this.host), trust, limits: this.limits, meter, signal, whileWaiting });
    this.#authority = openAuthority({
      host: this.host,
      find: async (repository) =>
        login ? { credential: { kind: 'password', ...login }, notes: [] } : findCredential(this.host, repository, env),
      fetchToken: (request) => this.#fetchToken(request),
      keepSecret: (secret) => {
        for (const form of secret.length > 3 ? formsOf(secret) : []) this.#secrets.add(form);
      },
    });
  }

  close(): void {
    this.#wire.close();
  }

  /** As it is called on the server. */
  nameOf(repository: string): string {
    const { prefix } = this.#address;
    const name = apiName(this.host, prefix === undefined ? repository : `${prefix}/${repository}`);
    if (isRepositoryName(repository) && isRepositoryName(name)) return name;
    throw invalidName(`'${printable(clip(repository, 300))}' is no repository name`);
  }

  display(repository: string, what: string): string {
    return `${this.host}/${this.nameOf(repository)}${what}`;
  }

  /** Text from a server, safe to print, without what only it and we may know. */
  printable(text: string): string {
    let shown = text;
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, '***');
    return printable(clip(shown.trim(), 300));
  }

  /** A short exchange, tried again where that can help. */
  async ask(request: Request): Promise<Reply> {
    return this.retrying(() => this.askOnce(request), { seconds: this.limits.retrySeconds });
  }

  retrying<T>(work: (attempt: number) => Promise<T>, options: Pick<Retrying, 'seconds'>): Promise<T> {
    return retrying(work, { ...this.limits, pause: (seconds) => this.pause(seconds), ...options });
  }

  async pause(seconds: number): Promise<void> {
    const { pause, signal } = this.options;
    await (pause ? pause(seconds).catch(() => {}) : wait(seconds, signal));
    if (signal?.aborted) throw interrupted(this.host);
  }

  /** One exchange; throws Trouble for what another may mend (408, 425, 429, 5xx and the like). */
  async askOnce(request: Request): Promise<Reply> {
    const leave = await this.#short.enter();
    try {
      const answer = await this.#exchange(request, this.limits.answerSeconds);
      const bytes = await readAll(answer, request.maxBytes ?? maxTextBytes, this.host);
      return await this.#usable({ ...answer, bytes }, request);
    } finally {
      leave();
    }
  }

  /** The beginning of a stream. Its lane is left when its body has ended, or is left. */
  async open(request: Request, accepted: ReadonlySet<number>): Promise<Answer | Reply> {
    const leave = await this.#down.enter();
    try {
      const answer = await this.#exchange(request, this.limits.transferSeconds);
      if (accepted.has(answer.status)) {
        const close = () => {
          answer.close();
          leave();
        };
        return { ...answer, body: whileHeld(answer.body, leave), close };
      }
      const bytes = await readAll(answer, maxTextBytes, this.host);
      leave();
      return await this.#usable({ ...answer, bytes }, request);
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** A request with a body that can be sent once. 401 is answered as it comes, after a new token was asked for. */
  async upload(request: Omit<Request, 'body'>, body: AsyncIterable<Uint8Array>, length?: number): Promise<Reply> {
    const leave = await this.#up.enter();
    try {
      const { url, headers, own } = await this.#prepare(request);
      const purpose = this.#purpose(request);
      const authorization = own ? await this.#authority.header(purpose) : undefined;
      const answer = await this.#wire.send({
        method: request.method,
        url,
        body,
        headers: {
          ...headers,
          'Content-Type': 'application/octet-stream',
          ...(length === undefined ? {} : { 'Content-Length': String(length) }),
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
        totalSeconds: this.limits.transferSeconds,
        commitSeconds: this.limits.commitSeconds,
      });
      const bytes = await readAll(answer, maxTextBytes, this.host);
      if (answer.status === 401 && own)
        await this.#authority.after401(purpose, answer.headers['www-authenticate'] ?? '', authorization);
      else return await this.#usable({ ...answer, bytes }, request);
      return { ...answer, bytes };
    } finally {
      leave();
    }
  }

  /** What a server means by a status that was not expected, in words. */
  refusal(reply: Reply): Refusal {
    return readRefusal(reply, (text) => this.printable(text));
  }

  /** The end of a request that the server refuses for good. */
  refused(reply: Reply, repository: string, what: string, hint: string): Trouble {
    const { words } = this.refusal(reply);
    return wrong(`${this.display(repository, what)}: ${words}`, { hint, status: reply.status });
  }

  async denied(request: Pick<Request, 'repository' | 'access' | 'from'>, reply: Reply): Promise<Trouble> {
    return this.#authority.denied(this.#purpose(request), this.refusal(reply).words);
  }

  /** Where the registry sends an upload. */
  async location(reply: Reply): Promise<URL> {
    return follow(reply.headers.location, reply.url, this.host, this.options.plainHttp === true);
  }

  async #exchange(request: Request, totalSeconds: number): Promise<Answer> {
    const prepared = await this.#prepare(request);
    let { url } = prepared;
    for (let hops = 0; ; hops++) {
      const answer = await this.#authorized({ ...request, to: url }, prepared.headers, url, totalSeconds);
      if (!moved.has(answer.status) || (request.method !== 'GET' && request.method !== 'HEAD')) return answer;
      await drain(answer);
      if (hops === maxRedirects) throw wrong(`${this.host} redirects again and again`);
      url = follow(answer.headers.location, url, this.host, this.options.plainHttp === true);
    }
  }

  /** After 401 once more, with what the server asks for; nothing of it to any other host. */
  async #authorized(
    request: Request,
    headers: Record<string, string>,
    url: URL,
    totalSeconds: number,
  ): Promise<Answer> {
    const { method, body } = request;
    const send = (authorization: string | undefined) =>
      this.#wire.send({
        method,
        url,
        headers: authorization === undefined ? headers : { ...headers, Authorization: authorization },
        totalSeconds,
        ...(body === undefined ? {} : { body }),
      });
    if (url.origin !== (await this.origin()).origin) return send(undefined);
    const purpose = this.#purpose(request);
    const sent = await this.#authority.header(purpose);
    const answer = await send(sent);
    if (answer.status !== 401) return answer;
    await drain(answer);
    return send(await this.#authority.after401(purpose, answer.headers['www-authenticate'] ?? '', sent));
  }

  async #prepare(request: Omit<Request, 'body'>) {
    const origin = await this.origin();
    const { to, headers = {} } = request;
    const url = typeof to === 'string' ? new URL(`/v2/${this.nameOf(request.repository)}/${to}`, origin) : to;
    return { url, headers, own: url.origin === origin.origin };
  }

  #purpose({ repository, access, from }: Pick<Request, 'repository' | 'access' | 'from'>): Purpose {
    const name = this.nameOf(repository);
    const others = from === undefined ? [] : [`repository:${this.nameOf(from)}:pull`];
    return { repository: name, scopes: [...others, `repository:${name}:${access}`] };
  }

  async #usable(reply: Answer & { bytes: Buffer }, request: Omit<Request, 'body'>): Promise<Reply> {
    const { status, headers } = reply;
    if (status === 401 || status === 403) throw await this.denied(request, reply);
    if (status !== 408 && status !== 425 && status !== 429 && status < 500) return reply;
    if (status === 501 || status === 505) return reply;
    const afterSeconds = retryAfter(headers['retry-after']);
    throw unreachable(`${this.host}: ${this.refusal(reply).words}`, {
      again: true,
      status,
      ...(afterSeconds === undefined ? {} : { afterSeconds }),
    });
  }

  /** `https://HOST`, or without TLS where that is allowed. */
  origin(): Promise<URL> {
    this.#origin ??= findProtocol(apiHost(this.host), this.options.plainHttp, this.limits.connectSeconds).catch(
      (error) => {
        this.#origin = undefined;
        throw error;
      },
    );
    return this.#origin;
  }

  async #fetchToken(request: Parameters<typeof tokenCall>[0]) {
    const call = tokenCall(request, await this.origin());
    const where = `${this.host}: its token server at ${call.url.host}`;
    return this.retrying(
      async () => {
        const answer = await this.#wire.send({ ...call, totalSeconds: this.limits.answerSeconds });
        const bytes = await readAll(answer, 4 * maxTextBytes, this.host);
        const { status, headers } = answer;
        if (status === 200) {
          const token = readToken(bytes);
          if (token) return token;
          throw denied(`${where} gives no token`, 'look who runs that registry');
        }
        const { words } = this.refusal({ ...answer, bytes });
        const afterSeconds = retryAfter(headers['retry-after']);
        if (status === 408 || status === 425 || status === 429 || status >= 500)
          throw unreachable(`${where}: ${words}`, {
            again: true,
            ...(afterSeconds === undefined ? {} : { afterSeconds }),
          });
        const hint = `try: docker login ${this.host}, or podman login ${this.host}`;
        throw denied(`${where} gives no token: ${words}`, hint);
      },
      { seconds: this.limits.retrySeconds },
    );
  }
}

async function* whileHeld(body: AsyncIterable<Buffer>, leave: () => void): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } finally {
    leave();
  }
}

/** To the end where that is near, so that the connection can be used again. */
async function drain(answer: Answer): Promise<void> {
  await readAll(answer, maxTextBytes, '').catch(() => {});
}
