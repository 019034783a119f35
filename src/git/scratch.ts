import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RemoteUrl } from './url.ts';

/** git takes no path for a repository that may leave objects out; as a URL, its signs are escaped. */
export const fetchUrl = ({ text }: RemoteUrl): string =>
  text.startsWith('/') ? `file://${text.replaceAll('%', '%25')}` : text;

/** An empty bare repository, made by hand: a `git init` for each of hundreds would cost more than the rest. */
export async function scratchRepository(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, 'repository-'));
  for (const folder of ['objects', 'refs']) await mkdir(join(path, folder));
  await writeFile(join(path, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(join(path, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
  return path;
}
