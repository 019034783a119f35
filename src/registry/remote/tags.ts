import { isTagName } from '../names.ts';
import { readPages } from './lists.ts';
import type { Reply, Session } from './session.ts';
import { wrong } from './trouble.ts';

/** Tags of a repository in the order of the registry; none where there is no repository. */
export async function listTagNames(session: Session, repository: string): Promise<string[]> {
  const headers = { Accept: 'application/json' };
  const names = await readPages(session, repository, 'tags/list?n=1000', headers, (reply) => {
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw session.refused(reply, repository, '', 'look whether the registry is one');
    return tagsIn(reply, session.display(repository, ''));
  });
  // What is no tag could not be asked for.
  return [...new Set(names.filter(isTagName))];
}

function tagsIn(reply: Reply, where: string): string[] {
  try {
    const { tags } = JSON.parse(reply.bytes.toString('utf8')) as { tags?: unknown };
    if (tags === null || tags === undefined) return [];
    if (Array.isArray(tags)) return tags.filter((tag) => typeof tag === 'string');
  } catch {
    // Said below.
  }
  throw wrong(`${where}: the list of tags is none`, { hint: 'look whether the registry is one' });
}
