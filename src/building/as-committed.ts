import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Repository } from '../git/index.ts';
import { nameWithin, type Problem, unwrap, warning } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { readContext } from './assemble/index.ts';
import type { Draft } from './draft.ts';

/** As many names as a command line holds on any system. */
const namesAtOnce = 200;

const known = new WeakMap<Draft, Promise<boolean>>();

/** The files and directories that an image is defined by, from the root of the workspace. */
export const pathsOf = ({ root }: Workspace, { image, dockerfile, context }: Draft): string[] => [
  image.document.file,
  dockerfile.file,
  nameWithin(root, context),
];

/** Whether all that an image is built of is in the last commit, just so. Asked once in a run. */
export function isAsCommitted(workspace: Workspace, repository: Repository, draft: Draft): Promise<boolean> {
  const asked = known.get(draft) ?? compare(workspace, repository, draft);
  known.set(draft, asked);
  return asked;
}

async function compare(workspace: Workspace, repository: Repository, draft: Draft): Promise<boolean> {
  const paths = pathsOf(workspace, draft);
  if (await repository.isCommitted(paths)) return true;
  // What .dockerignore names is not in the image, whatever git has of it.
  const entries = unwrap(await readContext(draft.context, {}));
  const inside = [...entries].flatMap(([path, { type }]) => (type === 'directory' ? [] : [join(paths[2]!, path)]));
  const files = [paths[0]!, paths[1]!, ...inside];
  const listed = new Set(files);
  const changed = unwrap(await repository.changed(paths));
  if (changed.some((file) => listed.has(file) || !existsSync(join(workspace.root, file)))) return false;
  // Files that git is told to ignore are left.
  for (let from = 0; from < files.length; from += namesAtOnce)
    if (!(await repository.isCommitted(files.slice(from, from + namesAtOnce)))) return false;
  return true;
}

/** An image of what no commit has cannot name the commit that it was made of. */
export async function uncommitted(workspace: Workspace, repository: Repository, draft: Draft): Promise<Problem[]> {
  if (isOfOneProduct(draft) || (await isAsCommitted(workspace, repository, draft))) return [];
  const { name } = draft.image;
  const message = `what ${name} is built of is not in git as it is here, so the image names no commit of the workspace`;
  const hint = `commit it; what is in the context and not for the image belongs into its .dockerignore`;
  return [warning('context-invalid', message, { hint, subject: name })];
}

/** Its source is that product's repository then, and not the workspace. */
export const isOfOneProduct = ({ products }: Draft): boolean => Object.keys(products).length === 1;
