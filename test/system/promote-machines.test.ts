import '../support/as-built.ts';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { dmrel, type Ended } from '../support/dmrel.ts';
import { journalLines } from '../support/journals.ts';
import { LevelWorkspace, promoterRoles } from '../support/level-workspace.ts';
import { git } from '../support/release-workspace.ts';
import { atLeast, moments, rounds } from '../support/sample.ts';
import { inBatches } from '../support/upstream.ts';

const [old, newer, newest] = ['w.2018.17', 'w.2018.18', 'w.2018.19'] as [string, string, string];
const promote = (release: string) => ['promote', '--level', 'dev', '--release', release];

/** Two clones of one upstream, and one registry for both: what machines share. One release stands at dev. */
async function twoMachines(options: object = {}): Promise<LevelWorkspace> {
  const first = await LevelWorkspace.make(options).built(old, newer, newest);
  await first.promote('dev', old);
  const [second] = first.withUpstream('second') as [LevelWorkspace];
  mkdirSync(join(second.root, '.dmrel'));
  symlinkSync('../../workspace/.dmrel/registry', join(second.root, '.dmrel/registry'));
  return first;
}

const machines = (first: LevelWorkspace): [LevelWorkspace, LevelWorkspace] => {
  return [first, first.at(join(dirname(first.root), 'second'))];
};

const upstreamFile = (first: LevelWorkspace, path: string) => parse(git(first.upstream, 'show', `main:${path}`));
const refs = (first: LevelWorkspace) => git(first.upstream, 'for-each-ref', '--format=%(refname)').split('\n');

/** The level as the record has it and as the registry has it are one, and nobody has it. */
async function expectToStand(first: LevelWorkspace, release: string): Promise<void> {
  const { current } = upstreamFile(first, 'levels/dev.yaml');
  expect(current.map((each: { release: string }) => each.release)).toEqual([release]);
  const { promotions } = upstreamFile(first, `releases/${release}/release.yaml`);
  expect(promotions.map(({ level }: { level: string }) => level)).toEqual(['dev']);
  expect(await first.tag('dev', 'dev')).toBe(first.digest(release));
  expect(await first.tag('dev', release)).toBe(first.digest(release));
  expect(refs(first)).toEqual(['refs/heads/main']);
}

describe('two promoters to one level at once', () => {
  it('end with one winner, a true level file, tags that agree with it, and a loser that is told, fifty times', async () => {
    const template = await twoMachines();
    let told = 0;
    await inBatches([...Array(rounds(50)).keys()], 2, async (turn) => {
      const first = template.copy();
      const pair = machines(first);
      const releases = turn % 2 === 0 ? [newer, newest] : [newest, newer];
      // Most in this process, as machines would be with nothing between them; some as processes.
      const go = (each: LevelWorkspace, args: string[]): Promise<Ended> =>
        turn % 10 === 0 ? dmrel(each.root, args) : each.run(...args);
      const runs = await Promise.all(pair.map((each, index) => go(each, promote(releases[index]!))));
      expect(runs.map(({ code }) => code).sort()).toEqual([0, 4]);
      const won = runs.findIndex(({ code }) => code === 0);
      await expectToStand(first, releases[won]!);
      expect(await first.tag('dev', releases[1 - won]!)).toBeUndefined();
      const { err } = runs[1 - won]!;
      expect(err).toMatch(
        /dev is being changed by Manager (first|second)|by Manager (first|second) .* at \d{4}-|somebody has just changed dev|has commits that this workspace does not have/,
      );
      if (/Manager (first|second)/.test(err)) told += 1;
      if (turn % 5 > 0) return; // what follows costs more
      const loser = pair[1 - won]!;
      git(loser.root, 'pull', '--quiet', '--rebase');
      const again = await loser.run(...promote(releases[1 - won]!));
      const last = releases[1 - won] === newest;
      expect(again.code).toBe(last ? 0 : 1);
      if (!last) expect(again.err).toContain(`${newest}, newer than ${newer}`);
      await expectToStand(first, newest);
      rmSync(dirname(first.root), { recursive: true, force: true });
    });
    expect(told).toBeGreaterThan(atLeast(25));
  }, 500_000);

  it('in one clone are one after the other', async () => {
    const [first] = machines(await twoMachines());
    const runs = await Promise.all([newer, newest].map((release) => dmrel(first.root, promote(release))));
    const codes = runs.map(({ code }) => code).sort();
    expect([
      [0, 4],
      [0, 0],
      [0, 1],
    ]).toContainEqual(codes);
    for (const { code, err } of runs) if (code === 4) expect(err).toMatch(/'dmrel promote .*' is at work here/);
    await expectToStand(first, first.current('dev')[0]!);
  });
});

