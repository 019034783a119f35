import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, hexOf, type Problem, parseDigest, problem, readFileBounded } from '../support/index.ts';
import { contentFolder } from './layout-content.ts';
import type { LayoutEntry } from './layout-index.ts';
import type { Subjects } from './layout-subjects.ts';
import { type Contents, readContents } from './manifest.ts';
import { type Manifest, maxManifestBytes, type Referrer } from './registry.ts';
import { referrersTag } from './sidecars.ts';

/** Which manifest names which content, in one repository of a layout. */

/** What a manifest names and the repository does not have; an answer other than undefined keeps it out. */
export async function missingContent(
  folder: string,
  bytes: Buffer,
  digest: Digest,
  mediaType: string,
): Promise<Problem | undefined> {
  const contents = readContents(bytes, digest, mediaType);
  if (!contents.ok) return contents.problems[0];
  for (const each of [...contents.value.children, ...contents.value.blobs]) {
    const found = await stat(join(contentFolder(folder), hexOf(each.digest))).catch(() => undefined);
    if (found?.isFile()) continue;
    return problem('registry-io', `${digest} names ${each.digest}, which is not there`, {
      hint: 'copy or build it again',
    });
  }
  return undefined;
}

/** Everything a deleted manifest names, alone. Manifests among it are not: they are deleted by their own digest. */
export async function contentNobodyNames(folder: string, digest: Digest): Promise<Digest[]> {
  const own = await readStored(folder, digest);
  const orphans = new Set((own?.blobs ?? []).map((blob) => blob.digest));
  if (orphans.size === 0) return [];
  for (const name of await readdir(contentFolder(folder))) {
    const each = parseDigest(`sha256:${name}`);
    const contents = each && each !== digest ? await readStored(folder, each) : undefined;
    // What is a manifest itself stays, though another one may name it as a layer.
    if (contents) orphans.delete(each!);
    for (const named of [...(contents?.blobs ?? []), ...(contents?.children ?? [])]) orphans.delete(named.digest);
    if (orphans.size === 0) return [];
  }
  return [...orphans];
}

/** A manifest among the content, without a look at its hash; undefined for all that is no manifest. */
async function readStored(folder: string, digest: Digest): Promise<Contents | undefined> {
  const path = join(contentFolder(folder), hexOf(digest));
  const bytes = await readFileBounded(path, path, maxManifestBytes);
  if (!bytes.ok || !/^\s*\{/.test(bytes.value.toString('utf8', 0, 64))) return undefined;
  const contents = readContents(bytes.value, digest);
  if (!contents.ok) return undefined;
  const { blobs, children, mediaType } = contents.value;
  return blobs.length + children.length > 0 || /manifest|index/.test(mediaType) ? contents.value : undefined;
}

/** A manifest as the list of referrers has it, and what it belongs to. */
export interface Belonging {
  subject: Digest | undefined;
  referrer: Referrer;
  children: Digest[];
}

export function readBelonging(digest: Digest, { bytes, mediaType }: Manifest): Belonging | undefined {
  const contents = readContents(bytes, digest, mediaType);
  if (!contents.ok) return undefined;
  const { subject, children, artifactType, annotations } = contents.value;
  const type = artifactType === undefined ? {} : { artifactType };
  const more = Object.keys(annotations).length > 0 ? { annotations } : {};
  return {
    subject: subject?.digest,
    children: children.map((child) => child.digest),
    referrer: { mediaType: contents.value.mediaType, digest, size: bytes.length, ...type, ...more },
  };
}

/**
 * Of the manifests in index.json, and of the list under the fallback tag, those that belong to this one.
 * @param subjects what is known of them from before; learns the rest
 */
export async function referrersIn(
  entries: readonly LayoutEntry[],
  subject: Digest,
  subjects: Subjects,
  look: (digest: Digest) => Promise<Belonging | undefined>,
): Promise<Referrer[]> {
  const listed = entries.find((entry) => Object.values(entry.annotations ?? {}).includes(referrersTag(subject)));
  const fallback = listed && (await look(listed.digest))?.children;
  const found: Referrer[] = [];
  for (const digest of new Set([...entries.map((entry) => entry.digest), ...(fallback ?? [])])) {
    const known = subjects.of(digest);
    if (known !== undefined && known !== subject) continue;
    const each = await look(digest);
    if (each && known === undefined) subjects.learn(digest, each.subject);
    if (each?.subject === subject) found.push(each.referrer);
  }
  return found;
}
