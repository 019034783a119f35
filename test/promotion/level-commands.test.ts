import '../support/as-built.ts';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { ReleaseName } from '../../src/names/index.ts';
import type { LevelPlan } from '../../src/promotion/level-plan.ts';
import { withHoldStatements } from '../../src/promotion/statements.ts';
import type { LevelRecord } from '../../src/releases/index.ts';
import { digestOf, type Instant } from '../../src/support/index.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { journalLines } from '../support/journals.ts';
import { LevelWorkspace, type LevelWorkspaceOptions, promoterRoles } from '../support/level-workspace.ts';
import { git } from '../support/release-workspace.ts';
import { moments } from '../support/sample.ts';
import { inBatches } from '../support/upstream.ts';

const [old, newer, newest] = ['w.2018.17', 'w.2018.18', 'w.2018.19'] as [string, string, string];
const because = ['--reason', 'it loses files'];

/** Two releases at dev and batch, the newer on top. */
async function twoAtBatch(options: LevelWorkspaceOptions = {}): Promise<LevelWorkspace> {
  const workspace = await LevelWorkspace.make(options).built(old, newer, newest);
  for (const release of [old, newer]) for (const level of ['dev', 'batch']) await workspace.promote(level, release);
  return workspace;
}

/** Statements that the records have, of releases and of levels. */
const evidenceFiles = ({ root }: LevelWorkspace): string[] =>
  git(root, 'ls-files', 'releases/*/evidence', 'levels/*/evidence').split('\n');

/** Let the record say that a release came to dev first so long ago. */
function cameAgo(workspace: LevelWorkspace, release: string, hours: number): void {
  const at = `${new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 19)}Z`;
  const places: [string, RegExp][] = [
    [`releases/${release}/release.yaml`, /(promotions:\n.*\n +at: )"[^"]+"/],
    ['levels/dev.yaml', new RegExp(`(release: ${release}\\n +since: )"[^"]+"`)],
  ];
  for (const [file, entry] of places)
    workspace.write(file, readFileSync(join(workspace.root, file), 'utf8').replace(entry, `$1"${at}"`));
  workspace.commit();
}

const subject = (workspace: LevelWorkspace) => git(workspace.root, 'log', '-1', '--format=%s');

describe('dmrel rollback', () => {
  it('lets tags and level file go back to what stood there before, says why, and goes no further when run again', async () => {
    const workspace = await twoAtBatch();
    const out = await workspace.done('rollback', '--level', 'batch', ...because);
    expect(out).toContain(`${newer}: taken away from batch; ${old} stands there`);
    expect(workspace.current('batch')).toEqual([old]);
    expect(await workspace.tag('batch', 'batch')).toBe(workspace.digest(old));
    // Names of releases stay what they are.
    expect(await workspace.tag('batch', newer)).toBe(workspace.digest(newer));
    expect(workspace.release(newer).withdrawals).toMatchObject([
      { level: 'batch', kind: 'rollback', reason: 'it loses files', to: old, by: 'Manager first <first@example.org>' },
    ]);
    expect(subject(workspace)).toBe(`Roll batch back from ${newer} to ${old}: it loses files`);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    expect(await workspace.done('rollback', '--level', 'batch', ...because)).toContain('nothing to do');
    expect(workspace.current('batch')).toEqual([old]);
  });

  it('does not let it come back until it is released', async () => {
    const workspace = await twoAtBatch();
    await workspace.done('rollback', '--level', 'batch', ...because);
    const again = ['promote', '--level', 'batch', '--release', newer];
    const { code, problems } = await workspace.refused(...again);
    expect([code, problems]).toEqual([1, [expect.stringMatching(/^gate-denied: .*it loses files/)]]);
    // A newer one is another matter.
    await workspace.promote('dev', newest);
    await workspace.promote('batch', newest);
    await workspace.done('rollback', '--level', 'batch', '--to', old, '--reason', 'this one too');
    expect(workspace.current('batch')).toEqual([old]);
    const out = await workspace.done('release-hold', '--level', 'batch', '--release', newer);
    expect(out).toBe(`batch is not held any more; ${newer} may come back\n  ${newest} is still held: this one too\n`);
    await workspace.done(...again);
    expect(workspace.current('batch')).toEqual([newer]);
    expect(await workspace.tag('batch', 'batch')).toBe(workspace.digest(newer));
  });

  it('is not undone by an edit of the record, committed or not', async () => {
    const workspace = await LevelWorkspace.make({ roles: promoterRoles }).built(old);
    await workspace.promote('dev', old);
    const file = `releases/${old}/release.yaml`;
    const before = readFileSync(join(workspace.root, file), 'utf8');
    await new Promise((resolve) => setTimeout(resolve, 1000)); // times are of seconds
    await workspace.done('demote', '--level', 'dev', '--release', old, ...because);
    const args = ['promote', '--level', 'batch', '--release', old];
    workspace.write(file, before);
    expect((await workspace.refused(...args)).problems).toEqual([
      expect.stringMatching(/^gate-denied: .*in its record, but demoter-1 took it away at/),
      expect.stringMatching(/^policy-uncommitted: releases\/w\.2018\.17\/release\.yaml is not as/),
    ]);
    workspace.commit('never happened');
    expect((await workspace.refused(...args)).problems).toEqual([expect.stringMatching(/demoter-1 took it away at/)]);
    git(workspace.root, 'revert', '--no-edit', 'HEAD');
    await workspace.done('release-hold', '--level', 'dev');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await workspace.promote('dev', old);
    await workspace.promote('batch', old);
    // Not even when nothing else is left to do.
    workspace.write(file, before);
    expect((await workspace.refused('promote', '--level', 'dev', '--release', old)).code).toBe(1);
  });

  it('refuses to go to what never stood there, or was itself taken away', async () => {
    const workspace = await twoAtBatch();
    const to = (release: string) => workspace.refused('rollback', '--level', 'batch', '--to', release, ...because);
    expect((await to(newest)).problems).toEqual([`not-at-level: ${newest} never stood at batch`]);
    await workspace.done('demote', '--level', 'batch', '--release', old, '--reason', 'unsafe');
    expect((await to(old)).problems).toEqual([
      expect.stringMatching(new RegExp(`^not-at-level: ${old} was taken away from batch at .*: unsafe$`)),
    ]);
    const { problems } = await workspace.refused('rollback', '--level', 'batch', ...because);
    expect(problems).toEqual([`not-at-level: nothing stood at batch before ${newer}`]);
  });
});

