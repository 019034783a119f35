import { failed, ok, type Problem, problem } from '../support/index.ts';
import { git, refusal, remoteProblem } from './command.ts';
import { type CommitId, type ObjectId, parseObjectId } from './names.ts';
import type { CreateOutcome, Failed, Remote, RemoteOptions, RemoteRefs, TagRequest } from './remote.ts';
import { fetchUrl, scratchRepository } from './scratch.ts';
import type { RemoteUrl } from './url.ts';

/** What became of a push: done, or nothing to do, or else what stands there now (null: nothing) and why it failed. */
type Pushed =
  | { status: 'done' | 'up-to-date' }
  | { status: 'not-done'; found: ObjectId | null | undefined; why: Failed };

const everyReference = ['heads', 'tags'].map((kind) => `+refs/${kind}/*:refs/found/${kind}/*`);

/** A repository elsewhere, by way of the git program: any transport, and all that git can be told about it. */
export function openProgramRemote(url: RemoteUrl, options: Omit<RemoteOptions, 'client' | 'meter'> = {}): Remote {
  const call = { ...options, transport: url.transport };
  const unreachable = (done: Parameters<typeof remoteProblem>[1]) => remoteProblem(url.display, done);

  const listRefs: Remote['listRefs'] = async (names) => {
    const patterns = names.flatMap((name) => (name.startsWith('refs/tags/') ? [name, `${name}^{}`] : [name]));
    const done = await git(['ls-remote', '--symref', '--', url.text, ...patterns], call);
    if (done.exitCode !== 0) return failed(unreachable(done).problem);
    if (!/^[0-9a-f]{64}\t/m.test(done.stdout)) return ok(parseRefs(done.stdout, new Set(names)));
    const hint = 'leave it out of the index: commits and tags are recorded by SHA-1';
    return failed(problem('ref-not-found', `${url.display} has objects of sha256, which are not tagged`, { hint }));
  };

  /** A repository with that one commit in it, and nothing of its content where the server can leave it out. */
  const fetchCommit = async (
    scratch: string,
    commit: CommitId,
    ref?: string,
  ): Promise<{ path: string; found: boolean; problem?: Problem; retryable?: boolean }> => {
    const path = await scratchRepository(scratch);
    const quiet = ['--filter=tree:0', '--no-tags', '--no-write-fetch-head', '--no-auto-gc', '--quiet'];
    const fetch = (what: string[], depth: string[] = []) =>
      git(['fetch', ...depth, ...quiet, '--', fetchUrl(url), ...what], { ...call, gitDirectory: path });
    const isHere = async () =>
      (await git(['cat-file', '-e', `${commit}^{commit}`], { gitDirectory: path })).exitCode === 0;
    let done = await fetch([commit], ['--depth=1']);
    if (done.exitCode === 0) return { path, found: await isHere() };
    // Servers of the older protocol, such as most over ssh, give out only what a reference leads to.
    if (/unadvertised object/.test(done.stderr)) {
      for (const what of [ref === undefined ? [] : [ref], everyReference]) {
        if (what.length === 0) continue;
        done = await fetch(what);
        if (done.exitCode === 0 && (await isHere())) return { path, found: true };
      }
      if (done.exitCode === 0) return { path, found: false };
    }
    if (/not our ref|bad object|remote did not send all/.test(done.stderr)) return { path, found: false };
    return { path, found: false, ...unreachable(done) };
  };

  const hasCommit: Remote['hasCommit'] = async ({ scratch, commit }) => {
    const fetched = await fetchCommit(scratch, commit);
    return fetched.problem ? failed(fetched.problem) : ok(fetched.found);
  };

  /** One reference, by lease: `from` is what must stand there, '' for nothing. */
  const push = async (gitDirectory: string, ref: string, from: ObjectId | '', to: ObjectId | ''): Promise<Pushed> => {
    const how = [
      // A thin pack is made against trees, which are not here: git would fetch them first.
      '--no-thin',
      '--porcelain',
      '--no-verify',
      `--force-with-lease=${ref}:${from}`,
    ];
    const args = ['-c', 'push.negotiate=true', 'push', ...how, '--', url.text, `${to}:${ref}`];
    const done = await git(args, { ...call, gitDirectory });
    if (done.exitCode === 0) return { status: /^=\t/m.test(done.stdout) ? 'up-to-date' : 'done' };
    // Refused or cut off: what counts is what stands there now.
    const after = await listRefs([ref]);
    const found = after.ok ? (after.value.refs.get(ref) ?? null) : undefined;
    const refused = refusal(done);
    if (refused === undefined) {
      const { problem: cause, retryable } = unreachable(done);
      const code = cause.code === 'remote-unreachable' ? 'tag-push-failed' : cause.code;
      return { status: 'not-done', found, why: { status: 'failed', problem: { ...cause, code }, retryable } };
    }
    const hint = 'its server has a rule against it; ask who keeps that repository';
    const why = problem('tag-push-failed', `${url.display} refuses the tag: ${refused}`, { hint });
    // Somebody else is at that ref at this moment; what came of it is seen the next time.
    const retryable = /cannot lock ref|failed to update ref|already exists|stale info/.test(refused);
    return { status: 'not-done', found, why: { status: 'failed', problem: why, retryable } };
  };

  /** A repository with the tag object and the commit that it names. */
  const prepare = async ({ scratch, commit, object, fallbackRef }: TagRequest): Promise<string | Failed> => {
    const fetched = await fetchCommit(scratch, commit, fallbackRef);
    if (fetched.problem) return { status: 'failed', problem: fetched.problem, retryable: fetched.retryable === true };
    if (!fetched.found) {
      const missing = problem('commit-not-found', `${url.display} has no commit ${commit}`);
      return { status: 'failed', problem: missing, retryable: false };
    }
    const gitDirectory = fetched.path;
    const written = await git(['hash-object', '-t', 'tag', '-w', '--stdin'], { gitDirectory, input: object.bytes });
    if (written.stdout.trim() === object.id) return gitDirectory;
    const other = problem('command-failed', `git made another tag object: ${written.stderr}`);
    return { status: 'failed', problem: other, retryable: false };
  };

  const createTag: Remote['createTag'] = async (request): Promise<CreateOutcome> => {
    const made = await prepare(request);
    if (typeof made !== 'string') return made;
    const { id } = request.object;
    const pushed = await push(made, `refs/tags/${request.tag}`, '', id);
    if (pushed.status !== 'not-done') return { status: pushed.status === 'done' ? 'created' : 'in-sync' };
    if (!pushed.found) return pushed.why;
    return pushed.found === id ? { status: 'in-sync' } : { status: 'conflict', found: pushed.found };
  };

  const moveTag: Remote['moveTag'] = async (request) => {
    const made = await prepare(request);
    if (typeof made !== 'string') return made;
    const { id } = request.object;
    const pushed = await push(made, `refs/tags/${request.tag}`, request.from, id);
    if (pushed.status !== 'not-done') return { status: pushed.status === 'done' ? 'moved' : 'in-sync' };
    if (pushed.found === null) return { status: 'absent' };
    if (pushed.found === undefined || pushed.found === request.from) return pushed.why;
    return pushed.found === id ? { status: 'in-sync' } : { status: 'conflict', found: pushed.found };
  };

  const deleteTag: Remote['deleteTag'] = async ({ scratch, tag, from }) => {
    const pushed = await push(await scratchRepository(scratch), `refs/tags/${tag}`, from, '');
    if (pushed.status !== 'not-done') return { status: 'deleted' };
    if (pushed.found === null) return { status: 'absent' };
    if (pushed.found === undefined || pushed.found === from) return pushed.why;
    return { status: 'conflict', found: pushed.found };
  };

  return { listRefs, hasCommit, createTag, moveTag, deleteTag };
}

function parseRefs(output: string, wanted: ReadonlySet<string>): RemoteRefs {
  const found: RemoteRefs = { refs: new Map(), peeled: new Map() };
  let branch: string | undefined;
  for (const line of output.split('\n')) {
    const [id = '', name = ''] = line.split('\t');
    if (id.startsWith('ref: ') && name === 'HEAD') branch = id.slice('ref: '.length);
    const object = parseObjectId(id);
    if (!object) continue;
    if (name === 'HEAD') found.head = { commit: object as string as CommitId, ...(branch ? { branch } : {}) };
    else if (name.endsWith('^{}') && wanted.has(name.slice(0, -3))) found.peeled.set(name.slice(0, -3), object);
    else if (wanted.has(name)) found.refs.set(name, object);
  }
  return found;
}
