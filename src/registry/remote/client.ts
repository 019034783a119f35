import { type Digest, digestOf, failed, ok, parseDigest, printable, type Result } from '../../support/index.ts';
import { isTagName, type RemoteAddress } from '../names.ts';
import type { Manifest } from '../registry.ts';
import { hasBlob, mountBlob } from './blobs.ts';
import { downloadBlob } from './download.ts';
import type { RemoteRegistry } from './interface.ts';
import { deleteManifest, hasManifest, putManifest, readManifest, readTagged, resolveTag } from './manifests.ts';
import type { RemoteOptions } from './options.ts';
import { addToFallback, listReferrers, removeFromFallback, subjectOf } from './referrers.ts';
import { Session } from './session.ts';
import { listTagNames } from './tags.ts';
import { asFailure, asResult, invalidName, wrong } from './trouble.ts';
import { uploadBlob } from './upload.ts';

/** How many manifests are kept to be tagged without being read again. */
const recent = 64;

export function openClient(address: string, remote: RemoteAddress, options: RemoteOptions): RemoteRegistry {
  const session = new Session(remote, options);
  const manifests = new Map<string, Manifest>();
  const keep = (repository: string, digest: Digest, manifest: Manifest): Manifest => {
    manifests.set(`${repository}@${digest}`, manifest);
    for (const key of [...manifests.keys()].slice(0, -recent)) manifests.delete(key);
    return manifest;
  };
  const read = async (repository: string, digest: Digest) =>
    keep(repository, digest, await readManifest(session, repository, checked(digest)));
  const write = async (repository: string, manifest: Manifest, tag?: string): Promise<Result<Digest>> => {
    const digest = digestOf(manifest.bytes);
    const reply = await putManifest(session, repository, manifest, tag);
    const named = subjectOf(manifest);
    if (named && reply.headers['oci-subject'] === undefined)
      await addToFallback(session, repository, named.subject, named.referrer);
    keep(repository, digest, manifest);
    return ok(digest);
  };

  const registry: RemoteRegistry = {
    address,
    close: () => session.close(),
    resolve: (repository, tag) => asFailure(() => resolveTag(session, repository, checkedTag(tag))),
    readTagged: (repository, tag) =>
      asFailure(async () => {
        const found = await readTagged(session, repository, checkedTag(tag));
        if (found) keep(repository, found.digest, found);
        return found;
      }),
    listTagNames: (repository) => asFailure(() => listTagNames(session, repository)),
    listTags: (repository) =>
      asFailure(async () => {
        const tags = await listTagNames(session, repository);
        const found = await Promise.all(
          tags.map(async (tag) => ({ tag, digest: await resolveTag(session, repository, tag) })),
        );
        // One that was deleted meanwhile is none.
        return found.flatMap(({ tag, digest }) => (digest === undefined ? [] : [{ tag, digest }]));
      }),
    hasManifest: (repository, digest) => asFailure(() => hasManifest(session, repository, checked(digest))),
    readManifest: (repository, digest) => asResult(async () => ok(await read(repository, digest))),
    hasBlob: (repository, digest, size) => asFailure(() => hasBlob(session, repository, checked(digest), size)),
    readBlob: (repository, digest) => translated(() => downloadBlob(session, repository, checked(digest))),
    writeBlob: (repository, content, expected, size, checked) =>
      asResult(async () => ok(await uploadBlob(session, content, { repository, expected, size, checked }))),
    mountBlob: (repository, digest, from) => asFailure(() => mountBlob(session, repository, checked(digest), from)),
    writeManifest: (repository, manifest) => asResult(() => write(repository, manifest)),
    writeTagged: (repository, manifest, tag) => asResult(() => write(repository, manifest, checkedTag(tag))),
    tag: (repository, tag, digest) =>
      asResult(async () => {
        const manifest = manifests.get(`${repository}@${digest}`) ?? (await read(repository, digest));
        await putManifest(session, repository, manifest, checkedTag(tag));
        const named = await resolveTag(session, repository, tag);
        if (named === digest) return ok(undefined);
        const message = `${session.display(repository, `:${tag}`)} names ${named ?? 'nothing'} now`;
        const hint = 'somebody else moved it at the same moment; look who, then run the same command again';
        return failed(wrong(message, { hint }).problem);
      }),
    listReferrers: (repository, digest, tagNames) =>
      asResult(async () => ok(await listReferrers(session, repository, checked(digest), tagNames))),
    deleteManifest: (repository, digest) =>
      asResult(async () => {
        // A list that names what is gone would break those who read it; what is there unlisted harms nobody.
        if (!session.listsReferrers) {
          const there = await readManifest(session, repository, checked(digest)).catch(() => undefined);
          const { subject } = (there && subjectOf(there)) ?? {};
          if (subject) await removeFromFallback(session, repository, subject, digest);
        }
        manifests.delete(`${repository}@${digest}`);
        await deleteManifest(session, repository, checked(digest));
        return ok(undefined);
      }),
  };
  return registry;
}

/** Digests come from manifests, and those from anywhere; each becomes a part of a URL. */
function checked(digest: Digest): Digest {
  if (parseDigest(digest)) return digest;
  throw wrong(`'${printable(String(digest).slice(0, 200))}' is no digest`);
}

function checkedTag(tag: string): string {
  if (isTagName(tag)) return tag;
  throw invalidName(`'${printable(tag.slice(0, 200))}' is no image tag`);
}

async function* translated(open: () => AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = await asFailure(async () => open()[Symbol.asyncIterator]());
  try {
    for (;;) {
      const { done, value } = await asFailure(() => chunks.next());
      if (done) return;
      yield value;
    }
  } finally {
    await chunks.return?.();
  }
}
