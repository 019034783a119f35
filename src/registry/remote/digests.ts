import type { IncomingHttpHeaders } from 'node:http';
import { clip, type Digest, parseDigest, printable, problem } from '../../support/index.ts';
import { Trouble, wrong } from './trouble.ts';

export const mismatch = (where: string, digest: Digest, again = false): Trouble =>
  new Trouble(
    problem('digest-mismatch', `${where} does not have the content of ${digest}`, {
      hint: 'it is damaged; build or copy it again',
    }),
    { again },
  );

/** What a registry says that something has; undefined when it says nothing. */
export function contentDigest(headers: IncomingHttpHeaders, where: string): Digest | undefined {
  const said = headers['docker-content-digest'];
  if (said === undefined) return undefined;
  const digest = parseDigest(String(said));
  if (digest) return digest;
  throw wrong(`${where}: '${printable(clip(String(said), 100))}' is no sha256 digest`);
}
