import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type CommitId,
  type ObjectId,
  parseRemoteUrl,
  type RemoteUrl,
  type TagObject,
  tagObject,
} from '../../src/git/index.ts';
import { git, gitInput } from './release-workspace.ts';

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
  for (const [key, value] of Object.entries({ 'http.receivepack': 'true', 'receive.autogc': 'false', ...config }))
    appendFileSync(join(path, 'config'), `[${key.replace('.', ']\n\t')} = ${value}\n`);
  const history = ['one', 'two', 'three'].map(
    (text) =>
      `commit refs/heads/main\ncommitter T <t@example.org> ${Math.floor(Date.now() / 1000)} +0000\n` +
      `data ${text.length}\n${text}\nM 100644 inline file\ndata ${text.length}\n${text}\n`,
  );
  gitInput(path, history.join(''), 'fast-import', '--quiet', '--date-format=raw');
  const commits = git(path, 'rev-list', '--reverse', 'main').split('\n') as CommitId[];
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
