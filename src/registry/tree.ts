import { type Digest, Failure, failed, ok, problem, type Result } from '../support/index.ts';
import { isIndex, readContents } from './manifest.ts';
import type { Place } from './place.ts';

const maxManifests = 2000;

/** An image and every manifest below it, the image first; what belongs to them is not looked for. */
export function manifestsOf(place: Place, digest: Digest): Promise<Result<Digest[]>> {
  return below(place, [digest], async () => true);
}

/** The same of several, as far as they are there: of what is named and gone, nothing more can be told. */
export async function manifestsThere(place: Place, digests: readonly Digest[]): Promise<Result<Digest[]>> {
  try {
    return await below(place, digests, (each) => place.registry.hasManifest(place.repository, each));
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}

async function below(
  { registry, repository }: Place,
  digests: readonly Digest[],
  isThere: (digest: Digest) => Promise<boolean>,
): Promise<Result<Digest[]>> {
  const found = new Set<Digest>(digests);
  for (const each of found) {
    if (!(await isThere(each))) continue;
    const read = await registry.readManifest(repository, each);
    if (!read.ok) return read;
    const contents = readContents(read.value.bytes, each, read.value.mediaType);
    if (!contents.ok) return contents;
    const { mediaType, children } = contents.value;
    if (isIndex(mediaType)) for (const child of children) found.add(child.digest);
    if (found.size > maxManifests)
      return failed(problem('registry-io', `${digests[0]} has more than ${maxManifests} manifests`));
  }
  return ok([...found]);
}
