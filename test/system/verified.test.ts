import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { imageConfig, type ReleaseWorkspace, withImage } from '../support/release-workspace.ts';

const tag = 'w.2018.18';
const config = imageConfig
  .replace('present: [/etc/stack]', 'present: [/etc/stack], verifies: [F-2]')
  .replace('run: [node, smoke.mjs]', 'run: [node, smoke.mjs], verifies: [f-1, F-2]')
  .replace('after: [dev]', 'after: [dev], milestone: M-1');

async function must(workspace: ReleaseWorkspace, ...lines: string[]): Promise<void> {
  for (const line of lines) {
    const { code, err } = await dmrel(workspace.root, line.split(' '));
    if (code !== 0) throw new Error(`dmrel ${line}: ${err}`);
  }
}

const states = async ({ root }: ReleaseWorkspace, ...more: string[]): Promise<string[]> => {
  const { json } = await dmrelJson(root, ['milestone', 'status', 'M-1', ...more]);
  return [json.status, ...json.features.map(({ status }: { status: string }) => status)];
};

const gate = async ({ root }: ReleaseWorkspace, release = tag): Promise<string> => {
  const { json } = await dmrelJson(root, ['explain', '--level', 'batch', '--release', release]);
  return json.conditions.find(({ kind }: { kind: string }) => kind === 'milestone').text;
};

function aPlannedWorkspace(): ReleaseWorkspace {
  const workspace = withImage(1, config);
  workspace.write(
    'milestones/plan.yaml',
    `schema: dmrel/milestones/v1
milestones:
  M-1:
    title: Ready for commissioning
    needs: [F-1, F-2]
    completed: {on: "2018-05-09", evidence: [{kind: report, ref: DMTR-1}]}
`,
  );
  const features = [1, 2].map((each) => `  F-${each}: {title: Feature ${each}, delivered: {tag: ${tag}}}\n`);
  workspace.write('milestones/features.yaml', `schema: dmrel/features/v1\nfeatures:\n${features.join('')}`);
  workspace.commitAll();
  return workspace;
}

describe('a feature that checks verify', () => {
  it('is verified when all of them passed on a release that has it, and only while they are what they were', async () => {
    const workspace = aPlannedWorkspace();
    await must(workspace, 'validate', 'tag weekly --date 2018-05-03', 'build', 'check --level dev');
    await must(workspace, `promote --level dev --release ${tag}`);
    expect(await states(workspace)).toEqual(['ready', 'delivered', 'delivered']);
    expect(await gate(workspace)).toBe('2 of 2 features of M-1 are not verified: F-1, F-2');
    const early = await dmrelJson(workspace.root, ['promote', '--level', 'batch']);
    expect([early.code, early.json.problems.map(({ code }: { code: string }) => code)]).toEqual([
      1,
      expect.arrayContaining(['gate-denied']),
    ]);

    await must(workspace, 'check --level batch', 'promote --level batch');
    expect(await gate(workspace)).toBe('all 2 features of M-1 are verified');
    expect(await states(workspace)).toEqual(['achieved', 'verified', 'verified']);
    // The checks were run since.
    expect(await states(workspace, '--as-of', '2018-05-10')).toEqual(['ready', 'delivered', 'delivered']);

    // Of another release nothing is known: what was verified stays so, and what goes up must be verified itself.
    workspace.addCommits('p00', 1);
    await must(workspace, 'tag weekly --date 2018-05-10', 'build', 'check --level dev --release w.2018.19');
    expect(await gate(workspace, 'w.2018.19')).toBe('2 of 2 features of M-1 are not verified: F-1, F-2');
    expect(await states(workspace)).toEqual(['achieved', 'verified', 'verified']);

    // Another suite has not passed yet; where it runs and what it verifies is no other suite.
    const first = workspace.read('dmrel.yaml');
    workspace.write('dmrel.yaml', first.replace('verifies: [f-1, F-2]', 'retries: 1, verifies: [F-1]'));
    expect(await states(workspace)).toEqual(['achieved', 'verified', 'verified']);
    workspace.write('dmrel.yaml', first.replace('smoke.mjs]', 'smoke.mjs, again]'));
    expect(await states(workspace)).toEqual(['ready', 'delivered', 'delivered']);
    workspace.write('dmrel.yaml', first);

    // A newer failure takes it back.
    workspace.write('smoke.mjs', 'process.exit(1);\n');
    const failed = await dmrel(workspace.root, ['check', '--level', 'batch', '--release', tag, '--force']);
    expect(failed.code).toBe(1);
    expect(await states(workspace)).toEqual(['ready', 'delivered', 'delivered']);
  });

  it('that is claimed against the records is shown with its place and what to do', async () => {
    const { code, out } = await dmrel(aPlannedWorkspace().root, ['milestone', 'status', 'M-1']);
    expect(code).toBe(1);
    expect(out).toContain(
      'which has no release record  (milestones/features.yaml:3:3)\n    = name a release that has a',
    );
  });

  it('must be one of the plan, as the milestone of a level must be', async () => {
    const workspace = aPlannedWorkspace();
    const text = workspace
      .read('dmrel.yaml')
      .replace('[f-1, F-2]', '[F-3, M-1]')
      .replace('milestone: M-1', 'milestone: M-2');
    workspace.write('dmrel.yaml', text);
    const { code, json } = await dmrelJson(workspace.root, ['validate']);
    const found = json.problems.map(({ code, message, at }: any) => [code, message, at.file]);
    expect([code, found]).toEqual([
      3,
      [
        ['unknown-id', "there is no milestone 'M-2'", 'dmrel.yaml'],
        ['unknown-id', "there is no feature 'F-3'", 'dmrel.yaml'],
        ['unknown-id', 'M-1 is a milestone, not a feature', 'dmrel.yaml'],
      ],
    ]);
  });
});
