import { readAllReleases, readLevel } from '../releases/index.ts';
import { type Digest, failed, ok, parseDigest, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

/** Where the records of a workspace name an image. */
export interface Naming {
  digest: Digest;
  /** The image as dmrel.yaml calls it. */
  image: string;
  release: string;
  /** The level where it stands or stood; null for where it was built. */
  level: string | null;
  /** It stands there now. */
  current: boolean;
}

/** Every digest in release and level records. An unreadable record fails all: nobody knows what it names. */
export async function readNamings(workspace: Workspace): Promise<Result<Naming[]>> {
  const { records, problems } = await readAllReleases(workspace.root);
  if (problems.length > 0) return failed(...problems);
  const namings: Naming[] = [];
  for (const { name: release, images = {}, promotions = [] } of records) {
    for (const [image, { digest }] of Object.entries(images))
      namings.push({ digest, image, release, level: null, current: false });
    for (const promotion of promotions) {
      for (const [image, digest] of Object.entries(promotion.images))
        namings.push({ digest, image, release, level: promotion.level, current: false });
    }
  }
  for (const level of Object.keys(workspace.config.levels ?? {})) {
    const standing = await readLevel(workspace.root, level);
    if (!standing.ok) return standing;
    for (const { release, images } of standing.value.current) {
      for (const [image, reference] of Object.entries(images)) {
        const digest = parseDigest(reference.slice(reference.lastIndexOf('@') + 1));
        if (digest) namings.push({ digest, image, release, level, current: true });
      }
    }
  }
  return ok(namings);
}

/** What names one of these digests: releases, and levels where one of them stands. */
export function namedBy(
  namings: readonly Naming[],
  digests: ReadonlySet<Digest>,
): { releases: string[]; levels: string[] } {
  const fitting = namings.filter(({ digest }) => digests.has(digest));
  const levels = fitting.flatMap(({ level, current }) => (current && level !== null ? [level] : []));
  return { releases: [...new Set(fitting.map(({ release }) => release))], levels: [...new Set(levels)] };
}
