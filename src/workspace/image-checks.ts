import { findCycles } from '../milestones/index.ts';
import { parseTemplate, type Template } from '../names/index.ts';
import { isTagName } from '../registry/index.ts';
import { didYouMean, type Problem, warning } from '../support/index.ts';
import type { ImageDefinition } from './images.ts';

/** What a template may say of a release. */
export const releaseVariables = [
  'release',
  'release.eups',
  'release.lab',
  'release.kind',
  'release.date',
  'release.timestamp',
  'release.manifest',
  'release.content',
  'release.previous',
] as const;
export const productVariables = ['commit', 'version', 'tag', 'url'] as const;
export const parentVariables = ['digest', 'repository', 'reference'] as const;
const otherVariables = ['image', 'organization', 'build.number'] as const;

type Path = (string | number)[];

/** What a schema cannot see in images: parents that go round, variables that are none, arguments that look like secrets. */
export function checkImages(images: ReadonlyMap<string, ImageDefinition>, levels: Record<string, unknown>): Problem[] {
  const problems: Problem[] = [];
  // Those of one matrix are written once.
  const written = new Map([...images.values()].map((image) => [`${image.document.file} ${image.family}`, image]));
  for (const image of written.values()) {
    const { config, document, family } = image;
    for (const [index, name] of (config.levels ?? []).entries()) {
      if (Object.hasOwn(levels, name)) continue;
      const hint = didYouMean(name, Object.keys(levels)) ?? `define it under 'levels:'`;
      const at = ['images', family, 'levels', index];
      problems.push(document.problem('unknown-name', at, `there is no level '${name}'`, { hint }));
    }
    if (config.platform !== undefined && config.platforms !== undefined) {
      const hint = "keep 'platforms:'";
      problems.push(
        document.problem('wrong-value', ['images', family, 'platform'], 'platform and platforms', { hint }),
      );
    }
    problems.push(...templateProblems(image), ...secretProblems(image));
  }
  const parents = (name: string): string[] => Object.values(images.get(name)!.parents);
  for (const cycle of findCycles([...images.keys()], parents)) {
    const { document, family } = images.get(cycle[0]!)!;
    const message = `images that wait for each other: ${[...cycle, cycle[0]].join(' -> ')}`;
    problems.push(document.problem('name-cycle', ['images', family], message));
  }
  return problems;
}

function templateProblems(image: ImageDefinition): Problem[] {
  const { config, document, family } = image;
  const texts: { path: Path; text: string; matrixOnly?: true }[] = [
    ...Object.entries(config.args ?? {}).map(([name, text]) => ({ path: ['args', name], text })),
    ...(config.tags ?? []).map((text, index) => ({ path: ['tags', index], text })),
    ...(['context', 'dockerfile', 'target'] as const).flatMap((key) => {
      const text = config[key];
      return text === undefined ? [] : [{ path: [key], text, matrixOnly: true as const }];
    }),
  ];
  return texts.flatMap(({ path, text, matrixOnly }) => {
    const { parts, faults } = parseTemplate(text);
    const report = (code: 'wrong-value' | 'unknown-name', message: string, hint: string) =>
      document.problem(code, ['images', family, ...path], message, { part: 'value', hint });
    const variables = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
    const wrong = variables.flatMap((name) => {
      if (matrixOnly) return [report('unknown-name', `'{${name}}' cannot stand here`, matrixHint(image))];
      const hint = whyUnknown(name, image);
      return hint === undefined ? [] : [report('unknown-name', `there is no variable '{${name}}'`, hint)];
    });
    const braces = faults.map(({ message }) => report('wrong-value', message, "write '{{' and '}}' for braces"));
    const badTag = path[0] === 'tags' && wrong.length + braces.length === 0 && !couldBeTag(parts);
    return [...wrong, ...braces, ...(badTag ? [report('wrong-value', `'${text}' is no tag`, tagHint)] : [])];
  });
}

export const tagHint = 'a tag has letters, digits and . _ -, 128 at most';

/** Whether there are values with which it is one. */
const couldBeTag = (parts: Template['parts']): boolean =>
  isTagName(parts.map((part) => (typeof part === 'string' ? part : 'x')).join(''));

const matrixHint = ({ variant }: ImageDefinition): string => {
  const keys = Object.keys(variant);
  return keys.length === 0
    ? "only variables of a 'matrix:' can"
    : `only ${keys.map((key) => `{matrix.${key}}`).join(', ')} can`;
};

/** undefined when the variable is known. Products are looked up in the release: the index may change between two. */
function whyUnknown(name: string, image: ImageDefinition): string | undefined {
  const fixed = [...releaseVariables, ...otherVariables];
  if ((fixed as string[]).includes(name)) return undefined;
  const [scope = '', ...rest] = name.split('.');
  const field = rest.at(-1) ?? '';
  const middle = rest.slice(0, -1).join('.');
  switch (scope) {
    case 'matrix': {
      const keys = Object.keys(image.variant);
      if (keys.includes(rest.join('.'))) return undefined;
      return didYouMean(rest.join('.'), keys) ?? `its matrix has ${keys.join(', ') || 'no keys'}`;
    }
    case 'product': {
      if (!(productVariables as readonly string[]).includes(field))
        return didYouMean(field, productVariables) ?? `a product has ${productVariables.join(', ')}`;
      const { products } = image.config;
      if (products === undefined || products.includes(middle)) return undefined;
      return didYouMean(middle, products) ?? `add ${middle} to the image's 'products:'`;
    }
    case 'parent': {
      if (!(parentVariables as readonly string[]).includes(field))
        return didYouMean(field, parentVariables) ?? `a parent has ${parentVariables.join(', ')}`;
      const from = image.config.from ?? [];
      if (from.includes(middle)) return undefined;
      return didYouMean(middle, from) ?? `add ${middle} to the image's 'from:'`;
    }
    default: {
      const known = [...fixed, 'product.NAME.commit', 'parent.NAME.digest', 'matrix.KEY'];
      return didYouMean(name, fixed) ?? `known are: ${known.join(', ')}`;
    }
  }
}

const secretName = /(?:^|_)(?:token|secret|password|passwd|passphrase|credentials?|api_?key|private_?key)(?:_|$)/i;

const passwordInUrl = /:\/\/[^/\s:@]*:[^/\s@]+@/;

/** What is an argument stands in the image's history, for everybody who has the image. */
function secretProblems({ config, document, family }: ImageDefinition): Problem[] {
  return Object.entries(config.args ?? {})
    .filter(([name, text]) => secretName.test(name) || passwordInUrl.test(text))
    .map(([name]) => {
      const hint = "arguments stay in the image: name it under 'secrets:', and mount it in the RUN that needs it";
      const at = document.locate(['images', family, 'args', name]);
      // Without the line, which may hold its value.
      return warning('secret-argument', `the argument '${name}' of ${family} looks like a secret`, { at, hint });
    });
}
