import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { counterpart } from '../support/counterparts.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { linesIn, newestJournal } from '../support/journals.ts';
import { git, gitInput, ReleaseWorkspace, withImage } from '../support/release-workspace.ts';
import { moments } from '../support/sample.ts';
import { anSshKey } from '../support/signers.ts';
import { done, refuse, tagByHand } from '../support/tags.ts';
import { inBatches, Upstream } from '../support/upstream.ts';

const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', '2018-05-03'];
const undo = ['tag', 'undo', tag];

const subjects = (workspace: ReleaseWorkspace) => git(workspace.root, 'log', '--format=%s').split('\n');
const stepsOf = ({ steps }: { steps: { action: string; id: string }[] }) =>
  steps.map(({ action, id }) => `${action} ${id}`);

describe('dmrel tag undo', () => {
  it('takes away the tags, the record and the tag of the workspace, and says what it did', async () => {
    const workspace = new ReleaseWorkspace(3);
    await done(workspace, weekly);
    const { out } = await done(workspace, undo);
    expect(out).toBe(`${tag}: taken away from 3 repositories, and its record\n`);
    expect(workspace.tagged(tag)).toEqual([]);
    expect(git(workspace.root, 'tag', '--list')).toBe('');
    expect(existsSync(join(workspace.root, 'releases', tag))).toBe(false);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    expect(subjects(workspace)).toEqual([`Undo ${tag}`, `Tag ${tag}`, 'workspace']);
    expect(git(workspace.root, 'log', '-1', '--format=%(trailers:key=Dmrel-Release,valueonly)').trim()).toBe(tag);
    const again = await dmrelJson(workspace.root, undo);
    expect([again.code, again.json.problems[0].code]).toEqual([2, 'unknown-release']);
  });

  it('leaves every tag that it did not make, and names those that are not as it made them', async () => {
    const workspace = new ReleaseWorkspace(6);
    tagByHand(workspace, 'p00', tag);
    tagByHand(workspace, 'p05', tag, { at: 'main~1' });
    await done(workspace, [...weekly, '--force', 'conflict', '--yes']);
    git(workspace.remote('p01'), 'update-ref', `refs/tags/${tag}`, 'main~1');
    tagByHand(workspace, 'p02', tag, { tagger: 'Somebody <s@example.org>' });
    git(workspace.remote('p03'), 'tag', '-d', tag);
    const kept = ['p00', 'p01', 'p02', 'p05'];
    const before = kept.map((product) => workspace.tag(product, tag));
    const { err } = await done(workspace, undo);
    expect(workspace.tagged(tag)).toEqual(kept);
    expect(kept.map((product) => workspace.tag(product, tag))).toEqual(before);
    for (const product of ['p01', 'p02', 'p05'])
      expect(err).toMatch(new RegExp(`warning {2}tag-drift {2}${product}: `));
    expect(err).toMatch(/p05: w\.2018\.18 was there and was moved, from [0-9a-f]{12}; it stays/);
    expect(err).toMatch(/warning {2}tag-drift {2}p00: w\.2018\.18 was there before; it stays/);
    expect(err).not.toMatch(/warning.*(?:p03|p04)/);
  });

  it('shows with --dry-run what it would do, and does not', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, [...undo, '--dry-run']);
    expect(code).toBe(0);
    expect(stepsOf(json)).toEqual(['delete untag:p00', 'delete untag:p01', 'delete record', 'delete workspace-tag']);
    expect(json.steps[0].from).toBe(workspace.tag('p00', tag)!.object);
    expect(workspace.state()).toBe(before);
  });

  it('frees the name: the same weekly is made again of the commits of then', async () => {
    const workspace = new ReleaseWorkspace(2);
    const allow = refuse(workspace, 'p01');
    expect((await dmrel(workspace.root, weekly)).code).toBe(4);
    allow();
    // A run that never came to its record.
    expect((await done(workspace, undo)).out).toContain('taken away from 1 repository');
    for (let turn = 0; turn < 2; turn += 1) {
      for (const product of workspace.products) workspace.addCommits(product, 1);
      await done(workspace, weekly);
      for (const product of workspace.products)
        expect(workspace.tag(product, tag)!.commit).toBe(workspace.head(product));
      await done(workspace, undo);
      expect(workspace.tagged(tag)).toEqual([]);
    }
  });

  it('is no release before the next one', async () => {
    const workspace = new ReleaseWorkspace(1);
    await done(workspace, weekly);
    await done(workspace, undo);
    await done(workspace, ['tag', 'weekly', '--date', '2018-05-10']);
    expect(workspace.read('releases/w.2018.19/release.yaml')).toContain('previous: null');
  });

  it('of a run without a record leaves a tag of the workspace that somebody made since', async () => {
    const workspace = new ReleaseWorkspace(2);
    refuse(workspace, 'p01');
    await dmrel(workspace.root, weekly);
    git(workspace.root, 'tag', tag);
    await done(workspace, undo);
    expect(git(workspace.root, 'tag', '--list')).toBe(tag);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('of a record that was staged and never committed leaves nothing behind', async () => {
    const workspace = new ReleaseWorkspace(1);
    await done(workspace, weekly);
    git(workspace.root, 'tag', '-d', tag);
    git(workspace.root, 'reset', '--quiet', '--soft', 'HEAD~1');
    expect(git(workspace.root, 'status', '--porcelain')).toBe(`A  releases/${tag}/release.yaml`);
    await done(workspace, undo);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    expect(subjects(workspace)).toEqual(['workspace']);
  });

  it('writes nothing when a repository cannot be asked', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    workspace.write('products/repos.yaml', 'p00: ./remotes/p00.git\np01: ./remotes/gone.git\n');
    const { code, json } = await dmrelJson(workspace.root, undo);
    expect([code, json.problems]).toMatchObject([1, [{ code: 'remote-unreachable', subject: 'p01' }]]);
    expect(workspace.tagged(tag)).toEqual(['p00', 'p01']);
  });

  it('takes auxiliary products first, and stops where one refuses', async () => {
    const workspace = new ReleaseWorkspace(2);
    workspace.write(
      'dmrel.yaml',
      workspace.read('dmrel.yaml').replace('transports', 'groups: {auxiliary: [p01]}, transports'),
    );
    await done(workspace, weekly);
    const allow = refuse(workspace, 'p01');
    const { code, err } = await dmrel(workspace.root, undo);
    expect([code, err]).toEqual([4, expect.stringContaining(`run the same command again: dmrel ${undo.join(' ')}`)]);
    expect(workspace.tagged(tag)).toEqual(['p00', 'p01']);
    allow();
    await done(workspace, undo);
    expect(workspace.tagged(tag)).toEqual([]);
  });
});