describe('records that others push beside', () => {
  const levels = { dev: '{registry: dev}', lab: '{registry: lab}' };
  const to = (level: string) => ['promote', '--level', level, '--release', old];

  it('are kept with theirs: two levels of one release at once, twenty times', async () => {
    const template = await twoLevels();
    let both = 0;
    await inBatches([...Array(rounds(20)).keys()], 2, async (turn) => {
      const first = template.copy();
      const pair = machines(first);
      const go = (each: LevelWorkspace, args: string[]): Promise<Ended> =>
        turn % 5 === 0 ? dmrel(each.root, args) : each.run(...args);
      const runs = await Promise.all([go(pair[0], to('dev')), go(pair[1], to('lab'))]);
      // Who was so late that the other's records are there already is told before anything moves.
      const late = runs.findIndex(({ code }) => code !== 0);
      if (late === -1) both += 1;
      else {
        expect(runs[late]!.err).toContain('has commits that this workspace does not have');
        git(pair[late]!.root, 'pull', '--quiet', '--rebase');
        expect((await pair[late]!.run(...to(late === 0 ? 'dev' : 'lab'))).code).toBe(0);
      }
      const { promotions } = upstreamFile(first, `releases/${old}/release.yaml`);
      expect(promotions.map(({ level }: { level: string }) => level).sort()).toEqual(['dev', 'lab']);
      for (const level of ['dev', 'lab']) {
        expect(upstreamFile(first, `levels/${level}.yaml`).current).toMatchObject([{ release: old }]);
        expect(await first.tag(level, level)).toBe(first.digest(old));
      }
      expect(refs(first)).toEqual(['refs/heads/main']);
      for (const each of pair) {
        expect(git(each.root, 'status', '--porcelain')).toBe('');
        git(each.root, 'pull', '--quiet', '--ff-only');
        expect(git(each.root, 'log', '--format=%an', '-2').split('\n').sort()).toEqual([
          'Manager first',
          'Manager second',
        ]);
      }
      rmSync(dirname(first.root), { recursive: true, force: true });
    });
    expect(both).toBeGreaterThan(0);
  }, 300_000);

  /** Somebody pushes in the moment before the records are: with a hook, as no test is quick enough. */
  function pushFirst(first: LevelWorkspace, change: (other: LevelWorkspace) => void): void {
    const other = machines(first)[1];
    change(other);
    other.commit('by hand');
    const once = join(dirname(first.root), 'once');
    const hook = join(first.root, '.git/hooks/pre-push');
    const push = `git -C '${other.root}' push --quiet origin HEAD:main`;
    mkdirSync(dirname(hook), { recursive: true });
    // The lease is pushed without hooks.
    writeFileSync(
      hook,
      `#!/bin/sh\nunset $(git rev-parse --local-env-vars)\n[ -e '${once}' ] || { touch '${once}'; ${push}; }\n`,
    );
    chmodSync(hook, 0o755);
  }

  it('by hand, elsewhere', async () => {
    const first = (await twoLevels()).copy();
    pushFirst(first, (other) => other.write('milestones/new.yaml', 'schema: dmrel/milestones/v1\nmilestones: {}\n'));
    writeFileSync(join(first.root, 'notes.txt'), "not committed, and in nobody's way\n");
    const { code, err } = await first.run(...to('dev'));
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(git(first.upstream, 'log', '--format=%s', '-2', 'main').split('\n')).toEqual([
      `Promote ${old} to dev`,
      'by hand',
    ]);
    expect(existsSync(join(first.root, 'milestones/new.yaml'))).toBe(true);
    expect(git(first.root, 'status', '--porcelain')).toBe('?? notes.txt');
    expect(git(first.root, 'log', '--max-count=1', '--format=%(trailers:key=Dmrel-Level,valueonly)').trim()).toBe(
      'dev',
    );
    expect((await first.run(...to('dev'))).out).toContain('nothing to do');
  });

  it.each<[string, (first: LevelWorkspace) => void, (other: LevelWorkspace) => void]>([
    [
      'that says something else of the release',
      () => {},
      (other) => {
        const file = `releases/${old}/release.yaml`;
        const text = readFileSync(join(other.root, file), 'utf8');
        other.write(file, `${text.trimEnd()}\npromotions: nobody\n`);
      },
    ],
    [
      'where something that is not committed is in the way',
      (first) => first.write('milestones/new.yaml', 'mine\n'),
      (other) => other.write('milestones/new.yaml', 'theirs\n'),
    ],
    [
      'where a commit of a person is not pushed',
      (first) => {
        first.write('mine.txt', 'mine\n');
        first.commit('my own');
      },
      (other) => other.write('milestones/new.yaml', 'theirs\n'),
    ],
  ])('by hand, %s, keep them out; nothing is lost', async (_name, before, change) => {
    const first = (await twoLevels()).copy();
    pushFirst(first, change);
    before(first);
    const { code, err } = await first.run(...to('dev'));
    expect([code, err]).toEqual([4, expect.stringContaining('git pull --rebase, then run the same command again')]);
    expect(git(first.upstream, 'log', '--format=%s', '-1', 'main')).toBe('by hand');
    expect(git(first.root, 'log', '--format=%s', '-1')).toBe(`Promote ${old} to dev`);
    expect(parse(readFileSync(join(first.root, 'levels/dev.yaml'), 'utf8')).current).toMatchObject([{ release: old }]);
    expect(readdirSync(join(first.root, '.dmrel/drafts'))).toEqual([]);
  });

  async function twoLevels(): Promise<LevelWorkspace> {
    const first = await LevelWorkspace.make({ levels }).built(old);
    const [second] = first.withUpstream('second') as [LevelWorkspace];
    mkdirSync(join(second.root, '.dmrel'));
    symlinkSync('../../workspace/.dmrel/registry', join(second.root, '.dmrel/registry'));
    return first;
  }
});

