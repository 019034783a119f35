import type { CalendarDate } from '../support/index.ts';

/**
 * Which day a week begins on and which week is the first. `iso`: Monday, and week 1 has the year's first Thursday.
 * `us`: Sunday, and week 1 has 1 January; so a program writes that formats a date's week in a US locale.
 */
export type WeekRule = 'iso' | 'us';

export interface Week {
  year: number;
  week: number;
}

/** A day by its distance from 1970-01-01, a Thursday. */
type DayNumber = number;

const dayNumber = (year: number, month: number, day: number): DayNumber =>
  new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
const dateOfNumber = (day: DayNumber): CalendarDate =>
  new Date(day * 86_400_000).toISOString().slice(0, 10) as CalendarDate;
/** Sunday is 0. */
const weekday = (day: DayNumber): number => (((day + 4) % 7) + 7) % 7;

/** The Thursday of a year's first week; every week, begun on Sunday or Monday, has one, and weeklies are made on it. */
function firstThursday(year: number, rule: WeekRule): DayNumber {
  const newYear = dayNumber(year, 1, 1);
  const untilThursday = 4 - weekday(newYear);
  return newYear + (rule === 'iso' && untilThursday < 0 ? untilThursday + 7 : untilThursday);
}

/** The week that a day belongs to, and the year that the week is counted in. */
export function weekOf(date: CalendarDate, rule: WeekRule = 'iso'): Week {
  const day = Date.parse(date) / 86_400_000;
  const thursday = rule === 'iso' ? day + 3 - ((weekday(day) + 6) % 7) : day + 4 - weekday(day);
  let year = Number(date.slice(0, 4)) + 1;
  while (thursday < firstThursday(year, rule)) year -= 1;
  return { year, week: (thursday - firstThursday(year, rule)) / 7 + 1 };
}

/** The day on which weeklies are made; undefined when the year has no such week. */
export function thursdayOf(year: number, week: number, rule: WeekRule = 'iso'): CalendarDate | undefined {
  if (!(year >= 1 && year <= 9999 && week >= 1)) return undefined;
  const thursday = firstThursday(year, rule) + 7 * (week - 1);
  return thursday < firstThursday(year + 1, rule) ? dateOfNumber(thursday) : undefined;
}

/** The day of the calendar; undefined when the month has no such day. */
export function dayOf(year: number, month: number, day: number): CalendarDate | undefined {
  if (!(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return undefined;
  const date = dateOfNumber(dayNumber(year, month, day));
  return Number(date.slice(8)) === day ? date : undefined;
}

export const padded = (number: number, digits: number): string => String(number).padStart(digits, '0');

const rules = {
  iso: "ISO 8601, weeks begin on Monday and week 1 has the year's first Thursday",
  us: 'US, weeks begin on Sunday and week 1 has 1 January',
} as const satisfies Record<WeekRule, string>;

/** For people: `2020-12-31 is in week 53 of 2020 (ISO 8601, weeks begin on ...); by the US rule it is week 1 of 2021`. */
export function explainWeek(date: CalendarDate, rule: WeekRule = 'iso'): string {
  const [chosen, other] = [weekOf(date, rule), weekOf(date, rule === 'iso' ? 'us' : 'iso')];
  const sentence = `${date} is in week ${chosen.week} of ${chosen.year} (${rules[rule]})`;
  if (chosen.week === other.week && chosen.year === other.year) return sentence;
  return `${sentence}; by the ${rule === 'iso' ? 'US' : 'ISO'} rule it is week ${other.week} of ${other.year}`;
}
