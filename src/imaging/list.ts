import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type ImageReference, openReference, registryConfig } from '../levels/index.ts';
import { byMenu, parseName } from '../names/index.ts';
import { isRepositoryName, isTechnicalTag, listRepositories } from '../registry/index.ts';
import { type Digest, failed, ok, type Problem, printable, problem, type Result, warning } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

export interface ListedRepository {
  name: string;
  /** In the order of a menu. Digests where one repository was asked for. */
  tags: { tag: string; digest: Digest | null }[];
}

/** As references. Warnings are about what is there and cannot be named. */
type Found = Result<{ names: string[]; warnings: Problem[] }>;

/**
 * What is in a repository, in all repositories of a registry, or in all registries of the workspace. Registries over the
 * network tell no list of their repositories: there those are looked at that dmrel.yaml has as images.
 */
export async function listImages(
  workspace: Workspace | undefined,
  text: string | undefined,
  { cwd, all }: { cwd: string; all: boolean },
): Promise<Result<{ repositories: ListedRepository[]; warnings: Problem[] }>> {
  const found = await repositoriesOf(workspace, text, cwd);
  if (!found.ok) return found;
  const listed: ListedRepository[] = [];
  for (const name of found.value.names) {
    const reference = openReference(workspace, name, cwd);
    if (!reference.ok) return reference;
    const tags = await tagsOf(reference.value, name === text);
    const shown = tags.filter(({ tag }) => all || !isTechnicalTag(tag));
    shown.sort((left, right) => byMenu(parseName(left.tag), parseName(right.tag)));
    if (shown.length > 0 || name === text) listed.push({ name, tags: shown });
  }
  return ok({ repositories: listed, warnings: found.value.warnings });
}

async function tagsOf(
  { registry, repository, tag }: ImageReference,
  digests: boolean,
): Promise<ListedRepository['tags']> {
  if (tag !== undefined) {
    const digest = await registry.resolve(repository, tag);
    return digest ? [{ tag, digest }] : [];
  }
  if (digests) return registry.listTags(repository);
  return (await registry.listTagNames(repository)).map((name) => ({ tag: name, digest: null }));
}

async function repositoriesOf(workspace: Workspace | undefined, text: string | undefined, cwd: string): Promise<Found> {
  if (text === undefined) return workspace ? ofWorkspace(workspace) : failed(noWorkspace);
  if (workspace && registryConfig(workspace, text)) return ofRegistry(workspace, text);
  const [, directory, repository] = /^layout:([^:]+)(:.*)?$/s.exec(text) ?? [];
  if (directory === undefined) return ok({ names: [text], warnings: [] });
  const folder = resolve(cwd, directory);
  const refusal = await whyNoDirectory(folder, directory);
  if (refusal) return failed(refusal);
  if (repository !== undefined) return ok({ names: [text], warnings: [] });
  const own = `layout:${join(directory, '..')}:${basename(folder)}`;
  const hint = isRepositoryName(basename(folder))
    ? `a layout is named by the directory above it, with its own name as the repository: ${own}`
    : `rename it, then name it with the directory above it: ${repositoryGrammar}`;
  return layoutsBelow(folder, directory, (name) => `layout:${directory}:${name}`, hint);
}

const noWorkspace = problem('usage', 'this is no workspace, so there are no registries of its own', {
  hint: 'name a registry or a repository, or go into a workspace',
});

/** One registry that cannot be listed does not hide the others. */
async function ofWorkspace(workspace: Workspace): Promise<Found> {
  const registries = Object.keys(workspace.config.registries ?? {});
  const found = await Promise.all(registries.map((name) => ofRegistry(workspace, name)));
  return ok({
    names: found.flatMap((each) => (each.ok ? each.value.names : [])),
    warnings: found.flatMap((each) =>
      each.ok ? each.value.warnings : each.problems.map((one): Problem => ({ ...one, severity: 'warning' })),
    ),
  });
}

async function ofRegistry(workspace: Workspace, registry: string): Promise<Found> {
  const nameOf = (repository: string) => `${registry}/${repository}`;
  const { address } = registryConfig(workspace, registry)!;
  const [, directory] = /^layout:(.+)$/.exec(address) ?? [];
  if (directory === undefined)
    return ok({ names: Object.keys(workspace.config.images ?? {}).map(nameOf), warnings: [] });
  const hint = `a registry is the directory above its layouts: '${registry}: layout:${join(directory, '..')}' in dmrel.yaml`;
  return layoutsBelow(resolve(workspace.root, directory), directory, nameOf, hint);
}

const repositoryGrammar = 'a repository has small letters, digits and . _ - / between them';

/**
 * The layouts below a directory. Those that no reference can name are warnings.
 * @param itself what to do when the directory is a layout itself: a problem where there are no others
 */
async function layoutsBelow(
  folder: string,
  shown: string,
  nameOf: (repository: string) => string,
  itself: string,
): Promise<Found> {
  const found = await listRepositories(folder);
  const warnings = found
    .filter((name) => !isRepositoryName(name))
    .map((name) => {
      if (name === '')
        return warning('invalid-name', `${shown} is itself a layout, not a directory of layouts`, { hint: itself });
      const message = `${printable(join(shown, name))} is not listed: '${printable(name)}' is no repository name`;
      return warning('invalid-name', message, { hint: `rename it: ${repositoryGrammar}` });
    });
  if (found.length === 1 && found[0] === '') return failed({ ...warnings[0]!, severity: 'error' });
  return ok({ names: found.filter(isRepositoryName).map(nameOf), warnings });
}

/** A name that was mistyped must not look like a registry without images. */
async function whyNoDirectory(folder: string, shown: string): Promise<Problem | undefined> {
  try {
    await readdir(folder);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const at = { file: shown };
    if (code === 'ENOENT') return problem('file-not-found', `${shown} does not exist`, { at, hint: namesLayouts });
    if (code === 'ENOTDIR') return problem('file-unreadable', `${shown} is no directory`, { at, hint: namesLayouts });
    return problem('file-unreadable', `${shown} cannot be read (${code})`, { at });
  }
}

const namesLayouts = 'name a directory of OCI layouts';
