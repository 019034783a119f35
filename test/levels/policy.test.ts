import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openRepository } from '../../src/git/index.ts';
import { policyProblems } from '../../src/levels/index.ts';
import { unwrap } from '../../src/support/index.ts';
import { openWorkspace } from '../../src/workspace/index.ts';
import { makeTrust } from '../support/keys.ts';
import { git } from '../support/release-workspace.ts';
import { aFolder, aWorkspace } from '../support/workspace.ts';

const config = (trust: string, more = '') => `schema: dmrel/workspace/v1
organization: test
registries: {r: "layout:r"}
images: {stack: {context: images/stack}}
checks:
  smoke: {kind: command, run: [node, checks/smoke.mjs, --quick]}
  start: {kind: container, run: [/bin/true], mounts: {/data: data}}
levels: {dev: {registry: r, checks: [smoke, start]${more}}}
${trust}`;

/** Everything is committed. */
function aPolicy(more = '') {
  const workspace = aWorkspace();
  const trust = makeTrust(workspace.root, { roles: { tester: ['tester-1'] } });
  workspace
    .with('dmrel.yaml', config(trust.section, more))
    .with('checks/smoke.mjs', '')
    .with('data/catalog.csv', '1\n')
    .with('images/more.yaml', 'schema: dmrel/images/v1\nimages: {lab: {context: images/lab}}\n')
    .with('images/stack/Dockerfile', 'FROM scratch\n')
    .with('milestones/m.yaml', 'schema: dmrel/milestones/v1\nmilestones: {M-1: {title: x}}\n');
  git(workspace.root, 'init', '--quiet', '--initial-branch=main');
  git(workspace.root, 'add', '--all');
  git(workspace.root, 'commit', '--quiet', '-m', 'policy');
  return workspace;
}

async function uncommitted({ root }: { root: string }): Promise<string[]> {
  const workspace = unwrap(await openWorkspace(root, {}));
  const problems = await policyProblems(workspace, unwrap(await openRepository(root)));
  expect(problems.every(({ code, hint }) => code === 'policy-uncommitted' && hint !== undefined)).toBe(true);
  return problems.map(({ at }) => at!.file).sort();
}

describe('the policy in force', () => {
  it('is the committed one: whatever says who may do what, and what is asked, is named when it was changed', async () => {
    const workspace = aPolicy();
    expect(await uncommitted(workspace)).toEqual([]);
    const trust = makeTrust(workspace.root, { roles: { tester: ['tester-1'] } });
    workspace
      .with('dmrel.yaml', `${config(trust.section)}# laxer\n`)
      .with('checks/smoke.mjs', 'process.exit(0)\n')
      .with('data/catalog.csv', '2\n')
      .with('images/more.yaml', 'schema: dmrel/images/v1\nimages: {other: {context: images/lab}}\n');
    expect(await uncommitted(workspace)).toEqual([
      'checks/smoke.mjs',
      'data/catalog.csv',
      'dmrel.yaml',
      'images/more.yaml',
      'trust/tester-1.pub',
    ]);
    git(workspace.root, 'add', '--all');
    expect(await uncommitted(workspace)).toHaveLength(5);
    git(workspace.root, 'commit', '--quiet', '-m', 'another policy');
    expect(await uncommitted(workspace)).toEqual([]);
  });

  it('names files from the workspace, which need not be the top of its repository', async () => {
    const workspace = aPolicy();
    rmSync(join(workspace.root, '.git'), { recursive: true });
    const top = aFolder();
    git(top, 'init', '--quiet', '--initial-branch=main');
    renameSync(workspace.root, join(top, 'plan'));
    git(top, 'add', '--all');
    git(top, 'commit', '--quiet', '-m', 'policy');
    const root = join(top, 'plan');
    expect(await uncommitted({ root })).toEqual([]);
    writeFileSync(join(root, 'checks/smoke.mjs'), 'process.exit(0)\n');
    expect(await uncommitted({ root })).toEqual(['checks/smoke.mjs']);
  });

  it('takes in files that are new, and files that are gone', async () => {
    const workspace = aPolicy();
    workspace.with('images/new.yaml', 'schema: dmrel/images/v1\nimages: {extra: {context: images/lab}}\n');
    rmSync(join(workspace.root, 'images/more.yaml'));
    expect(await uncommitted(workspace)).toEqual(['images/more.yaml', 'images/new.yaml']);
  });

  it('takes in what git ignores, and what it was told not to look at', async () => {
    const workspace = aPolicy();
    const ignore = (...lines: string[]) => workspace.with('.git/info/exclude', `${lines.join('\n')}\n`);
    git(workspace.root, 'rm', '--quiet', '--cached', 'trust/tester-1.pub', 'checks/smoke.mjs', 'data/catalog.csv');
    git(workspace.root, 'commit', '--quiet', '-m', 'not any more');
    ignore('trust/', 'checks/', 'data/', 'images/');
    workspace.with('images/new.yaml', 'schema: dmrel/images/v1\nimages: {extra: {context: images/lab}}\n');
    expect(await uncommitted(workspace)).toEqual([
      'checks/smoke.mjs',
      'data/catalog.csv',
      'images/new.yaml',
      'trust/tester-1.pub',
    ]);
    const told = aPolicy();
    git(told.root, 'update-index', '--assume-unchanged', 'trust/tester-1.pub', 'data/catalog.csv');
    git(told.root, 'update-index', '--skip-worktree', 'checks/smoke.mjs', 'images/more.yaml');
    expect(await uncommitted(told)).toEqual([]);
    told.with('checks/smoke.mjs', 'process.exit(0)\n').with('data/catalog.csv', '2\n');
    rmSync(join(told.root, 'images/more.yaml'));
    expect(await uncommitted(told)).toEqual(['checks/smoke.mjs', 'data/catalog.csv', 'images/more.yaml']);
  });

  it('leaves alone what git ignores beside the files of a mount', async () => {
    const workspace = aPolicy().with('.git/info/exclude', '*.pyc\n').with('data/code.pyc', '');
    expect(await uncommitted(workspace)).toEqual([]);
    workspace.with('data/more.csv', '');
    expect(await uncommitted(workspace)).toEqual(['data/more.csv']);
  });

  it('is not taken for committed where git cannot tell', async () => {
    const { root } = aPolicy().with('.git/index', 'no index');
    const workspace = unwrap(await openWorkspace(root, {}));
    const problems = await policyProblems(workspace, unwrap(await openRepository(root)));
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ['command-failed', expect.stringMatching(/^git cannot tell whether this is committed: .*dmrel\.yaml/)],
    ]);
  });

  it('leaves alone what decides nothing: contexts of images, and milestones unless a level waits for one', async () => {
    const change = {
      'images/stack/Dockerfile': 'FROM scratch\nUSER 1\n',
      'milestones/m.yaml': 'schema: dmrel/milestones/v1\nmilestones: {M-1: {title: y}}\n',
    };
    const plain = aPolicy();
    for (const [file, text] of Object.entries(change)) plain.with(file, text);
    expect(await uncommitted(plain)).toEqual([]);
    const waiting = aPolicy(', milestone: M-1');
    for (const [file, text] of Object.entries(change)) waiting.with(file, text);
    expect(await uncommitted(waiting)).toEqual(['milestones/m.yaml']);
  });
});
