import { eupsTagOf, fillTemplate, labTagOf, variablesOf } from '../names/index.ts';
import type { ReleasedProduct, ReleaseRecord } from '../releases/index.ts';
import type { Digest, Problem } from '../support/index.ts';
import type { ImageDefinition } from '../workspace/index.ts';

/** A parent whose digest is known. */
export interface KnownParent {
  digest: Digest;
  /** As others name it: `registry.example.org/dm/base`. */
  repository: string;
}

export interface Variables {
  organization: string;
  record: ReleaseRecord;
  image: ImageDefinition;
  /** By the name that the Dockerfile calls it; undefined while it is to be built. */
  parents: Record<string, KnownParent | undefined>;
  /** The number of this build, `--build-number`. */
  buildNumber: number | undefined;
}

/** What a variable of an image's arguments and tags says. Undefined for what is not known, or not yet. */
export function valueOfVariable(name: string, { organization, record, image, parents, buildNumber }: Variables) {
  const release = releaseValues(record)[name];
  if (release !== undefined) return release;
  if (name === 'image') return image.name;
  if (name === 'organization') return organization;
  if (name === 'build.number') return buildNumber?.toString();
  const [scope, ...rest] = name.split('.');
  const field = rest.pop() ?? '';
  const middle = rest.join('.');
  if (scope === 'matrix') return image.variant[field];
  if (scope === 'product' && Object.hasOwn(record.products, middle))
    return record.products[middle]![field as keyof ReleasedProduct]?.toString();
  const parent = scope === 'parent' && Object.hasOwn(parents, middle) ? parents[middle] : undefined;
  if (!parent) return undefined;
  if (field === 'digest') return parent.digest;
  return field === 'repository' ? parent.repository : `${parent.repository}@${parent.digest}`;
}

function releaseValues({ name, kind, date, created, source, previous }: ReleaseRecord): Record<string, string> {
  return {
    release: name,
    'release.eups': eupsTagOf(name),
    'release.lab': labTagOf(name),
    'release.kind': kind,
    'release.date': date,
    // lsst-dm/jenkins-dm-jobs, pipelines/lib/util.groovy, but on a clock of 24 hours.
    'release.timestamp': created.at.replaceAll(/[-:]/g, ''),
    ...(source.manifest ? { 'release.manifest': source.manifest } : {}),
    'release.content': source.contentId,
    ...(previous ? { 'release.previous': previous } : {}),
  };
}

/** Whether an image's arguments say something of the release itself, which the next one would say otherwise. */
export const namesRelease = (texts: Iterable<string>): boolean =>
  [...texts].some((text) => variablesOf(text).some(({ name }) => name.split('.')[0] === 'release'));

/** Put in the values. Problems: `unknown-name` for what this release does not have, `usage` for a number that was not given. */
export function fillFor(variables: Variables, text: string, path: (string | number)[], problems: Problem[]): string {
  const { image, record } = variables;
  for (const { name } of variablesOf(text)) {
    if (valueOfVariable(name, variables) !== undefined || name.startsWith('parent.')) continue;
    if (name === 'build.number') {
      const hint = `name it: dmrel build --build-number 45`;
      const message = `a tag of ${image.name} has the number of the build in it`;
      problems.push({ code: 'usage', severity: 'error', message, hint, subject: image.name });
      continue;
    }
    const message = `${record.name} has no '{${name}}'`;
    const hint = name.startsWith('product.') ? 'name a product of the release' : 'take another variable';
    const at = ['images', image.family, ...path];
    problems.push(image.document.problem('unknown-name', at, message, { part: 'value', hint, subject: image.name }));
  }
  return fillTemplate(text, (name) => valueOfVariable(name, variables));
}
