import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { git, ReleaseWorkspace } from '../support/release-workspace.ts';
import { aManifest, branch, commitsAt, done, recordIn, refuse, tagByHand } from '../support/tags.ts';

const date = ['--date', '2018-05-03'];
const weekly = ['tag', 'weekly', ...date];
const candidate = ['tag', 'candidate', '18.1.0', ...date];
const release = ['tag', 'release', '18.1.0', ...date];
const heads = (workspace: ReleaseWorkspace) => workspace.products.map((product) => workspace.head(product));
const codes = (json: { problems: { code: string; subject?: string }[] }) => json.problems.map(({ code }) => code);

/** Run a command that must find nothing to do. */
async function nothingToDo(workspace: ReleaseWorkspace, args: string[], name: string): Promise<string> {
  const before = workspace.state();
  const { out, err } = await done(workspace, args);
  expect(out).toBe(
    `${name}: nothing to do; ${workspace.products.length} repositories in sync, recorded in releases/${name}/release.yaml\n`,
  );
  expect(workspace.state()).toBe(before);
  return err;
}

describe('dmrel tag daily', () => {
  it('gives the tag of the day, and changes nothing the second time', async () => {
    const workspace = new ReleaseWorkspace(2);
    const daily = ['tag', 'daily', '--date', '2018-05-08'];
    const { out } = await done(workspace, daily);
    expect(out).toBe(
      'd.2018.05.08: 2 repositories tagged from the heads of their branches (2 new), recorded in releases/d.2018.05.08/release.yaml\n',
    );
    expect(commitsAt(workspace, 'd.2018.05.08')).toEqual(heads(workspace));
    expect(recordIn(workspace, 'd.2018.05.08')).toMatchObject({
      name: 'd.2018.05.08',
      kind: 'daily',
      date: '2018-05-08',
      source: { manifest: null, contentId: expect.stringMatching(/^[0-9a-f]{40}$/) },
      previous: null,
    });
    await nothingToDo(workspace, daily, 'd.2018.05.08');
  });

  it('names a day that does not exist', async () => {
    const { code, err } = await dmrel(new ReleaseWorkspace(1).root, ['tag', 'daily', '--date', '2018-02-30']);
    expect([code, err]).toEqual([2, expect.stringContaining("there is no day '2018-02-30'")]);
  });
});

describe('dmrel tag weekly by the US rule', () => {
  it('counts weeks as dmrel.yaml says, and explains what that does', async () => {
    const newYear = ['tag', 'weekly', '--date', '2021-01-01'];
    const workspace = new ReleaseWorkspace(2, 'tags: {weekRule: us}\n');
    const { err } = await done(workspace, newYear);
    expect(err).toContain(
      '2021-01-01 is in week 1 of 2021 (US, weeks begin on Sunday and week 1 has 1 January); by the ISO rule it is week 53 of 2020\n',
    );
    expect(workspace.tagged('w.2021.01')).toEqual(workspace.products);
    await nothingToDo(workspace, newYear, 'w.2021.01');

    const iso = new ReleaseWorkspace(1);
    const said = await done(iso, newYear);
    expect(said.err).not.toContain('week');
    expect(iso.tagged('w.2020.53')).toEqual(iso.products);
  });
});

