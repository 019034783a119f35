import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { withPositions } from '../documents/index.ts';
import { isTagName } from '../registry/index.ts';
import type { ReleasedProduct, ReleaseRecord } from '../releases/index.ts';
import { didYouMean, type Problem, problem } from '../support/index.ts';
import { type ImageDefinition, tagHint, type Workspace } from '../workspace/index.ts';
import type { DockerfileText } from './assemble/index.ts';
import { type DockerfileUses, readUses, stageOf } from './dockerfile-uses.ts';
import type { BuildSecret } from './engine.ts';
import type { BuildOptions } from './options.ts';
import { fillFor, namesRelease, type Variables } from './variables.ts';

/** What an image's definition says when it is built for a release. */
export interface Definition {
  args: Record<string, string>;
  uses: DockerfileUses;
  /** What of the release is in it. */
  products: Record<string, ReleasedProduct>;
  secrets: BuildSecret[];
  tags: string[];
  problems: Problem[];
}

export function readDefinition(
  workspace: Workspace,
  record: ReleaseRecord,
  image: ImageDefinition,
  dockerfile: DockerfileText,
  platform: string,
  { buildNumber, env }: BuildOptions,
): Promise<Definition> {
  const { organization } = workspace.config;
  const variables: Variables = { organization, record, image, parents: {}, buildNumber };
  return withPositions(() => {
    const problems: Problem[] = [];
    const args = Object.fromEntries(
      Object.entries(image.config.args ?? {}).map(([name, text]) => [
        name,
        fillFor(variables, text, ['args', name], problems),
      ]),
    );
    const uses = readUses(dockerfile, args, platform, image.config.target);
    problems.push(...uses.problems, ...targetProblems(image, uses, dockerfile));
    const products = productsOf(image, uses, record, problems);
    const secrets = secretsOf(image, workspace.root, env, problems);
    const tags = tagsOf(image, record, variables, problems);
    return { args, uses, products, secrets, tags, problems };
  });
}

/** Engines that know no stages would build the whole of it, and others would fail late. */
function targetProblems(
  { name, family, config, document }: ImageDefinition,
  { stages }: DockerfileUses,
  { file }: DockerfileText,
): Problem[] {
  const { target } = config;
  if (target === undefined || stages.length === 0 || stageOf(stages, target) !== undefined) return [];
  const named = stages.flatMap((stage) => stage.name ?? []);
  const hint =
    didYouMean(target, named) ??
    (named.length === 0 ? `give one a name: FROM ... AS ${target}` : `its stages are ${named.join(', ')}`);
  const message = `${file} has no stage '${target}'`;
  return [
    document.problem('unknown-name', ['images', family, 'target'], message, { part: 'value', hint, subject: name }),
  ];
}

/**
 * Those that it names. One that names none has all of them, if it takes anything of the release that the next one would
 * give otherwise; else it has none, and is the same for every release.
 */
function productsOf(
  { name, family, config, document }: ImageDefinition,
  uses: DockerfileUses,
  record: ReleaseRecord,
  problems: Problem[],
): Record<string, ReleasedProduct> {
  const takes = uses.releaseFile || uses.productsFile || uses.args.has('RELEASE');
  if (config.products === undefined)
    return takes || namesRelease(Object.values(config.args ?? {})) ? record.products : {};
  return Object.fromEntries(
    config.products.flatMap((product, index) => {
      const found = record.products[product];
      if (found) return [[product, found]];
      // A product that came later than an old release: what is built for that one has it not.
      const message = `${record.name} has no product ${product}`;
      const at = ['images', family, 'products', index];
      problems.push(document.problem('unknown-product', at, message, { severity: 'error', subject: name }));
      return [];
    }),
  );
}

function secretsOf(
  { name, config }: ImageDefinition,
  root: string,
  env: NodeJS.ProcessEnv,
  problems: Problem[],
): BuildSecret[] {
  const missing = (id: string, hint: string): void => {
    problems.push(problem('secret-missing', `the secret ${id} of ${name} is not here`, { hint, subject: name }));
  };
  return Object.entries(config.secrets ?? {}).map(([id, source]) => {
    if ('env' in source) {
      if (!env[source.env]) missing(id, `set ${source.env} where dmrel runs`);
      return { id, source };
    }
    const home = env.HOME ?? homedir();
    const file = source.file.startsWith('~/') ? join(home, source.file.slice(2)) : source.file;
    const path = isAbsolute(file) ? file : join(root, file);
    if (!isReadableFile(path)) missing(id, `put it into ${source.file}, where your user can read it`);
    return { id, source: { file: path } };
  });
}

function isReadableFile(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function tagsOf(
  { name, family, config, document }: ImageDefinition,
  record: ReleaseRecord,
  variables: Variables,
  problems: Problem[],
): string[] {
  const own = (config.tags ?? []).map((text, index) => {
    const tag = fillFor(variables, text, ['tags', index], problems);
    if (isTagName(tag) || /[{}]/.test(tag)) return tag;
    const at = ['images', family, 'tags', index];
    problems.push(
      document.problem('wrong-value', at, `'${tag}' is no tag`, { part: 'value', hint: tagHint, subject: name }),
    );
    return tag;
  });
  return [...new Set([record.name, ...own])];
}
