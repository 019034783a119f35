import { withPositions } from '../documents/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import type { Problem } from '../support/index.ts';
import type { Draft } from './draft.ts';

/** Tags and aliases that would take the name of another release away from its image. */
export function takenTags(
  drafts: ReadonlyMap<string, Pick<Draft, 'image' | 'tags'>>,
  release: string,
  records: readonly ReleaseRecord[],
): Promise<Problem[]> {
  const others = new Set<string>(records.map(({ name }) => name).filter((name) => name !== release));
  return withPositions(() =>
    [...drafts.values()].flatMap(({ image, tags }) => {
      const { config, document, family, name } = image;
      // The release's own name comes first.
      const written = [
        ...tags.slice(1).map((tag) => ({ tag, at: ['tags'] })),
        ...Object.keys(config.aliases ?? {}).map((tag) => ({ tag, at: ['aliases', tag] })),
      ];
      return written
        .filter(({ tag }) => others.has(tag))
        .map(({ tag, at }) => {
          const message = `'${tag}' is the name of another release, and cannot be a tag of ${name} for ${release}`;
          return document.problem('wrong-value', ['images', family, ...at], message, {
            hint: 'take another name',
            subject: name,
          });
        });
    }),
  );
}
