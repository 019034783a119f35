import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dmrelJson } from '../support/dmrel.ts';
import { LevelWorkspace } from '../support/level-workspace.ts';
import { git } from '../support/release-workspace.ts';

const release = 'w.2018.18';
const levels = {
  dev: '{registry: dev}',
  batch: '{registry: batch, after: [dev], checks: [smoke], approvals: {role: release-manager, count: 2}}',
};
const roles = {
  tester: ['tester-1'],
  'release-manager': ['alice', 'bob'],
  'promoter-dev': ['dev-1'],
  'promoter-batch': ['batch-1'],
};

/** Two levels, of which the second asks for a check and two people; a release that stands at the first. */
async function aStandingRelease(): Promise<LevelWorkspace> {
  const workspace = LevelWorkspace.make({ levels, roles });
  const file = 'dmrel.yaml';
  const text = readFileSync(join(workspace.root, file), 'utf8');
  workspace.write(file, `${text}checks: {smoke: {kind: command, run: [node, smoke.mjs]}}\n`);
  workspace.write('smoke.mjs', 'process.exit(1);\n');
  await workspace.built(release);
  await workspace.promote('dev', release);
  return workspace;
}

describe('from a gate that says no to one that says yes', () => {
  it('explain names every reason and what to run; doing that is enough; the board and the history tell of it', async () => {
    const workspace = await aStandingRelease();
    const { root, env } = workspace;
    const explain = () => dmrelJson(root, ['explain', '--level', 'batch'], { env });
    const states = (json: { conditions: { kind: string; state: string }[] }) =>
      json.conditions.map(({ kind, state }) => `${kind} ${state}`);
    const first = await explain();
    expect([first.code, first.json.verdict, states(first.json)]).toEqual([
      1,
      'deny',
      ['built met', 'after met', 'check unmet', 'approval unmet'],
    ]);
    expect(first.json.next).toEqual([
      `dmrel check --level batch --release ${release}`,
      `dmrel approve --level batch --release ${release} --role release-manager`,
    ]);

    const check = await workspace.run('check', '--level', 'batch', '--release', release);
    expect(check.code).toBe(1);
    const failing = await workspace.run('explain', '--level', 'batch', '--release', release);
    expect(failing.out).toMatch(
      /!! smoke failed on stack .*\n {5}releases\/w\.2018\.18\/evidence\/[0-9a-f]{64}\.json, by tester-1/,
    );
    expect(failing.out).toMatch(new RegExp(`\\n {5}-> dmrel check --level batch --release ${release}\\n`));

    const waive = ['waive', 'smoke', '--level', 'batch', '--release', release, '--until', '2999-12-31'];
    expect((await workspace.run(...waive)).err).toMatch(/say why: --reason TEXT/);
    const waived = await dmrelJson(root, [...waive, '--reason', 'known, mended in w.2018.19'], { env });
    expect([waived.code, waived.json.status]).toEqual([0, 'done']);
    await workspace.done('approve', '--level', 'batch', '--release', release, '--key', 'alice');
    const again = await workspace.done('approve', '--level', 'batch', '--release', release, '--key', 'alice');
    expect(again).toBe(`${release}: nothing to do; you approved it for batch already\n`);
    const dry = await dmrelJson(
      root,
      ['approve', '--level', 'batch', '--release', release, '--key', 'bob', '--dry-run'],
      { env },
    );
    expect(dry.json.steps[0]).toMatchObject({ id: 'sign', action: 'create' });
    expect((await explain()).code).toBe(1);
    await workspace.done('approve', '--level', 'batch', '--release', release, '--key', 'bob', '--message', 'read it');
    expect(git(root, 'status', '--porcelain', '--', 'releases', 'levels')).toBe('');

    const last = await explain();
    expect([last.code, states(last.json)]).toEqual([0, ['built met', 'after met', 'check waived', 'approval met']]);
    expect(last.json.next).toEqual([`dmrel promote --level batch --release ${release}`]);
    const board = await dmrelJson(root, ['status', '--level', 'batch'], { env });
    expect(board.json.levels[0].next).toEqual({ release, verdict: 'allow', missing: [] });
    await workspace.promote('batch', release);

    const { json } = await dmrelJson(root, ['status'], { env });
    expect(json.levels[1].current[0]).toMatchObject({
      release,
      waived: [{ subject: 'smoke of stack', by: 'alice', until: '2999-12-31', reason: 'known, mended in w.2018.19' }],
    });
    expect(await workspace.done('status')).toMatch(/WAIVED until 2999-12-31 by alice: smoke of stack/);
    const history = await dmrelJson(root, ['history', '--level', 'batch'], { env });
    const events = history.json.events as { did: string; key?: string; why?: string; level: string }[];
    expect(events.map(({ did, key, why }) => [did, key, why]).sort()).toEqual([
      ['approve', 'alice', undefined],
      ['approve', 'bob', 'read it'],
      ['promote', undefined, undefined],
      ['waive', 'alice', 'known, mended in w.2018.19'],
    ]);
    expect(await workspace.done('history', '--image', 'stack')).toMatch(/promote {2}dev {2,}w\.2018\.18/);
    const unknown = await workspace.refused('history', '--image', 'stak');
    expect(unknown).toEqual({ code: 2, problems: ["unknown-image: there is no image 'stak'"] });
  });

  it('explain asks at a moment that lies behind us, and refuses one that is none', async () => {
    const workspace = await aStandingRelease();
    const explain = (moment: string) =>
      workspace.run('explain', '--level', 'batch', '--release', release, '--as-of', moment);
    expect((await explain('2018-01-01')).out).toMatch(/!! w\.2018\.18 does not stand at dev/);
    expect((await explain('2018-13-01')).err).toMatch(/--as-of: there is no moment '2018-13-01'/);
  });
});
