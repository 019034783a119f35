import { type Digest, ok, parseDigest, type Result } from '../support/index.ts';
import { all, lanes } from './lanes.ts';
import type { Place } from './place.ts';
import type { ImageRegistry, Manifest } from './registry.ts';

/** Contents that are kept; those of an image and what belongs to it, and of many small images. */
const maxBytes = 32 * 2 ** 20;
const tagsAtOnce = 8;

/**
 * A registry that is asked each thing once: what a plan has seen is what its steps go by. For one command, which takes
 * seconds; what it writes itself is known. An answer that failed is asked for again.
 */
export function remembering(registry: ImageRegistry): ImageRegistry {
  const answers = new Map<string, Promise<unknown>>();
  let kept = 0;
  const once = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const known = answers.get(key) as Promise<T> | undefined;
    if (known) return known;
    const asked = ask();
    answers.set(key, asked);
    asked.then(
      (answer) => {
        const { ok, value } = (answer ?? {}) as { ok?: boolean; value?: Partial<Manifest> };
        if (ok === false) answers.delete(key);
        kept += value?.bytes?.length ?? 0;
        if (kept > maxBytes) {
          answers.clear();
          kept = 0;
        }
      },
      () => answers.delete(key),
    );
    return asked;
  };
  const forget = (...keys: string[]) => {
    for (const key of keys) answers.delete(key);
  };
  const resolve = (repository: string, tag: string) =>
    once(`tag ${repository}:${tag}`, async () => {
      if (!registry.readTagged) return registry.resolve(repository, tag);
      const tagged = await registry.readTagged(repository, tag);
      if (!tagged) return undefined;
      const { digest, mediaType, bytes } = tagged;
      await once(`read ${repository}@${digest}`, async () => ok({ mediaType, bytes }));
      return digest;
    });
  const written = (repository: string, manifest: Manifest, result: Result<Digest>): Result<Digest> => {
    const subject = parseDigest(String(subjectOf(manifest)));
    if (subject) forget(`referrers ${repository}@${subject}`, `tags ${repository}`);
    if (result.ok) forget(`has ${repository}@${result.value}`, `read ${repository}@${result.value}`);
    return result;
  };
  const { writeTagged } = registry;
  return {
    ...registry,
    resolve,
    resolveAnew: (repository, tag) => {
      forget(`tag ${repository}:${tag}`);
      return resolve(repository, tag);
    },
    listTags: async (repository) => {
      const lane = lanes(tagsAtOnce);
      const names = await once(`tags ${repository}`, () => registry.listTagNames(repository));
      const found = await all(names.map((tag) => lane(async () => ({ tag, digest: await resolve(repository, tag) }))));
      return found.flatMap(({ tag, digest }) => (digest === undefined ? [] : [{ tag, digest }]));
    },
    listTagNames: (repository) => once(`tags ${repository}`, () => registry.listTagNames(repository)),
    hasManifest: (repository, digest) =>
      once(`has ${repository}@${digest}`, () => registry.hasManifest(repository, digest)),
    readManifest: (repository, digest) =>
      once(`read ${repository}@${digest}`, () => registry.readManifest(repository, digest)),
    listReferrers: (repository, digest, tagNames) =>
      once(`referrers ${repository}@${digest}`, () => registry.listReferrers(repository, digest, tagNames)),
    writeManifest: async (repository, manifest) =>
      written(repository, manifest, await registry.writeManifest(repository, manifest)),
    writeTagged:
      writeTagged &&
      (async (repository, manifest, tag) => {
        forget(`tag ${repository}:${tag}`, `tags ${repository}`);
        return written(repository, manifest, await writeTagged(repository, manifest, tag));
      }),
    tag: (repository, tag, digest) => {
      forget(`tag ${repository}:${tag}`, `tags ${repository}`);
      return registry.tag(repository, tag, digest);
    },
    deleteManifest: (repository, digest) => {
      answers.clear();
      return registry.deleteManifest(repository, digest);
    },
  };
}

function subjectOf({ bytes }: Manifest): Digest | undefined {
  try {
    return (JSON.parse(bytes.toString('utf8')) as { subject?: { digest?: Digest } }).subject?.digest;
  } catch {
    return undefined;
  }
}

/** A place in such a registry; in the whole of it, so that two parts of one registry share what is known. */
export function rememberingPlaces<P extends Place>(from: P, to: P): { from: P; to: P } {
  const [source, target] = [from, to].map((place) => {
    const { origin } = place.registry;
    const whole = remembering(origin?.registry ?? place.registry);
    if (!origin) return { ...place, registry: whole };
    return { ...place, registry: whole, repository: `${origin.prefix}/${place.repository}` };
  }) as [P, P];
  return { from: source, to: target };
}
