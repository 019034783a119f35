import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  candidateName,
  dailyName,
  eupsTagOf,
  externalTagOf,
  isEupsTag,
  isGitTag,
  milestoneReleaseName,
  type NameForm,
  nextCandidate,
  officialName,
  parseMilestoneRelease,
  parseName,
  parseReleaseName,
  type ReleaseName,
  weeklyName,
} from '../../src/names/index.ts';
import type { CalendarDate } from '../../src/support/index.ts';

const brief = (text: string, form?: NameForm) => {
  const { kind, version, date, display } = parseName(text, form ? { form } : {});
  return [kind, version, date, display];
};

describe('a name', () => {
  it.each([
    ['w.2018.18', ['weekly', '2018.18.0', '2018-05-03', 'Weekly 2018_18']],
    ['w.2020.53', ['weekly', '2020.53.0', '2020-12-31', 'Weekly 2020_53']],
    ['w.2022.53', ['weekly', '2022.53.0', '2022-12-29', 'Weekly 2022_53']], // in the US
    ['d.2018.05.08', ['daily', '2018.5.8', '2018-05-08', 'Daily 2018_05_08']],
    ['v15.0.rc2', ['release-candidate', '15.0.0-rc2', null, 'Release Candidate 15.0.0-rc2']],
    ['v17.0.1.rc1', ['release-candidate', '17.0.1-rc1', null, 'Release Candidate 17.0.1-rc1']],
    ['11.0.rc2', ['release-candidate', '11.0.0-rc2', null, 'Release Candidate 11.0.0-rc2']],
    ['15.0', ['release', '15.0.0', null, 'Release 15.0.0']],
    ['18.1.0', ['release', '18.1.0', null, 'Release 18.1.0']],
    ['v18.1.0', ['release', '18.1.0', null, 'Release 18.1.0']],
    ['18.1.2', ['release', '18.1.2', null, 'Release 18.1.2']],
    ['m.ldm.503.4b', ['milestone', null, null, 'Milestone LDM-503-4b']],
    ['m.ldm.503.3.r2', ['milestone', null, null, 'Milestone LDM-503-3 (Release 2)']],
    ['w_2018_18', ['weekly', '2018.18.0', '2018-05-03', 'Weekly 2018_18']],
    ['r18_1_0', ['release', '18.1.0', null, 'Release r18.1.0']],
  ])('%s is read without its form', (text, meaning) => {
    expect(brief(text)).toEqual(meaning);
    const form = text.includes('.') ? 'git' : 'docker';
    expect(brief(text, form)).toEqual(meaning);
  });

  it.each(['v15_0', 'v29_2_0', 'w_latest', 'sims_w_2018_22', '15', '16.01.0', 'w.2021.53', 'main', '1.2.3.4'])(
    '%s is unknown until its form is said',
    (text) => {
      expect(brief(text)).toEqual(['unknown', null, null, text]);
    },
  );

  it.each([
    ['v15_0', ['release', '15.0.0', null, 'Release 15.0.0']],
    ['v15_0_rc2', ['release-candidate', '15.0.0-rc2', null, 'Release Candidate 15.0.0-rc2']],
    ['v29_2_0', ['release', '29.2.0', null, 'Release 29.2.0']],
    ['w_2018_18', ['weekly', '2018.18.0', '2018-05-03', 'Weekly 2018_18']],
    ['d_2018_05_08', ['daily', '2018.5.8', '2018-05-08', 'Daily 2018_05_08']],
    ['sims_w_2018_22', ['weekly', '2018.22.0', '2018-05-31', 'Weekly 2018_22 [sims]']],
    ['w_latest', ['alias', null, null, 'Latest Weekly']],
    ['d_latest', ['alias', null, null, 'Latest Daily']],
    ['o_latest', ['alias', null, null, 'Latest Release']],
    ['m_ldm_503_3', ['milestone', null, null, 'Milestone LDM-503-3']],
    ['w_2018_54', ['unknown', null, null, 'w_2018_54']],
    ['sims_v15_0', ['unknown', null, null, 'sims_v15_0']],
    ['w.2018.18', ['unknown', null, null, 'w.2018.18']],
    ['15_0', ['unknown', null, null, '15_0']],
    ['w_2018_18_c0020.001', ['unknown', null, null, 'w_2018_18_c0020.001']],
  ])('%s is read as an EUPS tag', (text, meaning) => {
    expect(brief(text, 'eups')).toEqual(meaning);
  });

  it('is read in every form without an error, whatever it is', () => {
    const pieces = ['w', 'd', 'm', 'v', 'sims_', '.', '_', '2018', '18', '.rc', 'r2', '-', '\0', '\n', 'latest'];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 9 }).map((each) => each.join('')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom<NameForm | undefined>('docker', 'git', 'eups', undefined), (each, form) => {
        expect(parseName(each, form ? { form } : {}).name).toBe(
          each || (form === 'git' || form === 'eups' ? '' : 'latest'),
        );
      }),
      { numRuns: 10_000 },
    );
  });
});

