import type { LocalMillis } from './recurrence.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether the IANA database, as this Node.js has it, knows a zone. */
export function isTimeZone(zone: string): boolean {
  try {
    return formatOf(zone) !== undefined;
  } catch {
    return false;
  }
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  formats.set(zone, made);
  return made;
}

/** What clocks of a zone show at a moment (milliseconds since the epoch). */
export function localAt(moment: number, zone: string): LocalMillis {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(moment)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year, month, day, hour, minute, second } = parts as Record<string, number>;
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
}

/**
 * The moment at which clocks of a zone show a local time. Of two such moments the first; a time that clocks jump over is
 * taken with the offset before the jump (RFC 5545, 3.3.5).
 */
export function momentOf(local: LocalMillis, zone: string): number {
  const offset = (moment: number): number => localAt(moment, zone) - moment;
  const day = 86_400_000;
  const [before, after] = [offset(local - day), offset(local + day)];
  const fits = [before, after].map((each) => local - each).filter((moment) => localAt(moment, zone) === local);
  return fits.length > 0 ? Math.min(...fits) : local - before;
}
