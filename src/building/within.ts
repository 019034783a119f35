import { realpath } from 'node:fs/promises';
import { pathWithin } from '../support/index.ts';

/** A path that a manifest names, joined to its root; undefined when it leads outside, by a symbolic link too. */
export async function realPathWithin(root: string, path: string): Promise<string | undefined> {
  const full = pathWithin(root, path);
  if (full === undefined) return undefined;
  // What is not there is said by whoever reads it.
  const real = await realpath(full).catch(() => undefined);
  return real === undefined || pathWithin(await realpath(root), real) !== undefined ? full : undefined;
}
