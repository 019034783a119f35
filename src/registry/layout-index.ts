import { type BigIntStats, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Digest,
  Failure,
  makeFolder,
  parseDigest,
  problem,
  readFileBounded,
  writeFileAtomic,
} from '../support/index.ts';
import { withLock } from './lock.ts';
import { isTagName } from './names.ts';
import { type Descriptor, mediaTypes } from './registry.ts';

/** An entry of index.json: a manifest with its tag, or one without that nothing else would lead to. */
export interface LayoutEntry extends Descriptor {
  artifactType?: string;
  annotations?: Record<string, string>;
}

interface LayoutIndex {
  schemaVersion: 2;
  mediaType: string;
  manifests: LayoutEntry[];
}

const refName = 'org.opencontainers.image.ref.name';
const containerdName = 'io.containerd.image.name';
const maxIndexBytes = 16 * 2 ** 20;

/** The tag of an entry; names that are no tags are other programs' own. */
export function tagOf({ annotations }: LayoutEntry): string | undefined {
  const name: unknown = annotations?.[refName];
  return typeof name === 'string' && isTagName(name) ? name : undefined;
}

/** What another program calls an entry that has no tag. */
export function otherNameOf({ annotations }: LayoutEntry): string | undefined {
  const name: unknown = annotations?.[refName] ?? annotations?.[containerdName];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/**
 * Nothing but a digest. We write such entries for manifests with a subject alone, which nothing else would lead to; one of
 * an image is another program's, which needs no name for the only image of a layout.
 */
export const isBare = ({ annotations }: LayoutEntry): boolean => Object.keys(annotations ?? {}).length === 0;

export const tagged = (entry: LayoutEntry, tag: string): LayoutEntry => ({ ...entry, annotations: { [refName]: tag } });

/** The index of a folder as it was when its file was this one: who changes it puts another in its place. */
const known = new Map<string, { file: string; index: Promise<LayoutIndex> }>();

export async function readIndex(folder: string): Promise<LayoutIndex> {
  const file = join(folder, 'index.json');
  const found = statOf(file);
  const last = known.get(folder);
  if (found && last?.file === identityOf(found)) return last.index;
  const index = readIndexFile(file);
  if (found) remember(folder, index, identityOf(found));
  return index;
}

/** The file has been read when this returns, though the answer comes later: who looks at it before and after saw what was read. */
async function readIndexFile(file: string): Promise<LayoutIndex> {
  const bytes = await readFileBounded(file, file, maxIndexBytes);
  if (bytes.ok) return parseIndex(bytes.value, file);
  if (bytes.problems[0]?.code === 'file-not-found')
    return { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] };
  throw new Failure(...bytes.problems);
}

const statOf = (file: string): BigIntStats | undefined => statSync(file, { bigint: true, throwIfNoEntry: false });
/** A rename leaves it as it is. */
const contentOf = ({ dev, ino, size, mtimeNs }: BigIntStats): string => [dev, ino, size, mtimeNs].join(' ');
const identityOf = (found: BigIntStats): string => `${contentOf(found)} ${found.ctimeNs}`;

/** If its file is still what it was before it was read, or as it was written. */
function remember(folder: string, index: Promise<LayoutIndex>, before: string): void {
  const now = statOf(join(folder, 'index.json'));
  const same = now && (before === identityOf(now) || before === contentOf(now));
  if (same) known.set(folder, { file: identityOf(now), index });
}

/**
 * Change the list of manifests, alone. `undefined` leaves it as it is.
 * @param then what nothing else may be done before, when the list is written
 */
export async function changeIndex(
  folder: string,
  change: (manifests: LayoutEntry[]) => Promise<LayoutEntry[] | undefined> | LayoutEntry[] | undefined,
  then?: () => Promise<void>,
): Promise<void> {
  makeFolder(folder);
  await withLock(join(folder, '.lock'), async () => {
    const index = await readIndex(folder);
    const changed = await change(index.manifests);
    if (!changed) return;
    const byTag = changed.map((entry) => ({ tag: tagOf(entry) ?? '', entry }));
    const manifests = byTag
      .sort((left, right) => (left.tag < right.tag ? -1 : Number(left.tag > right.tag)))
      .map(({ entry }) => entry);
    const mark = join(folder, 'oci-layout');
    if (!existsSync(mark)) await writeFileAtomic(mark, '{"imageLayoutVersion":"1.0.0"}\n');
    const next = { ...index, manifests };
    const written = await writeFileAtomic(join(folder, 'index.json'), `${JSON.stringify(next)}\n`);
    remember(folder, Promise.resolve(next), contentOf(written));
    await then?.();
  });
}

function parseIndex(bytes: Buffer, file: string): LayoutIndex {
  const hint = 'it is damaged; restore it, or build again into an empty registry';
  try {
    const index = JSON.parse(bytes.toString('utf8')) as LayoutIndex;
    if (Array.isArray(index.manifests) && index.manifests.every(({ digest }) => parseDigest(digest))) return index;
  } catch {
    // Said below.
  }
  throw new Failure(problem('registry-io', `${file} is no index of an OCI layout`, { hint }));
}

/** Whether it is this digest's manifest, whatever its tag. */
export const isOf =
  (digest: Digest) =>
  (entry: LayoutEntry): boolean =>
    entry.digest === digest;
