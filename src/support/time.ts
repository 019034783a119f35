import type { Brand } from './brand.ts';

/** A day of the calendar, `YYYY-MM-DD`, that exists. */
export type CalendarDate = Brand<string, 'CalendarDate'>;
/** A moment in UTC, `YYYY-MM-DDThh:mm:ssZ`. */
export type Instant = Brand<string, 'Instant'>;

/** The one function that reads the clock. Everything else is handed a moment. */
export function systemClock(): Date {
  return new Date();
}
export type Clock = () => Date;

/** Seconds from one moment to another of this process, whatever is done to the clock. Not of `performance`: it loads slowly. */
export function stopwatch(): () => number {
  const begun = process.hrtime();
  return () => {
    const [seconds, nanoseconds] = process.hrtime(begun);
    return seconds + nanoseconds / 1e9;
  };
}

export function parseDate(text: string): CalendarDate | undefined {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text);
  if (!match) return undefined;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && isoText(date).startsWith(text) ? (text as CalendarDate) : undefined;
}

/** Why a text of the form of a date is none: `2018-02 has 28 days`. */
export function whyNoDate(text: string): string {
  const month = text.slice(0, 7);
  const last = new Date(`${month}-01T00:00:00Z`);
  if (Number.isNaN(last.getTime())) return 'the months of a year are 01 to 12';
  last.setUTCMonth(last.getUTCMonth() + 1, 0);
  return `${month} has the days 01 to ${last.getUTCDate()}`;
}

/** Accepts whole seconds in UTC only, which is what dmrel writes. */
export function parseInstant(text: string): Instant | undefined {
  const match = /^([0-9-]{10})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/.exec(text);
  return match && parseDate(match[1]!) ? (text as Instant) : undefined;
}

export function instantOf(moment: Date): Instant {
  return `${isoText(moment).slice(0, 19)}Z` as Instant;
}

export function dateOf(moment: Date): CalendarDate {
  return isoText(moment).slice(0, 10) as CalendarDate;
}

/** As `toISOString`, by hand: that reads the time zone of the machine before it gives a time that has none. */
export function isoText(moment: Date): string {
  const year = moment.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) return moment.toISOString(); // which knows what to do with them
  const digits = (number: number, width: number) => String(number).padStart(width, '0');
  const date = [digits(year, 4), digits(moment.getUTCMonth() + 1, 2), digits(moment.getUTCDate(), 2)].join('-');
  const time = [moment.getUTCHours(), moment.getUTCMinutes(), moment.getUTCSeconds()].map((each) => digits(each, 2));
  return `${date}T${time.join(':')}.${digits(moment.getUTCMilliseconds(), 3)}Z`;
}

export function epochSeconds(instant: Instant): number {
  return Date.parse(instant) / 1000;
}

/** Whole days from one day to another; negative when the second is earlier. */
export function daysBetween(from: CalendarDate, to: CalendarDate): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
}

/** Seconds in `90s`, `5m`, `48h`, `7d`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^([0-9]{1,9})([smhd])$/.exec(text);
  return match ? Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] as 's' | 'm' | 'h' | 'd'] : undefined;
}

/** `47h 58m`, `3d 2h`, `12s`: the two largest units of a length of time. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(' ') || '0s';
}
