import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseLocal, parseRecurrence, type RecurrenceRule, recurrences } from '../../src/support/index.ts';
import { startWork } from '../support/work.ts';

const start = '2018-06-01T18:00:00';

function first(text: string, from = start, most = 3): string[] {
  const rule = parseRecurrence(text);
  if (typeof rule === 'string') throw new Error(rule);
  const found: string[] = [];
  for (const each of recurrences(rule, parseLocal(from)!)) {
    found.push(new Date(each).toISOString().slice(0, 10));
    if (found.length === most) break;
  }
  return found;
}

describe('a rule of RFC 5545', () => {
  // The examples of 3.8.5.3 that repeat days.
  it.each<[string, string, string[]]>([
    ['FREQ=DAILY;COUNT=2', '1997-09-02T09:00:00', ['1997-09-02', '1997-09-03']],
    ['FREQ=DAILY;INTERVAL=10;COUNT=5', '1997-09-02T09:00:00', ['1997-09-02', '1997-09-12', '1997-09-22']],
    [
      'FREQ=YEARLY;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA',
      '1998-01-01T09:00:00',
      ['1998-01-01', '1998-01-02', '1998-01-03'],
    ],
    ['FREQ=WEEKLY;INTERVAL=2;WKST=SU', '1997-09-02T09:00:00', ['1997-09-02', '1997-09-16', '1997-09-30']],
    [
      'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO',
      '1997-08-05T09:00:00',
      ['1997-08-05', '1997-08-10', '1997-08-19'],
    ],
    [
      'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU',
      '1997-08-05T09:00:00',
      ['1997-08-05', '1997-08-17', '1997-08-19'],
    ],
    ['FREQ=MONTHLY;COUNT=10;BYDAY=1FR', '1997-09-05T09:00:00', ['1997-09-05', '1997-10-03', '1997-11-07']],
    [
      'FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU',
      '1997-09-07T09:00:00',
      ['1997-09-07', '1997-09-28', '1997-11-02'],
    ],
    ['FREQ=MONTHLY;BYMONTHDAY=-3', '1997-09-28T09:00:00', ['1997-09-28', '1997-10-29', '1997-11-28']],
    ['FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13', '1998-02-13T09:00:00', ['1998-02-13', '1998-03-13', '1998-11-13']],
    [
      'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2',
      '1997-09-29T09:00:00',
      ['1997-09-29', '1997-10-30', '1997-11-27'],
    ],
    ['FREQ=YEARLY;BYDAY=20MO', '1997-05-19T09:00:00', ['1997-05-19', '1998-05-18', '1999-05-17']],
    ['FREQ=YEARLY;BYMONTH=3;BYDAY=TH', '1997-03-13T09:00:00', ['1997-03-13', '1997-03-20', '1997-03-27']],
    [
      'FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8',
      '1996-11-05T09:00:00',
      ['1996-11-05', '2000-11-07', '2004-11-02'],
    ],
    ['FREQ=MONTHLY;BYMONTHDAY=15,30', '2007-01-15T09:00:00', ['2007-01-15', '2007-01-30', '2007-02-15']],
    ['FREQ=YEARLY', '2016-02-29T09:00:00', ['2016-02-29', '2020-02-29', '2024-02-29']],
  ])('%s from %s', (rule, from, expected) => {
    expect(first(rule, from)).toEqual(expected);
  });

  it('that no day fits ends, and soon', () => {
    const work = startWork();
    for (const rule of [
      'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30',
      'FREQ=MONTHLY;BYMONTH=4;BYMONTHDAY=31',
      'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31',
    ])
      expect(first(rule)).toEqual([]);
    expect(work()).toBeLessThan(2);
  });

  it.each([
    ['FREQ=HOURLY', 'FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY'],
    ['BYDAY=FR', 'FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY'],
    ['FREQ=WEEKLY;BYHOUR=3', expect.stringMatching(/^BYHOUR is not understood/)],
    ['FREQ=WEEKLY;FREQ=DAILY', 'FREQ stands there twice'],
    ['FREQ=WEEKLY;BYDAY=XX', 'BYDAY must be days such as MO, 1MO or -1FR'],
    ['FREQ=WEEKLY;BYDAY=1MO', 'a BYDAY with a number needs FREQ=MONTHLY or YEARLY'],
    ['FREQ=MONTHLY;BYDAY=0MO', 'BYDAY must be days such as MO, 1MO or -1FR'],
    ['FREQ=MONTHLY;BYMONTHDAY=32', 'BYMONTHDAY must be numbers from -31 to 31'],
    ['FREQ=DAILY;COUNT=2;UNTIL=20180101T000000Z', 'COUNT and UNTIL exclude each other'],
    ['FREQ=DAILY;UNTIL=20180101', 'UNTIL must be a moment in UTC, such as 20181231T235959Z'],
    ['FREQ=DAILY;UNTIL=20180230T000000Z', 'UNTIL must be a moment in UTC, such as 20181231T235959Z'],
    ['FREQ=DAILY;INTERVAL=0', 'INTERVAL must be a number from 1 on'],
    ['', "'' is no part of a rule"],
  ])('%s is refused', (text, expected) => {
    expect(parseRecurrence(text)).toEqual(expected);
  });

  it('repeats the days that rrule.js has for the same rule', async () => {
    const { default: library } = await import('rrule');
    const { rrulestr } = library as unknown as typeof import('rrule');
    const subset = <T>(all: readonly T[]) =>
      fc.option(fc.uniqueArray(fc.constantFrom(...all), { minLength: 1, maxLength: 3 }), { nil: undefined });
    const weekDays = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
    const rules = fc.record({
      frequency: fc.constantFrom('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'),
      interval: fc.integer({ min: 1, max: 4 }),
      months: subset([1, 2, 3, 6, 11, 12]),
      monthDays: subset([1, 13, 29, 31, -1, -2]),
      byDay: subset(weekDays),
      ordinal: fc.constantFrom('', '', '1', '2', '-1'),
      position: fc.constantFrom(undefined, undefined, 1, -1),
      weekStart: fc.constantFrom('MO', 'SU'),
    });
    const day = fc.integer({ min: 0, max: 3000 }).map((days) => new Date(Date.UTC(2015, 0, 1 + days, 18)));
    fc.assert(
      fc.property(rules, day, (some, from) => {
        const { frequency, interval, months, monthDays, byDay, position, weekStart } = some;
        const counted =
          frequency === 'MONTHLY' || (frequency === 'YEARLY' && (months !== undefined || monthDays === undefined));
        const ordinal = counted ? some.ordinal : '';
        const parts = [`FREQ=${frequency}`, `INTERVAL=${interval}`, `WKST=${weekStart}`];
        if (months) parts.push(`BYMONTH=${months}`);
        // Of a rule that no day fits, rrule.js walks through all years there are.
        if (monthDays && frequency !== 'WEEKLY' && !months && !byDay) parts.push(`BYMONTHDAY=${monthDays}`);
        if (byDay) parts.push(`BYDAY=${byDay.map((each) => `${ordinal}${each}`)}`);
        // Of the week that a weekly begins in, rrule.js counts the days from its start on only.
        if (position !== undefined && (frequency === 'MONTHLY' || frequency === 'YEARLY') && byDay)
          parts.push(`BYSETPOS=${position}`);
        const text = parts.join(';');
        const rule = parseRecurrence(text) as RecurrenceRule;
        const end = new Date(from.getTime() + 400 * 86_400_000);
        const own: string[] = [];
        for (const each of recurrences(rule, from.getTime())) {
          if (each > end.getTime()) break;
          own.push(new Date(each).toISOString());
        }
        const theirs = rrulestr(text, { dtstart: from }).between(from, end, true);
        expect([text, own]).toEqual([text, theirs.map((each) => each.toISOString())]);
      }),
      { numRuns: 60 },
    );
  });
});
