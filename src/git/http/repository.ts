import type { CommitId } from '../names.ts';
import type { RemoteRefs } from '../remote.ts';
import type { Caller } from './connection.ts';
import { type Exchange, exchange, type Reply } from './exchange.ts';
import { fetchCommand, holdsCommit } from './fetch-commit.ts';
import type { Host, Pushing, Reading, Session } from './host.ts';
import { type Advertisement, lsRefsCommand, readAdvertisement, readLsRefs } from './ls-refs.ts';
import { Malformed, type Packet, readPackets } from './pkt-line.ts';
import { type Report, readReport, type Update, updateRequest } from './receive-pack.ts';
import { Surprise, Trouble } from './trouble.ts';

/** A repository behind HTTP, as the exchanges of the protocol see it. Throws Surprise and Trouble. */
export interface HttpRepository {
  refs(names: readonly string[]): Promise<RemoteRefs>;
  holds(commit: CommitId): Promise<boolean>;
  update(update: Update, pack: Uint8Array): Promise<Report>;
}

type Service = 'git-upload-pack' | 'git-receive-pack';

/** How long answers may be: to a few names a few references, to protocol 0 all that a repository has. */
const most = { refs: 2 ** 20, advertisement: 16 * 2 ** 20, report: 2 ** 20, pack: 4 * 2 ** 20 };
const mostRedirects = 5;

export function openHttpRepository(url: URL, session: Session, caller: Caller): HttpRepository {
  let base = url;
  let opened: Promise<Host> | undefined;
  const host = () => {
    opened ??= hostOf(session, base);
    return opened;
  };

  const send = async (wanted: Omit<Exchange, 'repository' | 'url'>, path: string): Promise<Reply> =>
    exchange(await host(), { ...wanted, url: within(base, path), repository: base.pathname }, caller);

  const post = async (service: Service, body: Buffer, maxBytes: number): Promise<AsyncIterable<Packet>> => {
    const headers = {
      'Content-Type': `application/x-${service}-request`,
      ...(service === 'git-upload-pack' ? { 'Git-Protocol': 'version=2' } : {}),
    };
    const accept = `application/x-${service}-result`;
    const reply = await send({ method: 'POST', headers, body, maxBytes, accept }, `/${service}`);
    if (reply.status === 'redirect') throw new Surprise('it redirects a POST');
    return readPackets(reply.body);
  };

  /** Reference discovery (gitprotocol-http, "Smart Clients"); the one request whose redirects are followed, as git does by default. */
  const discover = async (service: Service, names: readonly string[]): Promise<Advertisement> => {
    const headers: Record<string, string> = service === 'git-upload-pack' ? { 'Git-Protocol': 'version=2' } : {};
    const path = `/info/refs?service=${service}`;
    const wanted = { headers, maxBytes: most.advertisement, accept: `application/x-${service}-advertisement` };
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const reply = await send({ method: 'GET', ...wanted }, path);
      if (reply.status === 'ok') return readAdvertisement(readPackets(reply.body), service, names, caller.display);
      base = redirected(within(base, path), reply.location, path);
      opened = undefined;
    }
    throw new Surprise('it redirects for ever');
  };

  const lsRefs = async (known: Reading & { version: 2 }, names: readonly string[]) =>
    readLsRefs(
      await post('git-upload-pack', lsRefsCommand(known.capabilities, names), most.refs),
      names,
      caller.display,
    );

  const refs: HttpRepository['refs'] = async (names) => {
    const { reading } = await host();
    return reading.apply(async (known) => {
      if (known?.version === 2) {
        const refs = await unlessSurprised(() => lsRefs(known, names));
        if (refs !== undefined) return refs;
      }
      const found = await discover('git-upload-pack', names);
      (await host()).reading.teach(found.version === 2 ? found : { version: 0 });
      return found.version === 2 ? lsRefs(found, names) : found.refs;
    });
  };

  const fetch = async (known: Reading & { version: 2 }, commit: CommitId) =>
    holdsCommit(await post('git-upload-pack', fetchCommand(known.capabilities, commit), most.pack), commit);

  const holds: HttpRepository['holds'] = async (commit) => {
    const { reading } = await host();
    return reading.apply(async (known) => {
      if (known?.version === 2) {
        const found = await unlessSurprised(() => fetch(known, commit));
        if (found !== undefined) return found;
      }
      const found = await discover('git-upload-pack', []);
      (await host()).reading.teach(found.version === 2 ? found : { version: 0 });
      if (found.version === 2) return fetch(found, commit);
      throw new Surprise('commits cannot be asked for by id');
    });
  };

  const push = async ({ capabilities }: Pick<Pushing, 'capabilities'>, update: Update, pack: Uint8Array) => {
    if (!capabilities.has('report-status')) throw new Surprise('it does not report what becomes of a push');
    if (update.to === null && !capabilities.has('delete-refs')) throw new Surprise('it deletes no references');
    const body = updateRequest(update, capabilities, pack);
    return readReport(await post('git-receive-pack', body, most.report), update.ref, capabilities.has('side-band-64k'));
  };

  const update: HttpRepository['update'] = async (wanted, pack) => {
    const { pushing } = await host();
    return pushing.apply(async (known) => {
      if (known?.shortcut === true) {
        const report = await unlessSurprised(() => push(known, wanted, pack));
        if (report !== undefined) return report;
      }
      const { version, capabilities } = await discover('git-receive-pack', []);
      if (version !== 0) throw new Surprise('it pushes by another protocol');
      // That the whole exchange begins well where the shortcut did not is the host's word against the shortcut.
      (await host()).pushing.teach({ capabilities, shortcut: known === undefined });
      return push({ capabilities }, wanted, pack);
    });
  };

  const tidy =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      work(...args).catch((error) => {
        throw error instanceof Malformed ? new Surprise(error.message) : error;
      });
  return { refs: tidy(refs), holds: tidy(holds), update: tidy(update) };
}

async function hostOf(session: Session, url: URL): Promise<Host> {
  const found = await session.hostOf(url);
  if (typeof found === 'string') throw new Surprise(`left to git: ${found}`);
  return found;
}

/** What a shortcut brings; undefined where the whole exchange may do better. */
async function unlessSurprised<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const status = error instanceof Trouble ? error.details.status : undefined;
    const surprised = error instanceof Surprise ? !error.ofHost : error instanceof Malformed;
    if (surprised || (status !== undefined && [403, 404, 410, 500, 501].includes(status))) return undefined;
    throw error;
  }
}

const within = (base: URL, path: string): URL => new URL(base.href.replace(/\/+$/, '') + path);

/** The repository that a redirect leads to. Another host, port or a lesser protocol is left to git (git-config, http.followRedirects). */
function redirected(asked: URL, location: string, path: string): URL {
  const target = URL.canParse(location, asked.href) ? new URL(location, asked) : undefined;
  const safer = asked.protocol === 'http:' && target?.protocol === 'https:' && target.hostname === asked.hostname;
  if (!target || !(target.origin === asked.origin || safer) || target.username !== '' || target.password !== '')
    throw new Surprise('it redirects to another host');
  if (!target.href.endsWith(path)) throw new Surprise('it redirects to what is no repository');
  return new URL(target.href.slice(0, -path.length));
}
