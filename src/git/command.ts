import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type Completed, type Problem, printable, problem, run } from '../support/index.ts';
import type { Transport } from './url.ts';

export interface GitOptions {
  cwd?: string;
  /** The repository, where it is not what git finds at `cwd`: a bare one may not be found (safe.bareRepository). */
  gitDirectory?: string;
  input?: Uint8Array;
  signal?: AbortSignal;
  timeoutSeconds?: number;
  /** The one transport this call may use. */
  transport?: Transport;
  maxOutputBytes?: number;
  /** Of its environment, beside what all calls have. */
  variables?: Readonly<Record<string, string>>;
  /** It asks a remote: what it starts for that ends with it. So it is with a transport. */
  ownGroup?: boolean;
}

/** What points git at another repository than the one it is told to work on, or at other names in it. */
export const leadsElsewhere: readonly string[] = [
  ...['GIT_DIR', 'GIT_COMMON_DIR', 'GIT_WORK_TREE', 'GIT_IMPLICIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX'],
  ...['GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_QUARANTINE_PATH', 'GIT_SHALLOW_FILE'],
  ...['GIT_GRAFT_FILE', 'GIT_NO_REPLACE_OBJECTS', 'GIT_REPLACE_REF_BASE', 'GIT_NAMESPACE', 'GIT_CONFIG'],
  ...['GIT_LITERAL_PATHSPECS', 'GIT_GLOB_PATHSPECS', 'GIT_NOGLOB_PATHSPECS', 'GIT_ICASE_PATHSPECS'],
];
const unset = Object.fromEntries(leadsElsewhere.map((name) => [name, undefined]));

/** What people set for their own eyes, or for their own pushes: it would change what is read here, or what is sent. */
export const settings: readonly string[] = [
  'color.ui=false',
  'log.showSignature=false',
  'log.follow=false',
  'i18n.logOutputEncoding=UTF-8',
  'diff.relative=false',
  'diff.orderFile=/dev/null',
  'push.followTags=false',
  'push.gpgSign=false',
  'push.recurseSubmodules=no',
  'submodule.recurse=false',
];
const withSettings = settings.flatMap((each) => ['-c', each]);

/** Run git without anything that could ask a person, or lead it to another repository or another transport. */
export async function git(args: readonly string[], options: GitOptions = {}): Promise<Completed> {
  const { transport, variables, gitDirectory, ownGroup = transport !== undefined, ...rest } = options;
  const at = gitDirectory === undefined ? [] : [`--git-dir=${gitDirectory}`];
  return run('git', [...withSettings, ...at, ...args], {
    ...rest,
    // A server that says nothing is waited for by a child of git's.
    ownGroup,
    env: {
      ...unset,
      GIT_TERMINAL_PROMPT: '0',
      ...(transport === undefined ? {} : { GIT_ALLOW_PROTOCOL: transport }),
      ...(transport === undefined || gitDirectory === undefined ? {} : await handedOn(options.cwd)),
      ...(asksByWayOfSsh(transport, ownGroup) ? await sshVariables(options.cwd) : {}),
      ...variables,
    },
  });
}

/** How remotes are reached and who is there, as far as a repository's own configuration says. */
const ofRemotes = /^(?:url|http|credential|protocol|ssh)\.|^core\.(?:gitproxy|askpass)$/;
const handed = new Map<string, Promise<Record<string, string>>>();

/**
 * Those settings of the repository that dmrel is started in: a scratch one knows nothing of them. In the environment, for
 * all see a command line.
 */
function handedOn(folder = '.'): Promise<Record<string, string>> {
  const cwd = resolve(folder);
  const known = handed.get(cwd) ?? readHandedOn(cwd);
  handed.set(cwd, known);
  return known;
}

async function readHandedOn(cwd: string): Promise<Record<string, string>> {
  const listed = await run('git', ['config', '--list', '--show-scope', '-z'], { cwd, env: unset });
  const fields = listed.exitCode === 0 ? listed.stdout.split('\0') : [];
  const found: [key: string, value: string][] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [key = '', ...value] = fields[index + 1]!.split('\n');
    if (!/^(?:local|worktree)$/.test(fields[index]!) || !ofRemotes.test(key)) continue;
    found.push([key, value.length === 0 ? 'true' : value.join('\n')]); // a key alone means true
  }
  if (found.length === 0) return {};
  // What the environment says comes after, for it counts more.
  const { env } = process;
  for (let index = 0; index < Number(env.GIT_CONFIG_COUNT ?? 0); index += 1)
    found.push([env[`GIT_CONFIG_KEY_${index}`] ?? '', env[`GIT_CONFIG_VALUE_${index}`] ?? '']);
  const variables = found.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return Object.fromEntries([['GIT_CONFIG_COUNT', String(found.length)], ...variables]);
}

