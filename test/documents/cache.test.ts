import '../support/as-built.ts';

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/support/index.ts';
import { aFolder, aWorkspace, brief } from '../support/workspace.ts';

const aPlan = () =>
  aWorkspace()
    .withMilestones('m.yaml', {
      'M-1': 'title: one, needs: [F-1, F-2]',
      'M-2': 'title: two, needs: [M-1], due: "2018-05-08"',
    })
    .withFeatures('f.yaml', { 'F-1': 'title: a, external: E-1, aka: [ALPHA]', 'F-2': 'title: b' })
    .withExternals('e.yaml', { 'E-1': 'title: x' });

/** What the cache keeps of a workspace, over any number of readings. */
async function reading(workspace: ReturnType<typeof aWorkspace>, home: string) {
  const { roadmap, problems } = await workspace.roadmap({ XDG_CACHE_HOME: home });
  return { items: [...roadmap.items.values()], names: [...roadmap.names], problems };
}

const cacheFiles = (home: string): string[] =>
  readdirSync(join(home, 'dmrel')).map((name) => join(home, 'dmrel', name));

describe('what is remembered of files', () => {
  it('changes nothing in what they say', async () => {
    const [workspace, home] = [aPlan(), aFolder()];
    const first = await reading(workspace, home);
    expect(cacheFiles(home)).toHaveLength(2); // of dmrel.yaml, and of the plan
    expect(await reading(workspace, home)).toEqual(first);
    expect(await reading(workspace, aFolder())).toEqual(first);
  });

  it('changes nothing in findings across files, nor in their places', async () => {
    const [workspace, home] = [aPlan().withMilestones('n.yaml', { 'N-1': 'title: n, needs: [F-1, F-9]' }), aFolder()];
    const first = await reading(workspace, home);
    expect(brief(first.problems)).toEqual(["milestones/n.yaml:3:32 unknown-id nothing is called 'F-9'"]);
    expect((await reading(workspace, home)).problems).toEqual(first.problems as Problem[]);
  });

  it('a changed file is seen', async () => {
    const [workspace, home] = [aPlan(), aFolder()];
    await reading(workspace, home);
    workspace.withFeatures('f.yaml', { 'F-1': 'title: a', 'F-2': 'title: changed' });
    const { items } = await reading(workspace, home);
    expect(items.find(({ id }) => id === 'F-2')!.title).toBe('changed');
    workspace.with('milestones/f.yaml', 'schema: dmrel/features/v1\nfeatures: [');
    expect((await reading(workspace, home)).problems.map(({ code }) => code)).toContain('yaml-syntax');
  });

  it.each([
    '',
    'no JSON',
    'null',
    '[]',
    '{"build":"test"}',
    '{"build":"test","entries":null}',
    '{"build":"test","entries":7}',
    '{"build":"other","entries":{}}',
  ])('is ignored where the cache holds %j', async (text) => {
    const [workspace, home] = [aPlan(), aFolder()];
    const first = await reading(workspace, home);
    for (const file of cacheFiles(home)) writeFileSync(file, text);
    expect(await reading(workspace, home)).toEqual(first);
  });

  it('is not missed where it cannot be kept', async () => {
    const [workspace, home] = [aPlan(), aFolder()];
    writeFileSync(join(home, 'dmrel'), 'a file where a folder should be');
    const first = await reading(workspace, home);
    expect(first.problems).toEqual([]);
    expect(readFileSync(join(home, 'dmrel'), 'utf8')).toMatch(/^a file/);
  });
});
