import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byMenu, compareNames, parseName } from '../../src/names/index.ts';

const sorted = (names: readonly string[], aliases: string[] = []): string[] =>
  names
    .map((name) => parseName(name, { aliases: new Set(aliases) }))
    .sort(byMenu)
    .map(({ name }) => name);

const inEveryTurn = (names: string[], aliases: string[] = []): void => {
  for (const turn of names.keys()) {
    const turned = [...names.slice(turn), ...names.slice(0, turn)];
    expect(sorted(turned, aliases)).toEqual(names);
    expect(sorted(turned.reverse(), aliases)).toEqual(names);
  }
};

describe('the order of a menu', () => {
  it('is kind by kind, the newest first', () => {
    inEveryTurn(
      [
        'recommended',
        'latest_weekly',
        'r21_0_1',
        'r20_0_1',
        'm.ldm.503.10',
        'm.ldm.503.3.r2',
        'm.ldm.503.3',
        'w_2021_22',
        'w.2021.21',
        'd_2021_05_27',
        'd.2021.05.26',
        'r22_0_0_rc1',
        'exp_random',
        'exp_w_2021_22',
        'v29_2_0',
        'main',
      ],
      ['recommended', 'latest_weekly'],
    );
  });

  it('compares numbers by value: candidate 10 is newer than 2, build 101 than 19', () => {
    inEveryTurn(['r100_0_0', 'r21_10_0', 'r21_9_0', 'r21_0_1_rsp101', 'r21_0_1_rsp19', 'r21_0_1', 'r170']);
    inEveryTurn(['r22_0_0_rc10', 'r22_0_0_rc2', 'r22_0_0_rc1', 'v15.1.rc1', 'v15.0.rc10', 'v15.0.rc9']);
    inEveryTurn(['w_2021_10', 'w_2021_9', 'w_2020_53']);
    inEveryTurn(['r99999999999999999999_0_1', 'r99999999999999999999_0_0', 'r99999999999999999998_0_0']);
  });

  it('puts a release above its candidates where images are built on both', () => {
    inEveryTurn(['exp_w', 'exp_r22_0_0', 'exp_r22_0_0_rc10', 'exp_r22_0_0_rc2']);
  });

  it('compares what is built of one version by cycle, its build, the build, the extra, the architecture', () => {
    inEveryTurn([
      'w_2077_40_c0027.001',
      'w_2077_40_c0026.002',
      'w_2077_40_c0026.001_rsp20',
      'w_2077_40_c0026.001_rsp19_b',
      'w_2077_40_c0026.001_rsp19_a',
      'w_2077_40_c0026.001_rsp19',
      'w_2077_40_c0026.001_rsp19-arm64',
      'w_2077_40_c0026.001_rsp19-amd64',
      'w_2077_40_c0026.001',
      'w_2077_40_rsp99',
      'w_2077_40',
      'w_2077_40-amd64',
    ]);
  });

  const piece = fc.constantFrom('', '_c0026.001', '_c0026', '_rsp19', '_rsp101', '_a', '_b', '-amd64', '-arm64');
  const head = fc.constantFrom(
    'r21_0_1',
    'r21_0_1_rc2',
    'r21_0_1_rc10',
    'r021_0_1',
    'w_2021_7',
    'w_2021_07',
    'w.2021.07',
    'd_2021_05_27',
    'exp_r21_0_1',
    'exp_r21_0_1_rc2',
    'exp_w_2021_22',
    'exp_random',
    'latest',
    'm.ldm.503.3',
    'm.ldm.503.10.r2',
    '15.0',
    'v15.0',
    '\n',
  );
  const name = fc.oneof(
    fc.tuple(head, piece, piece, piece).map((each) => each.join('')),
    fc.string({ maxLength: 3 }),
  );
  it.each([
    ['of one kind', compareNames],
    ['of a menu', byMenu],
  ])('%s is an order: one before the other, never both, and no circles', (_what, compare) => {
    fc.assert(
      fc.property(name, name, name, (...names) => {
        const [first, second, third] = names.map((each) => parseName(each)) as [never, never, never];
        expect(Math.sign(compare(first, second))).toBe(-Math.sign(compare(second, first)) + 0);
        const same = parseName(names[0]).name === parseName(names[1]).name;
        expect(compare(first, second) === 0).toBe(same);
        const ofOneKind = new Set(names.map((each) => parseName(each).kind)).size === 1;
        if ((compare === byMenu || ofOneKind) && compare(first, second) <= 0 && compare(second, third) <= 0)
          expect(compare(first, third)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 5000 },
    );
  });

  const corpus = process.env.DMREL_CORPUS;
  (corpus === undefined ? it.skip : it)('is that of the Science Platform for the real tags', () => {
    const { menu_order: menu, ascending_order: ascending } = JSON.parse(
      readFileSync(join(corpus!, 'tags/docker-tags.json'), 'utf8'),
    );
    inEveryTurn(menu.tags);
    inEveryTurn(menu.cycle_27);
    inEveryTurn(menu.subset_1rel_3wk_1day_keep_arch);
    inEveryTurn(menu.subset_1rel_3wk_1day_plus_recommended, ['recommended']);
    for (const names of Object.values((ascending ?? {}) as Record<string, unknown>))
      if (Array.isArray(names)) inEveryTurn([...names].reverse());
  });
});
