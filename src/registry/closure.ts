import { type Digest, Failure, failed, ok, type Problem, problem, type Result, unwrap } from '../support/index.ts';
import { Beside } from './beside.ts';
import { all, lanes } from './lanes.ts';
import { type Contents, isIndex, readContents } from './manifest.ts';
import type { Place } from './place.ts';
import { sidecarTags } from './sidecars.ts';

/** A manifest, and how it is bound to others. */
export interface Node {
  digest: Digest;
  /** Of the manifest itself. */
  size: number;
  contents: Contents;
  children: Digest[];
  /** Manifests that belong to it: by their subject, and by tags made from its digest. */
  sidecars: { digest: Digest; tag?: string; artifactType?: string }[];
}

export interface Closure {
  nodes: Map<Digest, Node>;
  /** What is named and cannot be read. */
  problems: { digest: Digest; problem: Problem }[];
}

const maxManifests = 50_000;
const manifestsAtOnce = 8;

/**
 * Everything that is reached from these manifests: the images of an index, and what belongs to any of them.
 * @param tags all tags of the repository, where they are known; else those of sidecars are asked for
 */
export async function readClosure(
  place: Place,
  roots: readonly Digest[],
  tags?: readonly { tag: string; digest: Digest }[],
): Promise<Result<Closure>> {
  const { registry, repository } = place;
  const closure: Closure = { nodes: new Map(), problems: [] };
  const known = tags && new Map(tags.map(({ tag, digest }) => [tag, digest]));
  const beside = new Beside(place, (work) => work());
  const digestOfTag = async (tag: string): Promise<Digest | undefined> => (known ? known.get(tag) : beside.named(tag));
  const look = async (digest: Digest): Promise<Digest[]> => {
    const read = await registry.readManifest(repository, digest);
    const contents = read.ok ? readContents(read.value.bytes, digest, read.value.mediaType) : read;
    if (!read.ok || !contents.ok) {
      closure.problems.push({ digest, problem: (contents as { problems: Problem[] }).problems[0]! });
      return [];
    }
    const referrers = unwrap(await registry.listReferrers(repository, digest));
    const sidecars: Node['sidecars'] = referrers.map((each) => ({
      digest: each.digest,
      ...(each.artifactType ? { artifactType: each.artifactType } : {}),
    }));
    for (const tag of sidecarTags(digest)) {
      const found = await digestOfTag(tag);
      if (found) sidecars.push({ digest: found, tag });
    }
    const children = contents.value.children.map((child) => child.digest);
    closure.nodes.set(digest, { digest, size: read.value.bytes.length, contents: contents.value, children, sidecars });
    return [...children, ...sidecars.map((each) => each.digest)];
  };

  const lane = lanes(manifestsAtOnce);
  const seen = new Set<Digest>(roots);
  try {
    for (let next = [...seen]; next.length > 0; ) {
      const found = await all(next.map((digest) => lane(() => look(digest))));
      next = [...new Set(found.flat())].filter((digest) => !seen.has(digest));
      for (const digest of next) seen.add(digest);
      if (seen.size > maxManifests) {
        const hint = 'look who made them, and how';
        return failed(problem('registry-io', `${repository} has more than ${maxManifests} manifests`, { hint }));
      }
    }
    return ok(closure);
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}

/** Images of one platform in an image, with their platforms; itself, when it is one. */
export function imagesIn({ nodes }: Closure, root: Digest): { digest: Digest; platform: string | null }[] {
  const found: { digest: Digest; platform: string | null }[] = [];
  const visit = (digest: Digest, platform: string | null, depth: number): void => {
    const node = nodes.get(digest);
    if (node && isIndex(node.contents.mediaType)) {
      if (depth > 4) return;
      for (const child of node.contents.children) visit(child.digest, child.platform ?? null, depth + 1);
    } else found.push({ digest, platform });
  };
  visit(root, null, 0);
  return found;
}
