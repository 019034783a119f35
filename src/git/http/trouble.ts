import { type Problem, problem } from '../../support/index.ts';

/** The server answers otherwise than this client understands: the whole exchange, or the git program, may do better. */
export class Surprise extends Error {
  /** Whether the same is to be expected of every repository of that host. */
  readonly ofHost: boolean;
  constructor(message: string, options: { ofHost?: boolean } = {}) {
    super(message);
    this.ofHost = options.ofHost ?? false;
  }
}

export interface TroubleDetails {
  /** Whether another attempt may help. */
  retryable?: boolean;
  retryAfterSeconds?: number;
  /** The HTTP status, where that is what went wrong. */
  status?: number;
  /** The request was not acted upon, for certain. */
  unheard?: boolean;
}

/** An exchange came to nothing for a reason that people can be told, and another client would fare no better. */
export class Trouble extends Error {
  readonly problem: Problem;
  readonly details: TroubleDetails;
  constructor(problem: Problem, details: TroubleDetails = {}) {
    super(problem.message);
    this.problem = problem;
    this.details = details;
  }
}

export function unreachable(message: string, hint: string, details: TroubleDetails = {}): Trouble {
  return new Trouble(problem('remote-unreachable', message, { hint }), details);
}