const day = fc
  .integer({ min: 0, max: 40_000 })
  .map((each) => new Date(each * 86_400_000).toISOString().slice(0, 10) as CalendarDate);
const number = fc.integer({ min: 0, max: 999_999 });
const version = fc.oneof(fc.tuple(number, number), fc.tuple(number, number, number)).map((each) => each.join('.'));
const plain = (text: string) => (text.split('.').length === 2 ? `${text}.0` : text);

describe('a name that is made', () => {
  it('says what it was made from: a daily, a weekly, a candidate, a release', () => {
    fc.assert(
      fc.property(day, version, fc.integer({ min: 1, max: 999_999 }), (date, text, candidate) => {
        expect(parseName(dailyName(date))).toMatchObject({ kind: 'daily', date });
        for (const rule of ['iso', 'us'] as const)
          expect(parseName(weeklyName(date, rule))).toMatchObject({ kind: 'weekly' });
        expect(parseName(candidateName(text, candidate)!)).toMatchObject({
          kind: 'release-candidate',
          version: `${plain(text)}-rc${candidate}`,
        });
        const official = officialName(text)!;
        expect(parseName(official)).toMatchObject({ kind: 'release', version: plain(text) });
        expect(parseName(externalTagOf(official))).toMatchObject({ name: `v${text}`, version: plain(text) });
      }),
    );
  });

  it('is valid in git, gives a valid tag of EUPS, and that says the same', () => {
    fc.assert(
      fc.property(day, version, fc.integer({ min: 1, max: 99 }), (date, text, count) => {
        const made = [dailyName(date), weeklyName(date), candidateName(text, count)!, officialName(text)!];
        made.push(milestoneReleaseName('LDM-503-4b', count)!);
        for (const name of made) {
          expect([name, isGitTag(name), isEupsTag(eupsTagOf(name))]).toEqual([name, true, true]);
          const { name: _, base, ...meaning } = parseName(eupsTagOf(name), { form: 'eups' });
          expect(parseName(name)).toMatchObject(meaning);
        }
      }),
    );
  });

  it.each([
    ['16', 1],
    ['16.0.0.0', 1],
    ['016.0', 1],
    ['16.0.x', 1],
    ['v16.0', 1],
    ['', 1],
    ['16.0.0', 0],
    ['16.0.0', -1],
    ['16.0.0', 1.5],
    ['16.0.0', Number.NaN],
    ['16.0.0', 1e21],
  ])('is none of %j and %s', (text, candidate) => {
    expect(candidateName(text, candidate)).toBeUndefined();
  });

  it('is the next candidate after the highest there is', () => {
    const names = [
      'v16.0.0.rc1',
      'v16.0.0.rc10',
      'v16.0.0.rc2',
      'v16.0.1.rc11',
      '16.0.0',
      'v16.0.0.rc011',
      'w.2018.18',
    ];
    expect(nextCandidate('16.0.0', names)).toBe(11);
    expect(nextCandidate('16.0', names)).toBe(11); // the same version
    expect(nextCandidate('17.0.0', names)).toBe(1);
    expect(nextCandidate('16', names)).toBeUndefined();
  });

  it('has a v in repositories with versions of their own only where it begins with a digit', () => {
    const names = ['888.0.0', 'v888.0.0.rc99', 'w.2018.18'] as ReleaseName[];
    expect(names.map(externalTagOf)).toEqual(['v888.0.0', 'v888.0.0.rc99', 'w.2018.18']);
  });
});