describe('what a record says of where a release comes from', () => {
  it('has the release of its kind before it and what changed since: products that came, went and moved', async () => {
    const workspace = new ReleaseWorkspace(4);
    await done(workspace, [...weekly, '--except', 'p03']);
    workspace.addCommits('p01', 1);
    await done(workspace, ['tag', 'daily', ...date]);
    await done(workspace, ['tag', 'weekly', '--date', '2018-05-10', '--except', 'p00']);
    const { previous, changes } = recordIn(workspace, 'w.2018.19');
    expect({ previous, changes }).toEqual({
      previous: 'w.2018.18',
      changes: { added: ['p03'], removed: ['p00'], moved: ['p01'] },
    });
    // One made late for an earlier week has the one before that week.
    await done(workspace, ['tag', 'weekly', '--date', '2018-04-26']);
    expect(recordIn(workspace, 'w.2018.17').previous).toBeNull();
    expect(recordIn(workspace, 'w.2018.17').changes).toBeUndefined();
  });

  it('has the manifest, or the branches', async () => {
    const workspace = new ReleaseWorkspace(2);
    aManifest(workspace, 'b42');
    await done(workspace, [...weekly, '--manifest', 'b42']);
    expect(recordIn(workspace, 'w.2018.18').source).toEqual({ manifest: 'b42', contentId: expect.any(String) });
    const there = branch(workspace, 'p01', 'main-dev');
    await done(workspace, ['tag', 'daily', ...date, '--ref', 'tickets/DM-1,main-dev']);
    expect(recordIn(workspace, 'd.2018.05.03').source).toMatchObject({ refs: ['tickets/DM-1', 'main-dev'] });
    expect(commitsAt(workspace, 'd.2018.05.03')).toEqual([workspace.head('p00'), there]);
    expect(git(workspace.remote('p01'), 'cat-file', 'tag', 'd.2018.05.03')).toContain(
      'Version d.2018.05.03 release from tickets/DM-1 main-dev',
    );
  });

  it('has equal content ids for equal commits, and others for others', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    await done(workspace, ['tag', 'daily', ...date]);
    workspace.addCommits('p00', 1);
    await done(workspace, ['tag', 'daily', '--date', '2018-05-04']);
    const [week, day, next] = ['w.2018.18', 'd.2018.05.03', 'd.2018.05.04'].map(
      (name) => recordIn(workspace, name).source.contentId,
    );
    expect(day).toBe(week);
    expect(next).not.toBe(week);
  });
});

describe('branches that dmrel.yaml names for a kind', () => {
  const config = 'tags: {weekly: {ref: [main-dev]}}\n';

  it('give the commits where the command line says nothing of them', async () => {
    const workspace = new ReleaseWorkspace(2, config);
    const there = branch(workspace, 'p00', 'main-dev');
    await done(workspace, weekly);
    expect(commitsAt(workspace, 'w.2018.18')).toEqual([there, workspace.head('p01')]);
    expect(recordIn(workspace, 'w.2018.18').source.refs).toEqual(['main-dev']);
    await nothingToDo(workspace, weekly, 'w.2018.18');
  });

  it('do not stand against a record that was made otherwise, nor against a change of dmrel.yaml', async () => {
    const workspace = new ReleaseWorkspace(2, config);
    branch(workspace, 'p00', 'main-dev');
    aManifest(workspace, 'b42');
    await done(workspace, [...weekly, '--manifest', 'b42']);
    expect(commitsAt(workspace, 'w.2018.18')).toEqual(heads(workspace));
    await nothingToDo(workspace, weekly, 'w.2018.18');
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml').replace('main-dev', 'other'));
    workspace.commitAll();
    await nothingToDo(workspace, weekly, 'w.2018.18');
    const { code, json } = await dmrelJson(workspace.root, [...weekly, '--ref', 'main-dev']);
    expect([code, codes(json)]).toEqual([1, ['record-conflict']]);
  });
});

