import { Failure, failed, type Problem, problem, type Result } from '../../support/index.ts';

export interface TroubleDetails {
  /** Whether another attempt may help. */
  again?: boolean;
  /** When the server wants to be asked again (Retry-After). */
  afterSeconds?: number;
  /** The HTTP status, where that is what went wrong. */
  status?: number;
}

/** A request came to nothing, for a reason that people can be told. Holds nothing of node's requests: those have secrets. */
export class Trouble extends Error {
  readonly problem: Problem;
  readonly details: TroubleDetails;
  constructor(problem: Problem, details: TroubleDetails = {}) {
    super(problem.message);
    this.problem = problem;
    this.details = details;
  }
}

const hinted = ({ hint }: { hint?: string }) => (hint === undefined ? {} : { hint });

/** The registry does not have what it should, or does not do what it should. */
export const wrong = (message: string, details: TroubleDetails & { hint?: string } = {}): Trouble =>
  new Trouble(problem('registry-io', message, hinted(details)), details);

/** It does not answer, or not now. */
export const unreachable = (message: string, details: TroubleDetails & { hint?: string } = {}): Trouble =>
  new Trouble(problem('registry-unreachable', message, { hint: details.hint ?? 'try again later' }), details);

/** It does not let us. */
export const denied = (message: string, hint: string): Trouble =>
  new Trouble(problem('registry-denied', message, { hint }));

export const interrupted = (host: string): Trouble =>
  new Trouble(problem('interrupted', `${host}: interrupted`, { hint: 'run the same command again' }));

export const invalidName = (message: string): Trouble => new Trouble(problem('invalid-name', message));

/** The same with other details. */
export const retold = ({ problem }: Trouble, details: TroubleDetails, message = problem.message): Trouble =>
  new Trouble({ ...problem, message }, details);

/** What callers of the registry get in the place of Trouble. */
export async function asFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Trouble ? new Failure(error.problem) : error;
  }
}

export async function asResult<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Trouble) return failed(error.problem);
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}
