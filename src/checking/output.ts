import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { runInNewContext } from 'node:vm';
import { maxLogBytes } from '../runners/index.ts';
import type { Expectations } from '../workspace/index.ts';
import type { Verdict } from './verdict.ts';

/** So much text is searched at once; of more, the last of it again with what follows: whole lines, where lines are shorter. */
const windowLength = 8 * 2 ** 20;
const overlap = 2 ** 20;
/** A pattern that needs longer for a text of that size is one that grows without end. */
const patternMilliseconds = 2000;

type Sought = { pattern: string; wanted: boolean; found: boolean | 'endless' };

/**
 * Whether an output has what it must have, and nothing that it must not: it is searched as it comes, all of it, however
 * much that is. A pattern that does not come to its end in its time has failed, as has one that must not be found where
 * not all could be searched: what cannot be searched is not taken for clean.
 */
export class OutputSearch {
  #sought: Sought[];
  #decoder = new StringDecoder('utf8');
  #text = '';
  #heard = false;
  #cut = false;

  constructor({ match = [], refuse = [] }: NonNullable<Expectations['output']> = {}) {
    const seek = (wanted: boolean) => (pattern: string) => ({ pattern, wanted, found: false });
    this.#sought = [...match.map(seek(true)), ...refuse.map(seek(false))];
  }

  readonly hear = (chunk: Buffer): void => {
    this.#heard = true;
    if (this.#sought.length === 0) return;
    this.#text += this.#decoder.write(chunk);
    if (this.#text.length >= windowLength) this.#searchWholeLines();
  };

  /** Where nobody heard it as it came, its log is what there is; a log that is full has not all of it. */
  async readLog(file: string): Promise<void> {
    if (this.#heard || this.#sought.length === 0) return;
    try {
      for await (const chunk of createReadStream(file)) this.hear(chunk as Buffer);
      this.#cut = (await stat(file)).size >= maxLogBytes;
    } catch {
      this.#cut = true;
    }
  }

  verdict(): Verdict {
    this.#search(this.#text + this.#decoder.end());
    const verdict: Verdict = { passed: [], warned: [], failed: [] };
    for (const { pattern, wanted, found } of this.#sought) {
      const asked = `output ${wanted ? 'has' : 'has nothing of'} /${pattern}/`;
      if (found === 'endless') verdict.failed.push(`${asked}: the pattern takes too long; make it simpler`);
      else if (found !== wanted) verdict.failed.push(`${asked}: ${wanted ? 'it has not' : 'it has'}`);
      else if (!wanted && this.#cut)
        verdict.failed.push(`${asked}: not known, for of so much output only the log could be searched`);
      else verdict.passed.push(asked);
    }
    return verdict;
  }

  /** A line that has not all come would end, for a pattern, where it does not. */
  #searchWholeLines(): void {
    const lines = this.#text.lastIndexOf('\n') + 1;
    const end = lines > windowLength / 2 ? lines : this.#text.length;
    this.#search(this.#text.slice(0, end));
    const from = Math.max(0, end - overlap);
    const line = this.#text.indexOf('\n', from) + 1;
    this.#text = this.#text.slice(line > 0 && line < end ? line : from);
  }

  #search(text: string): void {
    for (const each of this.#sought) if (each.found === false) each.found = search(text, each.pattern);
  }
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
