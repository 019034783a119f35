import { createReadStream } from 'node:fs';
import { runInNewContext } from 'node:vm';
import type { Expectations } from '../workspace/index.ts';
import type { Verdict } from './verdict.ts';

/** So much of the beginning and of the end of what a program printed is searched; a log has no more than 8 MiB. */
const maxSearched = 8 * 2 ** 20;
/** A pattern that needs longer for a text of that size is one that grows without end. */
const patternMilliseconds = 2000;

/**
 * Whether an output has what it must have, and nothing that it must not. A pattern that does not come to its end in
 * its time has failed: what cannot be searched is not taken for clean.
 */
export function judgeOutput(output: string, { match = [], refuse = [] }: NonNullable<Expectations['output']>): Verdict {
  const verdict: Verdict = { passed: [], warned: [], failed: [] };
  const look = (pattern: string, wanted: boolean) => {
    const asked = `output ${wanted ? 'has' : 'has nothing of'} /${pattern}/`;
    const found = search(output, pattern);
    if (found === 'endless') verdict.failed.push(`${asked}: the pattern takes too long; make it simpler`);
    else if (found === wanted) verdict.passed.push(asked);
    else verdict.failed.push(`${asked}: ${wanted ? 'it has not' : 'it has'}`);
  };
  for (const pattern of match) look(pattern, true);
  for (const pattern of refuse) look(pattern, false);
  return verdict;
}

/** The engine of V8 looks for its time limit while it goes back and forth; no other way ends a pattern in this process. */
function search(text: string, pattern: string): boolean | 'endless' {
  try {
    const found = runInNewContext(
      'new RegExp(pattern, "mu").test(text)',
      { pattern, text },
      { timeout: patternMilliseconds },
    );
    return found === true;
  } catch {
    return 'endless';
  }
}

/** What a program printed, as far as it is searched. */
export async function readOutput(file: string): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: maxSearched - 1 })) chunks.push(chunk as Buffer);
  } catch {
    return ''; // it printed nothing, or the log could not be kept
  }
  return Buffer.concat(chunks).toString('utf8');
}
