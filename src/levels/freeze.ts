import {
  type Instant,
  instantOf,
  localAt,
  momentOf,
  parseDuration,
  parseLocal,
  parseRecurrence,
  recurrences,
} from '../support/index.ts';
import type { FreezeWindow } from '../workspace/index.ts';

/** Why nothing may be promoted now, and until when; undefined when it never ends. */
export interface Frozen {
  reason: string;
  until: Instant | undefined;
}

/** How far ahead an end is looked for. */
const horizonMillis = 5 * 366 * 86_400_000;

/**
 * Whether windows keep everything out at a moment: one that denies is open, or there are some that allow and none of them
 * is. What denies outweighs what allows. The end is when nothing keeps it out any more, however many windows follow on
 * each other.
 */
export function frozenAt(windows: readonly FreezeWindow[], now: Instant): Frozen | undefined {
  const all = windows.map((window) => new Occurrences(window, Date.parse(now)));
  const deny = all.filter(({ window }) => window.effect !== 'allow');
  const allow = all.filter(({ window }) => window.effect === 'allow');
  const begun = Date.parse(now);
  let reason: string | undefined;
  for (let moment = begun; moment < begun + horizonMillis; ) {
    const denied = deny.flatMap((each) => each.covering(moment) ?? []);
    const isAllowed = allow.length === 0 || allow.some((each) => each.covering(moment) !== undefined);
    if (denied.length === 0 && isAllowed) {
      return reason === undefined ? undefined : { reason, until: instantOf(new Date(moment)) };
    }
    reason ??= reasonOf(deny, allow, moment);
    const next = denied.length > 0 ? Math.max(...denied) : Math.min(...allow.map((each) => each.next()));
    if (!Number.isFinite(next)) break;
    moment = next;
  }
  return reason === undefined ? undefined : { reason, until: undefined };
}

function reasonOf(deny: Occurrences[], allow: Occurrences[], moment: number): string {
  const open = deny.filter((each) => each.covering(moment) !== undefined).map(({ window }) => window.reason);
  if (open.length > 0) return [...new Set(open)].join('; ');
  return `outside of the times for it (${[...new Set(allow.map(({ window }) => window.reason))].join('; ')})`;
}

/** The times of one window, walked through once, forwards. */
class Occurrences {
  readonly window: FreezeWindow;
  #starts: Iterator<number>;
  #next: number;
  #end = Number.NEGATIVE_INFINITY;

  constructor(window: FreezeWindow, from: number) {
    this.window = window;
    this.#starts = startsOf(window, from);
    this.#next = this.#pull();
  }

  /** When the window that is open at a moment ends; undefined when none is. Moments come in their order. */
  covering(moment: number): number | undefined {
    while (this.#next <= moment) {
      this.#end = Math.max(this.#end, endOf(this.window, this.#next));
      this.#next = this.#pull();
    }
    return this.#end > moment ? this.#end : undefined;
  }

  /** When it opens next, after the last moment that was asked for; never: infinity. */
  next(): number {
    return this.#next;
  }

  #pull(): number {
    const { done, value } = this.#starts.next();
    return done ? Number.POSITIVE_INFINITY : value;
  }
}

const zoneOf = ({ zone = 'UTC' }: FreezeWindow): string => zone;

/** What cannot reach to a moment any more is left out: converting years of it takes time. */
function* startsOf(window: FreezeWindow, from: number): Generator<number> {
  const start = parseLocal(window.start)!;
  const rule = window.rrule === undefined ? undefined : parseRecurrence(window.rrule);
  if (rule === undefined || typeof rule === 'string') {
    yield momentOf(start, zoneOf(window));
    return;
  }
  const over = from - lengthOf(window) - 3 * 86_400_000;
  for (const local of recurrences(rule, start)) {
    if (local < over) continue;
    const moment = momentOf(local, zoneOf(window));
    if (rule.until !== undefined && moment > rule.until) return;
    yield moment;
  }
}

/** In about: days with jumps of the clock have an hour more or less. */
const lengthOf = ({ start, end, duration = '1d' }: FreezeWindow): number =>
  end === undefined ? parseDuration(duration)! * 1000 : parseLocal(end)! - parseLocal(start)!;

/** Days of a duration are days of the calendar, other units are exact; an end gives all the exact length of the first (3.8.5.3). */
function endOf(window: FreezeWindow, start: number): number {
  const zone = zoneOf(window);
  if (window.end !== undefined) {
    return start + momentOf(parseLocal(window.end)!, zone) - momentOf(parseLocal(window.start)!, zone);
  }
  const { duration = '1d' } = window;
  const millis = parseDuration(duration)! * 1000;
  return duration.endsWith('d') ? momentOf(localAt(start, zone) + millis, zone) : start + millis;
}
