import { closeSync, openSync } from 'node:fs';
import { Failure, problem } from './problem.ts';
import { afterRefusal } from './refusal.ts';

/** How a child process ended. Output is bytes decoded as UTF-8, bounded. */
export interface Completed {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
  /** Set when it did not end by itself or did not start. */
  failure?: 'missing' | 'timeout' | 'interrupted' | 'output-too-large' | 'killed';
}

export interface RunOptions {
  cwd?: string;
  /** Added to this process's environment; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  input?: string | Uint8Array;
  timeoutSeconds?: number;
  signal?: AbortSignal;
  maxOutputBytes?: number;
  /** What it starts ends with it when it is stopped: else those would hold its output open, and us. It has no terminal. */
  ownGroup?: boolean;
  /** What it leaves behind is not waited for, though that holds its output open: all is said when it exits. */
  leaves?: boolean;
}

/** What a program has said before it was stopped, or exited, is still read. */
const graceMilliseconds = 100;

/**
 * Run a program: arguments as an array, no shell, no standard input unless given, a time limit, output bounded.
 * Never throws for what the program does. Problem: `command-failed`, when too many files are open to start one. The one door through which dmrel starts programs.
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Completed> {
  if (options.signal?.aborted) return { exitCode: undefined, stdout: '', stderr: '', failure: 'interrupted' };
  const { execa } = await import('execa');
  needFiles(program);
  const timeout = (options.timeoutSeconds ?? 60) * 1000;
  const child = execa(program, args, {
    reject: false,
    stripFinalNewline: false,
    env: { LC_ALL: 'C', ...options.env },
    timeout,
    killSignal: 'SIGKILL',
    maxBuffer: options.maxOutputBytes ?? 16 * 2 ** 20,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.ownGroup ? { detached: true } : {}),
  });
  // What it has started may hold its output open for as long as it likes. What has come is read first, by setImmediate:
  // where this process was busy for longer than the grace, nobody has looked yet.
  const closeOutput = () =>
    setImmediate(() => {
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    });
  child.on('exit', (_code, signal) => {
    // Only what was stopped: a daemon that git leaves behind by itself, to keep credentials, is wanted.
    if (signal !== null && options.ownGroup) endGroup(child.pid);
    if (signal !== null || options.leaves) setTimeout(closeOutput, graceMilliseconds);
  });
  const limit = setTimeout(closeOutput, timeout + graceMilliseconds);
  const result = await child;
  clearTimeout(limit);
  const completed: Completed = {
    exitCode: result.exitCode,
    stdout: String(result.stdout ?? ''),
    stderr: String(result.stderr ?? ''),
  };
  if (result.code === 'ENOENT' || result.code === 'EACCES') completed.failure = 'missing';
  else if (result.timedOut) completed.failure = 'timeout';
  else if (result.isCanceled) completed.failure = 'interrupted';
  else if (result.isMaxBuffer) completed.failure = 'output-too-large';
  else if (result.isTerminated) completed.failure = 'killed';
  return completed;
}

/** Pipes to and from a program, twice, and what starting it takes. */
const filesForOne = 10;

/** Without them node says so outside of every call, which would end this process. */
function needFiles(program: string): void {
  const opened: number[] = [];
  try {
    while (opened.length < filesForOne) opened.push(openSync('/dev/null', 'r'));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const hint = afterRefusal(code);
    throw new Failure(problem('command-failed', `cannot start ${program}: ${code}`, { hint }));
  } finally {
    for (const each of opened) closeSync(each);
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has ended.
  }
}
