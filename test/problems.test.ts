import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { main } from '../src/cli/main.ts';
import { catalogue, type ProblemCode } from '../src/support/catalogue.ts';
import { exitCodeOf, problem, warning } from '../src/support/index.ts';

const home = join(import.meta.dirname, '..');
const texts = (folder: string, wanted: RegExp, unwanted?: RegExp): string[] =>
  readdirSync(join(home, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => wanted.test(file) && !unwanted?.test(file))
    .map((file) => readFileSync(join(home, folder, file), 'utf8'));

const sources = texts('src', /\.ts$/, /catalogue\.ts$/);
const tests = texts('test', /\.test\.ts$/);
const codes = Object.keys(catalogue) as ProblemCode[];
const missing = (named: Set<string>) => codes.filter((code) => !named.has(code));

/** Codes as the sources report them: handed to what makes a problem, or as the code of one. */
function reported(text: string): string[] {
  const handed =
    /(?:\b(?:problem|warning|report|refuse|toProblem|fault|fail)|\.problem)\(\s*(?:[\w.[\]]+,\s*)?(?:[^()'"`]*\?\s*)?'([a-z0-9-]+)'(?:\s*:\s*'([a-z0-9-]+)')?/g;
  const named = /\bcode: '([a-z0-9-]+)'/g;
  return [...text.matchAll(handed), ...text.matchAll(named)].flatMap(([, one, other]) => [one ?? '', other ?? '']);
}

describe('the catalogue of problems', () => {
  it('has no code that nothing reports', () => {
    expect(missing(new Set(sources.flatMap(reported)))).toEqual([]);
  });

  it('has no code without a test that names it', () => {
    // In quotes, or at the beginning of a message; a code of one word may stand in any sentence.
    const named = new Set(
      tests.flatMap((text) =>
        [...text.matchAll(/['"`/ ]([a-z0-9]+(?:-[a-z0-9]+)+)\b|'([a-z]+)'/g)].map(
          ([, one, other]) => one ?? other ?? '',
        ),
      ),
    );
    expect(missing(named)).toEqual([]);
  });

  it('leads to one exit code each, the most telling when there are several', () => {
    const order = [70, 130, 2, 3, 4, 1];
    expect(new Set(codes.map((code) => catalogue[code].exit))).toEqual(new Set(order));
    for (const [rank, telling] of order.entries()) {
      for (const other of order.slice(rank)) {
        const of = (exit: number) => problem(codes.find((code) => catalogue[code].exit === exit)!, 'm');
        expect(exitCodeOf([of(other), of(telling), of(other)])).toBe(telling);
      }
    }
  });

  it('leads to 0 with nothing but warnings', () => {
    expect(exitCodeOf([])).toBe(0);
    expect(exitCodeOf(codes.map((code) => warning(code, 'm')))).toBe(0);
  });
});

describe('what nobody expected', () => {
  /** dmrel whose standard output breaks in the middle. */
  async function broken(error: Error, ...more: string[]) {
    let err = '';
    const write = () => {
      throw error;
    };
    const stderr = {
      write: (text: string) => {
        err += text;
      },
    };
    const host = {
      argv: ['node', 'dmrel', 'milestone', 'list', ...more],
      execPath: process.execPath,
      version: process.version,
      env: {},
      cwd: () => home,
    };
    const code = await main({ ...host, stdout: { write }, stderr, on: () => {}, exit: () => {} }, home);
    return { code, err };
  }

  it('is said in one sentence, as a fault of dmrel; --debug shows where', async () => {
    const fault: ProblemCode = 'internal';
    const { code, err } = await broken(new Error('boom'));
    expect([code, err]).toEqual([
      70,
      `error  ${fault}  unexpected: boom\n  = this is a fault of dmrel; run again with --debug and report what it prints\n`,
    ]);
    expect((await broken(new Error('boom'), '--debug')).err).toMatch(/\n\s+at .*problems\.test/);
  });

  it.each([
    ['ENOSPC', 'make room on the disk, then run the same command again'],
    ['EROFS', 'the disk can only be read here; work in a copy that can be written to'],
    ['EACCES', 'let your user write there, then run the same command again'],
    ['EIO', 'mend that, then run the same command again'],
  ])('is no fault of dmrel when the system refuses with %s', async (name, hint) => {
    const { code, err } = await broken(Object.assign(new Error('x'), { code: name, syscall: 'write', path: '/w/f' }));
    expect([code, err]).toEqual([4, `error  file-unwritable  the system refused: write /w/f: ${name}\n  = ${hint}\n`]);
  });
});
