import { join, resolve } from 'node:path';
import { type ImageReference, openReference, registryConfig } from '../levels/index.ts';
import { byMenu, parseName } from '../names/index.ts';
import { isTechnicalTag, listRepositories } from '../registry/index.ts';
import { type Digest, failed, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

export interface ListedRepository {
  name: string;
  /** In the order of a menu. Digests where one repository was asked for. */
  tags: { tag: string; digest: Digest | null }[];
}

/**
 * What is in a repository, in all repositories of a registry, or in all registries of the workspace. Registries over the
 * network tell no list of their repositories: there those are looked at that dmrel.yaml has as images.
 */
export async function listImages(
  workspace: Workspace | undefined,
  text: string | undefined,
  { cwd, all }: { cwd: string; all: boolean },
): Promise<Result<ListedRepository[]>> {
  const names = await repositoriesOf(workspace, text, cwd);
  if (!names.ok) return names;
  const listed: ListedRepository[] = [];
  for (const name of names.value) {
    const reference = openReference(workspace, name, cwd);
    if (!reference.ok) return reference;
    const tags = await tagsOf(reference.value, name === text);
    const shown = tags.filter(({ tag }) => all || !isTechnicalTag(tag));
    shown.sort((left, right) => byMenu(parseName(left.tag), parseName(right.tag)));
    if (shown.length > 0 || name === text) listed.push({ name, tags: shown });
  }
  return ok(listed);
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

async function repositoriesOf(
  workspace: Workspace | undefined,
  text: string | undefined,
  cwd: string,
): Promise<Result<string[]>> {
  if (text === undefined) {
    if (!workspace) {
      const hint = 'name a registry or a repository, or go into a workspace';
      return failed(problem('usage', 'this is no workspace, so there are no registries of its own', { hint }));
    }
    const found = await Promise.all(
      Object.keys(workspace.config.registries ?? {}).map((name) => ofRegistry(workspace, name)),
    );
    return ok(found.flat());
  }
  if (workspace && registryConfig(workspace, text)) return ok(await ofRegistry(workspace, text));
  const [, directory] = /^layout:([^:]+)$/.exec(text) ?? [];
  if (directory === undefined) return ok([text]);
  return ok((await listRepositories(resolve(cwd, directory))).map((name) => `layout:${directory}:${name}`));
}

async function ofRegistry(workspace: Workspace, registry: string): Promise<string[]> {
  const { address } = registryConfig(workspace, registry)!;
  const [, directory] = /^layout:(.+)$/.exec(address) ?? [];
  const names =
    directory === undefined
      ? Object.keys(workspace.config.images ?? {})
      : await listRepositories(join(workspace.root, directory));
  return names.map((name) => `${registry}/${name}`);
}