/** Of a transport that is not named, it is not known. */
const asksByWayOfSsh = (transport: Transport | undefined, ownGroup: boolean): boolean =>
  transport === 'ssh' || (transport === undefined && ownGroup);

const sshCommands = new Map<string, Promise<string | undefined>>();

/** ssh as it is set up, told to ask nobody where it is ssh itself. `GIT_SSH` names a program and takes no options. */
async function sshVariables(folder = '.'): Promise<Record<string, string>> {
  const cwd = resolve(folder);
  const { GIT_SSH_COMMAND, GIT_SSH } = process.env;
  if (!sshCommands.has(cwd)) sshCommands.set(cwd, GIT_SSH_COMMAND ? Promise.resolve(GIT_SSH_COMMAND) : configured(cwd));
  const command = (await sshCommands.get(cwd)) ?? (GIT_SSH ? undefined : 'ssh');
  return command !== undefined && /^(?:[\w./~-]*\/)?ssh(?:\s|$)/.test(command)
    ? { GIT_SSH_COMMAND: `${command} -oBatchMode=yes` }
    : {};
}

async function configured(cwd: string): Promise<string | undefined> {
  const found = await run('git', ['config', '--get', 'core.sshCommand'], { cwd, env: unset });
  return found.stdout.replace(/\n$/, '') || undefined;
}

/** Text of git or of a server, safe to print, without what may stand in URLs before the host. */
export const safe = (text: string): string =>
  printable(stripVTControlCharacters(text).replace(/:\/\/[^/\s]*@/g, '://')).slice(0, 300);

/** What git says after the reason, whatever the reason was. */
const always =
  /^(?:fatal: Could not read from remote repository\.|Please make sure you have .*|and the repository exists\.)?$/;

/** The last thing git said that tells something. */
export function lastLine(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  return safe(lines.findLast((line) => !always.test(line)) ?? lines.find((line) => line !== '') ?? '');
}

/** What git calls the error: what it says after that is advice, or what follows from it. */
export function firstError(stderr: string): string {
  const found = /^(?:fatal|error): *(.*)$/m.exec(stderr)?.[1];
  return found ? safe(found) : lastLine(stderr);
}

/** Why a server did not take what was pushed, with what its hooks say; undefined when that was not the reason. */
export function refusal(done: Completed): string | undefined {
  const reasons = [...done.stdout.matchAll(/^!\t\S+\t(.*)$/gm)].map(([, reason]) => reason!);
  // Of what is pushed together, each is refused for the sake of one.
  const reason = reasons.find((each) => !/atomic/.test(each)) ?? reasons[0];
  if (reason === undefined) return undefined;
  const said = [...done.stderr.matchAll(/^remote:(.*)$/gm)]
    .map(([, line]) => line!.trim())
    .filter((line) => line !== '');
  return safe(said.length === 0 ? reason : `${reason}: ${said.join(' ')}`);
}

/** Why a call to a remote came to nothing. */
export function remoteProblem(what: string, done: Completed): { problem: Problem; retryable: boolean } {
  if (done.failure === 'missing') {
    return {
      problem: problem('command-missing', 'git is not installed', { hint: 'install git 2.31 or newer' }),
      retryable: false,
    };
  }
  if (done.failure === 'timeout') {
    return {
      problem: problem('remote-unreachable', `${what} does not answer in time`, { hint: 'try again later' }),
      retryable: true,
    };
  }
  if (done.failure === 'interrupted')
    return { problem: problem('interrupted', `${what}: interrupted`), retryable: false };
  const line = lastLine(done.stderr);
  const retryable = /(?:timed out|Connection (?:reset|refused)|HTTP 5\d\d|early EOF|hung up|Could not resolve)/.test(
    done.stderr,
  );
  const hint = /Permission denied|Authentication|could not read Username/.test(done.stderr)
    ? "git's credential helpers and ssh keys are what dmrel uses; try: git ls-remote URL"
    : 'look whether the repository is there and you may read it';
  return { problem: problem('remote-unreachable', `${what}: ${line || 'git gave no reason'}`, { hint }), retryable };
}
