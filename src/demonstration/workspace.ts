import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ok, type Result } from '../support/index.ts';
import { writeKeys } from './keys.ts';
import { demoProducts, writeRemote } from './remotes.ts';

/** What the demonstration's release delivers: the features of LDM-503-3. */
const delivered: Record<string, string[]> = {
  'milestones/features/DM-AP.yaml': ['DM-AP-1', 'DM-AP-2', 'DM-AP-3', 'DM-AP-4', 'DM-AP-5'],
  'milestones/features/DM-DAX.yaml': ['DM-DAX-6'],
};

export const deliveredFiles = Object.keys(delivered);

/** Write a new workspace with its repositories into an empty directory. `home` is where dmrel is installed. */
export async function createDemoWorkspace(root: string, home: string): Promise<Result<void>> {
  await cp(join(home, 'demo'), root, { recursive: true });
  // npm leaves files of that name out of what it packs.
  await rename(join(root, 'gitignore'), join(root, '.gitignore'));
  for (const folder of ['schemas', 'milestones']) await cp(join(home, folder), join(root, folder), { recursive: true });
  await writeKeys(root);
  return writeRemotes(root, 0);
}

/** Add a week's work to the repositories. */
export async function writeRemotes(root: string, week: number): Promise<Result<void>> {
  const folder = join(root, 'remotes');
  await mkdir(folder, { recursive: true });
  for (const product of demoProducts) {
    const written = await writeRemote(folder, product, week);
    if (!written.ok) return written;
  }
  return ok(undefined);
}

/** Write into the manifests, as a person would, that a release delivers the features of LDM-503-3. */
export async function declareDelivered(root: string, release: string): Promise<string[]> {
  for (const [file, ids] of Object.entries(delivered)) {
    let text = await readFile(join(root, file), 'utf8');
    for (const id of ids) {
      // One line, whatever an earlier run has written.
      const entry = new RegExp(`^  ${id}:\\n(    delivered: .*\\n)?`, 'm');
      text = text.replace(entry, `  ${id}:\n    delivered: {tag: ${release}}\n`);
    }
    await writeFile(join(root, file), text);
  }
  return deliveredFiles;
}