describe('a promotion that was killed anywhere', () => {
  it('is finished by the same command, or by another machine, and never shows what is not whole', async () => {
    const template = await twoMachines({ roles: promoterRoles });
    const { env } = template;
    const whole = template.copy();
    const before = journalLines(whole.root).length;
    await whole.done(...promote(newer));
    const lines = journalLines(whole.root).length - before;
    expect(lines).toBeGreaterThan(10);
    await inBatches(moments([...Array(lines).keys()]), 2, async (turn) => {
      const first = template.copy();
      const [one, other] = machines(first);
      // Right after the line, or in the middle of what follows it.
      const afterMs = turn % 3 === 2 ? 4 : 0;
      const ended = await dmrel(one.root, promote(newer), { env, dieAt: { line: turn + 1, afterMs } });
      if (afterMs === 0) expect([turn, ended.code]).toEqual([turn, null]);
      // What a deployment reads is the level of before or of after; what a tag names is whole.
      expect([old, newer]).toContain(upstreamFile(first, 'levels/dev.yaml').current[0].release);
      for (const tag of ['dev', newer]) {
        const digest = await first.tag('dev', tag);
        expect([undefined, first.digest(old), first.digest(newer)]).toContain(digest);
      }
      const next = turn % 2 === 0 ? one : other;
      if (next === other) git(other.root, 'pull', '--quiet', '--rebase');
      const again = await dmrel(next.root, promote(newer), { env });
      expect({ turn, code: again.code, err: again.code === 0 ? '' : again.err }).toEqual({ turn, code: 0, err: '' });
      await expectToStand(first, newer);
      expect(git(next.root, 'status', '--porcelain')).toBe('');
      const folder = join(next.root, `releases/${newer}/evidence`);
      const { statements } = next.release(newer).promotions![0]!;
      // Signed once, whoever did it.
      if (next === one) expect(readdirSync(folder)).toEqual([`${statements!.stack!.slice(7)}.json`]);
      const third = await dmrel(next.root, promote(newer), { env });
      expect([third.code, third.out]).toEqual([0, expect.stringContaining('nothing to do')]);
      rmSync(dirname(first.root), { recursive: true, force: true });
    });
  }, 500_000);

  it('keeps the level to itself where nobody can see that it is dead, until somebody says so', async () => {
    const [first, second] = machines(await twoMachines());
    const { code } = await dmrel(first.root, promote(newer), { dieAt: { line: 6 } });
    expect(code).toBeNull();
    const ref = 'refs/dmrel/levels/dev';
    const lease = JSON.parse(git(first.upstream, 'cat-file', 'blob', ref));
    lease.process = { ...lease.process, host: 'elsewhere', space: 'another machine' };
    writeFileSync(join(dirname(first.root), 'lease'), JSON.stringify(lease));
    git(
      first.upstream,
      'update-ref',
      ref,
      git(first.upstream, 'hash-object', '-w', join(dirname(first.root), 'lease')),
    );
    const told = await second.run(...promote(newest));
    expect([told.code, told.err]).toEqual([
      4,
      expect.stringMatching(
        /locked {2}dev is being changed by Manager first <.*> on elsewhere since .*: promote w\.2018\.18\n.*--take-over/,
      ),
    ]);
    expect((await second.run(...promote(newest), '--take-over')).code).toBe(0);
    await expectToStand(first, newest);
    // It comes back, and may not undo what came after it.
    const back = await first.run(...promote(newer));
    expect([back.code, back.err]).toEqual([4, expect.stringContaining("'Promote w.2018.19 to dev' by Manager second")]);
    await expectToStand(first, newest);
  });

  it('holds a lease that nobody can read against nobody for ever: it says how to take it away', async () => {
    const [first] = machines(await twoMachines());
    const blob = join(dirname(first.root), 'lease');
    for (const text of ['', '{}', '{"schema":"dmrel/lease/v1","level":"dev","process":null}', 'x'.repeat(2000)]) {
      writeFileSync(blob, text);
      git(first.upstream, 'update-ref', 'refs/dmrel/levels/dev', git(first.upstream, 'hash-object', '-w', blob));
      const { code, err } = await first.run(...promote(newer));
      expect([code, err]).toEqual([4, expect.stringContaining('git push origin :refs/dmrel/levels/dev')]);
    }
    expect(existsSync(join(first.root, '.dmrel/registry/dev/stack'))).toBe(true);
    expect(await first.tag('dev', newer)).toBeUndefined();
  });
});
