import { type Digest, digestOf, parseDigest } from '../../support/index.ts';
import { readContents } from '../manifest.ts';
import { type Manifest, maxManifestBytes, mediaTypes, type Referrer, type TagNames } from '../registry.ts';
import { referrersTag } from '../sidecars.ts';
import { readPages } from './lists.ts';
import { hasManifest, putManifest, readTagged } from './manifests.ts';
import type { Session } from './session.ts';
import { Trouble, wrong } from './trouble.ts';

/** How registries that have no referrers say so. */
const unsupported = new Set([400, 404, 405, 406, 501]);
const maxWrites = 8;

/** What names a manifest as its subject: by the API, or where there is none by the tag in its place. */
export async function listReferrers(
  session: Session,
  repository: string,
  subject: Digest,
  tagNames?: TagNames,
): Promise<Referrer[]> {
  let supported = session.listsReferrers;
  const headers = { Accept: mediaTypes.index };
  const ask = () =>
    readPages(session, repository, `referrers/${subject}`, headers, (reply) => {
      const type = reply.headers['content-type']?.split(';')[0]?.trim();
      if (unsupported.has(reply.status) || (reply.status === 200 && type !== mediaTypes.index)) {
        supported = false;
        // A registry that has the list says of a repository that it is unknown, and never that it knows no such page.
        if (!session.refusal(reply).codes.includes('NAME_UNKNOWN')) session.listsReferrers = false;
        return undefined;
      }
      if (reply.status !== 200)
        throw session.refused(reply, repository, `@${subject}`, 'look whether the registry is one');
      return entriesOf(reply.bytes, session.display(repository, `: the referrers of ${subject}`)).manifests;
    });
  const found = supported ? await ask() : [];
  const entries = supported ? found : await fallbackEntries(session, repository, subject, tagNames);
  const referrers = entries.map(referrerOf).filter((each) => each !== undefined);
  return [...new Map(referrers.map((each) => [each.digest, each])).values()];
}

async function fallbackEntries(
  session: Session,
  repository: string,
  subject: Digest,
  tagNames: TagNames | undefined,
): Promise<unknown[]> {
  const names = await tagNames;
  // A list that is empty, though there is an image, is not believed.
  if (names && names.size > 0 && !names.has(referrersTag(subject))) return [];
  return (await readFallback(session, repository, subject))?.manifests ?? [];
}

interface Index {
  [field: string]: unknown;
  manifests: unknown[];
}

function entriesOf(bytes: Buffer, where: string): Index {
  try {
    const index = JSON.parse(bytes.toString('utf8')) as Index;
    if (Array.isArray(index.manifests)) return index;
  } catch {
    // Said below.
  }
  throw wrong(`${where} are no index`, { hint: 'look what that tag names' });
}

/** undefined when there is none; an index that would be a referrer of itself is none. */
async function readFallback(session: Session, repository: string, subject: Digest): Promise<Index | undefined> {
  const tag = referrersTag(subject);
  const tagged = await readTagged(session, repository, tag);
  if (!tagged || tagged.digest === subject) return undefined;
  return entriesOf(tagged.bytes, session.display(repository, `:${tag}: the referrers`));
}

/** An entry that has what a descriptor must have; others are of no use to us. */
function referrerOf(entry: unknown): Referrer | undefined {
  const { mediaType, digest, size, artifactType, annotations } = (entry ?? {}) as Record<string, unknown>;
  const parsed = typeof digest === 'string' ? parseDigest(digest) : undefined;
  if (!parsed || typeof mediaType !== 'string' || !Number.isSafeInteger(size)) return undefined;
  const notes = textsOf(annotations);
  return {
    mediaType,
    digest: parsed,
    size: size as number,
    ...(typeof artifactType === 'string' && artifactType !== '' ? { artifactType } : {}),
    ...(notes === undefined ? {} : { annotations: notes }),
  };
}

function textsOf(annotations: unknown): Record<string, string> | undefined {
  if (annotations === null || typeof annotations !== 'object' || Array.isArray(annotations)) return undefined;
  return Object.fromEntries(Object.entries(annotations).filter(([, value]) => typeof value === 'string'));
}

