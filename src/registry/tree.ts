import { type Digest, failed, ok, problem, type Result } from '../support/index.ts';
import { isIndex, readContents } from './manifest.ts';
import type { Place } from './place.ts';

const maxManifests = 2000;

/** An image and every manifest below it, the image first; what belongs to them is not looked for. */
export async function manifestsOf({ registry, repository }: Place, digest: Digest): Promise<Result<Digest[]>> {
  const found = new Set<Digest>([digest]);
  for (const each of found) {
    const read = await registry.readManifest(repository, each);
    if (!read.ok) return read;
    const contents = readContents(read.value.bytes, each, read.value.mediaType);
    if (!contents.ok) return contents;
    const { mediaType, children } = contents.value;
    if (isIndex(mediaType)) for (const child of children) found.add(child.digest);
    if (found.size > maxManifests)
      return failed(problem('registry-io', `${digest} has more than ${maxManifests} manifests`));
  }
  return ok([...found]);
}