describe('dmrel tag candidate', () => {
  it('makes the first of the commits of a weekly, and no second one of the same', async () => {
    const workspace = new ReleaseWorkspace(3);
    aManifest(workspace, 'b42');
    await done(workspace, [...weekly, '--manifest', 'b42']);
    const wanted = heads(workspace);
    for (const product of workspace.products) workspace.addCommits(product, 1);
    const first = await done(workspace, [...candidate, '--from', 'w.2018.18']);
    expect(first.out).toBe(
      `v18.1.0.rc1: 3 repositories tagged from w.2018.18, content ${recordIn(workspace, 'w.2018.18').source.contentId.slice(0, 12)} (3 new), recorded in releases/v18.1.0.rc1/release.yaml\n`,
    );
    expect(commitsAt(workspace, 'v18.1.0.rc1')).toEqual(wanted);
    const record = recordIn(workspace, 'v18.1.0.rc1');
    expect(record).toMatchObject({ kind: 'candidate', date: '2018-05-03', previous: null });
    expect(record.source).toEqual({
      manifest: 'b42',
      from: 'w.2018.18',
      contentId: recordIn(workspace, 'w.2018.18').source.contentId,
    });
    expect(record.products.p00.version).toBe('1.0+1');

    const said = await nothingToDo(workspace, [...candidate, '--from', 'w.2018.18'], 'v18.1.0.rc1');
    expect(said).toContain('v18.1.0.rc1 has just these commits\n');
    expect((await dmrelJson(workspace.root, [...candidate, '--from', 'w.2018.18'])).json).toMatchObject({
      status: 'done',
      changed: false,
      plan: { release: 'v18.1.0.rc1' },
    });
    expect(workspace.tagged('v18.1.0.rc2')).toEqual([]);
  });

  it('makes the next of a branch where a repository has it, and of the candidate before elsewhere', async () => {
    const workspace = new ReleaseWorkspace(3);
    aManifest(workspace, 'b42');
    await done(workspace, [...weekly, '--manifest', 'b42']);
    await done(workspace, [...candidate, '--from', 'w.2018.18']);
    const [first, , third] = commitsAt(workspace, 'v18.1.0.rc1');
    const backport = branch(workspace, 'p01', '18.1.x', 'v18.1.0.rc1^{commit}');
    for (const product of workspace.products) workspace.addCommits(product, 2);
    const second = [...candidate, '--ref', '18.1.x', '--from', 'v18.1.0.rc1'];
    const { out } = await done(workspace, second);
    expect(out).toContain('v18.1.0.rc2: 3 repositories tagged from 18.1.x v18.1.0.rc1 (3 new)');
    expect(commitsAt(workspace, 'v18.1.0.rc2')).toEqual([first, backport, third]);
    const record = recordIn(workspace, 'v18.1.0.rc2');
    expect(record.previous).toBe('v18.1.0.rc1');
    expect(record.changes).toEqual({ added: [], removed: [], moved: ['p01'] });
    // They are no longer the commits of the manifest, nor is p01 of the version that it had.
    expect(record.source).toEqual({ from: 'v18.1.0.rc1', refs: ['18.1.x'], contentId: expect.any(String) });
    expect(record.source.contentId).not.toBe(recordIn(workspace, 'v18.1.0.rc1').source.contentId);
    expect([record.products.p00.version, record.products.p01.version]).toEqual(['1.0+1', undefined]);
    expect(git(workspace.remote('p00'), 'cat-file', 'tag', 'v18.1.0.rc2')).toContain('from 18.1.x v18.1.0.rc1');

    expect(await nothingToDo(workspace, second, 'v18.1.0.rc2')).toContain('v18.1.0.rc2 has just these commits');
  });

  it('counts rc10 after rc9, takes a number that is named, and one version however it is written', async () => {
    const workspace = new ReleaseWorkspace(1);
    await done(workspace, ['tag', 'candidate', '18.1.0.rc9', ...date]);
    workspace.addCommits('p00', 1);
    await done(workspace, candidate);
    expect(recordIn(workspace, 'v18.1.0.rc10').previous).toBe('v18.1.0.rc9');
    workspace.addCommits('p00', 1);
    await done(workspace, ['tag', 'candidate', 'v18.1', ...date]);
    expect(workspace.tagged('v18.1.0.rc11')).toEqual(['p00']);
    await nothingToDoOf(workspace, ['tag', 'candidate', '18.1.0.rc9', ...date], 'v18.1.0.rc9');
    for (const wrong of ['18', '18.1.0.rc0', '18.01.0', '18.1.0-rc1', 'w.2018.18'])
      expect(await dmrel(workspace.root, ['tag', 'candidate', wrong])).toMatchObject({
        code: 2,
        err: expect.stringContaining(`'${wrong}' is no version`),
      });
  });

  it('goes on with the same one when a run was killed, whatever the branches have become', async () => {
    for (const kill of [2, 5, 9, 12, 14]) {
      const workspace = new ReleaseWorkspace(3);
      const wanted = heads(workspace);
      const killed = await dmrel(workspace.root, candidate, { dieAt: { line: kill } });
      expect(killed.code).toBeNull();
      for (const product of workspace.products) workspace.addCommits(product, 1);
      await done(workspace, candidate);
      expect(commitsAt(workspace, 'v18.1.0.rc1')).toEqual(wanted);
      expect(git(workspace.root, 'tag', '--list')).toBe('v18.1.0.rc1');
      expect(git(workspace.root, 'status', '--porcelain')).toBe('');
      // What the killed run made is not taken for what was there before it.
      for (const each of Object.values(recordIn(workspace, 'v18.1.0.rc1').products))
        expect(each).not.toHaveProperty('preexisting');
    }
  });

  it('finishes one whose record is written and not committed before it makes another', async () => {
    const workspace = new ReleaseWorkspace(2);
    const wanted = heads(workspace);
    const lock = join(workspace.root, '.git/index.lock');
    writeFileSync(lock, '');
    expect((await dmrel(workspace.root, candidate)).code).toBe(4);
    expect(recordIn(workspace, 'v18.1.0.rc1').name).toBe('v18.1.0.rc1');
    for (const product of workspace.products) workspace.addCommits(product, 1);
    rmSync(lock);
    await done(workspace, candidate);
    expect(git(workspace.root, 'tag', '--list')).toBe('v18.1.0.rc1');
    expect(commitsAt(workspace, 'v18.1.0.rc1')).toEqual(wanted);
    // Then the next.
    await done(workspace, candidate);
    expect(commitsAt(workspace, 'v18.1.0.rc2')).toEqual(heads(workspace));
  });

  it('makes the next though an end of the last was never written down, when all of it is there', async () => {
    const workspace = new ReleaseWorkspace(2);
    const lock = join(workspace.root, '.git/index.lock');
    writeFileSync(lock, '');
    expect((await dmrel(workspace.root, candidate)).code).toBe(4);
    rmSync(lock);
    workspace.commitAll();
    git(workspace.root, 'tag', '-a', '-m', 'by hand', 'v18.1.0.rc1');
    for (const product of workspace.products) workspace.addCommits(product, 1);
    await done(workspace, candidate);
    expect(workspace.tagged('v18.1.0.rc2')).toHaveLength(2);
  });

  it('has a source: a release that exists, a product that is still in the index', async () => {
    const workspace = new ReleaseWorkspace(2);
    const unknown = await dmrelJson(workspace.root, [...candidate, '--from', 'w.2018.18']);
    expect([unknown.code, codes(unknown.json)]).toEqual([2, ['unknown-release']]);
    await done(workspace, weekly);
    workspace.write('products/repos.yaml', 'p00: ./remotes/p00.git\n');
    workspace.commitAll();
    const gone = await dmrelJson(workspace.root, [...candidate, '--from', 'w.2018.18']);
    expect([gone.code, gone.json.problems]).toMatchObject([3, [{ code: 'unknown-product', subject: 'p01' }]]);
    const both = await dmrel(workspace.root, [...candidate, '--from', 'w.2018.18', '--manifest', 'b1']);
    expect([both.code, both.err]).toEqual([2, expect.stringContaining('not from both')]);
    for (const ref of ['a..b', '-x', 'a b', 'a:b'])
      expect((await dmrel(workspace.root, [...candidate, `--ref=${ref}`])).code).toBe(2);
  });
});

