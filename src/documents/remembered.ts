import type { UserCache } from './user-cache.ts';

/**
 * Values by key that are remembered from one run to the next, together: what a run did not use is forgotten. Never
 * findings, so that what is wrong is always looked at afresh.
 */
export class Remembered<Value> {
  #entries: Record<string, Value>;
  #used: Record<string, Value> = {};
  #changed = false;
  #store: UserCache;
  #name: string;

  /** @param name as `UserCache` has it */
  constructor(store: UserCache, name: string) {
    this.#store = store;
    this.#name = name;
    const stored = store.read<Record<string, Value>>(name);
    this.#entries = stored instanceof Object ? stored : {};
  }

  /** @param holds whether it is good still */
  find(key: string, holds: (value: Value) => boolean = () => true): Value | undefined {
    const found = Object.hasOwn(this.#entries, key) ? this.#entries[key] : undefined;
    if (found === undefined || !holds(found)) return undefined;
    this.#used[key] = found;
    return found;
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
