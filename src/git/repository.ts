import { type Completed, failed, ok, type Problem, printable, problem, type Result } from '../support/index.ts';
import { branchOf } from './branch.ts';
import { firstError, git, lastLine, refusal } from './command.ts';
import { commitFiles, type FilesToCommit } from './commit-files.ts';
import { type CommitId, isRefName, type ObjectId, parseCommitId, parseObjectId } from './names.ts';
import { obstaclesTo, unknownIdentity } from './obstacles.ts';
import { type Replaying, replayOn } from './replay.ts';
import type { Signer } from './sign.ts';
import { tagObject } from './tag-object.ts';
import { parseRemoteUrl, type Transport } from './url.ts';

export type PushOutcome =
  | { status: 'pushed' }
  | { status: 'up-to-date' }
  | { status: 'refused'; problem: Problem }
  | { status: 'failed'; problem: Problem; retryable: boolean };

/** A commit as the log tells of it. */
export interface LogEntry {
  author: string;
  /** When it was committed, in seconds since the epoch. */
  epochSeconds: number;
  subject: string;
  /** The value of each trailer that was asked for; empty where it has none. */
  trailers: Record<string, string>;
}

/** The workspace's own repository. */
export interface Repository {
  root: string;
  /** Who makes commits and tags here, as git is configured. Problem: `identity-missing`. */
  identity(): Promise<Result<{ name: string; email: string }>>;
  headCommit(): Promise<CommitId | undefined>;
  /** The last commit that touched any of these files or directories. */
  lastCommitOf(paths: readonly string[]): Promise<CommitId | undefined>;
  /** The commits that touched any of these files or directories, newest first, with some of their trailers. */
  log(paths: readonly string[], trailers: readonly string[]): Promise<LogEntry[]>;
  /** Where the workspace is pushed to, without anything secret; undefined for a path on this machine. */
  remoteUrl(): Promise<string | undefined>;
  /** Whether these files are in the last commit just as they are on disk. */
  isCommitted(paths: readonly string[]): Promise<boolean>;
  /** Files among these, or below these directories, that are not in the last commit as they are on disk. */
  changed(paths: readonly string[]): Promise<string[]>;
  /** Whether the index has this file, be it on disk or not. */
  isTracked(path: string): Promise<boolean>;
  /**
   * What keeps files that are to be written from being committed, and pushed where that is wanted: no identity, a merge or
   * the like in the middle, rules that ignore them, no branch where there are remotes.
   */
  obstacles(paths: readonly string[]): Promise<Problem[]>;
  /** Commit these files alone; what else is changed or staged stays so. */
  commit(request: FilesToCommit): Promise<Result<CommitId>>;
  tagAt(name: string): Promise<{ object: ObjectId; commit: CommitId | undefined } | undefined>;
  createTag(tag: {
    name: string;
    commit: CommitId;
    message: string;
    tagger: { name: string; email: string };
    epochSeconds: number;
    signer?: Signer;
  }): Promise<Result<ObjectId>>;
  /** When the commit that a tag names was made, in seconds since 1970; undefined where there is no such tag. */
  tagTime(name: string): Promise<number | undefined>;
  /** Delete a tag that is still this object; nothing when there is none. */
  deleteTag(name: string, object: ObjectId): Promise<Result<void>>;
  /** What the branch follows at a remote, be it known here or not. */
  upstream(): Promise<{ remote: string; branch: string } | undefined>;
  /** Whether the upstream, as last seen, lacks a commit or the tag of this repository. */
  isAhead(tag?: string): Promise<boolean>;
  /** Push refs together or not at all. A deletion names what must be there: `{ref: object}`. */
  push(request: {
    remote: string;
    refs: readonly string[];
    deletions?: Readonly<Record<string, ObjectId>>;
  }): Promise<PushOutcome>;
  /** Make the commits that an upstream lacks anew on top of its newest one; whether that was done. */
  replay(replaying: Replaying): Promise<boolean>;
}