/** The same for a workspace with one product. */
const nothingToDoOf = async (workspace: ReleaseWorkspace, args: string[], name: string) =>
  expect((await done(workspace, args)).out).toContain(`${name}: nothing to do; 1 repository in sync`);

describe('dmrel tag release', () => {
  const config = 'tags: {release: {alias: o_latest}}\n';

  /** Three products, one of them external and one auxiliary, with two candidates of 18.1.0. */
  async function withCandidates(more = config): Promise<ReleaseWorkspace> {
    const workspace = new ReleaseWorkspace(3, more);
    grouped(workspace, '{external: [p01], auxiliary: [p02]}');
    await done(workspace, candidate);
    branch(workspace, 'p00', '18.1.x');
    await done(workspace, [...candidate, '--ref', '18.1.x', '--from', 'v18.1.0.rc1']);
    for (const product of workspace.products) workspace.addCommits(product, 1);
    return workspace;
  }

  it('has the commits of the last candidate, with a v in external repositories alone', async () => {
    const workspace = await withCandidates();
    const wanted = commitsAt(workspace, 'v18.1.0.rc2');
    const { out } = await done(workspace, [...release, '--from', 'v18.1.0.rc2']);
    expect(out).toMatch(/^18\.1\.0: 3 repositories tagged from v18\.1\.0\.rc2 \(3 new\)/);
    expect(commitsAt(workspace, '18.1.0')).toEqual([wanted[0], undefined, wanted[2]]);
    expect(commitsAt(workspace, 'v18.1.0')).toEqual([undefined, wanted[1], undefined]);
    expect(git(workspace.root, 'tag', '--list', '*18.1.0')).toBe('18.1.0');
    // In its message too (codekit).
    expect(git(workspace.remote('p01'), 'cat-file', 'tag', 'v18.1.0')).toContain('Version v18.1.0 release from');
    const record = recordIn(workspace, '18.1.0');
    expect(record).toMatchObject({
      kind: 'release',
      previous: null,
      aliases: ['o_latest'],
      source: { from: 'v18.1.0.rc2', contentId: recordIn(workspace, 'v18.1.0.rc2').source.contentId },
      products: { p00: { tag: '18.1.0' }, p01: { tag: 'v18.1.0' }, p02: { tag: '18.1.0', auxiliary: true } },
    });
    await nothingToDo(workspace, [...release, '--from', 'v18.1.0.rc2'], '18.1.0');
    await nothingToDo(workspace, release, '18.1.0');
    await nothingToDo(workspace, ['tag', 'release', 'v18.1', ...date], '18.1.0');
  });

  it('takes the last candidate without being told', async () => {
    const workspace = await withCandidates();
    await done(workspace, release);
    expect(recordIn(workspace, '18.1.0').source.from).toBe('v18.1.0.rc2');
  });

  it('refuses any other commits', async () => {
    const workspace = await withCandidates();
    const before = workspace.state();
    for (const [args, message] of [
      [['--from', 'v18.1.0.rc1'], 'v18.1.0.rc1 is not the last candidate of 18.1.0'],
      [['--from', 'w.2018.18'], 'w.2018.18 is not the last candidate of 18.1.0'],
      [['--from', 'v18.1.0.rc3'], 'v18.1.0.rc3 is not the last candidate of 18.1.0'],
      [['--ref', '18.1.x'], 'a release takes all commits of its last candidate, and no others'],
      [['--manifest', 'b42'], 'a release takes all commits of its last candidate, and no others'],
      [['--only', 'p00'], 'a release takes all commits of its last candidate, and no others'],
      [['--except', 'p00'], 'a release takes all commits of its last candidate, and no others'],
      [['--limit', '1'], 'a release takes all commits of its last candidate, and no others'],
    ] as const) {
      const { code, json } = await dmrelJson(workspace.root, [...release, ...args]);
      expect([code, json.problems]).toMatchObject([1, [{ code: 'not-the-candidate', message }]]);
    }
    const { code, json } = await dmrelJson(workspace.root, ['tag', 'release', '18.2.0']);
    expect([code, json.problems]).toMatchObject([
      1,
      [{ code: 'not-the-candidate', message: 'there is no candidate of 18.2.0 to release' }],
    ]);
    expect((await dmrel(workspace.root, ['tag', 'release', '18'])).code).toBe(2);
    expect(workspace.state()).toBe(before);
  });

  it('stays of its candidate when there is a later one, made or only begun', async () => {
    const workspace = await withCandidates();
    const allow = refuse(workspace, 'p00');
    expect((await dmrel(workspace.root, release)).code).toBe(4);
    const wanted = commitsAt(workspace, 'v18.1.0.rc2');
    allow();
    await done(workspace, candidate);
    expect(workspace.tagged('v18.1.0.rc3')).toHaveLength(3);
    await done(workspace, release);
    expect(recordIn(workspace, '18.1.0').source.from).toBe('v18.1.0.rc2');
    expect(commitsAt(workspace, '18.1.0')[0]).toBe(wanted[0]);
    await nothingToDo(workspace, release, '18.1.0');
    const { code, json } = await dmrelJson(workspace.root, [...release, '--from', 'v18.1.0.rc3']);
    expect([code, json.problems]).toMatchObject([
      1,
      [{ code: 'not-the-candidate', message: '18.1.0 is of v18.1.0.rc2, not of v18.1.0.rc3' }],
    ]);
  });

  it('is given the alias when it is the highest version, not when it is the newest', async () => {
    const workspace = new ReleaseWorkspace(1, config);
    const aliases: Record<string, string[] | undefined> = {};
    for (const version of ['98.0.0', '99.0.0', '98.0.1', '99.0.1', '100.0.0']) {
      await done(workspace, ['tag', 'candidate', version, ...date]);
      await done(workspace, ['tag', 'release', version, ...date]);
      aliases[version] = recordIn(workspace, version).aliases;
    }
    expect(aliases).toEqual({
      '98.0.0': ['o_latest'],
      '99.0.0': ['o_latest'],
      '98.0.1': undefined,
      '99.0.1': ['o_latest'],
      '100.0.0': ['o_latest'],
    });
    expect(recordIn(workspace, '98.0.1').previous).toBe('98.0.0');
    expect(recordIn(workspace, 'v98.0.1.rc1').aliases).toBeUndefined();
  });

  it('refuses a repository that would have both forms of a version, and names all of them', async () => {
    const workspace = await withCandidates();
    tagByHand(workspace, 'p00', 'v18.1.0');
    tagByHand(workspace, 'p01', '18.1.0');
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, release);
    expect(code).toBe(1);
    expect(json.problems).toMatchObject([
      {
        code: 'tag-ambiguous',
        subject: 'p00',
        message: 'p00: has the tag v18.1.0, and would have 18.1.0 beside it',
        hint: expect.any(String),
      },
      { code: 'tag-ambiguous', subject: 'p01' },
    ]);
    expect(workspace.state()).toBe(before);
  });

  it('stays as it is when a product changes its group afterwards', async () => {
    const workspace = await withCandidates();
    await done(workspace, release);
    grouped(workspace, '{external: [p00]}');
    await nothingToDo(workspace, release, '18.1.0');
    git(workspace.remote('p01'), 'tag', '-d', 'v18.1.0');
    git(workspace.remote('p02'), 'tag', '-d', '18.1.0');
    await done(workspace, release);
    expect(workspace.tag('p01', 'v18.1.0')!.object).toBe(recordIn(workspace, '18.1.0').products.p01.object);
    expect(recordIn(workspace, '18.1.0').products.p02.auxiliary).toBe(true);
  });
});

