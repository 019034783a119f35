import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byRelease, parseReleaseName, type WeekRule, weeklyName } from '../../src/names/index.ts';
import type { CalendarDate } from '../../src/support/index.ts';

const weekly = (date: string): string => weeklyName(date as CalendarDate);

describe('the name of a release', () => {
  it.each([
    ['w.2018.18', 'weekly', [2018, 18]],
    ['w.2020.53', 'weekly', [2020, 53]],
    ['w.2021.01', 'weekly', [2021, 1]],
    ['d.2018.05.08', 'daily', [2018, 5, 8]],
    ['d.2020.02.29', 'daily', [2020, 2, 29]],
    ['v15.0.rc2', 'candidate', [15, 0, 0, 2]],
    ['v17.0.1.rc10', 'candidate', [17, 0, 1, 10]],
    ['15.0', 'release', [15, 0, 0]],
    ['v15.0', 'release', [15, 0, 0]],
    ['v17.0.1', 'release', [17, 0, 1]],
  ])('may be %s', (name, kind, order) => {
    expect(parseReleaseName(name)).toEqual({ name, kind, order });
  });

  it.each([
    ['nothing', ''],
    ['a week without a zero', 'w.2021.1'],
    ['a week zero', 'w.2018.00'],
    ['a week that the year does not have', 'w.2021.53'],
    ['another such week', 'w.2018.53'],
    ['a week of no year', 'w.2018.54'],
    ['a day that does not exist', 'd.2018.02.30'],
    ['a day of a year that does not leap', 'd.2019.02.29'],
    ['a month zero', 'd.2018.00.10'],
    ['a month thirteen', 'd.2018.13.01'],
    ['a day zero', 'd.2018.05.00'],
    ['the name of EUPS', 'w_2018_18'],
    ['an image tag', 'r21_0_1'],
    ['capitals', 'W.2018.18'],
    ['a candidate without v', '15.0.rc2'],
    ['one number', '15'],
    ['four numbers', '15.0.0.1'],
    ['another candidate', 'v15.0-rc2'],
    ['a line end', 'w.2018.18\n'],
    ['a path', '../w.2018.18'],
    ['a folder', 'w.2018.18/'],
    ['an option', '--help'],
    ['digits of another script', 'w.٢٠١٨.١٨'],
    ['a number without an end', `${'9'.repeat(400)}.0`],
    ['a branch', 'main'],
    ['an alias', 'w_latest'],
  ])('may not be %s', (_what, name) => {
    expect(parseReleaseName(name)).toBeUndefined();
  });

  it('is never thrown over, and stays within its folder', () => {
    const piece = fc.constantFrom(
      'w',
      'd',
      'v',
      '.',
      '..',
      '/',
      '2018',
      '18',
      '05',
      '08',
      'rc',
      '15',
      '0',
      '-',
      '\0',
      '\n',
      '٣',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 9 }).map((each) => each.join('')),
    );
    fc.assert(
      fc.property(text, (each) => {
        const parsed = parseReleaseName(each);
        if (parsed) expect(parsed.name).toMatch(/^[a-z0-9]+(\.[a-z0-9]+)+$/);
      }),
      { numRuns: 5000 },
    );
  });
});

/** ISO 8601 by counting: week 1 has 4 January in it, weeks begin on Mondays. */
function countedWeek(day: number): string {
  const dayLength = 86_400_000;
  const mondayOfFirst = (year: number): number => {
    const fourth = Date.UTC(year, 0, 4);
    return fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * dayLength;
  };
  let year = new Date(day).getUTCFullYear() + 1;
  while (mondayOfFirst(year) > day) year--;
  const week = Math.floor((day - mondayOfFirst(year)) / (7 * dayLength)) + 1;
  return `w.${String(year).padStart(4, '0')}.${String(week).padStart(2, '0')}`;
}

