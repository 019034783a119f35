import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type CommitId,
  type ObjectId,
  parseRemoteUrl,
  type RemoteUrl,
  type TagObject,
  tagObject,
} from '../../src/git/index.ts';
import { git } from './release-workspace.ts';

export interface BareRepository {
  path: string;
  name: string;
  /** Oldest first; the last is the head of `main`. */
  commits: CommitId[];
}

let made = 0;

/** A bare repository with a file and three commits, that may be pushed to over HTTP. */
export function aBareRepository(
  base: string,
  config: Record<string, string> = { 'uploadpack.allowFilter': 'true' },
): BareRepository {
  const path = join(base, `r${made++}.git`);
  git(base, 'init', '--quiet', '--bare', '--initial-branch=main', path);
  for (const [key, value] of Object.entries({ 'http.receivepack': 'true', ...config })) git(path, 'config', key, value);
  const commits: CommitId[] = [];
  for (const text of ['one', 'two', 'three']) {
    writeFileSync(join(base, 'file'), text);
    const blob = git(path, 'hash-object', '-w', join(base, 'file'));
    const tree = execFileSync('git', ['mktree'], { cwd: path, input: `100644 blob ${blob}\tfile\n`, encoding: 'utf8' });
    const parents = commits.slice(-1).flatMap((parent) => ['-p', parent]);
    commits.push(git(path, 'commit-tree', tree.trim(), '-m', text, ...parents) as CommitId);
  }
  git(path, 'update-ref', 'refs/heads/main', commits.at(-1)!);
  return { path, name: basename(path), commits };
}

export const refIn = ({ path }: BareRepository, ref: string): ObjectId | undefined =>
  (git(path, 'for-each-ref', '--format=%(objectname)', ref) || undefined) as ObjectId | undefined;

export function aHook({ path }: BareRepository, script: string): void {
  mkdirSync(join(path, 'hooks'), { recursive: true });
  const file = join(path, 'hooks/pre-receive');
  writeFileSync(file, `#!/bin/sh\n${script}`);
  chmodSync(file, 0o755);
}

export const aTag = (commit: CommitId, tag: string, message = 'Version', name = 'R'): TagObject =>
  tagObject({ commit, tag, tagger: { name, email: 'r@example.org' }, epochSeconds: 1525737600, message });

/** A URL for the tests: by any transport. */
export function remoteUrl(text: string, root = '/'): RemoteUrl {
  const parsed = parseRemoteUrl(text, { root, transports: new Set(['https', 'http', 'ssh', 'git', 'file']) });
  if (!parsed.ok) throw new Error(parsed.problems[0]!.message);
  return parsed.value;
}

/**
 * An environment in which git has no settings but these, for as long as the tests of a file run. `helper` is the
 * credential helper, which writes every question into `helper.log`.
 */
export function onlyTheseSettings(
  folder: string,
  lines: readonly string[],
  login?: { username: string; password: string },
): void {
  for (const name of Object.keys(process.env)) if (/^(?:GIT_|SSL_|.*_proxy$)/i.test(name)) delete process.env[name];
  const file = join(folder, 'gitconfig');
  const helper = login ? [`[credential]\n\thelper = "!sh ${aHelper(folder, login)}"`] : [];
  writeFileSync(file, `${[...lines, ...helper].join('\n')}\n`);
  Object.assign(process.env, { HOME: folder, GIT_CONFIG_GLOBAL: file, GIT_CONFIG_NOSYSTEM: '1' });
}

function aHelper(folder: string, { username, password }: { username: string; password: string }): string {
  const file = join(folder, 'helper.sh');
  const log = join(folder, 'helper.log');
  const answer = `if [ "$1" = get ]; then echo 'username=${username}'; echo 'password=${password}'; fi`;
  writeFileSync(file, `{ echo "verb=$1"; cat; echo; } >> ${log}\n${answer}\n`);
  return file;
}