describe('what a level goes back to', () => {
  const fourth = 'w.2018.20';

  it('is what stood there last, also where that was put back by a rollback', async () => {
    const workspace = await LevelWorkspace.make().built(old, newer, newest, fourth);
    for (const release of [old, newer, newest]) await workspace.promote('dev', release);
    await workspace.done('rollback', '--level', 'dev', '--to', old, ...because);
    await workspace.promote('dev', fourth);
    expect(await workspace.done('rollback', '--level', 'dev', '--reason', 'this too')).toContain(`${old} stands there`);
    expect(workspace.current('dev')).toEqual([old]);
  });

  it('is told image by image: of a part that is taken away, what stood there before', async () => {
    const images = ['stack', 'lab'];
    const workspace = await LevelWorkspace.make({ images }).built(old, newer, newest);
    for (const release of [old, newer]) await workspace.promote('dev', release);
    await workspace.promote('dev', newest, '--image', 'stack');
    const standing = ({ current }: LevelRecord) => current.map((each) => [each.release, Object.keys(each.images)]);
    await workspace.done('demote', '--level', 'dev', '--release', newer, ...because);
    expect(standing(workspace.level('dev'))).toEqual([
      [newest, ['stack']],
      [old, ['lab']],
    ]);
    expect(await workspace.tag('dev', 'dev', 'lab')).toBe(workspace.digest(old, 'lab'));
    expect(await workspace.tag('dev', 'dev')).toBe(workspace.digest(newest));
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
    // What comes back is a part itself: the rest is of the one before it.
    const other = await LevelWorkspace.make({ images }).built(old, newer, newest);
    await other.promote('dev', old);
    await other.promote('dev', newer, '--image', 'stack');
    await other.promote('dev', newest);
    await other.done('rollback', '--level', 'dev', ...because);
    expect(standing(other.level('dev'))).toEqual([
      [newer, ['stack']],
      [old, ['lab']],
    ]);
    expect(await other.tag('dev', 'dev', 'lab')).toBe(other.digest(old, 'lab'));
  });

  it('is told though a record of something else is damaged; where it may matter, with how to say it', async () => {
    const workspace = await twoAtBatch();
    const damage = (release: string) =>
      workspace.write(`releases/${release}/release.yaml`, 'schema: dmrel/release/v1\n');
    damage(newest);
    const back = ['rollback', '--level', 'batch', ...because];
    const other = workspace.copy();
    expect(await workspace.done(...back)).toContain(`${old} stands there`);
    other.write(`releases/${newest}/release.yaml`, git(other.root, 'show', `HEAD:releases/${newest}/release.yaml`));
    other.write(`releases/${old}/release.yaml`, 'schema: dmrel/release/v1\n');
    const { code, err } = await other.run(...back);
    expect([code, err]).toEqual([3, expect.stringContaining('dmrel rollback --level batch --to NAME')]);
  });
});

