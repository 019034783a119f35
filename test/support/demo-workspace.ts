import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDemoWorkspace, declareDelivered, writeRemotes } from '../../src/demonstration/index.ts';
import { weeklyName } from '../../src/names/index.ts';
import { dateOf, unwrap } from '../../src/support/index.ts';
import { dmrel, home } from './dmrel.ts';
import { git } from './release-workspace.ts';

/** The demonstration's workspace after a week: last week's release stands everywhere, the repositories have gone on. */
export async function aWeekAfterTheDemo(): Promise<string> {
  const root = join(mkdtempSync(join(tmpdir(), 'dmrel-docs-')), 'releases');
  mkdirSync(root);
  unwrap(await createDemoWorkspace(root, home));
  git(root, 'init', '--quiet', '--initial-branch=main');
  git(root, 'config', 'user.name', 'Release Manager');
  git(root, 'config', 'user.email', 'rm@example.org');
  const lastWeek = dateOf(new Date(Date.now() - 7 * 86_400_000));
  await declareDelivered(root, weeklyName(lastWeek));
  git(root, 'add', '--all');
  git(root, 'commit', '--quiet', '-m', 'A workspace');
  await must(root, ['tag', 'weekly', '--date', lastWeek], ['build']);
  for (const level of ['dev', 'jupyterlab', 'commissioning', 'batch']) {
    await must(root, ['check', '--level', level]);
    if (level === 'batch') await must(root, ['approve', '--level', level, '--release', weeklyName(lastWeek)]);
    await must(root, ['promote', '--level', level]);
  }
  unwrap(await writeRemotes(root, 1));
  return root;
}

/** Run commands one after the other; each must end with exit code 0. */
export async function must(root: string, ...commands: string[][]): Promise<void> {
  for (const args of commands) {
    const { code, err } = await dmrel(root, args);
    if (code !== 0) throw new Error(`dmrel ${args.join(' ')} ended with ${code}:\n${err}`);
  }
}
