import { describe, expect, it } from '@jest/globals';
import { type KeepRules, parseKeep, rulesOfLevel, tagsToLetGo } from '../../src/imaging/index.ts';
import { unwrap } from '../../src/support/index.ts';

const now = new Date('2018-06-01T00:00:00Z');
const weeklies = Array.from({ length: 20 }, (_, index) => `w.2018.${String(index + 1).padStart(2, '0')}`);
const leaving = (tags: string[], rules: KeepRules | string) =>
  [...tagsToLetGo(tags, typeof rules === 'string' ? unwrap(parseKeep(rules)) : rules, now).keys()].sort();

describe('rules of what is kept', () => {
  it('keeps the newest so many of a kind, however their tags are written', () => {
    expect(leaving(weeklies, 'weekly=18')).toEqual(['w.2018.01', 'w.2018.02']);
    expect(leaving(['w_2018_09', 'w_2018_10', 'w.2018.11'], 'weekly=2')).toEqual(['w_2018_09']);
    expect(leaving(['r22_0_0_rc2', 'r22_0_0_rc10', 'r21_0_1'], 'candidate=1')).toEqual(['r22_0_0_rc2']);
    expect(leaving(weeklies, 'weekly=0')).toEqual(weeklies);
    expect(leaving(weeklies, 'weekly=all')).toEqual([]);
  });

  it('counts images of one version for several machines once', () => {
    const tags = ['w_2018_10', 'w_2018_10-amd64', 'w_2018_10-arm64', 'w_2018_09', 'w_2018_08'];
    expect(leaving(tags, 'weekly=2')).toEqual(['w_2018_08']);
  });

  it('goes by age, by a day and by a version, and lets go what misses one of them', () => {
    expect(leaving(weeklies, 'weekly=90d')).toEqual(weeklies.slice(0, 9)); // the Thursday of week 9 is 1 March
    expect(leaving(weeklies, 'weekly=2018-05-03')).toEqual(weeklies.slice(0, 17));
    expect(leaving(weeklies, 'weekly=18+2018-01-25')).toEqual(weeklies.slice(0, 3));
    expect(leaving(weeklies, 'weekly=2+all')).toHaveLength(18);
    expect(leaving(['r17_0_1', 'r16_0_0', 'r170'], 'release=17.0.1')).toEqual(['r16_0_0', 'r170']);
    expect(leaving(['exp_w_2018_01_x', 'exp_random'], 'experimental=30d')).toEqual(['exp_w_2018_01_x']);
  });

  it('never lets go an alias, a name that means nothing, or a kind without a rule', () => {
    const others = ['latest', 'recommended', 'batch', 'v29_2_0x', 'd.2018.05.01', 'r17_0_0', 'LDM-503-3', 'exp_x'];
    expect(leaving([...others, ...weeklies], 'weekly=20')).toEqual([]);
    expect(tagsToLetGo(others, { alias: { number: 0 }, unknown: { number: 0 } }, now).size).toBe(0);
  });

  it('takes the rules of a level, and says what it does not understand', () => {
    expect(rulesOfLevel({ weekly: 4, release: 'all', candidate: 1 })).toEqual({
      weekly: { number: 4 },
      'release-candidate': { number: 1 },
    });
    for (const text of ['', 'weekly', 'weekly=', 'weekly=x', 'weekley=3', 'alias=1', 'weekly=-1', 'weekly=1++2'])
      expect(parseKeep(text)).toMatchObject({ ok: false, problems: [{ code: 'usage' }] });
    for (const [text, hint] of [
      ['weekly=4,weekly=9', 'weekly is said twice'],
      ['weekly=17.0.0', 'not by a version'],
      ['daily=10+17.0.0', 'not by a version'],
      ['release=30d', 'not by a day'],
      ['candidate=2018-05-01', 'not by a day'],
    ] as const)
      expect(parseKeep(text)).toMatchObject({ problems: [{ code: 'usage', hint: expect.stringContaining(hint) }] });
    expect(parseKeep('weekley=3')).toMatchObject({ problems: [{ hint: "did you mean 'weekly'?" }] });
  });
});
