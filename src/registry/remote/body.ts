import type { IncomingMessage } from 'node:http';
import { cameBy } from './collect.ts';
import type { Patience } from './patience.ts';

/** The body of an answer that has none; at its end the connection is free for the next request. */
export async function* ended(response: IncomingMessage): AsyncGenerator<Buffer> {
  response.on('error', () => {});
  response.resume();
  if (response.readableEnded || response.destroyed) return;
  await new Promise<void>((resolve) => {
    response.once('end', resolve);
    response.once('close', resolve);
  });
}

/** The body of an answer, with a limit for the time between two parts of it. */
export async function* reading(
  response: IncomingMessage,
  patience: Patience,
  idleSeconds: number,
  explain: (error: unknown) => Error,
): AsyncGenerator<Buffer> {
  // Not by the iterator that streams have: it watches a dozen events of each, and most answers are of one chunk.
  let end: 'whole' | 'cut' | Error | undefined;
  // It may have come to its end, or to none, before anybody asked for it.
  if (response.readableEnded) end = 'whole';
  else if (response.destroyed) end = response.errored ?? 'cut';
  let wake = () => {};
  const at = (event: string, what?: typeof end) =>
    response.on(event, (error?: Error) => {
      end ??= error ?? what;
      wake();
    });
  at('readable');
  at('end', 'whole');
  at('error');
  at('close', 'cut');
  try {
    for (;;) {
      const chunk: Buffer | null = response.destroyed ? null : response.read();
      if (chunk !== null) {
        patience.end();
        cameBy(chunk.length);
        yield chunk;
      } else if (end === undefined) {
        patience.begin(idleSeconds);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (end === 'whole') return;
      else throw explain(end === 'cut' ? Object.assign(new Error('cut'), { code: 'ECONNRESET' }) : end);
    }
  } finally {
    patience.end();
    if (end !== 'whole') response.destroy();
  }
}
