import type { Digest } from '../support/index.ts';

/** Done once for a digest, whoever asks; tried again after it failed. */
export function once<T>(known: Map<Digest, Promise<T>>, digest: Digest, work: () => Promise<T>): Promise<T> {
  const begun = known.get(digest);
  if (begun) return begun;
  const promise = work();
  known.set(digest, promise);
  promise.catch(() => known.delete(digest));
  return promise;
}
