import { stopwatch } from '../../support/index.ts';
import { maxManifestBytes } from '../registry.ts';
import type { Reply, Session } from './session.ts';
import { wrong } from './trouble.ts';

const maxPages = 1000;
const maxEntries = 200_000;

/**
 * The pages of a list, one after the other (distribution-spec, "Link"). A list that does not come to an end is not read to
 * its end.
 * @param read entries of one page; undefined ends the list
 */
export async function readPages<T>(
  session: Session,
  repository: string,
  first: string,
  headers: Record<string, string>,
  read: (reply: Reply) => T[] | undefined,
): Promise<T[]> {
  const spentSeconds = stopwatch();
  const endless = () =>
    wrong(`${session.display(repository, '')}: the list at ${first.split('?')[0]} does not come to an end`, {
      hint: 'look who runs that registry',
    });
  const found: T[] = [];
  const seen = new Set<string>();
  let to: string | URL = first;
  for (let page = 0; page < maxPages; page++) {
    const reply: Reply = await session.ask({
      method: 'GET',
      to,
      repository,
      access: 'pull',
      headers,
      maxBytes: maxManifestBytes,
    });
    const entries = read(reply);
    if (entries === undefined) return found;
    for (const entry of entries) found.push(entry);
    const next = nextPage(session, reply, repository);
    if (next === undefined) return found;
    if (seen.has(next.href) || found.length > maxEntries) throw endless();
    if (spentSeconds() > session.limits.retrySeconds) throw endless();
    seen.add(next.href);
    to = next;
  }
  throw endless();
}

/** The page behind this one, of the same list. */
function nextPage(session: Session, reply: Reply, repository: string): URL | undefined {
  const { link } = reply.headers;
  const [, target] = /<([^<>\s]{1,4096})>\s*;\s*rel="?next"?/i.exec(String(link ?? '')) ?? [];
  if (target === undefined) return undefined;
  const next = URL.canParse(target, reply.url.href) ? new URL(target, reply.url) : undefined;
  const same = next?.host === reply.url.host && next.pathname === reply.url.pathname && next.username === '';
  if (!next || !same)
    throw wrong(`${session.display(repository, '')}: a list goes on somewhere else`, {
      hint: 'that is not followed; look who runs that registry',
    });
  // A proxy before the registry may have taken TLS away, and the registry not know of it.
  next.protocol = reply.url.protocol;
  return next;
}
