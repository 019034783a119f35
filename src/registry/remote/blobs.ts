import type { Digest } from '../../support/index.ts';
import { contentDigest } from './digests.ts';
import { knowsNoHead } from './reply.ts';
import type { Reply, Request, Session } from './session.ts';
import { cancelUpload } from './upload.ts';

export async function hasBlob(session: Session, repository: string, digest: Digest, size?: number): Promise<boolean> {
  const request = { to: `blobs/${digest}`, repository, access: 'pull' as const, headers: { Accept: '*/*' } };
  const head = await session.ask({ ...request, method: 'HEAD' });
  const reply = knowsNoHead(head) ? await beginning(session, { ...request, method: 'GET' }) : head;
  const { status, headers } = reply;
  if (status === 404) return false;
  if (status !== 200) throw session.refused(reply, repository, `@${digest}`, 'look whether the registry is one');
  const said = contentDigest(headers, session.display(repository, ''));
  if (said !== undefined && said !== digest) return false;
  const length = headers['content-length'];
  return size === undefined || length === undefined || Number(length) === size;
}

/** What would come with a body, without it. */
async function beginning(session: Session, request: Request): Promise<Reply> {
  const answer = await session.retrying(() => session.open(request, new Set([200])), {
    seconds: session.limits.retrySeconds,
  });
  if ('bytes' in answer) return answer;
  answer.close();
  return { ...answer, bytes: Buffer.alloc(0) };
}

/** distribution-spec, "Mounting a blob from another repository". */
export async function mountBlob(session: Session, repository: string, digest: Digest, from: string): Promise<boolean> {
  const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(session.nameOf(from))}`;
  const reply = await session.ask({
    method: 'POST',
    to: `blobs/uploads/?${query}`,
    repository,
    access: 'pull,push',
    from,
  });
  if (reply.status === 201) {
    const kept = contentDigest(reply.headers, session.display(repository, ''));
    return kept === undefined || kept === digest;
  }
  if (reply.status !== 202)
    throw session.refused(reply, repository, `@${digest}`, 'look whether images may be written there');
  await cancelUpload(session, repository, await session.location(reply));
  return false;
}
