import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefName, parseCommitId, parseObjectId } from '../../src/git/index.ts';

/** What git says of each name as that of a tag. One shell for all: a process each is what takes the time. */
function gitTakes(names: readonly string[]): boolean[] {
  const loop = 'while IFS= read -r name; do git check-ref-format "refs/tags/$name" && echo yes || echo no; done';
  const answers = execFileSync('sh', ['-c', loop], {
    input: names.map((name) => `${name}\n`).join(''),
    encoding: 'utf8',
  });
  return answers
    .trim()
    .split('\n')
    .map((answer) => answer === 'yes');
}

/** Stricter than git on purpose: no options, no shorthand for HEAD, nothing that makes file names too long. */
const ours = (name: string): boolean => !name.startsWith('-') && name !== '@' && name.length <= 200;

const pieces = ['a', 'B', '9', '.', '..', '/', '//', '@', '@{', '{', '~', '^', ':', '?', '*', '[', ']', '\\', '-', ' '];
const more = [
  '.lock',
  'lock',
  '\t',
  '\x01',
  '\x1f',
  '\x7f',
  'é',
  '\u0080',
  '\u00a0',
  '望',
  '🔭',
  '!',
  '"',
  "'",
  '$',
  '%',
  '`',
];
const name = fc.oneof(
  fc
    .array(fc.constantFrom(...pieces, ...more, 'main', 'w.2018.18', '.lock/'), { minLength: 1, maxLength: 7 })
    .map((each) => each.join('')),
  fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter((each) => !/[\0\n]/.test(each)),
);

describe('the name of a tag or a branch', () => {
  it('is what git takes for one', () => {
    let [taken, refused] = [0, 0];
    const agree = (names: string[]) => {
      const answers = gitTakes(names);
      for (const [index, each] of names.entries()) {
        expect([each, isRefName(each)]).toEqual([each, answers[index]! && ours(each)]);
        if (answers[index]) taken++;
        else refused++;
      }
    };
    fc.assert(fc.property(fc.array(name, { minLength: 60, maxLength: 60 }), agree), {
      numRuns: 10,
      endOnFailure: true,
    });
    expect(Math.min(taken, refused)).toBeGreaterThan(50);
  });

  it.each([
    'w.2018.18',
    '15.0',
    'v15.0.rc2',
    'd.2018.05.08',
    'tickets/DM-1',
    'a@b',
    'a{b',
    'ä',
    'x.lock.y',
    'a-',
    '@a',
  ])('may be %j', (text) => {
    expect([isRefName(text), gitTakes([text])]).toEqual([true, [true]]);
  });

  it.each([
    '',
    'a b',
    'a..b',
    '.a',
    'a/.b',
    'a.',
    'a/',
    '/a',
    'a//b',
    'a.lock',
    'a.lock/b',
    'a@{b',
    'a~1',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[b',
    'a\\b',
    'a\x7f',
    'a\x1b[31m',
  ])('may not be %j', (text) => {
    expect([isRefName(text), gitTakes([text])]).toEqual([false, [false]]);
  });

  it('may not be split over lines, which git cannot be asked here', () => {
    for (const text of ['a\nb', 'a\n', '\n', 'a\0', 'a\r']) expect([text, isRefName(text)]).toEqual([text, false]);
  });

  it.each(['-d', '--delete', '-', '@', 'a'.repeat(201)])('may not be %j, though git would take it', (text) => {
    expect([isRefName(text), gitTakes([text])]).toEqual([false, [true]]);
  });
});

describe('the id of an object', () => {
  it('is 40 hex digits in small letters, as git writes them', () => {
    const id = '02ed2a30c0ffee'.padEnd(40, '0');
    for (const parse of [parseCommitId, parseObjectId]) {
      expect(parse(id)).toBe(id);
      for (const text of [
        '',
        id.slice(1),
        `${id}0`,
        id.toUpperCase(),
        `${id}\n`,
        ` ${id}`,
        'HEAD',
        '-'.repeat(40),
        'g'.repeat(40),
      ])
        expect([text, parse(text)]).toEqual([text, undefined]);
    }
  });
});