/** Problem: `not-a-repository`. */
export async function openRepository(root: string): Promise<Result<Repository>> {
  const asked = ['--is-inside-work-tree', '--show-prefix', '--absolute-git-dir', '--show-object-format'];
  const inside = await git(['rev-parse', ...asked], { cwd: root });
  if (inside.failure === 'missing') {
    return failed(problem('command-missing', 'git is not installed', { hint: 'install git 2.31 or newer' }));
  }
  const [isInside, prefix = '', gitDirectory = '', objectFormat] = inside.stdout.split('\n');
  if (isInside !== 'true') return failed(notOpened(root, inside.stderr));
  if (objectFormat !== 'sha1') {
    const hint =
      'records name commits and tags by SHA-1: keep the workspace in a repository made without --object-format';
    return failed(problem('not-a-repository', `${root}: its repository has objects of ${objectFormat}`, { hint }));
  }
  // Not by the library: it waits 50 ms after each command that prints nothing.
  const raw = async (...args: string[]): Promise<string | undefined> => {
    const { exitCode, stdout } = await git(args, { cwd: root, timeoutSeconds: 120 });
    return exitCode === 0 ? stdout : undefined;
  };

  const headCommit = async () =>
    parseCommitId((await raw('rev-parse', '--verify', '--quiet', 'HEAD^{commit}'))?.trim() ?? '');
  const upstream = async () => (await branchOf(raw))?.upstream;
  const tagAt: Repository['tagAt'] = async (name) => {
    if (!isRefName(name)) return undefined;
    const object = parseObjectId((await raw('rev-parse', '--verify', '--quiet', `refs/tags/${name}`))?.trim() ?? '');
    if (!object) return undefined;
    const commit = parseCommitId(
      (await raw('rev-parse', '--verify', '--quiet', `refs/tags/${name}^{commit}`))?.trim() ?? '',
    );
    return { object, commit };
  };

  const identity: Repository['identity'] = async () => {
    const found = await git(['var', 'GIT_COMMITTER_IDENT'], { cwd: root });
    const configured = await git(['config', '--get', 'user.email'], { cwd: root });
    const [, name, email] = /^(.*) <(.*)> \d+ [+-]\d+$/.exec(found.stdout.trim()) ?? [];
    const known =
      configured.exitCode === 0 || process.env.GIT_COMMITTER_EMAIL !== undefined || process.env.EMAIL !== undefined;
    if (found.exitCode === 0 && name && email && known) return ok({ name, email });
    return failed(unknownIdentity());
  };

  return ok({
    root,
    headCommit,
    lastCommitOf: async (paths) =>
      parseCommitId((await raw('rev-list', '--max-count=1', 'HEAD', '--', ...paths))?.trim() ?? ''),
    log: async (paths, trailers) => {
      const values = trailers.map((key) => `%(trailers:key=${key},valueonly,separator=%x20)`);
      const format = ['%an <%ae>', '%ct', '%s', ...values].join('%x1f');
      const printed = await raw('log', '-z', `--format=${format}`, '--', ...paths);
      const entries = (printed ?? '').split('\0').filter((entry) => entry !== '');
      return entries.map((entry) => {
        const [author = '', time, subject = '', ...found] = entry.split('\x1f');
        const named = trailers.map((key, index) => [key, (found[index] ?? '').trim()] as const);
        return { author, epochSeconds: Number(time), subject, trailers: Object.fromEntries(named) };
      });
    },
    remoteUrl: async () => {
      const remote = (await upstream())?.remote ?? 'origin';
      const url = (await raw('remote', 'get-url', remote))?.trim() ?? '';
      const transports = new Set<Transport>(['https', 'http', 'ssh', 'git']);
      const parsed = parseRemoteUrl(url.replace(/^(https?:\/\/)[^@/]*@/, '$1'), { root, transports });
      return parsed.ok ? parsed.value.display : undefined;
    },
    upstream,
    tagAt,
    tagTime: async (name) => {
      const printed = await raw('log', '--max-count=1', '--format=%ct', `refs/tags/${name}`, '--');
      return printed === undefined ? undefined : Number(printed.trim());
    },
    identity,
    isCommitted: async (paths) => {
      const status = await raw('status', '--porcelain', '--ignored', '--untracked-files=all', '--', ...paths);
      const tracked = await raw('ls-files', '--error-unmatch', '--', ...paths);
      return status?.trim() === '' && tracked !== undefined && (await headCommit()) !== undefined;
    },
    changed: async (paths) => {
      const status = await raw('status', '--porcelain', '-z', '--no-renames', '--untracked-files=all', '--', ...paths);
      const all = (status ?? '').split('\0').filter((entry) => entry !== '');
      // Told from the top of the repository, which a workspace need not be.
      const files = all.map((entry) => entry.slice(3));
      return files.map((file) => (file.startsWith(prefix) ? file.slice(prefix.length) : file));
    },
    isTracked: async (path) => (await raw('ls-files', '--', path))?.trim() !== '',
    obstacles: (paths) => obstaclesTo({ gitDirectory, raw }, paths),
    commit: (request) => commitFiles({ root, gitDirectory, prefix, raw, headCommit }, request),
    createTag: async ({ name, commit, message, tagger, epochSeconds, signer }) => {
      const unsigned = { commit, tag: name, tagger, epochSeconds, message };
      const signature = signer && (await signer.sign(tagObject(unsigned).bytes));
      if (signature && !signature.ok) return signature;
      const object = tagObject(signature ? { ...unsigned, signature: signature.value } : unsigned);
      const existing = await tagAt(name);
      if (existing?.object === object.id) return ok(object.id);
      if (existing || !isRefName(name))
        return failed(problem('tag-conflict', `the workspace has another tag ${name} already`));
      const written = await git(['hash-object', '-t', 'tag', '-w', '--stdin'], { cwd: root, input: object.bytes });
      const updated = await git(['update-ref', `refs/tags/${name}`, object.id, '0'.repeat(40)], { cwd: root });
      if (written.exitCode === 0 && updated.exitCode === 0) return ok(object.id);
      return failed(problem('command-failed', `git: ${lastLine(written.stderr + updated.stderr)}`));
    },
    deleteTag: async (name, object) => {
      if (!(await tagAt(name))) return ok(undefined);
      const done = await git(['update-ref', '-d', `refs/tags/${name}`, object], { cwd: root });
      if (done.exitCode === 0) return ok(undefined);
      return failed(problem('command-failed', `git update-ref: ${lastLine(done.stderr)}`));
    },
    isAhead: async (tag) => {
      const missing = (await raw('rev-list', '--max-count=1', '@{upstream}..HEAD'))?.trim();
      if (missing !== '') return true;
      const there = await upstream();
      if (tag === undefined || !there) return false;
      const listed = await git(['ls-remote', '--exit-code', '--', there.remote, `refs/tags/${tag}`], { cwd: root });
      return listed.exitCode !== 0;
    },
    replay: (replaying) => replayOn(root, replaying),
    push: async ({ remote, refs, deletions = {} }) => {
      const leases = Object.entries(deletions).map(([ref, object]) => `--force-with-lease=${ref}:${object}`);
      const all = [...refs, ...Object.keys(deletions).map((ref) => `:${ref}`)];
      const done = await git(['push', '--porcelain', '--atomic', ...leases, '--', remote, ...all], {
        cwd: root,
        timeoutSeconds: 120,
        ownGroup: true, // begun, it is finished: Ctrl-C is for dmrel
      });
      if (done.exitCode === 0) return { status: /^[*+ -]\t/m.test(done.stdout) ? 'pushed' : 'up-to-date' };
      const refused = refusal(done);
      // Somebody else is at one of these refs at this moment.
      const busy = refused !== undefined && /cannot lock ref|failed to update ref|Unable to create/.test(refused);
      if (refused && !busy)
        return { status: 'refused', problem: problem('push-refused', `${remote} refuses the records: ${refused}`) };
      return {
        status: 'failed',
        problem: problem('push-refused', `git push ${remote}: ${whyEnded(done)}`),
        retryable: true,
      };
    },
  });
}

/** Why git does not take a directory for the inside of a repository. */
function notOpened(root: string, stderr: string): Problem {
  const owned = /detected dubious ownership in repository at '(.*)'/.exec(stderr)?.[1];
  if (owned !== undefined) {
    const hint = `if that is right: git config --global --add safe.directory ${printable(owned)}`;
    return problem('not-a-repository', `${root} is in a repository of another user, which git does not open`, { hint });
  }
  if (stderr === '' || /^fatal: not a git repository/m.test(stderr)) {
    const hint = 'records are commits: git init, then commit the workspace';
    return problem('not-a-repository', `${root} is in no git repository`, { hint });
  }
  const hint = 'mend what git complains of; try: git status';
  return problem('not-a-repository', `git does not open the repository of ${root}: ${firstError(stderr)}`, { hint });
}

function whyEnded({ failure, stderr }: Completed): string {
  if (failure === 'timeout') return 'no answer in time';
  if (failure !== undefined) return 'it was stopped';
  return lastLine(stderr) || 'git gave no reason';
}