describe('the weekly of a day', () => {
  it.each([
    ['2018-05-03', 'w.2018.18'],
    ['2020-12-27', 'w.2020.52'],
    ['2020-12-28', 'w.2020.53'],
    ['2020-12-31', 'w.2020.53'],
    ['2021-01-01', 'w.2020.53'],
    ['2021-01-03', 'w.2020.53'],
    ['2021-01-04', 'w.2021.01'],
    ['2018-12-31', 'w.2019.01'],
    ['2017-01-01', 'w.2016.52'],
    ['2015-12-31', 'w.2015.53'],
    ['2016-01-03', 'w.2015.53'],
    ['2016-01-04', 'w.2016.01'],
    ['2000-02-29', 'w.2000.09'],
    ['9999-12-31', 'w.9999.52'],
  ])('of %s is %s', (date, name) => {
    expect(weekly(date)).toBe(name);
  });

  const days = fc.integer({ min: Date.UTC(1000, 0, 1) / 86_400_000, max: Date.UTC(9999, 11, 31) / 86_400_000 });
  const nearNewYear = fc
    .tuple(fc.integer({ min: 1000, max: 9998 }), fc.integer({ min: -5, max: 5 }))
    .map(([year, day]) => Date.UTC(year, 0, 1) / 86_400_000 + day);

  it('is counted in weeks of ISO 8601, most of all around New Year, and is a name', () => {
    fc.assert(
      fc.property(fc.oneof(days, nearNewYear), (day) => {
        const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
        expect([date, weekly(date)]).toEqual([date, countedWeek(day * 86_400_000)]);
        expect(parseReleaseName(weekly(date))).toMatchObject({ kind: 'weekly' });
      }),
      { numRuns: 5000 },
    );
  });

  it('is that of `date +w.%G.%V`', () => {
    const dates = Array.from({ length: 60 }, (_, index) => [1999 + index, '12-31', '01-01'] as const).flatMap(
      ([year, last, first]) => [`${year}-${last}`, `${year + 1}-${first}`, `${year + 1}-06-15`],
    );
    const env = { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' };
    let said: string[];
    try {
      said = execFileSync('date', ['-f', '-', '+w.%G.%V'], { input: dates.join('\n'), env, encoding: 'utf8' })
        .trim()
        .split('\n');
    } catch {
      return; // only GNU's date reads days from a file
    }
    expect(dates.map(weekly)).toEqual(said);
  });

  it('goes up by one from week to week, and no week is left out', () => {
    let [day, name] = [Date.UTC(1999, 11, 27), 'w.1999.52'];
    const seen = new Set<string>();
    for (let week = 0; week < 60 * 52; week++, day += 7 * 86_400_000) {
      const next = weekly(new Date(day).toISOString().slice(0, 10));
      if (week > 0) expect(byRelease(name, next)).toBeLessThan(0);
      expect(seen).not.toContain(next);
      seen.add(next);
      name = next;
    }
  });

  it('has the weeks that its year has by one rule or the other, and no more', () => {
    for (let year = 1990; year < 2060; year++) {
      const last = (rule: WeekRule) => weeklyName(`${year}-12-31` as CalendarDate, rule) === `w.${year}.53`;
      // In the US a year that ends on Sunday ends in week 1 of the next; its Saturday may be in week 53.
      const american = last('us') || weeklyName(`${year}-12-30` as CalendarDate, 'us') === `w.${year}.53`;
      const exists = (rule?: WeekRule) => parseReleaseName(`w.${year}.53`, rule) !== undefined;
      expect([year, exists('iso'), exists('us'), exists()]).toEqual([
        year,
        last('iso'),
        american,
        last('iso') || american,
      ]);
      expect(parseReleaseName(`w.${year}.52`)).toBeDefined();
    }
  });
});

describe('the order of releases', () => {
  it('is by kind, then oldest first, numbers by value', () => {
    const sorted = [
      'v15.0.rc2',
      'v15.0.rc10',
      'v15.1.rc1',
      'v16.0.0.rc1',
      'd.2017.12.31',
      'd.2018.01.01',
      'v9.0',
      '14.0',
      '15.0',
      '15.0.1',
      '15.2',
      '15.10',
      'w.2017.52',
      'w.2018.02',
      'w.2018.18',
      'w.2021.01',
      'hello',
      'w.2021.53',
    ];
    for (const rotation of sorted.keys()) {
      const turned = [...sorted.slice(rotation), ...sorted.slice(0, rotation)];
      expect(turned.sort(byRelease)).toEqual(sorted);
      expect(turned.reverse().sort(byRelease)).toEqual(sorted);
    }
  });

  it('puts the second of two spellings of a version always in the same place', () => {
    expect(['v15.0', '15.0.0', '15.0'].sort(byRelease)).toEqual(['15.0.0', '15.0', 'v15.0'].sort(byRelease));
    expect(byRelease('15.0', 'v15.0')).not.toBe(0);
  });

  const number = fc.constantFrom('0', '1', '2', '9', '10', '18', '52', '2018', '2021');
  const name = fc.oneof(
    fc
      .tuple(fc.constantFrom('2017', '2018', '2020'), fc.constantFrom('01', '02', '52', '53'))
      .map(([year, week]) => `w.${year}.${week}`),
    fc.tuple(fc.constantFrom('01', '12'), fc.constantFrom('01', '31')).map(([month, day]) => `d.2018.${month}.${day}`),
    fc.tuple(fc.constantFrom('', 'v'), number, number).map(([v, major, minor]) => `${v}${major}.${minor}`),
    fc.tuple(number, number, number).map((each) => each.join('.')),
    fc.tuple(number, number, number).map(([major, minor, rc]) => `v${major}.${minor}.rc${rc}`),
    fc.string({ maxLength: 4 }),
  );
  it('is an order: one before the other, never both, and no circles', () => {
    fc.assert(
      fc.property(name, name, name, (first, second, third) => {
        expect(Math.sign(byRelease(first, second))).toBe(-Math.sign(byRelease(second, first)) + 0);
        if (byRelease(first, second) === 0) expect(first).toBe(second);
        if (byRelease(first, second) < 0 && byRelease(second, third) < 0)
          expect(byRelease(first, third)).toBeLessThan(0);
      }),
      { numRuns: 5000 },
    );
  });
});