/** What a manifest says of itself as a referrer; undefined when it has no subject. */
export function subjectOf({ mediaType, bytes }: Manifest): { subject: Digest; referrer: Referrer } | undefined {
  const digest = digestOf(bytes);
  const contents = readContents(bytes, digest, mediaType);
  if (!contents.ok || !contents.value.subject) return undefined;
  const { subject, artifactType, annotations } = contents.value;
  const referrer: Referrer = {
    mediaType,
    digest,
    size: bytes.length,
    ...(artifactType ? { artifactType } : {}),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  return { subject: subject.digest, referrer };
}

/** Of this process, one at a time for each tag; others are found out by reading back. */
const writing = new Map<string, Promise<void>>();

/**
 * Add a referrer to the tag in the place of the API (distribution-spec, "Pushing Manifests with Subject"). Registries
 * have no compare-and-swap: who writes at the same moment may take the entry away, so it is looked for, and added again.
 */
export function addToFallback(
  session: Session,
  repository: string,
  subject: Digest,
  referrer: Referrer,
): Promise<void> {
  return inTurn(session, repository, subject, () => addNow(session, repository, subject, referrer));
}

/** Take what is deleted out of the tag in the place of the API (distribution-spec, "Deleting Manifests"). */
export function removeFromFallback(
  session: Session,
  repository: string,
  subject: Digest,
  digest: Digest,
): Promise<void> {
  return inTurn(session, repository, subject, () => removeNow(session, repository, subject, digest));
}

async function inTurn(session: Session, repository: string, subject: Digest, work: () => Promise<void>): Promise<void> {
  const key = session.display(repository, `:${referrersTag(subject)}`);
  const mine = (writing.get(key) ?? Promise.resolve()).then(work);
  const settled = mine.catch(() => {});
  writing.set(key, settled);
  try {
    await mine;
  } finally {
    if (writing.get(key) === settled) writing.delete(key);
  }
}

async function removeNow(session: Session, repository: string, subject: Digest, digest: Digest): Promise<void> {
  const isIt = (each: unknown) => (each as { digest?: unknown } | null)?.digest === digest;
  for (let writes = 0; writes < maxWrites; writes++) {
    const index = await readFallback(session, repository, subject);
    if (!index?.manifests.some(isIt)) return;
    if (writes > 0) await session.pause(Math.random() * session.limits.pauseSeconds * writes);
    await writeFallback(session, repository, subject, {
      ...index,
      manifests: index.manifests.filter((each) => !isIt(each)),
    });
  }
}

async function addNow(session: Session, repository: string, subject: Digest, referrer: Referrer): Promise<void> {
  const tag = referrersTag(subject);
  for (let writes = 0; ; writes++) {
    const index = (await readFallback(session, repository, subject)) ?? {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [],
    };
    if (index.manifests.some((each) => (each as { digest?: unknown } | null)?.digest === referrer.digest)) return;
    if (writes === maxWrites)
      throw wrong(`${session.display(repository, `:${tag}`)} is written by others all the time`, {
        hint: 'run the same command again when they have finished',
      });
    if (writes > 0) await session.pause(Math.random() * session.limits.pauseSeconds * writes);
    await writeFallback(session, repository, subject, { ...index, manifests: [...index.manifests, referrer] });
  }
}

/**
 * Put the list in place. A registry takes none that names what is gone: who deletes a referrer with another tool leaves
 * such a list behind, and nothing could ever be attached again.
 */
async function writeFallback(session: Session, repository: string, subject: Digest, index: Index): Promise<void> {
  const tag = referrersTag(subject);
  const put = async (manifests: unknown[]) => {
    const bytes = Buffer.from(JSON.stringify({ ...index, manifests }));
    if (bytes.length > maxManifestBytes)
      throw wrong(`${session.display(repository, `:${tag}`)} has no room for more referrers`);
    await putManifest(session, repository, { mediaType: mediaTypes.index, bytes }, tag);
  };
  try {
    await put(index.manifests);
  } catch (error) {
    if (!(error instanceof Trouble) || error.details.status !== 400) throw error;
    const present = [];
    for (const each of index.manifests) {
      const digest = parseDigest(String((each as { digest?: unknown } | null)?.digest));
      if (!digest || (await hasManifest(session, repository, digest))) present.push(each);
    }
    if (present.length === index.manifests.length) throw error;
    await put(present);
  }
}
