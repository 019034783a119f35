import { fstatSync, statSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { ProcessLike } from './main.ts';

/**
 * This process as `main` takes it. Its streams are opened when something needs them: that takes as long as all else a
 * small command does, and what is no terminal can be written to without.
 */
export function hostOf(real: NodeJS.Process): ProcessLike {
  return {
    argv: real.argv,
    execPath: real.execPath,
    version: real.version,
    env: real.env,
    cwd: () => real.cwd(),
    get stdin() {
      return real.stdin;
    },
    stdout: outputOf(1, () => real.stdout),
    stderr: outputOf(2, () => real.stderr),
    chdir: (directory) => real.chdir(directory),
    on: (event, listener) => real.on(event, listener),
    exit: (code) => real.exit(code),
  };
}

/** A reader that goes away (dmrel ... | head) is no error: what was begun is finished, and the rest is told to nobody. */
const isGone = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EPIPE';

/** `isatty` loads the network: what is no device, or the null device, cannot be a terminal. */
function isTerminal(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isCharacterDevice() && stat.rdev !== statSync('/dev/null').rdev && isatty(fd);
}

function outputOf(fd: number, open: () => NodeJS.WriteStream): ProcessLike['stdout'] & ProcessLike['stderr'] {
  let stream: NodeJS.WriteStream | undefined;
  let terminal: boolean | undefined;
  // Of standard error that cannot be written to nobody could be told.
  const mayFail = (error: unknown) => fd === 2 || isGone(error);
  const onTerminal = (): boolean => {
    terminal ??= isTerminal(fd);
    return terminal;
  };
  const opened = (): NodeJS.WriteStream => {
    if (stream) return stream;
    stream = open();
    stream.on('error', (error) => {
      if (!mayFail(error)) throw error;
    });
    return stream;
  };
  return {
    get isTTY() {
      return onTerminal();
    },
    get columns() {
      return onTerminal() ? opened().columns : undefined;
    },
    stream: opened,
    write(text) {
      if (stream || onTerminal()) return opened().write(text);
      let rest = Buffer.from(text);
      try {
        while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        // Whoever shares this pipe does not let it wait: the stream can.
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return opened().write(rest);
        if (!mayFail(error)) throw error;
      }
    },
  };
}