describe('a release on record', () => {
  it('gets a lost tag back as it was, whoever runs it', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    const was = workspace.tag('p01', 'w.2018.18')!.object;
    git(workspace.remote('p01'), 'tag', '-d', 'w.2018.18');
    git(workspace.root, 'config', 'user.name', 'Somebody Else');
    const { out } = await done(workspace, weekly);
    expect(out).toContain('(1 new)');
    expect(workspace.tag('p01', 'w.2018.18')!.object).toBe(was);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    expect(git(workspace.root, 'log', '--format=%s', '-1')).toBe('Tag w.2018.18');
  });

  it('has the new tag on record when a lost one cannot be made as it was', async () => {
    const workspace = new ReleaseWorkspace(2);
    tagByHand(workspace, 'p01', 'w.2018.18');
    await done(workspace, weekly);
    const { created, products } = recordIn(workspace, 'w.2018.18');
    expect(products.p01.preexisting).toBe(true);
    git(workspace.remote('p01'), 'tag', '-d', 'w.2018.18');
    await done(workspace, weekly);
    const now = recordIn(workspace, 'w.2018.18');
    expect(now.products.p01).toEqual({
      url: products.p01.url,
      commit: products.p01.commit,
      tag: 'w.2018.18',
      object: workspace.tag('p01', 'w.2018.18')!.object,
    });
    expect(now.created).toEqual(created);
    await nothingToDo(workspace, weekly, 'w.2018.18');
  });

  it('is not mixed with other products or another source', async () => {
    const workspace = new ReleaseWorkspace(3);
    aManifest(workspace, 'b42');
    await done(workspace, [...weekly, '--except', 'p02']);
    for (const args of [
      ['--only', 'p00'],
      ['--only', 'p00,p01,p02'],
      ['--only', 'p00,p01,typo'],
      ['--limit', '1'],
      ['--except', 'p01'],
      ['--manifest', 'b42'],
      ['--ref', 'x'],
    ]) {
      const { code, json } = await dmrelJson(workspace.root, [...weekly, ...args]);
      expect([args[0], code, json.problems]).toMatchObject([
        args[0],
        1,
        [{ code: 'record-conflict', hint: `leave ${args[0]} away, or make another release` }],
      ]);
    }
    const typo = await dmrelJson(workspace.root, [...weekly, '--except', 'typo']);
    expect([typo.code, typo.json.problems]).toMatchObject([2, [{ code: 'usage', subject: 'typo' }]]);
    for (const args of [
      ['--except', 'p02'],
      ['--only', 'p00,p01'],
      ['--limit', '2'],
    ])
      expect((await done(workspace, [...weekly, ...args])).out).toContain('2 repositories in sync');
  });
});

