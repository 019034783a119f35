import { stripVTControlCharacters } from 'node:util';
import { type Completed, type Problem, printable, problem, run } from '../support/index.ts';
import type { Transport } from './url.ts';

export interface GitOptions {
  cwd?: string;
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

/** What points git at another repository than the one it is told to work on. */
export const leadsElsewhere: readonly string[] = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY'];
const unset = Object.fromEntries(leadsElsewhere.map((name) => [name, undefined]));

/** Run git without anything that could ask a person, or lead it to another repository or another transport. */
export function git(args: readonly string[], options: GitOptions = {}): Promise<Completed> {
  const { transport, variables, ownGroup = transport !== undefined, ...rest } = options;
  return run('git', args, {
    ...rest,
    // A server that says nothing is waited for by a child of git's.
    ownGroup,
    env: {
      ...unset,
      GIT_TERMINAL_PROMPT: '0',
      ...(transport === undefined ? {} : { GIT_ALLOW_PROTOCOL: transport }),
      ...(process.env.GIT_SSH_COMMAND === undefined ? { GIT_SSH_COMMAND: 'ssh -oBatchMode=yes' } : {}),
      ...variables,
    },
  });
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
  return safe(lines.findLast((line) => !always.test(line)) ?? lines.findLast((line) => line !== '') ?? '');
}

/** Why a server did not take what was pushed, with what its hooks say; undefined when that was not the reason. */
export function refusal(done: Completed): string | undefined {
  const reason = /^!\t\S+\t(.*)$/m.exec(done.stdout)?.[1];
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
