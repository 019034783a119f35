import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What may lie about before it is taken away. */
const bytesBetween = 8 * 2 ** 20;

let collect: ((options: { type: 'minor' }) => void) | undefined;
let received = 0;

/**
 * Told of every chunk that came. Each is memory outside of V8's heap, which V8 holds for cheap: left to itself it may let
 * a hundred MiB of what was sent on long ago lie about. A look at the youngest chunks takes less than a millisecond, and
 * node has no other way to ask for one.
 */
export function cameBy(bytes: number): void {
  received += bytes;
  if (received < bytesBetween) return;
  received = 0;
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
    setFlagsFromString('--no-expose-gc');
  }
  collect({ type: 'minor' });
}