describe('dmrel demote', () => {
  it('takes away a release, lets the tag name what stood before, and nothing where nothing did', async () => {
    const workspace = await twoAtBatch();
    await workspace.done('demote', '--level', 'batch', '--release', newer, ...because);
    expect(workspace.current('batch')).toEqual([old]);
    expect(await workspace.tag('batch', 'batch')).toBe(workspace.digest(old));
    await workspace.done('demote', '--level', 'batch', '--release', old, ...because);
    expect(workspace.current('batch')).toEqual([]);
    const named = (await workspace.tag('batch', 'batch'))!;
    expect([workspace.digest(old), workspace.digest(newer)]).not.toContain(named);
    expect(await workspace.done('reconcile', '--level', 'batch')).toBe('registries are as the records say\n');
    expect(await workspace.done('demote', '--level', 'batch', '--release', old, ...because)).toContain('nothing to do');
  });

  it('of one that is not the newest leaves the newest where it is', async () => {
    const workspace = await twoAtBatch();
    await workspace.done('demote', '--level', 'batch', '--release', old, ...because);
    expect(workspace.current('batch')).toEqual([newer]);
    expect(await workspace.tag('batch', 'batch')).toBe(workspace.digest(newer));
  });
});

describe('a clock that is behind that of another machine', () => {
  /** What of the record is of the newest moment, two minutes later: another machine, whose clock is ahead, wrote it. */
  function ahead(workspace: LevelWorkspace, release: string): void {
    const file = `releases/${release}/release.yaml`;
    const text = readFileSync(join(workspace.root, file), 'utf8');
    const [newest] = [...text.matchAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g)].map(String).sort().reverse() as [string];
    const later = new Date(Date.parse(newest) + 120_000).toISOString().replace('.000Z', 'Z');
    workspace.write(file, text.replaceAll(newest, later));
    workspace.commit();
  }

  it('brings nothing back that was taken away, and keeps nothing away that is promoted again', async () => {
    const workspace = await LevelWorkspace.make().built(old, newer);
    for (const release of [old, newer]) await workspace.promote('dev', release);
    ahead(workspace, newer);
    const taken = await workspace.run('demote', '--level', 'dev', '--release', newer, ...because);
    expect([taken.code, taken.err]).toEqual([0, expect.stringMatching(/ clock-behind .*dev was changed [12]m/)]);
    const up = ['promote', '--level', 'batch', '--release', newer];
    expect((await workspace.refused(...up)).problems).toEqual([
      `gate-denied: ${newer} may not go to batch: ${newer} does not stand at dev`,
    ]);
    ahead(workspace, newer);
    await workspace.done('release-hold', '--level', 'dev');
    await workspace.promote('dev', newer);
    await workspace.done(...up);
    expect(workspace.current('batch')).toEqual([newer]);
  });
});

