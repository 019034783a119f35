import { copyFile, link, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Digest,
  digestOf,
  Failure,
  failed,
  hexOf,
  makeFolder,
  ok,
  parseDigest,
  printable,
  problem,
  type Result,
  readFileBounded,
  syncDirectory,
  temporaryName,
} from '../support/index.ts';
import { contentFolder, damaged, ioProblem, readContent, sweepDrafts, writeContent } from './layout-content.ts';
import { changeIndex, isBare, isOf, type LayoutEntry, otherNameOf, readIndex, tagged, tagOf } from './layout-index.ts';
import { type Belonging, contentNobodyNames, missingContent, readBelonging, referrersIn } from './layout-names.ts';
import { openSubjects, type Subjects } from './layout-subjects.ts';
import { mediaTypeOf, readContents } from './manifest.ts';
import { isRepositoryName, isTagName } from './names.ts';
import { repositoryAt } from './place.ts';
import { type ImageRegistry, maxManifestBytes } from './registry.ts';

/** What a layout has in its own directory: no repository below it may be called so. */
const layoutNames = new Set(['blobs', 'index.json', 'oci-layout']);

/**
 * Repositories as OCI image layouts on disk (OCI image-spec, image-layout.md), one a directory below `directory`, so
 * that skopeo and others read them as `oci:DIRECTORY/REPOSITORY:TAG`. Content appears whole or not at all; tags change
 * under a lock, by one rename.
 */
