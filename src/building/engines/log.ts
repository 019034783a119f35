import { createWriteStream, readFileSync } from 'node:fs';
import type { BuildRequest, BuildSecret } from '../engine.ts';

const maxLogBytes = 64 * 2 ** 20;
const keptLines = 400;
/** Shorter ones occur by chance in any text. */
const shortestSecret = 4;

/** What an engine prints, as it goes to the log of an image: without secrets, bounded. The last lines are kept. */
export interface BuildLog {
  line(text: string): void;
  lines: readonly string[];
  close(): Promise<void>;
}

/** The classic builder writes what a step says of errors in red. */
const withoutColours = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, '');

/** @param secrets their values are taken out wherever they occur */
export function openLog(target: BuildRequest['log'], secrets: readonly string[]): BuildLog {
  const file = target && createWriteStream(target.file, { flags: 'a' });
  file?.on('error', () => {}); // the image counts; a log that cannot be written is missed, no more
  const lines: string[] = [];
  let written = 0;
  return {
    lines,
    line: (text) => {
      const safe = secrets.reduce((line, secret) => line.replaceAll(secret, '***'), withoutColours(text));
      lines.push(safe);
      if (lines.length > keptLines) lines.shift();
      if (file?.writable && written < maxLogBytes) file.write(`${safe}\n`);
      written += safe.length + 1;
      target?.follow?.(safe);
    },
    close: () => new Promise((resolve) => (file ? file.end(() => resolve()) : resolve())),
  };
}

/** What must not be printed: the values of secrets, and each line of those that have several. */
export function valuesOf(secrets: readonly BuildSecret[], env: NodeJS.ProcessEnv): string[] {
  return secrets
    .flatMap(({ source }) => ('env' in source ? [env[source.env] ?? ''] : [readOrNothing(source.file)]))
    .flatMap((value) => [value, ...value.split('\n')].map((each) => each.trim()))
    .filter((value) => value.length >= shortestSecret)
    .sort((left, right) => right.length - left.length);
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the engine complains of it
  }
}