describe('dmrel hold', () => {
  it('lets nothing up until it is released, once and again', async () => {
    const workspace = await LevelWorkspace.make().built(old, newer);
    await workspace.promote('dev', old);
    expect(await workspace.done('hold', '--level', 'dev', ...because)).toBe('dev is held: it loses files\n');
    expect(await workspace.done('hold', '--level', 'dev', ...because)).toBe('dev is held already: it loses files\n');
    const { code, problems } = await workspace.refused('promote', '--level', 'dev', '--release', newer);
    expect([code, problems]).toEqual([1, [expect.stringContaining('it loses files')]]);
    expect(await workspace.done('release-hold', '--level', 'dev')).toBe('dev is not held any more\n');
    expect(await workspace.done('release-hold', '--level', 'dev')).toBe('dev: nothing to do; nothing is held there\n');
    await workspace.promote('dev', newer);
    expect(workspace.current('dev')).toEqual([newer]);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
  });

  it('is not let go by an edit of the level’s file that is not committed', async () => {
    const workspace = await LevelWorkspace.make().built(old);
    await workspace.done('hold', '--level', 'dev', ...because);
    const text = git(workspace.root, 'show', 'HEAD:levels/dev.yaml');
    workspace.write('levels/dev.yaml', `${text.slice(0, text.indexOf('held:'))}held: null\n`);
    const edited = await workspace.refused('promote', '--level', 'dev');
    expect([edited.code, edited.problems]).toEqual([
      1,
      [expect.stringMatching(/^policy-uncommitted: levels\/dev\.yaml is not as it was committed/)],
    ]);
    const explained = await workspace.run('explain', '--level', 'dev');
    expect([explained.code, explained.out]).toEqual([
      1,
      expect.stringContaining(`${old} may not go to dev: 1 file not as committed`),
    ]);
    expect(explained.out).not.toContain('dmrel promote');
    const board = await workspace.done('status');
    expect(board).toContain(`next for dev: ${old} may not go up yet\n  levels/dev.yaml is not as it was committed`);
    rmSync(join(workspace.root, 'levels/dev.yaml'));
    expect((await workspace.refused('promote', '--level', 'dev')).code).toBe(1);
    expect(subject(workspace)).toMatch(/^Hold dev: /);
  });

  it('is told of a moment at which it was, though it is over', async () => {
    const workspace = await LevelWorkspace.make().built(old);
    const on = async (day: string, ...args: string[]) => {
      process.env.GIT_COMMITTER_DATE = `${day}T12:00:00Z`;
      try {
        await workspace.done(...args, '--level', 'dev');
      } finally {
        delete process.env.GIT_COMMITTER_DATE;
      }
    };
    const explain = async (day: string) =>
      (await workspace.run('explain', '--level', 'dev', '--release', old, '--as-of', day)).out;
    await on('2020-01-01', 'hold', ...because);
    await on('2020-02-01', 'release-hold');
    expect(await explain('2020-01-15')).toContain('dev is held by');
    expect(await explain('2020-02-15')).toContain(`${old} may go to dev`);
  });

  it('stands in the history when it is over too, and so do releases that may come back and what was recommended', async () => {
    const workspace = await LevelWorkspace.make().built(old, newer);
    for (const release of [old, newer]) await workspace.promote('dev', release);
    await workspace.done('hold', '--level', 'dev', '--reason', 'disks: full at 9:00');
    await workspace.done('release-hold', '--level', 'dev');
    await workspace.done('rollback', '--level', 'dev', ...because);
    await workspace.done('release-hold', '--level', 'dev', '--release', newer);
    await workspace.done('recommend', '--level', 'dev', '--release', old);
    // What looks like one and was not made by dmrel is not one.
    workspace.write('levels/dev.yaml', `${readFileSync(join(workspace.root, 'levels/dev.yaml'), 'utf8')}# \n`);
    workspace.commit('Hold dev: by hand');
    const { code, json } = await dmrelJson(workspace.root, ['history', '--level', 'dev'], { env: workspace.env });
    const events = json.events.map(({ did, release, why }: Record<string, string>) => [did, release, why]);
    expect([code, events.sort()]).toEqual([
      0,
      [
        ['hold', undefined, 'disks: full at 9:00'],
        ['promote', old, undefined],
        ['promote', newer, undefined],
        ['recommend', old, undefined],
        ['release-hold', undefined, undefined],
        ['release-hold', newer, undefined],
        ['rollback', newer, 'it loses files'],
      ].sort(),
    ]);
    for (const { by } of json.events) expect(by).toBe('Manager first <first@example.org>');
  });
});

/** What changes a level, beside a promotion; each with what the level then has, and what must have been said before. */
const changes: [string, string[], string[], string[][]][] = [
  ['rollback', ['rollback', '--level', 'batch', ...because], [old], []],
  ['demote', ['demote', '--level', 'batch', '--release', newer, ...because], [old], []],
  ['hold', ['hold', '--level', 'batch', ...because], [newer], []],
  ['release-hold', ['release-hold', '--level', 'batch'], [newer], [['hold', '--level', 'batch', ...because]]],
  ['recommend', ['recommend', '--level', 'batch', '--release', newer], [newer], []],
];

