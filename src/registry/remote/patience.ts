import { type Trouble, unreachable } from './trouble.ts';

/** A time limit for the next sign of life; none runs while we are the ones who are waited for. */
export class Patience {
  #timer: NodeJS.Timeout | undefined;
  readonly #stop: (error: Error) => void;
  readonly #display: string;
  constructor(stop: (error: Error) => void, display: string) {
    this.#stop = stop;
    this.#display = display;
  }
  begin(seconds: number, what = 'does not go on'): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#stop(this.late(what)), seconds * 1000);
  }
  end(): void {
    clearTimeout(this.#timer);
  }
  late(what: string): Trouble {
    return unreachable(`${this.#display} ${what} in time`, { again: true });
  }
}
