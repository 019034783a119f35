import { comesAlong, isIndex, type Place, readContents, subjectOfTag } from '../registry/index.ts';
import type { Digest } from '../support/index.ts';

interface Tagged {
  tag: string;
  digest: Digest;
}

/**
 * The tags of a repository that are to be copied by themselves: those of images, and those of signatures and the like whose
 * image has none, for these come with nothing.
 */
export async function ownTags(from: Place, tags: readonly Tagged[]): Promise<Tagged[]> {
  const own = tags.filter(({ tag }) => !comesAlong(tag));
  const beside = tags.flatMap(({ tag, digest }) => {
    const subject = comesAlong(tag) ? subjectOfTag(tag) : undefined;
    return subject === undefined ? [] : [{ tag, digest, subject }];
  });
  if (beside.length === 0) return own;
  const reached = new Set<Digest>();
  for (const { digest } of own) await reach(from, digest, reached);
  // What belongs to what belongs to an image comes along, too.
  let left = beside;
  for (let found = true; found; ) {
    const along = left.filter(({ subject }) => reached.has(subject));
    left = left.filter(({ subject }) => !reached.has(subject));
    for (const { digest } of along) await reach(from, digest, reached);
    found = along.length > 0;
  }
  return [...own, ...left.map(({ tag, digest }) => ({ tag, digest }))];
}

/** Add a manifest with all that it consists of. Where it cannot be read, the copy says so. */
async function reach(from: Place, digest: Digest, reached: Set<Digest>): Promise<void> {
  if (reached.has(digest)) return;
  reached.add(digest);
  const read = await from.registry.readManifest(from.repository, digest);
  const contents = read.ok ? readContents(read.value.bytes, digest, read.value.mediaType) : read;
  if (!contents.ok) return;
  for (const child of contents.value.children) {
    if (isIndex(child.mediaType)) await reach(from, child.digest, reached);
    else reached.add(child.digest);
  }
}
