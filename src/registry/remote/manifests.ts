import { type Digest, digestOf } from '../../support/index.ts';
import { isManifest, isManifestType, mediaTypeOf } from '../manifest.ts';
import { type Manifest, maxManifestBytes, mediaTypes } from '../registry.ts';
import { contentDigest, mismatch } from './digests.ts';
import { knowsNoHead } from './reply.ts';
import type { Reply, Session } from './session.ts';
import { type Trouble, wrong } from './trouble.ts';

/** All of them, always: a registry that misses one converts the manifest, or says that it is not there. */
export const accept = [mediaTypes.index, mediaTypes.manifest, mediaTypes.dockerIndex, mediaTypes.dockerManifest].join(
  ', ',
);

const again = 'build or copy the image again';

/** What a tag names; undefined when there is none. */
export async function resolveTag(session: Session, repository: string, tag: string): Promise<Digest | undefined> {
  const reply = await askManifest(session, 'HEAD', repository, tag);
  if (reply.status === 404) return undefined;
  // Not all registries answer HEAD, and not all tell the digest.
  return saidOf(session, reply, repository, `:${tag}`) ?? (await readTagged(session, repository, tag))?.digest;
}

export interface Tagged extends Manifest {
  digest: Digest;
}

/** What a tag names, with its content; undefined when there is none. */
export async function readTagged(session: Session, repository: string, tag: string): Promise<Tagged | undefined> {
  return session.retrying(
    async () => {
      const reply = await askManifest(session, 'GET', repository, tag, 'once');
      if (reply.status === 404) return undefined;
      const manifest = contentOf(session, reply, repository, `:${tag}`);
      const digest = digestOf(manifest.bytes);
      const said = contentDigest(reply.headers, session.display(repository, `:${tag}`));
      if (said !== undefined && said !== digest) throw mismatch(session.display(repository, `:${tag}`), said, true);
      if (!isManifest(manifest.bytes)) throw noManifest(session, repository, `:${tag}`);
      return { ...manifest, digest };
    },
    { seconds: session.limits.retrySeconds },
  );
}

export async function hasManifest(session: Session, repository: string, digest: Digest): Promise<boolean> {
  const head = await askManifest(session, 'HEAD', repository, digest);
  if (head.status === 404) return false;
  if (head.status !== 200 && !knowsNoHead(head)) throw session.refused(head, repository, `@${digest}`, again);
  const said = saidOf(session, head, repository, '');
  if (said !== undefined) return said === digest;
  const reply = await askManifest(session, 'GET', repository, digest);
  if (reply.status === 404) return false;
  const manifest = contentOf(session, reply, repository, `@${digest}`);
  if (!isManifest(manifest.bytes)) throw noManifest(session, repository, `@${digest}`);
  return digestOf(manifest.bytes) === digest;
}

/** Damage on the way is mended by asking again; damage that stays is said. */
export async function readManifest(session: Session, repository: string, digest: Digest): Promise<Manifest> {
  return session.retrying(
    async (attempt) => {
      const reply = await askManifest(session, 'GET', repository, digest, 'once');
      const where = session.display(repository, '');
      if (reply.status === 404) throw wrong(`${where}@${digest} is not there`, { hint: again, status: 404 });
      const manifest = contentOf(session, reply, repository, `@${digest}`);
      const said = contentDigest(reply.headers, where);
      const right = digestOf(manifest.bytes) === digest;
      // Of who says what it is to have, it is damage; another has perhaps never heard of manifests.
      if (!isManifest(manifest.bytes) && (right || said === undefined))
        throw noManifest(session, repository, `@${digest}`, !right && attempt < 3);
      if (!right || (said !== undefined && said !== digest)) throw mismatch(where, digest, attempt < 3);
      return manifest;
    },
    { seconds: session.limits.retrySeconds },
  );
}

const mediaTypeForm = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i;

/**
 * Put a manifest under its digest or a tag. What the registry has kept must have the same digest: a tag could else name
 * what was damaged on its way.
 */
export async function putManifest(
  session: Session,
  repository: string,
  { mediaType, bytes }: Manifest,
  tag?: string,
): Promise<Reply> {
  const digest = digestOf(bytes);
  const where = session.display(repository, tag === undefined ? '' : `:${tag}`);
  if (!mediaTypeForm.test(mediaType)) throw wrong(`${where}: the manifest has no media type`);
  if (bytes.length > maxManifestBytes) throw wrong(`${where}: the manifest is too large`);
  return session.retrying(
    async (attempt) => {
      const reply = await session.askOnce({
        method: 'PUT',
        to: `manifests/${tag ?? digest}`,
        repository,
        access: 'pull,push',
        headers: { 'Content-Type': mediaType },
        body: bytes,
      });
      const kept = contentDigest(reply.headers, where);
      const damaged =
        session.refusal(reply).codes.includes('DIGEST_INVALID') || (kept !== undefined && kept !== digest);
      if (damaged) throw mismatch(where, digest, attempt < 3);
      if (reply.status >= 200 && reply.status < 300) return reply;
      throw session.refused(
        reply,
        repository,
        tag === undefined ? `@${digest}` : `:${tag}`,
        'look whether images may be written there',
      );
    },
    { seconds: session.limits.retrySeconds },
  );
}

/** What is not there is deleted. */
export async function deleteManifest(session: Session, repository: string, digest: Digest): Promise<void> {
  const reply = await session.ask({ method: 'DELETE', to: `manifests/${digest}`, repository, access: 'delete' });
  if ((reply.status >= 200 && reply.status < 300) || reply.status === 404) return;
  throw session.refused(reply, repository, `@${digest}`, 'the registry may have to be told to allow it');
}

function askManifest(
  session: Session,
  method: 'GET' | 'HEAD',
  repository: string,
  name: string,
  how?: 'once',
): Promise<Reply> {
  const request = {
    method,
    to: `manifests/${name}`,
    repository,
    access: 'pull' as const,
    headers: { Accept: accept },
    maxBytes: maxManifestBytes,
  };
  return how === 'once' ? session.askOnce(request) : session.ask(request);
}

/** What an answer to HEAD names, where it is one about a manifest: a page to log in has a type of its own, and no digest. */
function saidOf(session: Session, reply: Reply, repository: string, what: string): Digest | undefined {
  const type = String(reply.headers['content-type'] ?? '')
    .split(';')[0]!
    .trim();
  if (reply.status !== 200 || (type !== '' && !isManifestType(type))) return undefined;
  return contentDigest(reply.headers, session.display(repository, what));
}

function contentOf(session: Session, reply: Reply, repository: string, what: string): Manifest {
  if (reply.status !== 200) throw session.refused(reply, repository, what, again);
  // What the bytes say they are counts before what a header says: only they have the digest (CVE-2021-41190).
  return { mediaType: mediaTypeOf(reply.bytes), bytes: reply.bytes };
}

const noManifest = (session: Session, repository: string, what: string, again = false): Trouble =>
  wrong(`${session.display(repository, what)}: what is there is no manifest`, {
    hint: 'look whether that is a registry',
    again,
  });
