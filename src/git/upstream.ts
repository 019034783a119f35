import { failed, ok, type Problem, printable, problem, type Result } from '../support/index.ts';
import { git, lastLine, remoteProblem } from './command.ts';
import { type ObjectId, parseObjectId } from './names.ts';

/** What the upstream of a workspace has under some full ref names, as it says now. */
export async function listUpstream(
  root: string,
  remote: string,
  refs: readonly string[],
): Promise<Result<Map<string, ObjectId>>> {
  const done = await git(['ls-remote', '--', remote, ...refs], { cwd: root, ownGroup: true });
  if (done.exitCode !== 0) return failed(remoteProblem(remote, done).problem);
  const found = new Map<string, ObjectId>();
  for (const line of done.stdout.split('\n')) {
    const [id = '', name = ''] = line.split('\t');
    const object = parseObjectId(id);
    if (object && refs.includes(name)) found.set(name, object);
  }
  return ok(found);
}

/**
 * Why nothing that is committed here would be pushed, though the workspace has remotes. Undefined where it has none: its
 * records are for this machine. Problem: `workspace-lacks`.
 */
export async function whyPushedNowhere(root: string): Promise<Problem | undefined> {
  const remotes = (await git(['remote'], { cwd: root })).stdout.split('\n').filter((each) => each !== '');
  const [first] = remotes;
  if (first === undefined) return undefined;
  const remote = remotes.includes('origin') ? 'origin' : first;
  const head = (await git(['symbolic-ref', '--quiet', '--short', 'HEAD'], { cwd: root })).stdout.trim();
  if (head === '') return onNoBranch(remote);
  const message = `branch ${printable(head)} follows none at a remote, so its records would be pushed nowhere`;
  const hint = `git switch to the branch that has the records, or: git push --set-upstream ${remote} ${printable(head)}`;
  return problem('workspace-lacks', message, { hint });
}

/** Problem: `workspace-lacks`. */
export function onNoBranch(remote: string): Problem {
  const message = 'the workspace is on no branch (its HEAD is detached), so its records would be pushed nowhere';
  const hint = `git switch BRANCH; where CI has checked out a commit: git switch -C main --track ${remote}/main`;
  return problem('workspace-lacks', message, { hint });
}

/** Whether the workspace's last commit holds another one. */
export async function headHolds(root: string, commit: ObjectId): Promise<boolean> {
  const there = await git(['cat-file', '-e', `${commit}^{commit}`], { cwd: root });
  if (there.exitCode !== 0) return false;
  return (await git(['merge-base', '--is-ancestor', commit, 'HEAD'], { cwd: root })).exitCode === 0;
}

/** Whether a commit that is here has a file of the workspace. */
export async function commitHas(root: string, commit: ObjectId, file: string): Promise<boolean> {
  return (await git(['cat-file', '-e', `${commit}:./${file}`], { cwd: root })).exitCode === 0;
}

export type NoteOutcome = 'written' | 'taken' | 'not-allowed';

/** Somebody else is at that ref at this moment: no rule of the server, and over in the next. */
const inTheWay = /lock|already exists|stale info|failed to update ref|fetch first|non-fast-forward/i;
const attempts = 6;

/**
 * Put a text under a ref of its own at the upstream, if nothing is there, or only what it replaces: the first of several
 * gets it. `not-allowed` when the server takes no such refs.
 */
export async function writeNote(
  root: string,
  remote: string,
  ref: string,
  text: string,
  replaced?: ObjectId,
): Promise<Result<NoteOutcome>> {
  const stored = await git(['hash-object', '-w', '--stdin'], { cwd: root, input: Buffer.from(text) });
  const blob = parseObjectId(stored.stdout.trim());
  if (!blob) return failed(problem('command-failed', `git hash-object: ${lastLine(stored.stderr)}`));
  const lease = `--force-with-lease=${ref}:${replaced ?? ''}`;
  const push = ['push', '--porcelain', '--no-verify', lease, '--', remote, `${blob}:${ref}`];
  for (let attempt = 1; ; attempt++) {
    const done = await git(push, { cwd: root, ownGroup: true });
    if (done.exitCode === 0) return ok('written');
    const after = await listUpstream(root, remote, [ref]);
    if (!after.ok) return after;
    const found = after.value.get(ref);
    if (found !== undefined && found !== replaced) return ok(found === blob ? 'written' : 'taken');
    const reason = /^!\t[^\t]*\t(.*)$/m.exec(done.stdout)?.[1];
    if (reason === undefined) return failed(remoteProblem(remote, done).problem);
    if (!inTheWay.test(reason)) return ok('not-allowed');
    if (attempt === attempts) return failed(problem('push-refused', `${remote} refuses ${ref}: ${lastLine(reason)}`));
    await new Promise((resolve) => setTimeout(resolve, 20 * 2 ** attempt * (0.5 + Math.random())));
  }
}

/** One object under a name that nothing here is called by: whatever else is set up for fetching is left alone. */
export const fetchQuietly: readonly string[] = [
  'fetch',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-auto-gc',
  '--no-recurse-submodules',
  '--refmap=',
  '--quiet',
];

/** The last commit at the upstream that changed a file of the workspace; undefined when that cannot be known. */
export async function lastChange(
  root: string,
  { remote, branch }: { remote: string; branch: string },
  head: ObjectId,
  file: string,
): Promise<{ commit: ObjectId; by: string; at: string; subject: string } | undefined> {
  const fetched = await git([...fetchQuietly, '--', remote, `refs/heads/${branch}`], { cwd: root, ownGroup: true });
  if (fetched.exitCode !== 0) return undefined;
  const format = '--format=%H%x00%an <%ae>%x00%cI%x00%s';
  const told = await git(['log', '-1', format, head, '--', `./${file}`], { cwd: root });
  const [id = '', by = '', at = '', subject = ''] = told.stdout.trim().split('\0');
  const commit = parseObjectId(id);
  return told.exitCode === 0 && commit ? { commit, by, at, subject } : undefined;
}

/** More than a claim ever has: the plan of ten thousand products. */
const maxNoteBytes = 16 * 2 ** 20;

/**
 * The text under a ref of the upstream; undefined when nothing is there, null when it is no text or has no end.
 * @param object what is there, where that was asked already
 */
export async function readNote(
  root: string,
  remote: string,
  ref: string,
  object?: ObjectId,
): Promise<Result<string | null | undefined>> {
  const listed = object === undefined ? await listUpstream(root, remote, [ref]) : ok(new Map([[ref, object]]));
  if (!listed.ok) return listed;
  const blob = listed.value.get(ref);
  if (blob === undefined) return ok(undefined);
  const fetched = await git([...fetchQuietly, '--', remote, ref], { cwd: root, ownGroup: true });
  if (fetched.exitCode !== 0) {
    const gone = await listUpstream(root, remote, [ref]);
    if (gone.ok && !gone.value.has(ref)) return ok(undefined);
    return failed(remoteProblem(remote, fetched).problem);
  }
  const read = await git(['cat-file', 'blob', blob], { cwd: root, maxOutputBytes: maxNoteBytes });
  return ok(read.exitCode === 0 ? read.stdout : null);
}
