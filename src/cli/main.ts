import { setMaxListeners } from 'node:events';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CommandContext } from '../plugins/index.ts';
import { afterRefusal, exitCodeOf, Failure, type Problem, problem, systemClock } from '../support/index.ts';
import { printJson } from './json.ts';

declare const DMREL_VERSION: string;

/** What a process offers; host.ts has the real one. */
export interface ProcessLike {
  argv: string[];
  execPath: string;
  version: string;
  env: NodeJS.ProcessEnv;
  cwd(): string;
  stdin?: AsyncIterable<Uint8Array> & { isTTY?: boolean };
  stdout: { write(text: string): unknown; isTTY?: boolean; columns?: number | undefined };
  stderr: { write(text: string): unknown; isTTY?: boolean; stream?(): NodeJS.WriteStream };
  /** Programs that ask git's configuration are started there. */
  chdir?(directory: string): void;
  on(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(code: number): void;
}

/**
 * Run one command line and resolve to its exit code. The one place where problems are printed.
 * @param home the directory dmrel is installed in
 */
export async function main(host: ProcessLike, home: string): Promise<number> {
  const argv = host.argv.slice(2);
  const version = typeof DMREL_VERSION === 'string' ? DMREL_VERSION : '0.0.0';
  if (argv.length === 1 && argv[0] === '--version') {
    host.stdout.write(`${version}\n`);
    return 0;
  }
  const json = argv.includes('--json');
  const context = createContext(host, home, json);
  try {
    return await dispatch(argv, context, version, host);
  } catch (error) {
    const problems = toProblems(error, host.env);
    await printProblems(problems, context);
    if (argv.includes('--debug') && error instanceof Error) host.stderr.write(`${error.stack}\n`);
    return exitCodeOf(problems);
  }
}

async function dispatch(argv: string[], context: CommandContext, version: string, host: ProcessLike): Promise<number> {
  const [{ parseCommandLine, verbIndex }, { builtin }] = await Promise.all([
    import('./program.ts'),
    import('./builtin.ts'),
  ]);
  const before = verbIndex(argv);
  const first = argv[before];
  if (first !== undefined) {
    const words = new Set(builtin.commands.map(({ name }) => name.split(' ')[0]));
    if (!words.has(first)) {
      const code = await runExternal(first, argv.slice(before + 1), argv.slice(0, before), context);
      if (code !== undefined) return code;
    }
  }
  const output = { out: context.out, width: () => context.width, version };
  const invocation = parseCommandLine(argv.length === 0 ? ['--help'] : argv, [builtin], output);
  if (!invocation) return 0;
  const { globals, spec, args, options } = invocation;
  if (globals.directory !== undefined) {
    context.cwd = resolve(context.cwd, globals.directory);
    // Where there is none, the command says what it does not find.
    if (statSync(context.cwd, { throwIfNoEntry: false })?.isDirectory()) host.chdir?.(context.cwd);
  }
  if (globals.color === false) context.color = false;
  const { run } = await spec.load();
  return run(context, args, options);
}

/**
 * `dmrel NAME ...` is `dmrel-NAME ...` when such a program is on PATH.
 * @param lead options that stand before its name: it is started in the directory that they name, and is given the others
 */
async function runExternal(
  name: string,
  args: string[],
  lead: string[],
  context: CommandContext,
): Promise<number | undefined> {
  const { endedBy, exitOfSignal, findExternal, notStarted, waysBack } = await import('../plugins/index.ts');
  const program = findExternal(name, context.env.PATH);
  if (program === undefined) return undefined;
  const { directory, rest } = directoryIn(lead);
  const cwd = directory === undefined ? context.cwd : resolve(context.cwd, directory);
  const plain = rest.includes('--no-color') ? { NO_COLOR: '1' } : {};
  const env = { ...context.env, ...plain, ...waysBack(context) };
  const { spawn } = await import('node:child_process');
  const given = [...args, ...rest.filter((each) => each !== '--no-color')];
  const ended = await new Promise<number | NodeJS.Signals | Failure>((settle) => {
    const child = spawn(program, given, { cwd, stdio: 'inherit', env });
    child.on('error', (error) => settle(new Failure(notStarted(program, error))));
    child.on('close', (code, signal) => settle(code ?? signal ?? 0));
  });
  if (ended instanceof Failure) throw ended;
  if (typeof ended === 'number') return ended;
  if (ended !== 'SIGINT') await printProblems([endedBy(program, ended)], context);
  return exitOfSignal(ended);
}

/** `-C DIR`, `-CDIR`, `--directory DIR` or `--directory=DIR` among options. */
function directoryIn(lead: readonly string[]): { directory?: string; rest: string[] } {
  const rest: string[] = [];
  let directory: string | undefined;
  for (let index = 0; index < lead.length; index += 1) {
    const [, joined] = /^(?:-C|--directory=)(.+)$/s.exec(lead[index]!) ?? [];
    if (joined !== undefined) directory = joined;
    else if (lead[index] === '-C' || lead[index] === '--directory') directory = lead[++index];
    else rest.push(lead[index]!);
  }
  return { ...(directory === undefined ? {} : { directory }), rest };
}

/** What somebody answers; nothing at the end of input. Problem: `interrupted`, when it is Ctrl-C. */
async function askPerson(host: ProcessLike, question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const input = host.stdin as unknown as NodeJS.ReadableStream;
  const lines = createInterface({ input, output: host.stderr.stream!() });
  let stopped = false;
  lines.once('SIGINT', () => {
    stopped = true;
    lines.close();
  });
  const left = new Promise<undefined>((settle) => lines.once('close', () => settle(undefined)));
  try {
    const answer = await Promise.race([lines.question(question).catch(() => undefined), left]);
    if (answer === undefined) host.stderr.write('\n');
    if (stopped) throw new Failure(problem('interrupted', 'interrupted; nothing was written'));
    return answer ?? '';
  } finally {
    lines.close();
  }
}

let interruption: AbortController | undefined;
/** Signals so near to each other are one. */
const sameMilliseconds = 200;

/**
 * The first Ctrl-C lets running steps end; the second ends at once. Made when something asks for it: a command that has
 * nothing to finish is ended by the first.
 */
function interruptOf(host: ProcessLike, err: CommandContext['err']): AbortSignal {
  if (interruption) return interruption.signal;
  const made = new AbortController();
  interruption = made;
  const { signal } = made;
  setMaxListeners(0, signal); // every step that runs listens
  let since = 0;
  const stop = () => {
    // A terminal, or timeout(1), tells all of a group at once, and those who started us may hand it on.
    if (signal.aborted && performance.now() - since < sameMilliseconds) return;
    if (signal.aborted) host.exit(130);
    since = performance.now();
    err('\nfinishing what was begun; press Ctrl-C again to stop at once\n');
    made.abort();
  };
  host.on('SIGINT', stop);
  host.on('SIGTERM', stop);
  return signal;
}

function createContext(host: ProcessLike, home: string, json: boolean): CommandContext {
  const { env } = host;
  let colorful = !json && !env.NO_COLOR && env.TERM !== 'dumb';
  return {
    cwd: host.cwd(),
    env,
    now: systemClock,
    get ask() {
      const somebody = !env.CI && host.stderr.isTTY && host.stderr.stream && host.stdin?.isTTY;
      return somebody ? (question: string) => askPerson(host, question) : undefined;
    },
    input: () => (host.stdin?.isTTY === true ? undefined : host.stdin),
    out: (text) => void host.stdout.write(text),
    err: (text) => void host.stderr.write(text),
    get width() {
      return Math.min(host.stdout.columns || 100, 200);
    },
    get color() {
      return colorful && host.stdout.isTTY === true;
    },
    set color(wanted) {
      colorful &&= wanted;
    },
    get errColor() {
      return colorful && host.stderr.isTTY === true;
    },
    get watched() {
      const somebody = !env.CI && env.TERM !== 'dumb' && host.stderr.isTTY === true;
      const stream = somebody ? host.stderr.stream?.() : undefined;
      return stream?.columns ? stream : undefined; // 0 where the terminal does not say: no line fits
    },
    json,
    get interrupt() {
      return interruptOf(host, this.err);
    },
    home,
    nodeVersion: host.version,
    self: [host.execPath, join(home, 'bin/dmrel.js')],
  };
}

function toProblems(error: unknown, { TMPDIR }: NodeJS.ProcessEnv): Problem[] {
  if (error instanceof Failure) return error.problems;
  const { code, syscall, path, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) {
    const inTemporary = Boolean(TMPDIR && path?.startsWith(TMPDIR));
    const temporary = `TMPDIR is ${TMPDIR}: make that directory one that can be written to, or set TMPDIR to another`;
    const what = `${[syscall, path].filter(Boolean).join(' ')}: ${code}`;
    return [
      problem('file-unwritable', `the system refused: ${what}`, { hint: inTemporary ? temporary : afterRefusal(code) }),
    ];
  }
  const hint = 'this is a fault of dmrel; run again with --debug and report what it prints';
  return [problem('internal', `unexpected: ${message ?? String(error)}`, { hint })];
}

async function printProblems(problems: Problem[], context: CommandContext): Promise<void> {
  if (context.json) {
    printJson(context, { schema: 'dmrel/problems/v1', problems } as never);
    return;
  }
  const { renderProblems } = await import('./output/problems.ts');
  context.err(await renderProblems(problems, context));
}
