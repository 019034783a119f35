import type { CommandContext } from '../plugins/index.ts';
import { Failure, problem } from '../support/index.ts';

const mostBytes = 16 * 1024 * 1024;
const mostNames = 100_000;

/** The names on the command line, else the lines of standard input that are not blank. */
export async function namesGiven(context: CommandContext, args: readonly string[]): Promise<string[]> {
  if (args.some((name) => name.trim() === '')) {
    throw new Failure(problem('usage', 'a name is empty', { hint: 'a variable of a script may be unset' }));
  }
  if (args.length > 0) return [...args];
  const input = context.input();
  if (!input) {
    const hint = 'give them as arguments, or one a line on standard input';
    throw new Failure(problem('usage', 'no names are given', { hint }));
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of input) {
    size += chunk.length;
    if (size > mostBytes) throw tooMuch(`${mostBytes / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  const lines = Buffer.concat(chunks).toString('utf8').split(/\r?\n/);
  const names = lines.filter((line) => line.trim() !== '');
  if (names.length > mostNames) throw tooMuch(`${mostNames} names`);
  return names;
}

const tooMuch = (limit: string): Failure =>
  new Failure(problem('usage', `standard input is longer than ${limit}`, { hint: 'give it in parts' }));
