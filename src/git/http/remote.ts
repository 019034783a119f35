import { failed, ok, problem } from '../../support/index.ts';
import { safe } from '../command.ts';
import type { ObjectId } from '../names.ts';
import type { CreateOutcome, DeleteOutcome, Failed, MoveOutcome, Remote, RemoteOptions } from '../remote.ts';
import type { RemoteUrl } from '../url.ts';
import { type Host, Session } from './host.ts';
import { packOf } from './pack.ts';
import type { Report, Update } from './receive-pack.ts';
import { type HttpRepository, openHttpRepository } from './repository.ts';
import { Surprise, Trouble, unreachable } from './trouble.ts';

export interface OwnOptions extends RemoteOptions {
  /** Who does what this client cannot; without one, that is a problem. */
  instead?: () => Remote;
  session?: Session;
}

/** For the whole process: each host is asked once what it can do. */
let shared: Session | undefined;

/**
 * A repository behind smart HTTP, spoken to directly: one request to read references, one to push a tag, no clone and no
 * process. What the protocol or git's settings have beyond that is left to `instead`.
 */
export function openOwnRemote(url: RemoteUrl, options: OwnOptions = {}): Remote {
  const { instead, signal, timeoutSeconds, meter } = options;
  shared ??= new Session();
  const session = options.session ?? shared;
  const address = addressOf(url);
  const caller = { display: url.display, signal, timeoutSeconds, meter };
  const repository = address && openHttpRepository(address, session, caller);

  /** Own client first; what surprises it goes to the git program. */
  const attempt = async <T>(
    own: (repository: HttpRepository) => Promise<T>,
    git: (remote: Remote) => Promise<T>,
    trouble: (trouble: Trouble) => T,
  ): Promise<T> => {
    try {
      if (!repository) throw new Surprise('its URL is not of the usual form');
      return await own(repository);
    } catch (error) {
      if (error instanceof Trouble) return trouble(error);
      if (!(error instanceof Surprise)) throw error;
      if (error.ofHost && address) await leaveToGit(session, address, error.message);
      if (instead) return git(instead());
      return trouble(unreachable(`${url.display}: ${safe(error.message)}`, 'try: git ls-remote URL'));
    }
  };

  /** Change a reference; after anything but a plain yes, what counts is what stands there now. */
  const change = async <T>(
    repository: HttpRepository,
    update: Update,
    pack: Uint8Array,
    done: T,
    seen: (found: ObjectId | undefined) => T | undefined,
    explain: (report: Report & { status: 'refused' }) => Failed = (report) => refusalOf(url, report),
  ): Promise<T | Failed> => {
    let failure: Failed;
    try {
      const report = await repository.update(update, pack);
      if (report.status === 'ok') return done;
      failure = explain(report);
    } catch (error) {
      if (!(error instanceof Trouble) || error.details.unheard || error.problem.code === 'interrupted') throw error;
      failure = pushFailed(error);
    }
    const found = await repository.refs([update.ref]).then(
      (after) => after.refs.get(update.ref) ?? null,
      () => undefined,
    );
    return (found === undefined ? undefined : seen(found ?? undefined)) ?? failure;
  };

  return {
    listRefs: (names) =>
      attempt(
        async (own) => ok(await own.refs(names)),
        (git) => git.listRefs(names),
        (trouble) => failed(trouble.problem),
      ),

    hasCommit: (request) =>
      attempt(
        async (own) => ok(await own.holds(request.commit)),
        (git) => git.hasCommit(request),
        (trouble) => failed(trouble.problem),
      ),

    createTag: (request) =>
      attempt(
        async (own) => {
          const { tag, commit, object } = request;
          const update: Update = { ref: `refs/tags/${tag}`, from: null, to: object.id };
          const pack = await packOf('tag', object.bytes);
          return change<CreateOutcome>(
            own,
            update,
            pack,
            { status: 'created' },
            (found) => {
              if (found === undefined) return undefined;
              return found === object.id ? { status: 'in-sync' } : { status: 'conflict', found };
            },
            (report) => (lacksObject(report) ? commitNotFound(url, commit) : refusalOf(url, report)),
          );
        },
        (git) => git.createTag(request),
        pushFailed,
      ),

    moveTag: (request) =>
      attempt(
        async (own) => {
          const { tag, commit, object, from } = request;
          const update: Update = { ref: `refs/tags/${tag}`, from, to: object.id };
          const pack = await packOf('tag', object.bytes);
          return change<MoveOutcome>(
            own,
            update,
            pack,
            { status: 'moved' },
            (found) => {
              if (found === undefined) return { status: 'absent' };
              if (found === object.id) return { status: 'in-sync' };
              return found === from ? undefined : { status: 'conflict', found };
            },
            (report) => (lacksObject(report) ? commitNotFound(url, commit) : refusalOf(url, report)),
          );
        },
        (git) => git.moveTag(request),
        pushFailed,
      ),

    deleteTag: (request) =>
      attempt(
        async (own) => {
          const { tag, from } = request;
          const update: Update = { ref: `refs/tags/${tag}`, from, to: null };
          const verdict = (found: ObjectId | undefined): DeleteOutcome | undefined => {
            if (found === undefined) return { status: 'absent' };
            return found === from ? undefined : { status: 'conflict', found };
          };
          // receive-pack deletes a reference whatever it is when it does not know the object that it is said to be.
          const before = verdict((await own.refs([update.ref])).refs.get(update.ref));
          return before ?? change<DeleteOutcome>(own, update, Buffer.alloc(0), { status: 'deleted' }, verdict);
        },
        (git) => git.deleteTag(request),
        pushFailed,
      ),
  };
}

/** Only as it stands: what a client would have to escape or to simplify first is left to git. */
function addressOf({ text }: RemoteUrl): URL | undefined {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const path = /^https?:\/\/[^/]+(\/.*)$/.exec(text)?.[1];
  return parsed && parsed.pathname === path && parsed.search === '' && parsed.hash === '' ? parsed : undefined;
}

async function leaveToGit(session: Session, url: URL, why: string): Promise<void> {
  const host = await session.hostOf(url);
  if (typeof host !== 'string') (host as Host).leftToGit = why;
}

function pushFailed({ problem, details }: Trouble): Failed {
  const { retryable = false, retryAfterSeconds } = details;
  const code = problem.code === 'interrupted' ? problem.code : 'tag-push-failed';
  const wait = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  return { status: 'failed', problem: { ...problem, code }, retryable, ...wait };
}

/** As receive-pack says that what a tag points to is not there (builtin/receive-pack.c, builtin/unpack-objects.c). */
const lacksObject = ({ reason, said }: { reason: string; said: string }): boolean =>
  /missing necessary objects|did not receive expected object/.test(`${reason} ${said}`);

const commitNotFound = (url: RemoteUrl, commit: string): Failed => ({
  status: 'failed',
  problem: problem('commit-not-found', `${url.display} has no commit ${commit}`),
  retryable: false,
});

function refusalOf(url: RemoteUrl, { reason, said }: { reason: string; said: string }): Failed {
  const words = safe(said === '' ? `(${reason})` : `(${reason}): ${said}`);
  const hint = 'its server has a rule against it; ask who keeps that repository';
  return {
    status: 'failed',
    problem: problem('tag-push-failed', `${url.display} refuses the tag: [remote rejected] ${words}`, { hint }),
    // Somebody else is at that reference at this moment; what came of it is seen the next time.
    retryable: /cannot lock ref|failed to update ref|already exists/.test(reason),
  };
}
