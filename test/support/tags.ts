import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { dmrel } from './dmrel.ts';
import { git, gitInput, type ReleaseWorkspace } from './release-workspace.ts';

export interface MadeTag {
  /** The commit, or any name of it; the head of `main` without it. */
  at?: string;
  message?: string;
  tagger?: string;
  date?: number;
}

export const releaseManager = 'Release Manager <rm@example.org>';

/** An annotated tag that somebody made in a repository by hand. */
export function tagByHand(workspace: ReleaseWorkspace, product: string, tag: string, made: MadeTag = {}): string {
  const { at = 'main', message = `Version ${tag} release from branch heads`, tagger = releaseManager, date = 1 } = made;
  const remote = workspace.remote(product);
  const commit = git(remote, 'rev-parse', `${at}^{commit}`);
  const text = `object ${commit}\ntype commit\ntag ${tag}\ntagger ${tagger} ${date} +0000\n\n${message}\n`;
  const object = gitInput(remote, text, 'hash-object', '-t', 'tag', '-w', '--stdin');
  git(remote, 'update-ref', `refs/tags/${tag}`, object);
  return object;
}

/** A branch of a repository with one commit of its own, made on whatever `from` names. */
export function branch(workspace: ReleaseWorkspace, product: string, name: string, from = 'main'): string {
  const remote = workspace.remote(product);
  const commit = git(remote, 'commit-tree', `${from}^{tree}`, '-p', from, '-m', `backport to ${name}`);
  git(remote, 'update-ref', `refs/heads/${name}`, commit);
  return commit;
}

/** Run a command that must end well; gives what it printed. */
export async function done(workspace: ReleaseWorkspace, args: string[]): Promise<{ out: string; err: string }> {
  const { code, out, err } = await dmrel(workspace.root, args);
  if (code !== 0) throw new Error(`dmrel ${args.join(' ')} ended with ${code}:\n${err}`);
  return { out, err };
}

/** The record of a release, as it is on disk. */
export const recordIn = (workspace: ReleaseWorkspace, release: string): any =>
  parse(workspace.read(`releases/${release}/release.yaml`));

/** The commits that a tag is on, by product. */
export const commitsAt = (workspace: ReleaseWorkspace, tag: string): (string | undefined)[] =>
  workspace.products.map((product) => workspace.tag(product, tag)?.commit);

/** A build manifest in the workspace, each product at the commit that `at` names. */
export function aManifest(
  workspace: ReleaseWorkspace,
  id: string,
  at: (product: string) => string = (product) => workspace.head(product)!,
  products = workspace.products,
): void {
  const lines = products.map((product) => `${product}  ${at(product)}  1.0+1  `);
  workspace.write(`products/manifests/${id}.txt`, `# product SHA1 Version\nBUILD=${id}\n${lines.join('\n')}\n`);
  workspace.commitAll();
}

/** Make a repository refuse every push; gives what takes that back. */
export function refuse(workspace: ReleaseWorkspace, product: string): () => void {
  const hook = join(workspace.remote(product), 'hooks/pre-receive');
  mkdirSync(join(hook, '..'), { recursive: true });
  writeFileSync(hook, '#!/bin/sh\necho no >&2\nexit 1\n');
  chmodSync(hook, 0o755);
  return () => chmodSync(hook, 0o644);
}
