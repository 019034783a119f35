import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { descendantsOf } from './descendants.ts';
import { maxLogBytes, maxReportBytes, tailBytes } from './runner.ts';

export interface LocalJob {
  argv: readonly [string, ...string[]];
  cwd: string;
  /** Added to the environment. */
  env: Record<string, string>;
  /** The environment itself; this process's without it. */
  base?: NodeJS.ProcessEnv;
  timeoutSeconds: number;
  /** Where both output streams go. */
  log: string;
  /** Where standard output goes instead, when it is a report. */
  stdout?: string;
  /** Told all that goes to the log, as it comes: the log itself is bounded. */
  heard?: (chunk: Buffer) => void;
  signal: AbortSignal;
}

/** How a program ended that was run. */
export interface ProgramEnd {
  status: 'passed' | 'failed' | 'timeout' | 'not-started' | 'interrupted';
  exitCode?: number;
  /** The last lines it printed. */
  tail: string;
}

/** How long what left the process group may keep the output open after the program has ended. */
const graceSeconds = 0.5;
/** A timer for longer would fire at once. */
const maxTimer = 2 ** 31 - 1;

/**
 * Run a program on this machine in a process group of its own, so that what it leaves behind ends with it. Its output
 * goes to a log, bounded; no shell and no standard input.
 */
export async function runLocally(job: LocalJob): Promise<ProgramEnd> {
  const { spawn } = await import('node:child_process');
  await mkdir(dirname(job.log), { recursive: true });
  const log = boundedFile(job.log, maxLogBytes);
  const report = job.stdout === undefined ? undefined : boundedFile(job.stdout, maxReportBytes);
  let tail = '';
  const keep = (chunk: Buffer) => {
    tail = (tail + chunk.toString('utf8')).slice(-tailBytes);
    log.write(chunk);
    job.heard?.(chunk);
  };
  const [program, ...args] = job.argv;
  const end = await new Promise<ProgramEnd>((settle) => {
    const child = spawn(program, args, {
      cwd: job.cwd,
      env: { ...(job.base ?? process.env), ...job.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let reason: ProgramEnd['status'] | undefined;
    const stop = (status: ProgramEnd['status']) => {
      reason ??= status;
      endAll(child.pid);
    };
    const timer = setTimeout(() => stop('timeout'), Math.min(job.timeoutSeconds * 1000, maxTimer));
    const interrupted = () => stop('interrupted');
    job.signal.addEventListener('abort', interrupted);
    if (job.signal.aborted) interrupted();
    child.stdout.on('data', report?.write ?? keep);
    child.stderr.on('data', keep);
    const unwatch = () => {
      clearTimeout(timer);
      job.signal.removeEventListener('abort', interrupted);
    };
    const finish = (status: ProgramEnd['status'], exitCode?: number | null) => {
      unwatch();
      child.stdout.destroy();
      child.stderr.destroy();
      settle({ status: reason ?? status, tail: '', ...(typeof exitCode === 'number' ? { exitCode } : {}) });
    };
    child.on('error', () => finish('not-started'));
    child.on('exit', (code) => {
      unwatch();
      endAll(child.pid);
      const end = () => finish(code === 0 ? 'passed' : 'failed', code);
      // 'close' is when all output has come. A daemon that took the pipes along would hold us for as long as it lives.
      const patience = setTimeout(end, graceSeconds * 1000);
      child.on('close', () => {
        clearTimeout(patience);
        end();
      });
    });
  });
  await Promise.all([log.end(), report?.end()]);
  return { ...end, tail: tail.trim() };
}

/** A file of what comes, up to a size. The result counts; a file that cannot be written is missed, no more. */
function boundedFile(path: string, limit: number): { write(chunk: Buffer): void; end(): Promise<void> } {
  const file = createWriteStream(path);
  file.on('error', () => {});
  let written = 0;
  return {
    write: (chunk) => {
      if (written < limit && file.writable) file.write(chunk.subarray(0, limit - written));
      written += chunk.length;
    },
    end: () => new Promise<void>((closed) => file.end(() => closed())),
  };
}

/** Its process group, and what left that. */
function endAll(pid: number | undefined): void {
  if (pid === undefined) return;
  for (const each of [-pid, ...descendantsOf(pid)]) {
    try {
      process.kill(each, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}
