import { count, stopwatch } from '../../support/index.ts';
import { Trouble } from './trouble.ts';

export interface Retrying {
  attempts: number;
  pauseSeconds: number;
  longestPauseSeconds: number;
  /** No attempt is begun after this time. */
  seconds: number;
  pause: (seconds: number) => Promise<void>;
}

/**
 * Try again what may go better, after a pause by chance: many clients that failed together should not come back together
 * ("full jitter"). A server that names a time is given it, unless that is longer than there is.
 */
export async function retrying<T>(work: (attempt: number) => Promise<T>, options: Retrying): Promise<T> {
  const spentSeconds = stopwatch();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof Trouble) || !error.details.again) throw error;
      const { afterSeconds } = error.details;
      const chance = Math.random() * Math.min(options.longestPauseSeconds, options.pauseSeconds * 2 ** (attempt - 1));
      const pause = afterSeconds === undefined ? chance : afterSeconds + chance;
      if (attempt >= options.attempts || spentSeconds() + pause > options.seconds) throw told(error, attempt);
      await options.pause(pause);
    }
  }
}

function told(error: Trouble, attempts: number): Trouble {
  const { afterSeconds, ...details } = error.details;
  const tried = attempts > 1 ? ` (tried ${count(attempts, 'time')})` : '';
  const later = afterSeconds === undefined ? {} : { hint: `try again in ${afterSeconds} s` };
  const message = `${error.problem.message}${tried}`;
  return new Trouble({ ...error.problem, ...later, message }, { ...details, again: false });
}
