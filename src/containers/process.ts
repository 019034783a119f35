import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface StreamedRun {
  env: NodeJS.ProcessEnv;
  cwd?: string;
  timeoutSeconds?: number;
  signal?: AbortSignal;
  /** Its standard input: an archive that no one keeps whole. */
  input?: AsyncIterable<Uint8Array>;
  /** Takes its standard output as bytes. Without it that is read by lines, together with what it says of errors. */
  output?: (stdout: AsyncIterable<Buffer>) => Promise<void>;
  line?: (line: string) => void;
  /** Told at once: whoever looks for what a killed dmrel left behind needs it. */
  started?: (pid: number) => void;
}

export interface StreamedEnd {
  exitCode: number | undefined;
  /** Set when it did not end by itself or did not start. */
  failure?: 'missing' | 'timeout' | 'interrupted';
  /** The last lines it printed for people. */
  tail: string[];
  /** What reading its output or making its input threw. */
  error?: unknown;
}

const tailLines = 20;
const maxLine = 4000;
/** How long a program may clean up after it was asked to end. */
const graceSeconds = 5;
/** A timer for longer would fire at once. */
const maxTimer = 2 ** 31 - 1;

/**
 * Run a program whose input or output is too large to be held: arguments as an array, no shell, in a process group of its
 * own, which is asked to end on a signal or after its time, and ended when it does not.
 */
export async function runStreamed(program: string, args: readonly string[], job: StreamedRun): Promise<StreamedEnd> {
  const { spawn } = await import('node:child_process');
  const end: StreamedEnd = { exitCode: undefined, tail: [] };
  if (job.signal?.aborted) return { ...end, failure: 'interrupted' };
  const child = spawn(program, args, {
    env: { ...job.env, LC_ALL: 'C' },
    cwd: job.cwd,
    stdio: [job.input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    detached: true,
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  if (child.pid !== undefined) job.started?.(child.pid);
  const stop = (reason: StreamedEnd['failure']) => {
    if (end.failure === undefined && reason !== undefined) end.failure = reason;
    signalGroup(child.pid, 'SIGTERM');
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceSeconds * 1000).unref();
  };
  const milliseconds = (job.timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const timer = setTimeout(() => stop('timeout'), Math.min(milliseconds, maxTimer));
  const interrupted = () => stop('interrupted');
  job.signal?.addEventListener('abort', interrupted);
  const onLine = (line: string) => {
    end.tail.push(line);
    if (end.tail.length > tailLines) end.tail.shift();
    job.line?.(line);
  };
  const failed = (error: unknown) => {
    end.error ??= error;
    stop(undefined);
  };
  const { output, input } = job;
  const reading = [
    readLines(child.stderr, onLine),
    output ? output(child.stdout).catch(failed) : readLines(child.stdout, onLine),
    ...(input && child.stdin ? [feed(input, child.stdin, failed)] : []),
  ];
  await new Promise<void>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      end.failure = 'missing';
      end.error = error;
      resolve();
    });
    child.on('exit', (code) => {
      end.exitCode = code ?? undefined;
      // What it started may hold its output open for as long as it likes.
      if (end.failure !== undefined) signalGroup(child.pid, 'SIGKILL');
      resolve();
    });
  });
  clearTimeout(timer);
  job.signal?.removeEventListener('abort', interrupted);
  if (end.failure !== undefined) for (const stream of child.stdio) stream?.destroy();
  await Promise.all(reading);
  return end;
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const lines = (rest + chunk).split(/\r?\n|\r/);
      rest = lines.pop()!.slice(-maxLine);
      for (const line of lines) onLine(line.slice(0, maxLine));
    }
  } catch {
    // It was ended.
  }
  if (rest !== '') onLine(rest);
}

/** A program that has read enough closes its input: how it ended tells whether that was right. */
async function feed(
  input: AsyncIterable<Uint8Array>,
  stdin: Writable,
  failed: (error: unknown) => void,
): Promise<void> {
  const { pipeline } = await import('node:stream/promises');
  const { Readable: Source } = await import('node:stream');
  let thrown: unknown;
  const watched = async function* () {
    try {
      yield* input;
    } catch (error) {
      thrown = error;
      throw error;
    }
  };
  await pipeline(Source.from(watched()), stdin).catch(() => {
    if (thrown !== undefined) failed(thrown);
  });
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended.
  }
}
