import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { frozenAt } from '../../src/levels/index.ts';
import { type Instant, instantOf, localAt, momentOf, parseLocal } from '../../src/support/index.ts';
import type { FreezeWindow } from '../../src/workspace/index.ts';
import { startWork } from '../support/work.ts';

const at = (text: string) => text as Instant;
const weekend: FreezeWindow = {
  start: '2018-06-01T18:00:00',
  zone: 'America/Santiago',
  duration: '62h',
  rrule: 'FREQ=WEEKLY;BYDAY=FR',
  reason: 'nobody is here',
};
const frozen = (windows: FreezeWindow[], now: string) => frozenAt(windows, at(now));

describe('a freeze', () => {
  it('holds from its start to its end, to the second, in its own zone', () => {
    // Santiago is at -04 in June.
    expect(frozen([weekend], '2018-06-08T21:59:59Z')).toBeUndefined();
    expect(frozen([weekend], '2018-06-08T22:00:00Z')).toEqual({
      reason: 'nobody is here',
      until: '2018-06-11T12:00:00Z',
    });
    expect(frozen([weekend], '2018-06-11T11:59:59Z')).toBeDefined();
    expect(frozen([weekend], '2018-06-11T12:00:00Z')).toBeUndefined();
    expect(frozen([weekend], '2018-05-31T12:00:00Z')).toBeUndefined();
  });

  it('follows the clocks of its zone when they change', () => {
    // On 12 August 2018 Santiago went from -04 to -03: 18 h there is 22 h UTC before, 21 h after.
    expect(frozen([weekend], '2018-08-10T21:30:00Z')).toBeUndefined();
    expect(frozen([weekend], '2018-08-17T21:30:00Z')).toMatchObject({ until: '2018-08-20T11:00:00Z' });
    // Hours are exact, days are days of the calendar: clocks went forward by one hour in this window.
    const days = { ...weekend, duration: '2d', start: '2018-08-10T18:00:00' };
    expect(frozen([days], '2018-08-11T00:00:00Z')).toMatchObject({ until: '2018-08-12T21:00:00Z' });
    expect(frozen([{ ...days, duration: '48h' }], '2018-08-11T00:00:00Z')).toMatchObject({
      until: '2018-08-12T22:00:00Z',
    });
  });

  it('may be one window, with an end in the place of a duration', () => {
    const holiday: FreezeWindow = { start: '2018-12-21T00:00:00', end: '2019-01-07T00:00:00', reason: 'holidays' };
    expect(frozen([holiday], '2018-12-25T00:00:00Z')).toEqual({ reason: 'holidays', until: '2019-01-07T00:00:00Z' });
    expect(frozen([holiday], '2019-12-25T00:00:00Z')).toBeUndefined();
    const yearly = { ...holiday, rrule: 'FREQ=YEARLY' };
    expect(frozen([yearly], '2025-01-01T00:00:00Z')).toEqual({ reason: 'holidays', until: '2025-01-07T00:00:00Z' });
    expect(frozen([{ ...yearly, rrule: 'FREQ=YEARLY;COUNT=2' }], '2025-01-01T00:00:00Z')).toBeUndefined();
    expect(
      frozen([{ ...yearly, rrule: 'FREQ=YEARLY;UNTIL=20190101T000000Z' }], '2019-12-25T00:00:00Z'),
    ).toBeUndefined();
  });

  it('ends when the last of windows that follow on each other ends', () => {
    const after: FreezeWindow = {
      start: '2018-06-11T08:00:00',
      zone: 'America/Santiago',
      duration: '4h',
      reason: 'upgrade',
    };
    expect(frozen([weekend, after], '2018-06-10T00:00:00Z')).toEqual({
      reason: 'nobody is here',
      until: '2018-06-11T16:00:00Z',
    });
  });

  it('has no end where windows never leave a gap', () => {
    const always: FreezeWindow = {
      start: '2018-01-01T00:00:00',
      duration: '1d',
      rrule: 'FREQ=DAILY',
      reason: 'closed for good',
    };
    expect(frozen([always], '2018-06-10T00:00:00Z')).toEqual({ reason: 'closed for good', until: undefined });
  });

  it('holds outside of windows that allow, and inside of those that deny all the same', () => {
    const hours: FreezeWindow = {
      start: '2018-06-04T09:00:00',
      duration: '8h',
      rrule: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR',
      effect: 'allow',
      reason: 'office hours',
    };
    const noon: FreezeWindow = { start: '2018-06-04T12:00:00', duration: '1h', rrule: 'FREQ=DAILY', reason: 'lunch' };
    expect(frozen([hours], '2018-06-05T10:00:00Z')).toBeUndefined();
    expect(frozen([hours], '2018-06-08T17:00:00Z')).toEqual({
      reason: 'outside of the times for it (office hours)',
      until: '2018-06-11T09:00:00Z',
    });
    expect(frozen([hours, noon], '2018-06-05T12:30:00Z')).toEqual({ reason: 'lunch', until: '2018-06-05T13:00:00Z' });
    expect(frozen([{ ...hours, rrule: 'FREQ=DAILY;COUNT=1' }], '2018-06-05T10:00:00Z')).toMatchObject({
      until: undefined,
    });
  });

  it('of a window of many years is found as soon as one that has just begun', () => {
    const old: FreezeWindow = { ...weekend, start: '1990-01-01T02:00:00', duration: '1h', rrule: 'FREQ=DAILY' };
    const work = startWork();
    expect(frozen([old], '2030-06-01T06:30:00Z')).toMatchObject({ until: '2030-06-01T07:00:00Z' });
    expect(work()).toBeLessThan(0.5);
  });
});

describe('a local time', () => {
  const zones = [
    'America/Santiago',
    'Europe/Paris',
    'America/Los_Angeles',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'UTC',
    'Pacific/Apia',
  ];
  const zone = fc.constantFrom(...zones);
  const local = fc
    .integer({ min: Date.UTC(2012, 0, 1) / 900_000, max: Date.UTC(2029, 0, 1) / 900_000 })
    .map((quarter) => quarter * 900_000);

  it('is what Intl shows at its moment; of two such moments it is the first; one that is jumped over keeps its distance', () => {
    const format = (moment: number, timeZone: string) =>
      new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
        .format(moment)
        .replace(' ', 'T');
    fc.assert(
      fc.property(local, zone, (wanted, timeZone) => {
        const found = momentOf(wanted, timeZone);
        expect(format(found, timeZone)).toBe(new Date(localAt(found, timeZone)).toISOString().slice(0, 19));
        // Every moment of the days around that shows the wanted time, by looking at all of them.
        const all: number[] = [];
        for (let each = wanted - 15 * 3_600_000; each <= wanted + 15 * 3_600_000; each += 900_000)
          if (localAt(each, timeZone) === wanted) all.push(each);
        if (all.length > 0) expect(found).toBe(all[0]);
        else expect(localAt(found, timeZone)).toBeGreaterThan(wanted); // clocks jump forward, never so far as a day but in Apia
      }),
      { numRuns: 200 },
    );
  });

  it('that is jumped over is taken with the offset before the jump (RFC 5545, 3.3.5)', () => {
    const moment = (text: string, timeZone: string) => instantOf(new Date(momentOf(parseLocal(text)!, timeZone)));
    expect(moment('2018-03-11T02:30:00', 'America/New_York')).toBe('2018-03-11T07:30:00Z');
    expect(moment('2018-11-04T01:30:00', 'America/New_York')).toBe('2018-11-04T05:30:00Z');
    expect(moment('2018-03-25T02:30:00', 'Europe/Paris')).toBe('2018-03-25T01:30:00Z');
  });
});