describe.each(changes)('a %s that was killed', (verb, args, left, first) => {
  it('after any line of its journal is finished by the same command, and said once', async () => {
    const origin = await twoAtBatch({ roles: promoterRoles });
    for (const each of first) await origin.done(...each);
    const whole = origin.copy();
    const before = journalLines(whole.root).length;
    await whole.done(...args);
    const statements = evidenceFiles(whole).length;
    const lines = journalLines(whole.root).length - before;
    await inBatches(moments([...Array(lines).keys()]), 2, async (line) => {
      const workspace = origin.copy();
      const { env } = workspace;
      const { code } = await dmrel(workspace.root, args, { env, dieAt: { line: line + 1 } });
      expect([line, code]).toEqual([line, null]);
      const again = await workspace.run(...args);
      expect({ line, code: again.code, err: again.code === 0 ? '' : again.err }).toEqual({ line, code: 0, err: '' });
      expect(workspace.current('batch')).toEqual(left);
      expect(await workspace.tag('batch', 'batch')).toBe(workspace.digest(left[0]!));
      expect(git(workspace.root, 'status', '--porcelain')).toBe('');
      expect(evidenceFiles(workspace)).toHaveLength(statements);
      const { events } = JSON.parse(await workspace.done('history', '--level', 'batch', '--json'));
      const said = events.filter(({ did }: { did: string }) => did === verb);
      expect([line, said.length]).toEqual([line, 1]);
    });
  });
});

describe.each(changes.slice(0, 2))('a %s that was killed in the moment', (_verb, args, left) => {
  it('between the record and the level’s file is finished as it was begun', async () => {
    const workspace = await twoAtBatch({ roles: promoterRoles });
    const whole = workspace.copy();
    await whole.done(...args);
    for (const folder of [`releases/${newer}`, '.dmrel/registry'])
      cpSync(join(whole.root, folder), join(workspace.root, folder), { recursive: true });
    await workspace.done(...args);
    expect(workspace.current('batch')).toEqual(left);
    expect(workspace.release(newer)).toEqual(whole.release(newer));
    expect(evidenceFiles(workspace)).toEqual(evidenceFiles(whole));
    expect(await workspace.tag('batch', 'batch')).toBe(workspace.digest(left[0]!));
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
  });
});

describe('a level that keeps several releases', () => {
  const levels = { lab: '{registry: lab, keep: {weekly: 2}}' };
  const recommend = (release: string) => ['recommend', '--level', 'lab', '--release', release];

  it('has one recommended, which only a command changes, and which stays when newer ones come', async () => {
    const workspace = await LevelWorkspace.make({ levels }).built(old, newer, newest, 'w.2018.20');
    await workspace.promote('lab', old);
    await workspace.done(...recommend(old));
    for (const release of [newer, newest, 'w.2018.20']) await workspace.promote('lab', release);
    expect(workspace.current('lab')).toEqual(['w.2018.20', newest, old]);
    expect(await workspace.tag('lab', 'recommended')).toBe(workspace.digest(old));
    expect((await workspace.refused(...recommend(newer))).problems).toEqual([
      `not-at-level: ${newer} does not stand at lab`,
    ]);
    const taken = await workspace.refused('demote', '--level', 'lab', '--release', old, ...because);
    expect(taken).toEqual({ code: 1, problems: [`release-in-use: ${old} is recommended at lab`] });
    expect(await workspace.done(...recommend(newest))).toBe(`${newest} is recommended at lab\n`);
    expect(await workspace.done(...recommend(newest))).toBe(`${newest} is recommended at lab already\n`);
    expect(await workspace.tag('lab', 'recommended')).toBe(workspace.digest(newest));
  });

  it('takes none that is older than all it keeps, and says so before anything is done', async () => {
    const workspace = await LevelWorkspace.make({ levels }).built('w.2018.16', old, newer, newest);
    for (const release of [newest, newer]) await workspace.promote('lab', release);
    const up = (release: string) => workspace.refused('promote', '--level', 'lab', '--release', release);
    expect(await up(old)).toEqual({
      code: 1,
      problems: [`gate-denied: ${old} may not go to lab: ${newer}, newer than ${old}, stands at lab`],
    });
    expect(await workspace.tag('lab', old)).toBeUndefined();
    // What was there and went, when newer ones came, does not come back either.
    const other = await LevelWorkspace.make({ levels }).built(old, newer, newest);
    for (const release of [old, newer, newest]) await other.promote('lab', release);
    const again = await other.refused('promote', '--level', 'lab', '--release', old);
    expect(again).toEqual({
      code: 1,
      problems: [`gate-denied: ${old} may not go to lab: it is older than all that lab keeps`],
    });
  });

  it('goes back by one, or to any that it has', async () => {
    const workspace = await LevelWorkspace.make({ levels: { lab: '{registry: lab, keep: {weekly: 3}}' } }).built(
      old,
      newer,
      newest,
    );
    for (const release of [old, newer, newest]) await workspace.promote('lab', release);
    await workspace.done('rollback', '--level', 'lab', '--to', old, ...because);
    expect(workspace.current('lab')).toEqual([old]);
    expect(
      workspace
        .level('lab')
        .withheld!.map(({ release }) => release)
        .sort(),
    ).toEqual([newer, newest]);
  });
});

