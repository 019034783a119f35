import type { Place } from './place.ts';

/** Asks for the names of a repository's tags when they are first wanted, and once. */
export function tagNamesOf(
  { registry, repository }: Place,
  through: <T>(work: () => Promise<T>) => Promise<T>,
): () => Promise<ReadonlySet<string>> {
  let names: Promise<ReadonlySet<string>> | undefined;
  return () => (names ??= through(() => registry.listTagNames(repository)).then((listed) => new Set(listed)));
}
