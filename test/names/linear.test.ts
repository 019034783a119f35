import { describe, expect, it } from '@jest/globals';
import {
  compareNames,
  eupsTagOf,
  isEupsTag,
  isGitTag,
  milestoneReleaseName,
  nameForms,
  parseName,
  parseStackTag,
} from '../../src/names/index.ts';
import { startWork } from '../support/work.ts';

const fragments = [
  'exp_',
  '_c0020.001',
  '_c0020',
  '_c',
  '_rsp19',
  '_',
  '-',
  '-arm64',
  '0',
  '9',
  'r21_0_1_',
  'w_2021_22',
  'w_2021_22_c1.2',
  '1.',
  'm.',
  '.rc1',
  'a1',
  'stack-',
  'é',
];
const starts = ['', 'r1_0_0_rc1', 'w_2021_22', 'exp_w_2021_22_', 'r', 'm.', 'v', '7-stack-'];
const ends = ['', '!', '\n', '-X'];

/** The shortest of some runs: what disturbs only makes them longer. */
function seconds(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const worked = startWork();
    work();
    best = Math.min(best, worked());
  }
  return best;
}

function parseAll(length: number, fragment: string): void {
  const middle = fragment.repeat(Math.ceil(length / fragment.length));
  for (const start of starts) {
    for (const end of ends) {
      const text = start + middle + end;
      const parsed = nameForms.map((form) => parseName(text, { form, aliases: new Set([`${text}x`]) }));
      compareNames(parsed[0]!, parsed[1]!);
      isGitTag(text);
      isEupsTag(text);
      eupsTagOf(text);
      milestoneReleaseName(text);
      parseStackTag(text);
    }
  }
}

describe('a long name', () => {
  it.each(fragments)('of many %j takes time in proportion to its length', (fragment) => {
    parseAll(1000, fragment);
    const short = seconds(() => parseAll(6_250, fragment));
    const long = seconds(() => parseAll(100_000, fragment));
    // 16 times the length: 16 times the time, where it is in proportion; 256 where it goes with the square.
    expect(long / Math.max(short, 0.001)).toBeLessThan(80);
  });
});
