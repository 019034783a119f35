import { epochSeconds, type Instant, parseDuration } from '../support/index.ts';

/** Whether a result is young enough to count (`fresh:` of a check; without it, always). */
export function isFresh(at: Instant, fresh: string | undefined, now: Instant): boolean {
  const seconds = fresh === undefined ? undefined : parseDuration(fresh);
  return seconds === undefined || epochSeconds(now) - epochSeconds(at) <= seconds;
}