describe('what is recommended', () => {
  const recommend = (level: string, release: string) => ['recommend', '--level', level, '--release', release];

  it('stays at a level that has one release at a time, until another one is', async () => {
    const workspace = await LevelWorkspace.make().built(old, newer, newest);
    await workspace.promote('dev', old);
    await workspace.done(...recommend('dev', old));
    await workspace.promote('dev', newer);
    expect(workspace.current('dev')).toEqual([newer, old]);
    expect(await workspace.tag('dev', 'dev')).toBe(workspace.digest(newer));
    await workspace.registry('dev').tag('stack', 'recommended', workspace.digest(newer));
    expect(await workspace.done('reconcile')).toBe('1 difference set right from the records\n');
    await workspace.done(...recommend('dev', newer));
    await workspace.promote('dev', newest);
    expect(workspace.current('dev')).toEqual([newest, newer]);
  });

  it('is one at two levels whose images are in one place', async () => {
    const levels = { dev: '{registry: dev}', lab: '{registry: dev}' };
    const workspace = await LevelWorkspace.make({ levels }).built(old, newer);
    await workspace.promote('dev', old);
    await workspace.promote('lab', newer);
    await workspace.done(...recommend('dev', old));
    expect(await workspace.refused(...recommend('lab', newer))).toEqual({
      code: 1,
      problems: [expect.stringMatching(new RegExp(`^release-in-use: ${old} is recommended at dev, `))],
    });
    expect(await workspace.tag('dev', 'recommended')).toBe(workspace.digest(old));
  });
});

describe('two rollbacks in one second', () => {
  it('have a statement each', () => {
    const [at, by] = ['2018-05-03T12:00:00Z', 'Zoë <zoe@example.org>'] as [Instant, string];
    const taken = (release: string) => ({ release: release as ReleaseName, at, by, reason: 'r' });
    const first = { ...taken(newest), statement: digestOf('first') };
    const standing: LevelRecord = {
      ...{ schema: 'dmrel/level/v1', level: 'dev', current: [], held: null },
      withheld: [first, taken(newer)],
    };
    const plan = { at, details: { by, records: [{ name: newer }] } } as unknown as LevelPlan;
    const { withheld } = withHoldStatements(standing, plan, digestOf('second'));
    expect(withheld!.map(({ statement }) => statement)).toEqual([digestOf('first'), digestOf('second')]);
  });
});

describe('a workspace that has remotes', () => {
  it('changes no level where its records would be pushed nowhere: nobody else could be kept out', async () => {
    const workspace = await LevelWorkspace.make().built(old);
    workspace.withUpstream();
    const refused = async (...args: string[]) => (await workspace.refused(...args, '--level', 'dev')).problems;
    git(workspace.root, 'switch', '--quiet', '--detach');
    const detached = [
      'workspace-lacks: the workspace is on no branch (its HEAD is detached), so its records would be pushed nowhere',
    ];
    expect(await refused('promote')).toEqual(detached);
    expect(await refused('hold', ...because)).toEqual(detached);
    git(workspace.root, 'switch', '--quiet', '--no-track', '--create', 'mine');
    expect(await refused('promote')).toEqual([
      'workspace-lacks: branch mine follows none at a remote, so its records would be pushed nowhere',
    ]);
    git(workspace.root, 'switch', '--quiet', 'main');
    await workspace.promote('dev', old);
  });
});

describe('a release that another one replaced', () => {
  it('comes back by the gate alone, though its record says that it was let up once', async () => {
    const workspace = await LevelWorkspace.make({ images: ['stack', 'lab'] }).built(old, newer);
    await workspace.promote('dev', old);
    await workspace.promote('dev', newer, '--image', 'stack');
    const again = ['promote', '--level', 'dev', '--release', old];
    const { code, problems } = await workspace.refused(...again);
    expect([code, problems]).toEqual([1, [expect.stringContaining(`${newer}, newer than ${old}, stands at dev`)]]);
    expect(await workspace.done(...again, '--image', 'lab')).toContain('nothing to do');
    await workspace.done('hold', '--level', 'dev', ...because);
    expect((await workspace.refused(...again)).problems).toHaveLength(2);
    expect(await workspace.tag('dev', 'dev')).toBe(workspace.digest(newer));
  });
});

