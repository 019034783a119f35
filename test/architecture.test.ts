import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const source = join(import.meta.dirname, '../src');

/** The floors of the house, from the top. A room imports from floors below, and from rooms left of it on its own floor. */
const floors = [
  ['cli'],
  ['diagnosis'],
  ['tagging', 'building', 'checking', 'promotion', 'imaging', 'verifying', 'reporting', 'validation', 'demonstration'],
  ['levels'],
  ['evidence', 'products', 'releases'],
  ['workspace'],
  ['milestones', 'names'],
  ['containers'],
  ['plugins', 'operation', 'git', 'registry', 'runners', 'documents'],
  ['support'],
];
/** No input, no output: nothing of node's but what computes. */
const pure = ['milestones', 'names'];

interface Arrow {
  file: string;
  from: string;
  to: string;
  target: string;
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const roomOf = (path: string): string => path.split('/')[0]!;
const importsOf = (file: string): string[] => {
  const text = readFileSync(join(source, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1]!);
};
const arrows: Arrow[] = files.flatMap((file) =>
  importsOf(file)
    .filter((target) => target.startsWith('.'))
    .map((target) => relative(source, join(source, dirname(file), target)))
    .map((target) => ({ file, from: roomOf(file), to: roomOf(target), target }))
    .filter(({ from, to }) => from !== to),
);

describe('the house', () => {
  it('has no room that the plan of the floors does not know', () => {
    expect([...new Set(files.map(roomOf))].sort()).toEqual(floors.flat().sort());
  });

  it('has arrows only downwards', () => {
    const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room));
    const upwards = arrows.filter(({ from, to }) => floorOf(to) <= floorOf(from));
    expect(upwards.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });

  it('lets rooms meet only through what their index.ts exports', () => {
    const inside = arrows.filter(({ target }) => !/^[a-z]+\/index\.ts$/.test(target));
    const lazy = ['documents/write.ts']; // loads the YAML writer, which only what writes should pay for
    expect(
      inside.filter(({ target }) => !lazy.includes(target)).map(({ file, target }) => `${file} -> ${target}`),
    ).toEqual([]);
  });

  it('keeps input and output out of the pure rooms', () => {
    const impure = files
      .filter((file) => pure.includes(roomOf(file)))
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => target.startsWith('node:'))
          .map((target) => `${file} -> ${target}`),
      );
    expect(impure).toEqual([]);
  });

  it('reads the clock in one function, and the process only in cli/, git/ and what starts programs', () => {
    const clocks = files.filter((file) => /new Date\(\)|Date\.now\(\)/.test(readFileSync(join(source, file), 'utf8')));
    expect(clocks).toEqual(['support/time.ts']);
    const words = /console\.|process\.(?:exit|stdout|stderr|argv|cwd)\b/;
    const direct = files.filter((file) => words.test(readFileSync(join(source, file), 'utf8')));
    expect(direct).toEqual([]);
  });
});