describe('dmrel tag milestone', () => {
  const milestone = ['tag', 'milestone', 'LDM-503-3', ...date, '--from', 'w.2018.18'];

  function planned(workspace: ReleaseWorkspace, delivered: Record<string, string | undefined>): void {
    const features = Object.entries(delivered).map(
      ([id, more]) => `  ${id}: {title: ${id}${more ? `, ${more}` : ''}}\n`,
    );
    workspace.write('milestones/features.yaml', `schema: dmrel/features/v1\nfeatures:\n${features.join('')}`);
    const needs = Object.keys(delivered).join(', ');
    workspace.write(
      'milestones/milestones.yaml',
      `schema: dmrel/milestones/v1\nmilestones:\n  LDM-503-3: {title: Alert generation, needs: [${needs}]}\n`,
    );
    workspace.commitAll();
  }

  it('is of the release that is to be tested, and says which features that delivers', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, ['tag', 'weekly', '--date', '2018-04-26']);
    workspace.addCommits('p00', 1);
    await done(workspace, weekly);
    const wanted = heads(workspace);
    planned(workspace, {
      'DM-AP-1': 'delivered: {tag: w.2018.18}',
      'DM-AP-2': 'delivered: {tag: w.2018.17}',
      'DM-AP-3': "withdrawn: {reason: 'not needed', on: 2018-01-01}",
    });
    workspace.addCommits('p00', 1);
    const { out } = await done(workspace, milestone);
    expect(out).toBe(
      'm.ldm.503.3: 2 repositories tagged from w.2018.18 (2 new), recorded in releases/m.ldm.503.3/release.yaml; it delivers 2 of the 2 features of LDM-503-3\n',
    );
    expect(commitsAt(workspace, 'm.ldm.503.3')).toEqual(wanted);
    const record = recordIn(workspace, 'm.ldm.503.3');
    expect(record).toMatchObject({ kind: 'milestone', source: { from: 'w.2018.18' } });
    expect(record.milestone).toEqual({ id: 'LDM-503-3', delivered: ['DM-AP-1', 'DM-AP-2'], missing: [] });
    expect(await nothingToDo(workspace, milestone, 'm.ldm.503.3')).toContain('m.ldm.503.3 has just these commits');
    await nothingToDo(workspace, ['tag', 'milestone', 'ldm-503-03', ...milestone.slice(3)], 'm.ldm.503.3');
  });

  it('refuses features that are missing, unless somebody says why', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    await done(workspace, ['tag', 'weekly', '--date', '2018-05-10']);
    planned(workspace, {
      'DM-AP-1': 'delivered: {tag: w.2018.18}',
      'DM-AP-2': undefined,
      'DM-AP-3': 'delivered: {tag: w.2018.19}',
      'DM-AP-4': 'delivered: {tag: w.2018.20}',
      'DM-AP-5': "deferred: {reason: 'later', on: 2018-01-01}",
    });
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, milestone);
    expect([code, json.problems]).toMatchObject([
      1,
      [
        {
          code: 'features-missing',
          subject: 'LDM-503-3',
          message: 'w.2018.18 does not deliver 4 of the 5 features of LDM-503-3: DM-AP-2, DM-AP-3, DM-AP-4, DM-AP-5',
          hint: expect.stringContaining('--accept-missing REASON'),
        },
      ],
    ]);
    expect(workspace.state()).toBe(before);
    await done(workspace, [...milestone, '--accept-missing', 'tested in part, RFC-1']);
    expect(recordIn(workspace, 'm.ldm.503.3').milestone).toEqual({
      id: 'LDM-503-3',
      delivered: ['DM-AP-1'],
      missing: ['DM-AP-2', 'DM-AP-3', 'DM-AP-4', 'DM-AP-5'],
      acceptedMissing: 'tested in part, RFC-1',
    });
    await nothingToDo(workspace, [...milestone, '--accept-missing', 'tested in part, RFC-1'], 'm.ldm.503.3');
    await nothingToDo(workspace, milestone, 'm.ldm.503.3');
  });

  it('is made again for the same milestone from a later release', async () => {
    const workspace = new ReleaseWorkspace(2);
    planned(workspace, { 'DM-AP-1': 'delivered: {tag: w.2018.18}' });
    await done(workspace, weekly);
    await done(workspace, milestone);
    workspace.addCommits('p01', 1);
    await done(workspace, ['tag', 'weekly', '--date', '2018-05-10']);
    const again = [...milestone.slice(0, -1), 'w.2018.19'];
    await done(workspace, again);
    expect(recordIn(workspace, 'm.ldm.503.3.r2')).toMatchObject({
      kind: 'milestone',
      previous: 'm.ldm.503.3',
      changes: { added: [], removed: [], moved: ['p01'] },
      milestone: { id: 'LDM-503-3' },
    });
    expect(commitsAt(workspace, 'm.ldm.503.3.r2')).toEqual(heads(workspace));
    await nothingToDo(workspace, again, 'm.ldm.503.3.r2');
  });

  it('needs a milestone that is planned and a release that is there', async () => {
    const workspace = new ReleaseWorkspace(1);
    planned(workspace, { 'DM-AP-1': undefined });
    const unknown = await dmrelJson(workspace.root, ['tag', 'milestone', 'LDM-503-4', '--from', 'w.2018.18']);
    expect([unknown.code, codes(unknown.json)]).toEqual([2, ['unknown-milestone']]);
    const nothing = await dmrelJson(workspace.root, milestone);
    expect([nothing.code, codes(nothing.json)]).toEqual([2, ['unknown-release']]);
    const sourceless = await dmrel(workspace.root, ['tag', 'milestone', 'LDM-503-3']);
    expect([sourceless.code, sourceless.err]).toEqual([2, expect.stringContaining('--from w.2018.18')]);
  });
});

function grouped(workspace: ReleaseWorkspace, groups: string): void {
  const text = workspace
    .read('dmrel.yaml')
    .replace(/products: \{(?:groups: \{.*?\}, )?/, `products: {groups: ${groups}, `);
  workspace.write('dmrel.yaml', text);
  workspace.commitAll();
}