describe('a promotion that was killed before its commit', () => {
  it('keeps no other one out, and what somebody adds to its records does', async () => {
    const template = await LevelWorkspace.make({ roles: promoterRoles }).built(old, newer);
    const args = ['promote', '--level', 'dev', '--release', old];
    let workspace = template;
    for (let line = 14; !existsSync(join(workspace.root, 'levels/dev.yaml')); line += 1) {
      workspace = template.copy();
      await dmrel(workspace.root, args, { env: workspace.env, dieAt: { line } });
    }
    expect(git(workspace.root, 'ls-files', 'levels')).toBe('');
    const file = 'levels/dev.yaml';
    const text = readFileSync(join(workspace.root, file), 'utf8');
    workspace.write(file, text.replace(/since: "\d+/, 'since: "2000'));
    expect((await workspace.refused('promote', '--level', 'dev', '--release', newer)).problems).toEqual([
      expect.stringMatching(/^policy-uncommitted: levels\/dev\.yaml/),
    ]);
    workspace.write(file, text);
    await workspace.promote('dev', newer);
    await workspace.done(...args);
    expect(workspace.current('dev')).toEqual([newer]);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
  });
});

describe('the soak of a release that another one replaced', () => {
  it('ends when that came, unless the level keeps both or it was put back', async () => {
    const after = 'registry: batch, after: [dev], soak: 1h';
    for (const keep of ['', ', keep: {weekly: all}']) {
      const workspace = await LevelWorkspace.make({
        levels: { dev: `{registry: dev${keep}}`, batch: `{${after}}` },
      }).built(old, newer);
      for (const release of [old, newer]) await workspace.promote('dev', release);
      cameAgo(workspace, old, 2);
      cameAgo(workspace, newer, 0.5);
      const states = async (release: string) =>
        (await workspace.run('explain', '--level', 'batch', '--release', release)).out;
      expect(await states(newer)).toContain('has stood at dev for 30m');
      expect(await states(old)).toContain(keep === '' ? 'stood at dev for 1h 30m' : 'stood at dev for 2h');
      if (keep !== '') continue;
      await workspace.done('rollback', '--level', 'dev', ...because);
      expect(await states(old)).toMatch(/has stood at dev for \d+s of 1h/);
    }
  });
});

describe('a promotion of some images', () => {
  it('leaves the others owed, and in their place what stood there', async () => {
    const workspace = await LevelWorkspace.make({ images: ['stack', 'lab'] }).built(old, newer);
    await workspace.promote('dev', old);
    const out = await workspace.promote('dev', newer, '--image', 'stack');
    expect(out).toContain('lab is not there yet');
    expect(workspace.level('dev').current.map(({ release, images }) => [release, Object.keys(images)])).toEqual([
      [newer, ['stack']],
      [old, ['lab']],
    ]);
    expect(await workspace.tag('dev', 'dev', 'lab')).toBe(workspace.digest(old, 'lab'));
    const later = await workspace.refused('promote', '--level', 'batch', '--release', newer);
    expect(later.problems).toEqual([expect.stringContaining('dev has no lab of')]);
    await workspace.promote('dev', newer);
    expect(workspace.current('dev')).toEqual([newer]);
    expect(workspace.release(newer).promotions!.map(({ images }) => Object.keys(images))).toEqual([['stack'], ['lab']]);
    expect(await workspace.tag('dev', 'dev', 'lab')).toBe(workspace.digest(newer, 'lab'));
    expect(await workspace.done('rollback', '--level', 'dev', ...because)).toContain(`${old} stands there`);
    expect(Object.keys(workspace.level('dev').current[0]!.images).sort()).toEqual(['lab', 'stack']);
  });

  it('asks the gate for an image that is not built, though another stands there', async () => {
    const workspace = await LevelWorkspace.make({ images: ['stack', 'lab'] }).built(old);
    const file = `releases/${old}/release.yaml`;
    const text = git(workspace.root, 'show', `HEAD:${file}`);
    workspace.write(file, `${text.slice(0, text.indexOf('  lab:'))}${text.slice(text.indexOf('  stack:'))}\n`);
    workspace.commit();
    await workspace.promote('dev', old, '--image', 'stack');
    for (const more of [['--image', 'lab'], []]) {
      const { code, problems } = await workspace.refused('promote', '--level', 'dev', '--release', old, ...more);
      expect([code, problems]).toEqual([1, [`gate-denied: ${old} may not go to dev: lab of ${old} is not built`]]);
    }
    expect(await workspace.promote('dev', old, '--image', 'stack')).toContain('nothing to do');
  });

  it('does not take an empty list for all of them', async () => {
    const workspace = await LevelWorkspace.make({ images: ['stack', 'lab'] }).built(old);
    for (const args of [
      ['promote', '--level', 'dev', '--image', ''],
      ['promote', '--level', 'dev', '--image', ','],
      ['check', '--level', 'dev', '--check', ''],
      ['build', '--release', old, '--only', ' , '],
    ]) {
      const { code, problems } = await workspace.refused(...args);
      expect([code, problems]).toEqual([2, [expect.stringMatching(/^usage: --(image|check|only) names nothing$/)]]);
    }
  });

  it('counts the soak from when what is asked for came, and not another image', async () => {
    const levels = { dev: '{registry: dev}', batch: '{registry: batch, after: [dev], soak: 1h}' };
    const workspace = await LevelWorkspace.make({ images: ['stack', 'lab'], levels }).built(old);
    await workspace.promote('dev', old, '--image', 'stack');
    cameAgo(workspace, old, 2);
    await workspace.promote('dev', old, '--image', 'lab');
    expect((await workspace.refused('promote', '--level', 'batch', '--image', 'lab')).problems).toEqual([
      expect.stringContaining('gate-deferred'),
    ]);
    await workspace.promote('batch', old, '--image', 'stack');
  });

  it('knows only images that are meant for the level', async () => {
    const workspace = await LevelWorkspace.make().built(old);
    const { code, problems } = await workspace.refused('promote', '--level', 'dev', '--image', 'stakc');
    expect([code, problems]).toEqual([2, ["unknown-image: no image 'stakc' is meant for dev"]]);
  });
});

describe('dmrel reconcile', () => {
  it('finds tags that were moved and content that is gone, and sets both right from the records', async () => {
    const workspace = await twoAtBatch();
    const batch = workspace.registry('batch');
    await batch.tag('stack', 'batch', workspace.digest(old));
    await batch.tag('stack', newer, workspace.digest(old));
    const look = await workspace.refused('reconcile', '--dry-run');
    expect(look.code).toBe(1);
    expect(look.problems).toEqual([
      expect.stringContaining(`level-drift: batch/stack:${newer} names something else`),
      expect.stringContaining('level-drift: batch/stack:batch names something else'),
    ]);
    expect(await workspace.done('reconcile')).toBe('2 differences set right from the records\n');
    expect(await workspace.tag('batch', 'batch')).toBe(workspace.digest(newer));
    await batch.deleteManifest('stack', workspace.digest(newer));
    expect((await workspace.refused('reconcile', '--dry-run')).problems).toHaveLength(3);
    await workspace.done('reconcile', '--level', 'batch');
    expect(await workspace.tag('batch', newer)).toBe(workspace.digest(newer));
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
  });

  it('knows what stands at another level in the same registry', async () => {
    const one = '"layout:.dmrel/registry/dev"';
    const workspace = await LevelWorkspace.make({
      levels: { dev: '{registry: dev}', lab: '{registry: lab}', batch: '{registry: batch}' },
    }).built(old, newer);
    const config = readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8');
    workspace.write('dmrel.yaml', config.replace('lab: layout:.dmrel/registry/lab', `lab: ${one}`));
    workspace.commit();
    await workspace.promote('dev', newer);
    await workspace.promote('lab', old);
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
  });

  it('invents nothing: a tag that is in no record is told and left', async () => {
    const workspace = await twoAtBatch();
    await workspace.registry('batch').tag('stack', newest, workspace.digest(old));
    const { code, out } = await workspace.run('reconcile', '--level', 'batch');
    expect([code, out]).toEqual([
      1,
      `nothing was set right; 1 difference left alone\n  batch/stack:${newest} is in no record\n`,
    ]);
    expect(await workspace.tag('batch', newest)).toBe(workspace.digest(old));
  });
});