export function openLayout(directory: string, address = `layout:${directory}`): ImageRegistry {
  const folderOf = (repository: string): string => {
    const taken = repository.split('/').some((part) => layoutNames.has(part));
    if (!isRepositoryName(repository) || taken)
      throw new Failure(problem('invalid-name', `'${printable(repository)}' is no repository name`));
    return join(directory, repository);
  };
  const blobPath = (repository: string, digest: Digest): string => {
    // Digests come from manifests, and those from anywhere.
    if (!parseDigest(digest)) throw new Failure(problem('registry-io', `'${printable(String(digest))}' is no digest`));
    return join(contentFolder(folderOf(repository)), hexOf(digest));
  };
  const whereOf = (repository: string) => repositoryAt(address, repository);
  const entriesOf = async (repository: string) => (await readIndex(folderOf(repository))).manifests;
  const swept = new Set<string>();
  /** Before the first write: what was killed may have left drafts, whatever it wrote. */
  const sweep = async (repository: string): Promise<void> => {
    const folder = contentFolder(folderOf(repository));
    if (!swept.has(folder)) await sweepDrafts(folder);
    swept.add(folder);
  };
  /** A digest always belongs to the same one: read once. */
  const belongings = new Map<Digest, Belonging | undefined>();
  const opened = new Map<string, Promise<Subjects>>();
  const subjectsOf = (folder: string): Promise<Subjects> => {
    const subjects = opened.get(folder) ?? openSubjects(folder);
    opened.set(folder, subjects);
    return subjects;
  };

  /** With what is there to be written, so that who only reads a layout leaves nothing in it: what was learnt of its subjects. */
  const change = async (...given: Parameters<typeof changeIndex>): Promise<void> => {
    await changeIndex(...given);
    (await opened.get(given[0]))?.keep();
  };

  /** A problem of the disk is a value, whatever was done. */
  const attempt = async <T>(work: () => Promise<T>): Promise<Result<T>> => {
    try {
      return ok(await work());
    } catch (error) {
      return error instanceof Failure ? failed(...error.problems) : failed(ioProblem(address, error));
    }
  };

  const readManifest: ImageRegistry['readManifest'] = async (repository, digest) => {
    const file = blobPath(repository, digest);
    const bytes = await readFileBounded(file, `${whereOf(repository)}@${digest}`, maxManifestBytes);
    if (!bytes.ok) return bytes;
    if (digestOf(bytes.value) !== digest) return failed(damaged(whereOf(repository), digest));
    return ok({ mediaType: mediaTypeOf(bytes.value), bytes: bytes.value });
  };

  const belongingOf = async (repository: string, digest: Digest): Promise<Belonging | undefined> => {
    if (!belongings.has(digest)) {
      const read = await readManifest(repository, digest);
      if (!read.ok) return undefined;
      belongings.set(digest, readBelonging(digest, read.value));
    }
    return belongings.get(digest);
  };

  return {
    address,
    readManifest,
    listTags: async (repository) =>
      (await entriesOf(repository)).flatMap((entry) => {
        const tag = tagOf(entry);
        return tag === undefined ? [] : [{ tag, digest: entry.digest }];
      }),
    listOtherNames: async (repository) => {
      const others: { digest: Digest; name: string | undefined }[] = [];
      for (const entry of await entriesOf(repository)) {
        if (tagOf(entry) !== undefined) continue;
        const ours = isBare(entry) && (await belongingOf(repository, entry.digest))?.subject !== undefined;
        if (!ours) others.push({ digest: entry.digest, name: otherNameOf(entry) });
      }
      return others;
    },
    listTagNames: async (repository) => (await entriesOf(repository)).flatMap((entry) => tagOf(entry) ?? []),
    resolve: async (repository, tag) => (await entriesOf(repository)).find((each) => tagOf(each) === tag)?.digest,
    hasManifest: async (repository, digest) => (await readManifest(repository, digest)).ok,
    hasBlob: async (repository, digest, size) => {
      const found = await stat(blobPath(repository, digest)).catch(() => undefined);
      return found?.isFile() === true && (size === undefined || found.size === size);
    },
    readBlob: (repository, digest) => readContent(blobPath(repository, digest), digest, whereOf(repository)),
    writeBlob: async (repository, content, digest, size) => {
      const folder = contentFolder(folderOf(repository));
      await sweep(repository);
      return attempt(() => writeContent(folder, content, whereOf(repository), { digest, size }));
    },
    mountBlob: async (repository, digest, fromRepository) => {
      const [from, to] = [blobPath(fromRepository, digest), blobPath(repository, digest)];
      return from === to ? exists(to) : linkOrCopy(from, to);
    },
    writeManifest: async (repository, { bytes, mediaType }) => {
      const folder = folderOf(repository);
      const digest = digestOf(bytes);
      await sweep(repository);
      return attempt(async () => {
        // Not only a record of what it is: an image whose layers are elsewhere would be found broken much later.
        await change(folder, async (entries) => {
          const missing = await missingContent(folder, bytes, digest, mediaType);
          if (missing) throw new Failure(missing);
          await writeContent(contentFolder(folder), chunks(bytes), whereOf(repository), { digest });
          const contents = readContents(bytes, digest, mediaType);
          if (!contents.ok || !contents.value.subject || entries.some(isOf(digest))) return undefined;
          const { artifactType } = contents.value;
          return [...entries, { mediaType, digest, size: bytes.length, ...(artifactType ? { artifactType } : {}) }];
        });
        return digest;
      });
    },
    tag: async (repository, tag, digest) => {
      if (!isTagName(tag)) return failed(problem('invalid-name', `'${printable(tag)}' is no image tag`));
      const manifest = await readManifest(repository, digest);
      if (!manifest.ok) return manifest;
      const { mediaType, bytes } = manifest.value;
      await sweep(repository);
      return attempt(() =>
        change(folderOf(repository), async (entries) => {
          // It may have been deleted since.
          if (!(await exists(blobPath(repository, digest))))
            throw new Failure(problem('registry-io', `${whereOf(repository)}@${digest} is gone`));
          const moved = entries.find((entry) => tagOf(entry) === tag && entry.digest !== digest);
          const others = entries.filter(
            (entry) => tagOf(entry) !== tag && !(isOf(digest)(entry) && !entry.annotations),
          );
          const entry: LayoutEntry = { mediaType, digest, size: bytes.length };
          return [...others, ...(await stillReferring(moved, others)), tagged(entry, tag)];
        }),
      );

      /** A referrer that loses its last tag stays in the index: nothing else leads to it. */
      async function stillReferring(moved: LayoutEntry | undefined, others: LayoutEntry[]): Promise<LayoutEntry[]> {
        if (!moved || others.some(isOf(moved.digest))) return [];
        const read = await readManifest(repository, moved.digest);
        const contents = read.ok ? readContents(read.value.bytes, moved.digest, read.value.mediaType) : undefined;
        const { annotations: _, ...untagged } = moved;
        return contents?.ok && contents.value.subject ? [untagged] : [];
      }
    },
    listReferrers: (repository, digest) =>
      attempt(async () => {
        const subjects = await subjectsOf(folderOf(repository));
        return referrersIn(await entriesOf(repository), digest, subjects, (each) => belongingOf(repository, each));
      }),
    deleteManifest: async (repository, digest) => {
      const folder = folderOf(repository);
      const path = blobPath(repository, digest);
      let orphans: Digest[] = [];
      const forgetIt = async (entries: LayoutEntry[]): Promise<LayoutEntry[]> => {
        if (!(await exists(path)))
          throw new Failure(problem('registry-io', `${whereOf(repository)} has no ${digest} to delete`));
        orphans = await contentNobodyNames(folder, digest);
        return entries.filter((entry) => !isOf(digest)(entry));
      };
      // The manifest is last: whatever keeps this from its end, no tag names what is gone, and the next try finds the rest.
      const removeContent = async (): Promise<void> => {
        for (const each of [...orphans, digest]) await rm(blobPath(repository, each), { force: true });
      };
      return attempt(() => change(folder, forgetIt, removeContent));
    },
  };
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() === true;

/** One content in two repositories is one file: it is never written again, only replaced or removed. */
async function linkOrCopy(from: string, to: string): Promise<boolean> {
  if (!(await exists(from))) return false;
  const folder = join(to, '..');
  makeFolder(folder);
  const draft = temporaryName(join(folder, 'draft'));
  try {
    await link(from, draft).catch(() => copyFile(from, draft));
    await rename(draft, to);
    await syncDirectory(folder);
    return true;
  } finally {
    // A rename onto another name of the same file does nothing at all (POSIX, rename).
    await rm(draft, { force: true });
  }
}

/** Repositories of a layout registry, by name. */
export async function listRepositories(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.name === 'oci-layout' && entry.isFile())
    .map((entry) => entry.parentPath.slice(directory.length + 1))
    .sort();
}

export async function* chunks(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
