import type { CommandContext } from '../plugins/index.ts';
import { type CalendarDate, dateOf, Failure, parseDate, parseInstant, problem } from '../support/index.ts';

/** The day an option names, or today in UTC. Problem: `no-such-date`, as wrong usage. */
export function dayOption(context: CommandContext, value: unknown, option: string): CalendarDate {
  if (value === undefined) return dateOf(context.now());
  const date = parseDate(String(value));
  if (date) return date;
  throw new Failure(problem('usage', `${option}: there is no day '${value}'`, { hint: 'expected YYYY-MM-DD' }));
}

/** The moment an option names, or the end of the day it names, or now; and whether that is behind us. */
export function momentOption(context: CommandContext, value: unknown, option: string): { now: Date; past: boolean } {
  const now = context.now();
  if (value === undefined) return { now, past: false };
  const text = String(value);
  if (!parseDate(text) && !parseInstant(text)) {
    const hint = 'expected YYYY-MM-DD, or YYYY-MM-DDThh:mm:ssZ';
    throw new Failure(problem('usage', `${option}: there is no moment '${value}'`, { hint }));
  }
  const moment = new Date(parseDate(text) ? `${text}T23:59:59Z` : text);
  return { now: moment, past: moment < now };
}
