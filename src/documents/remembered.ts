import type { UserCache } from './user-cache.ts';

/**
 * Values by key that are remembered from one run to the next, together: what a run did not use is forgotten. Never
 * findings, so that what is wrong is always looked at afresh.
 */
export class Remembered<Value> {
  #entries: Record<string, Value> | undefined;
  #used: Record<string, Value> = {};
  #changed = false;
  readonly #store: UserCache;
  readonly #name: string;

  /** Nothing is read before something is asked for. @param name as `UserCache` has it */
  constructor(store: UserCache, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /** @param holds whether it is good still */
  find(key: string, holds: (value: Value) => boolean = () => true): Value | undefined {
    this.#entries ??= this.#read();
    const found = Object.hasOwn(this.#entries, key) ? this.#entries[key] : undefined;
    if (found === undefined || !holds(found)) return undefined;
    this.#used[key] = found;
    return found;
  }

  #read(): Record<string, Value> {
    const stored = this.#store.read<Record<string, Value>>(this.#name);
    return stored instanceof Object ? stored : {};
  }

  keep(key: string, value: Value): void {
    this.#used[key] = value;
    this.#changed = true;
  }

  /** Write what this run has used, if there is something new among it. */
  async close(): Promise<void> {
    if (this.#changed) await this.#store.write(this.#name, this.#used);
  }
}
