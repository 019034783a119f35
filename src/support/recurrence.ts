import { parseDate } from './time.ts';

/** Milliseconds of a local time as if it were one in UTC: arithmetic on the calendar knows no zone. */
export type LocalMillis = number;

/** The parts of a recurrence rule (RFC 5545, 3.3.10) that repeat days; rules of hours and less are not for people. */
export interface RecurrenceRule {
  frequency: 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY';
  interval: number;
  count?: number;
  /** In UTC, as the rule has to say it where its start has a zone. */
  until?: number;
  months?: number[];
  /** Days of the month; negative ones from its end. */
  monthDays?: number[];
  /** 0 is Monday; an ordinal counts within the month, or the year. */
  weekDays?: { day: number; ordinal?: number }[];
  positions?: number[];
  weekStart: number;
}

const days = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
const dayMillis = 86_400_000;

/** `YYYY-MM-DDThh:mm:ss`, without a zone; undefined when there is no such day or time. */
export function parseLocal(text: string): LocalMillis | undefined {
  const [, day, time] = /^([0-9]{4}-[0-9]{2}-[0-9]{2})T((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])$/.exec(text) ?? [];
  return day !== undefined && parseDate(day) ? Date.parse(`${day}T${time}Z`) : undefined;
}

/** A rule, or what is wrong with it, in words. */
export function parseRecurrence(text: string): RecurrenceRule | string {
  const parts = new Map<string, string>();
  for (const part of text.split(';')) {
    const [, key, value] = /^([A-Z]+)=([A-Z0-9,+-]+)$/.exec(part) ?? [];
    if (key === undefined) return `'${part}' is no part of a rule`;
    if (parts.has(key)) return `${key} stands there twice`;
    parts.set(key, value!);
  }
  const unknown = [...parts.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) return `${unknown} is not understood; known are ${known.join(', ')}`;
  const frequency = parts.get('FREQ');
  if (!isFrequency(frequency)) return 'FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY';
  if (parts.has('COUNT') && parts.has('UNTIL')) return 'COUNT and UNTIL exclude each other';
  const rule: RecurrenceRule = { frequency, interval: 1, weekStart: 0 };
  for (const [key, value] of parts) {
    const wrong = readers[key]!(value, rule);
    if (wrong !== undefined) return wrong;
  }
  if (rule.weekDays?.some(({ ordinal }) => ordinal !== undefined) && (frequency === 'DAILY' || frequency === 'WEEKLY'))
    return 'a BYDAY with a number needs FREQ=MONTHLY or YEARLY';
  if (rule.monthDays && frequency === 'WEEKLY') return 'BYMONTHDAY does not go with FREQ=WEEKLY';
  return rule;
}

const isFrequency = (text: string | undefined): text is RecurrenceRule['frequency'] =>
  text !== undefined && ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'].includes(text);

/** Whole numbers with commas between, each within bounds and none of them 0. */
function numbers(text: string, most: number, negative: boolean): number[] | undefined {
  const all = text.split(',').map((each) => (/^[+-]?[0-9]{1,3}$/.test(each) ? Number(each) : Number.NaN));
  return all.every((each) => each !== 0 && Math.abs(each) <= most && (negative || each > 0)) ? all : undefined;
}

type Reader = (value: string, rule: RecurrenceRule) => string | undefined;

function listReader(key: string, most: number, negative: boolean, field: 'months' | 'monthDays' | 'positions'): Reader {
  return (value, rule) => {
    const list = numbers(value, most, negative);
    if (!list) return `${key} must be numbers from ${negative ? `-${most}` : 1} to ${most}`;
    rule[field] = list;
    return undefined;
  };
}

function countReader(key: string, field: 'interval' | 'count'): Reader {
  return (value, rule) => {
    if (!/^[1-9][0-9]{0,5}$/.test(value)) return `${key} must be a number from 1 on`;
    rule[field] = Number(value);
    return undefined;
  };
}