describe('dmrel tag undo in a repository that is not the one of then', () => {
  it('leaves the tag there and where it was made, and names both', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    git(workspace.root, 'clone', '--quiet', '--mirror', 'remotes/p01.git', 'remotes/fork.git');
    workspace.write('products/repos.yaml', 'p00: ./remotes/../remotes/p00\np01: ./remotes/fork.git\n');
    const { out, err } = await done(workspace, undo);
    expect(out).toContain('taken away from 1 repository');
    expect(err).toContain(
      `p01: ${tag} was made at ./remotes/p01.git, and the index has ./remotes/fork.git now; it stays`,
    );
    expect(workspace.tagged(tag)).toEqual(['p01']);
    expect(git(join(workspace.root, 'remotes/fork.git'), 'tag', '--list')).toBe(tag);
  });
});

describe('a release that is in use', () => {
  const use: Record<string, string[][]> = {
    'was built (stack)': [['build']],
    'was promoted to dev': [['build'], ['check', '--level', 'dev'], ['promote', '--level', 'dev']],
  };

  it.each(Object.entries(use))('since it %s is undone with a reason alone', async (why, commands) => {
    const workspace = withImage(1);
    for (const args of [weekly, ...commands]) await done(workspace, args);
    const before = workspace.state();
    const refused = await dmrelJson(workspace.root, undo);
    expect([refused.code, refused.json.problems]).toMatchObject([
      1,
      [{ code: 'release-in-use', message: `${tag} ${why}` }],
    ]);
    for (const empty of ['', ' ', '\n'])
      expect((await dmrelJson(workspace.root, [...undo, '--force', empty])).json.problems[0].code).toBe('usage');
    expect(workspace.state()).toBe(before);
    const reason = 'it cannot start\n\nDmrel-Release: w.2018.01';
    const dead = await dmrel(workspace.root, [...undo, '--force', reason], { dieAt: { line: 2 } });
    expect(dead.code).toBeNull();
    await done(workspace, ['resume']);
    expect(subjects(workspace)[0]).toBe(`Undo ${tag}: it cannot start Dmrel-Release: w.2018.01`);
    expect(git(workspace.root, 'log', '-1', '--format=%(trailers:key=Dmrel-Release,valueonly)').trim()).toBe(tag);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('since another one was made from it is undone after that one', async () => {
    const workspace = new ReleaseWorkspace(1);
    for (const args of [
      ['tag', 'candidate', '18.1.0'],
      ['tag', 'release', '18.1.0'],
    ])
      await done(workspace, args);
    const undoCandidate = ['tag', 'undo', 'v18.1.0.rc1'];
    const refused = await dmrelJson(workspace.root, undoCandidate);
    expect([refused.code, refused.json.problems]).toMatchObject([
      1,
      [{ code: 'release-in-use', message: 'v18.1.0.rc1 is what 18.1.0 was made from' }],
    ]);
    await done(workspace, ['tag', 'undo', '18.1.0']);
    await done(workspace, undoCandidate);
    expect(workspace.tagged('v18.1.0.rc1')).toEqual([]);
  });
});

describe('dmrel tag undo with an upstream', () => {
  const template = new Upstream(2);
  const first = (upstream: Upstream) => upstream.machine('first');

  it('takes the record, the tag and the claim away there too, killed after any line of its journal', async () => {
    const whole = template.copy();
    await done(first(whole), weekly);
    const made = whole.copy();
    await done(first(whole), undo);
    const lines = linesIn(newestJournal(first(whole).root)).length;
    expect(lines).toBe(12); // begin, two for each of five steps, end
    await inBatches(moments([...Array(lines).keys()].slice(1)), 2, async (line) => {
      const upstream = made.copy();
      const machine = first(upstream);
      const { code } = await dmrel(machine.root, undo, { dieAt: { line } });
      expect([line, code]).toEqual([line, null]);
      const again = await dmrel(machine.root, undo);
      expect([line, again.code, again.code === 0 ? '' : again.err]).toEqual([line, 0, '']);
      expect(machine.tagged(tag)).toEqual([]);
      expect(Object.keys(upstream.refs())).toEqual(['refs/heads/main']);
      expect(upstream.file(`releases/${tag}/release.yaml`)).toBeUndefined();
      expect(git(upstream.path, 'log', '--format=%s').split('\n')).toEqual([`Undo ${tag}`, `Tag ${tag}`, 'workspace']);
      expect(git(machine.root, 'tag', '--list')).toBe('');
      expect(git(machine.root, 'status', '--porcelain')).toBe('');
    });
  });

  it('takes the claim of a run that was killed away, and no claim of somebody else', async () => {
    const upstream = template.copy();
    const machine = first(upstream);
    await dmrel(machine.root, weekly, { dieAt: { line: 5 } });
    const claim = git(upstream.path, 'cat-file', 'blob', `refs/dmrel/claims/${tag}`);
    const other = JSON.parse(claim);
    other.plan.operation = `${other.plan.operation.slice(0, 25)}0`;
    other.by = 'Somebody';
    upstream.claim(tag, JSON.stringify(other));
    const { code, json } = await dmrelJson(machine.root, undo);
    expect([code, json.problems[0].code, json.problems[0].message]).toEqual([
      4,
      'locked',
      expect.stringMatching(/^Somebody is tagging/),
    ]);
    upstream.claim(tag, claim);
    await done(machine, undo);
    expect(Object.keys(upstream.refs())).toEqual(['refs/heads/main']);
  });

  it('leaves a tag of that name that making the release did not make, here and there, and names it', async () => {
    const upstream = template.copy();
    const machine = first(upstream);
    await done(machine, weekly);
    const made = git(machine.root, 'rev-parse', `refs/tags/${tag}`);
    // Everything is as it was made, but for the time and the message.
    const [header] = git(machine.root, 'cat-file', 'tag', tag).split('\n\n');
    const others = [
      `${header}\n\nmine\n`,
      git(machine.root, 'cat-file', 'tag', tag).replace(/ \d+ \+0000/, ' 1 +0000'),
    ];
    const [mine, theirs] = others.map((text) =>
      gitInput(machine.root, `${text.trimEnd()}\n`, 'hash-object', '-t', 'tag', '-w', '--stdin'),
    );
    git(machine.root, 'update-ref', `refs/tags/${tag}`, mine!);
    git(machine.root, 'push', '--quiet', '--force', 'origin', `${theirs}:refs/tags/${tag}`);
    const { err } = await done(machine, undo);
    expect(err).toContain(
      `tag-drift  the workspace: ${tag} is ${mine!.slice(0, 12)} there, which is not what was made`,
    );
    expect(err).toContain(`tag-drift  origin: ${tag} is ${theirs!.slice(0, 12)} there, which is not what was made`);
    expect(git(machine.root, 'rev-parse', `refs/tags/${tag}`)).toBe(mine);
    expect(upstream.refs()[`refs/tags/${tag}`]).toBe(theirs);
    expect(machine.tagged(tag)).toEqual([]);
    expect(made).not.toBe(mine);
  });

  it('takes a tag of the workspace away that is signed', async () => {
    if (!counterpart('ssh-keygen')) return;
    const upstream = template.copy();
    const machine = first(upstream);
    git(machine.root, 'config', 'gpg.format', 'ssh');
    git(machine.root, 'config', 'user.signingKey', anSshKey(upstream.base, 'key'));
    await done(machine, [...weekly, '--sign', 'ssh']);
    expect(git(machine.root, 'cat-file', 'tag', tag)).toContain('SSH SIGNATURE');
    await done(machine, undo);
    expect(Object.keys(upstream.refs())).toEqual(['refs/heads/main']);
    expect(git(machine.root, 'tag', '--list')).toBe('');
  });

  it('from another machine, whose tag of the release was never fetched', async () => {
    const upstream = template.copy();
    await done(first(upstream), weekly);
    const second = upstream.machine('second');
    git(second.root, 'tag', '-d', tag);
    await done(second, undo);
    expect(Object.keys(upstream.refs())).toEqual(['refs/heads/main']);
    const behind = await dmrelJson(first(upstream).root, undo);
    expect([behind.code, behind.json.problems[0].code]).toEqual([4, 'workspace-behind']);
  });
});
