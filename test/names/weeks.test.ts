import { describe, expect, it } from '@jest/globals';
import { explainWeek, thursdayOf, type WeekRule, weeklyName, weekOf } from '../../src/names/index.ts';
import type { CalendarDate } from '../../src/support/index.ts';

const name = (date: string, rule?: WeekRule): string => weeklyName(date as CalendarDate, rule);

interface Day {
  date: CalendarDate;
  /** Sunday is 0. */
  weekday: number;
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

/** The days of the calendar, counted by hand from Monday, 1 January 1990: no dates of the language, no divisions. */
function* days(until: number): Generator<Day> {
  let weekday = 1;
  for (let year = 1990; year <= until; year++) {
    const months = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (const [month, length] of months.entries()) {
      for (let day = 1; day <= length; day++) {
        const date = [year, String(month + 1).padStart(2, '0'), String(day).padStart(2, '0')].join('-');
        yield { date: date as CalendarDate, weekday };
        weekday = (weekday + 1) % 7;
      }
    }
  }
}

/** Walk over the days week by week; a week is of the year that its deciding day is in. */
function counted(first: number, deciding: number): Map<string, string> {
  const weeks: Day[][] = [];
  for (const day of days(2041)) {
    if (day.weekday === first || weeks.length === 0) weeks.push([]);
    weeks.at(-1)!.push(day);
  }
  const names = new Map<string, string>();
  let [year, week] = ['', 0];
  for (const each of weeks) {
    const decides = each.find(({ weekday }) => weekday === deciding);
    if (!decides) continue;
    week = decides.date.slice(0, 4) === year ? week + 1 : 1;
    year = decides.date.slice(0, 4);
    for (const { date } of each) names.set(date, `w.${year}.${String(week).padStart(2, '0')}`);
  }
  return names;
}

const dates = [...days(2040)].map(({ date }) => date);

describe('the week of a day', () => {
  it.each([
    ['iso', 1, 4],
    ['us', 0, 6],
  ] as const)('is, by the %s rule, the one that counting from 1990 to 2040 finds', (rule, first, deciding) => {
    const found = counted(first, deciding);
    const wrong = dates
      .filter((date) => found.has(date) && found.get(date) !== name(date, rule))
      .map((date) => [date, found.get(date), name(date, rule)]);
    expect(wrong).toEqual([]);
    expect(dates.filter((date) => !found.has(date)).length).toBeLessThan(7);
    expect(dates).toHaveLength(18_628);
  });

  it.each([
    ['2020-12-31', 'w.2020.53', 'w.2021.01'],
    ['2021-01-07', 'w.2021.01', 'w.2021.02'],
    ['2022-12-29', 'w.2022.52', 'w.2022.53'],
    ['2022-12-31', 'w.2022.52', 'w.2022.53'],
    ['2027-12-30', 'w.2027.52', 'w.2028.01'],
    ['2018-05-03', 'w.2018.18', 'w.2018.18'],
    ['2018-05-06', 'w.2018.18', 'w.2018.19'], // a Sunday
    ['2023-01-01', 'w.2022.52', 'w.2023.01'],
  ])('%s is %s by ISO and %s in the US', (date, iso, us) => {
    expect([name(date), name(date, 'iso'), name(date, 'us')]).toEqual([iso, iso, us]);
  });

  it('differs by one on the Thursdays of the years that begin on Friday or Saturday', () => {
    const differing = new Set<string>();
    for (const [index, date] of dates.entries())
      if ((index + 1) % 7 === 4 && name(date, 'iso') !== name(date, 'us')) differing.add(name(date, 'us').slice(2, 6));
    const years = [...new Set(dates.map((date) => date.slice(0, 4)))];
    expect([...differing].filter((year) => year <= '2040')).toEqual(
      years.filter((year) => [5, 6].includes(new Date(`${year}-01-01T00:00:00Z`).getUTCDay())),
    );
  });

  it.each(['iso', 'us'] as const)('leads back from its Thursday, by the %s rule', (rule) => {
    for (const date of dates) {
      const { year, week } = weekOf(date, rule);
      const thursday = thursdayOf(year, week, rule)!;
      expect(Math.abs(Date.parse(thursday) - Date.parse(date))).toBeLessThanOrEqual(4 * 86_400_000);
      expect(new Date(thursday).getUTCDay()).toBe(4);
      expect(weekOf(thursday, rule)).toEqual({ year, week });
    }
  });

  it.each([
    [2021, 53],
    [2021, 0],
    [2021, -1],
    [0, 1],
    [10_000, 1],
    [Number.NaN, 1],
  ])('has no Thursday in week %#: year %s, week %s', (year, week) => {
    expect(thursdayOf(year, week)).toBeUndefined();
  });

  it.each([
    [1, 1, '0001-01-04'],
    [99, 1, '0099-01-01'],
    [9999, 52, '9999-12-30'],
  ])('is known in the year %s too', (year, week, thursday) => {
    expect(thursdayOf(year, week)).toBe(thursday);
  });

  it('is told to people with its rule, and with the other where that says another', () => {
    const day = (date: string) => date as CalendarDate;
    expect(explainWeek(day('2018-05-03'))).toBe(
      "2018-05-03 is in week 18 of 2018 (ISO 8601, weeks begin on Monday and week 1 has the year's first Thursday)",
    );
    expect(explainWeek(day('2020-12-31'), 'us')).toBe(
      '2020-12-31 is in week 1 of 2021 (US, weeks begin on Sunday and week 1 has 1 January); by the ISO rule it is week 53 of 2020',
    );
    expect(explainWeek(day('2020-12-31'))).toMatch(/; by the US rule it is week 1 of 2021$/);
  });
});
