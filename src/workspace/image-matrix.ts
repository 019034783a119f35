import type { Document } from '../documents/index.ts';
import { fillTemplate } from '../names/index.ts';
import { didYouMean, type Problem } from '../support/index.ts';
import type { ImageConfig, ImageDefinition, ImagesFile } from './images.ts';

/** More would be a mistake: each is built. */
const maxImages = 500;

/** Every image of all files by its name, those of a matrix one for each of its values; parents are other ones of them. */
export function expandImages(
  documents: readonly Document<ImagesFile>[],
  problems: Problem[],
): Map<string, ImageDefinition> {
  const images = new Map<string, ImageDefinition>();
  for (const document of documents) {
    for (const [family, config] of Object.entries(document.value.images ?? {})) {
      for (const variant of variantsOf(config.matrix ?? {})) {
        const image = imageOf(family, config, variant, document);
        const other = images.get(image.name);
        if (other === undefined) images.set(image.name, image);
        else problems.push(twice(image, other));
        if (images.size <= maxImages) continue;
        problems.push(document.problem('wrong-value', ['images', family], `more than ${maxImages} images`));
        return images;
      }
    }
  }
  for (const image of images.values()) image.parents = parentsOf(image, images, problems);
  return images;
}

/** All combinations of values, the first key's slowest. */
function variantsOf(matrix: Record<string, string[]>): Record<string, string>[] {
  return Object.entries(matrix).reduce<Record<string, string>[]>(
    (variants, [key, values]) =>
      variants.length > maxImages
        ? variants
        : variants.flatMap((each) => values.map((value) => ({ ...each, [key]: value }))),
    [{}],
  );
}

function imageOf(
  family: string,
  { matrix: _, ...config }: ImageConfig,
  variant: Record<string, string>,
  document: Document<ImagesFile>,
): ImageDefinition {
  const fill = (text: string): string =>
    fillTemplate(text, (name) => (name.startsWith('matrix.') ? variant[name.slice('matrix.'.length)] : undefined));
  const { context, dockerfile, target } = config;
  return {
    name: [family, ...Object.values(variant)].join('-'),
    family,
    variant,
    parents: {},
    config: {
      ...config,
      context: fill(context),
      ...(dockerfile === undefined ? {} : { dockerfile: fill(dockerfile) }),
      ...(target === undefined ? {} : { target: fill(target) }),
    },
    document,
  };
}

function twice(image: ImageDefinition, other: ImageDefinition): Problem {
  const { file, line } = other.document.locate(['images', other.family]);
  return image.document.problem(
    'duplicate-id',
    ['images', image.family],
    `the image '${image.name}' is defined in ${file}:${line} already`,
    { hint: `keep one of ${file} and ${image.document.file}` },
  );
}

/** A parent of the same matrix is the one of the same values. */
function parentsOf(
  image: ImageDefinition,
  images: ReadonlyMap<string, ImageDefinition>,
  problems: Problem[],
): Record<string, string> {
  const parents: Record<string, string> = {};
  for (const [index, name] of (image.config.from ?? []).entries()) {
    if (images.has(name)) {
      parents[name] = name;
      continue;
    }
    const family = [...images.values()].filter((each) => each.family === name);
    const fitting = family.filter((each) =>
      Object.entries(each.variant).every(([key, value]) => image.variant[key] === value),
    );
    if (fitting.length === 1) parents[name] = fitting[0]!.name;
    else {
      const known = [...new Set([...images.values()].flatMap((each) => [each.name, each.family]))];
      const [message, hint] =
        family.length === 0
          ? [`there is no image '${name}'`, didYouMean(name, known) ?? `define it under 'images:'`]
          : [
              `'${name}' is several images, and none has the matrix values of ${image.name}`,
              `name one of ${family.map((each) => each.name).join(', ')}, or give ${image.family} the same 'matrix:'`,
            ];
      problems.push(image.document.problem('unknown-name', ['images', image.family, 'from', index], message, { hint }));
    }
  }
  return parents;
}

/** The images that a name means: itself, or all of its matrix. */
export function membersOf(name: string, images: ReadonlyMap<string, ImageDefinition>): string[] {
  if (images.has(name)) return [name];
  return [...images.values()].filter(({ family }) => family === name).map((each) => each.name);
}