const readers: Record<string, Reader> = {
  FREQ: () => undefined,
  INTERVAL: countReader('INTERVAL', 'interval'),
  COUNT: countReader('COUNT', 'count'),
  UNTIL: (value, rule) => {
    const [, y, m, d, h, min, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value) ?? [];
    const moment = parseLocal(`${y}-${m}-${d}T${h}:${min}:${s}`);
    if (moment === undefined) return 'UNTIL must be a moment in UTC, such as 20181231T235959Z';
    rule.until = moment;
    return undefined;
  },
  BYMONTH: listReader('BYMONTH', 12, false, 'months'),
  BYMONTHDAY: listReader('BYMONTHDAY', 31, true, 'monthDays'),
  BYSETPOS: listReader('BYSETPOS', 366, true, 'positions'),
  BYDAY: (value, rule) => {
    const all = value.split(',').map((each) => /^([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)$/.exec(each));
    if (!all.every((each) => each !== null && Number(each[1] ?? 1) !== 0 && Math.abs(Number(each[1] ?? 1)) <= 53))
      return 'BYDAY must be days such as MO, 1MO or -1FR';
    rule.weekDays = all.map((each) => {
      const day = days.indexOf(each![2]!);
      return each![1] === undefined ? { day } : { day, ordinal: Number(each![1]) };
    });
    return undefined;
  },
  WKST: (value, rule) => {
    rule.weekStart = days.indexOf(value);
    return rule.weekStart === -1 ? 'WKST must be one of MO to SU' : undefined;
  },
};
const known = Object.keys(readers);

/**
 * Local times at which a rule repeats its start, in their order; the start only when the rule has it. Ends by itself
 * for rules with COUNT; whoever takes them has to end the others. `until` is left to who knows the zone.
 */
export function* recurrences(rule: RecurrenceRule, start: LocalMillis): Generator<LocalMillis> {
  const time = ((start % dayMillis) + dayMillis) % dayMillis;
  const first = (start - time) / dayMillis;
  let found = 0;
  let empty = 0;
  for (let step = 0; empty < 3000; step += 1) {
    const period = chosen(rule, periodDays(rule, first, step * rule.interval));
    if (period === undefined) return;
    empty = period.length === 0 ? empty + 1 : 0; // nothing for so long: there is no such day
    for (const day of period) {
      if (day < first) continue;
      yield day * dayMillis + time;
      found += 1;
      if (found === rule.count) return;
    }
  }
}

function chosen({ positions }: RecurrenceRule, period: number[] | undefined): number[] | undefined {
  if (period === undefined || positions === undefined) return period;
  const sorted = period.sort((left, right) => left - right);
  const at = positions.flatMap((each) => sorted.at(each > 0 ? each - 1 : each) ?? []);
  return [...new Set(at)].sort((left, right) => left - right);
}

/** The days, counted from the epoch, of one period of a rule; undefined when it is beyond all calendars. */
function periodDays(rule: RecurrenceRule, first: number, steps: number): number[] | undefined {
  const begin = new Date(first * dayMillis);
  const [year, month] = [begin.getUTCFullYear(), begin.getUTCMonth()];
  const inMonth = ({ months }: RecurrenceRule, day: number) => !months || months.includes(monthOf(day));
  switch (rule.frequency) {
    case 'DAILY': {
      const day = first + steps;
      const fits = inMonth(rule, day) && isMonthDay(rule, day) && isWeekDay(rule, day);
      return day > lastDay ? undefined : fits ? [day] : [];
    }
    case 'WEEKLY': {
      const monday = first - weekDay(first - rule.weekStart) + steps * 7;
      const wanted = rule.weekDays?.map(({ day }) => day) ?? [weekDay(first)];
      const week = Array.from({ length: 7 }, (_, index) => monday + index);
      if (monday > lastDay) return undefined;
      return week.filter((day) => wanted.includes(weekDay(day)) && inMonth(rule, day));
    }
    case 'MONTHLY': {
      const index = year * 12 + month + steps;
      if (index > 9999 * 12) return undefined;
      const all = span(
        dayOf(Math.floor(index / 12), index % 12, 1),
        dayOf(Math.floor(index / 12), (index % 12) + 1, 1),
      );
      return inMonth(rule, all[0]!) ? ofSpan(rule, all, begin.getUTCDate()) : [];
    }
    case 'YEARLY': {
      const own = year + steps;
      if (own > 9999) return undefined;
      if (!rule.months && !rule.monthDays && rule.weekDays)
        return ofSpan(rule, span(dayOf(own, 0, 1), dayOf(own + 1, 0, 1)), 0);
      const months = rule.months ?? (rule.monthDays ? Array.from({ length: 12 }, (_, each) => each + 1) : [month + 1]);
      return [...new Set(months)]
        .sort((left, right) => left - right)
        .flatMap((each) => ofSpan(rule, span(dayOf(own, each - 1, 1), dayOf(own, each, 1)), begin.getUTCDate()));
    }
    default:
      return rule.frequency satisfies never;
  }
}

/** Of the days of a month, or a year, those that the rule names; without any, the one the start has. */
function ofSpan(rule: RecurrenceRule, all: number[], startDay: number): number[] {
  const { weekDays, monthDays } = rule;
  if (!weekDays && !monthDays) return all.length >= startDay ? [all[startDay - 1]!] : [];
  const ordinal = (day: number): boolean =>
    !weekDays ||
    weekDays.some((each) => {
      if (each.day !== weekDay(day)) return false;
      if (each.ordinal === undefined) return true;
      const index = day - all[0]!;
      const number = each.ordinal > 0 ? Math.floor(index / 7) + 1 : -Math.floor((all.length - 1 - index) / 7) - 1;
      return number === each.ordinal;
    });
  return all.filter((day) => isMonthDay(rule, day) && ordinal(day));
}

const lastDay = Date.UTC(9999, 11, 31) / dayMillis;
const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);
const dayOf = (year: number, month: number, day: number): number => Date.UTC(year, month, day) / dayMillis;
const monthOf = (day: number): number => new Date(day * dayMillis).getUTCMonth() + 1;
/** 0 is Monday; the epoch was a Thursday. */
const weekDay = (day: number): number => (((day + 3) % 7) + 7) % 7;

function isMonthDay({ monthDays }: RecurrenceRule, day: number): boolean {
  if (!monthDays) return true;
  const date = new Date(day * dayMillis);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  const own = date.getUTCDate();
  return monthDays.includes(own) || monthDays.includes(own - last - 1);
}

const isWeekDay = ({ weekDays }: RecurrenceRule, day: number): boolean =>
  !weekDays || weekDays.some((each) => each.day === weekDay(day));