describe('a release in advance of a milestone', () => {
  it.each([
    ['LDM-503-3', 1, 'm.ldm.503.3', 'LDM-503-3'],
    ['LDM-503-4b', 1, 'm.ldm.503.4b', 'LDM-503-4b'],
    ['ldm-503-03', 1, 'm.ldm.503.3', 'LDM-503-3'],
    ['LDM-503-11a', 2, 'm.ldm.503.11a.r2', 'LDM-503-11a'],
    ['LDM-503-3', 10, 'm.ldm.503.3.r10', 'LDM-503-3'],
    ['DM-AP-R', 1, 'm.dm.ap.r', 'DM-AP-R'],
  ])('%s, number %s, is %s', (id, repeat, name, written) => {
    expect(milestoneReleaseName(id, repeat)).toBe(name);
    expect(parseReleaseName(name)).toEqual({ name, kind: 'milestone', order: [] });
    expect(parseMilestoneRelease(name)).toEqual({ id: written, repeat });
  });

  it.each([
    ['', 1],
    ['LDM--3', 1],
    ['-3', 1],
    ['LDM-503_3', 1], // would be another id's name
    ['LDM.503-3', 1],
    ['LDM-503-ä', 1],
    ['LDM-503-r2', 1], // would be LDM-503's second
    ['LDM-503-3', 0],
    ['LDM-503-3', 1.5],
    ['L'.repeat(300), 1],
  ])('is not made of %j, number %s', (id, repeat) => {
    expect(milestoneReleaseName(id, repeat)).toBeUndefined();
  });

  it.each([
    'm.',
    'm',
    'm..3',
    'm.ldm.',
    'm.ldm.03',
    'm.ldm.3.r1',
    'm.ldm.3.r0',
    'm.ldm.3.r02',
    'm.LDM.3',
    'm.ldm-3',
    'm.ldm.3\n',
  ])('%j names none', (name) => {
    expect(parseReleaseName(name)).toBeUndefined();
  });

  it('has one name, and a name one milestone', () => {
    const id = fc.stringMatching(/^[A-Z]{1,4}(-[A-Z]{1,3}|-[0-9]{1,3}[a-z]?){1,3}$/);
    fc.assert(
      fc.property(id, id, fc.integer({ min: 1, max: 99 }), (first, second, repeat) => {
        const [left, right] = [milestoneReleaseName(first, repeat), milestoneReleaseName(second, repeat)];
        if (left === undefined || right === undefined) return;
        const keys = [first, second].map((each) => each.toLowerCase().replace(/(?<![0-9])0+(?=[0-9])/g, ''));
        expect(left === right).toBe(keys[0] === keys[1]);
        const parsed = parseMilestoneRelease(left)!;
        expect(milestoneReleaseName(parsed.id, parsed.repeat)).toBe(left);
      }),
    );
  });
});

describe('tags of git and EUPS', () => {
  it.each([
    ['15', 'v15'],
    ['v15', 'v15'],
    ['a-b', 'a_b'],
    ['w.2018.19', 'w_2018_19'],
    ['v888.0.0.rc99', 'v888_0_0_rc99'],
    ['888.0.0', 'v888_0_0'],
    ['v888.0.0', 'v888_0_0'], // no way back
    ['12.0-rc1', 'v12_0_rc1'],
  ])('%s gives %s', (git, eups) => {
    expect(eupsTagOf(git)).toBe(eups);
  });

  it.each([
    ['w.9999.52', true, false],
    ['w_9999_52', false, true],
    ['888.0.0', true, false],
    ['v888_0_0', false, true],
    ['123', true, false],
    ['v888_0-rc99', false, false],
    ['foo/bar', false, false],
    ['W.2018.18', false, false],
    ['a..b', false, false],
    ['.a', false, false],
    ['a.', false, false],
    ['a.lock', false, false],
    ['', false, false],
    ['a\n', false, false],
  ])('%j may be a tag of git: %s, of EUPS: %s', (text, git, eups) => {
    expect([isGitTag(text), isEupsTag(text)]).toEqual([git, eups]);
  });

  const corpus = process.env.DMREL_CORPUS;
  (corpus === undefined ? it.skip : it)('are what the real programs make and allow', () => {
    const data = JSON.parse(readFileSync(join(corpus!, 'tags/git-eups-tags.json'), 'utf8'));
    for (const { git, eups } of data.git_to_eups) expect([git, eupsTagOf(git)]).toEqual([git, eups]);
    expect(data.valid_git.filter((each: string) => !isGitTag(each))).toEqual([]);
    expect(data.invalid_git.filter(isGitTag)).toEqual([]);
    expect(data.valid_eups.filter((each: string) => !isEupsTag(each))).toEqual([]);
    expect(data.invalid_eups.filter(isEupsTag)).toEqual([]);
    for (const { internal, external } of data.internal_vs_external) expect(externalTagOf(internal)).toBe(external);
  });
});
