import { Failure, problem, releaseLock, stopwatch, systemClock, takeLock } from '../support/index.ts';

const patienceSeconds = 10;

/** Do something that only one process may do at a time; waits for others, which need milliseconds. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const waitedSeconds = stopwatch();
  for (;;) {
    const holder = await takeLock(path, 'dmrel', systemClock());
    if (!holder) break;
    if (waitedSeconds() > patienceSeconds) {
      const message = `process ${holder.pid} on ${holder.host} does not let go of ${path}`;
      throw new Failure(problem('locked', message, { hint: 'end it, or remove that file if it is gone' }));
    }
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
  }
  try {
    return await work();
  } finally {
    releaseLock(path);
  }
}
