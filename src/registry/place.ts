import type { ImageRegistry } from './registry.ts';

/** A repository of a registry. */
export interface Place {
  registry: ImageRegistry;
  repository: string;
}

/** A part of a registry that looks like one of its own: every repository below `prefix`. */
export function withPrefix(origin: ImageRegistry, prefix: string): ImageRegistry {
  const at = (repository: string): string => `${prefix}/${repository}`;
  return {
    address: `${origin.address}/${prefix}`,
    origin: { registry: origin, prefix },
    resolve: (repository, tag) => origin.resolve(at(repository), tag),
    listTags: (repository) => origin.listTags(at(repository)),
    listTagNames: (repository) => origin.listTagNames(at(repository)),
    listOtherNames: origin.listOtherNames && ((repository) => origin.listOtherNames!(at(repository))),
    hasManifest: (repository, digest) => origin.hasManifest(at(repository), digest),
    readManifest: (repository, digest) => origin.readManifest(at(repository), digest),
    hasBlob: (repository, digest, size) => origin.hasBlob(at(repository), digest, size),
    readBlob: (repository, digest) => origin.readBlob(at(repository), digest),
    writeBlob: (repository, ...given) => origin.writeBlob(at(repository), ...given),
    mountBlob: (repository, digest, from) => origin.mountBlob(at(repository), digest, at(from)),
    writeManifest: (repository, manifest) => origin.writeManifest(at(repository), manifest),
    writeTagged: origin.writeTagged && ((repository, ...given) => origin.writeTagged!(at(repository), ...given)),
    tag: (repository, tag, digest) => origin.tag(at(repository), tag, digest),
    listReferrers: (repository, ...given) => origin.listReferrers(at(repository), ...given),
    deleteManifest: (repository, digest) => origin.deleteManifest(at(repository), digest),
  };
}

/** The place in the whole registry. */
export function atOrigin({ registry, repository }: Place): Place {
  const { origin } = registry;
  return origin
    ? { registry: origin.registry, repository: `${origin.prefix}/${repository}` }
    : { registry, repository };
}

/** A repository of a registry, as references begin: `registry.example.org/batch/stack`, `layout:DIR:stack`. */
export const repositoryAt = (address: string, repository: string): string =>
  `${address}${address.startsWith('layout:') ? ':' : '/'}${repository}`;

export const isLayout = (registry: ImageRegistry): boolean => registry.address.startsWith('layout:');
