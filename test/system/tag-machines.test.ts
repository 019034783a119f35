import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { cleanEnv, dmrel, dmrelJson, type Ended, home } from '../support/dmrel.ts';
import { git } from '../support/release-workspace.ts';
import { moments, rounds } from '../support/sample.ts';
import { inBatches, Upstream } from '../support/upstream.ts';

const date = '2018-05-03';
const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', date];
const claimRef = `refs/dmrel/claims/${tag}`;

/** Exactly one release was made: one tag everywhere, one record of it upstream that is true, one commit, no claim left. */
function expectOneRelease(upstream: Upstream): void {
  const record = parse(upstream.file(`releases/${tag}/release.yaml`)!);
  const machine = upstream.machine('first');
  expect(Object.keys(record.products)).toEqual(upstream.products);
  for (const product of upstream.products) {
    const { object, commit } = record.products[product];
    expect(machine.tag(product, tag)).toEqual({ object, commit, type: 'tag' });
    expect(git(machine.remote(product), 'tag', '--list')).toBe(tag);
  }
  expect(git(upstream.path, 'log', '--format=%s', 'main').split('\n')).toEqual([`Tag ${tag}`, 'workspace']);
  expect(Object.keys(upstream.refs()).sort()).toEqual(['refs/heads/main', `refs/tags/${tag}`]);
  expect(git(upstream.path, 'rev-parse', `${tag}^{commit}`)).toBe(git(upstream.path, 'rev-parse', 'main'));
}

const pulled = (upstream: Upstream, name: string) => {
  const machine = upstream.machine(name);
  git(machine.root, 'pull', '--quiet', '--rebase');
  return machine;
};

/** A run that was killed while it tagged: its claim stands. */
async function aDeadRun(upstream: Upstream, line = 5): Promise<void> {
  const machine = upstream.machine('first');
  const { code } = await dmrel(machine.root, weekly, { dieAt: { line } });
  expect(code).toBeNull();
  expect(upstream.refs()[claimRef]).toBeDefined();
}

describe('two machines that make the same release at once', () => {
  it('make one, fifty times, and whoever does not make it is told who does', async () => {
    const template = new Upstream(2);
    template.machine('second');
    let told = 0;
    await inBatches([...Array(rounds(50)).keys()], 2, async (turn) => {
      const upstream = template.copy();
      const machines = ['first', 'second'].map((name) => upstream.machine(name));
      const runs = await Promise.all(machines.map(({ root }) => dmrel(root, weekly)));
      expect(runs.map(({ code }) => code).sort()).toEqual([0, 4]);
      expectOneRelease(upstream);
      const loser = runs.findIndex(({ code }) => code === 4);
      const { err } = runs[loser] as Ended;
      expect(err).toMatch(
        /Manager (first|second) <.*> is tagging w\.2018\.18 on |workspace-behind {2}origin\/main has /,
      );
      if (err.includes('is tagging')) told += 1;
      // Whatever the heads are by now.
      upstream.machine('first').addCommits('p00', 1);
      const machine = pulled(upstream, loser === 0 ? 'first' : 'second');
      if (turn % 5 > 0) return; // what follows costs another second
      const again = await dmrel(machine.root, weekly);
      expect([again.code, again.out]).toEqual([0, expect.stringContaining('nothing to do; 2 repositories in sync')]);
      expect((await dmrel(machine.root, ['resume'])).out).toBe('nothing was begun that is not finished\n');
      expectOneRelease(upstream);
    });
    expect(told).toBeGreaterThan(0);
  }, 300_000);
});

describe('a machine that died while it tagged', () => {
  it('keeps the release to itself until another takes it over, with its commits, dates and tagger', async () => {
    const upstream = new Upstream(3);
    const heads = upstream.products.map((product) => upstream.machine('first').head(product));
    await aDeadRun(upstream);
    const second = upstream.machine('second');
    for (const product of upstream.products) second.addCommits(product, 1);
    const before = second.state();
    const told = await dmrelJson(second.root, weekly);
    expect([told.code, told.json.problems]).toMatchObject([
      4,
      [{ code: 'locked', hint: expect.stringContaining(`dmrel resume --take-over ${tag}`) }],
    ]);
    expect(told.json.problems[0].message).toMatch(
      /^Manager first <first@example\.org> is tagging w\.2018\.18 on \S+ since \d{4}-/,
    );
    expect(second.state()).toBe(before);

    const dry = await dmrel(second.root, ['resume', '--take-over', tag, '--dry-run']);
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining(`plan: tag ${tag}`)]);
    expect(second.state()).toBe(before);
    const taken = await dmrel(second.root, ['resume', '--take-over', tag]);
    expect([taken.code, taken.code === 0 ? '' : taken.err]).toEqual([0, '']);
    expectOneRelease(upstream);
    expect(upstream.products.map((product) => second.tag(product, tag)!.commit)).toEqual(heads);
    expect(parse(upstream.file(`releases/${tag}/release.yaml`)!).created.by).toBe('Manager first <first@example.org>');

    // The dead one comes back.
    const first = upstream.machine('first');
    const behind = await dmrelJson(first.root, ['resume']);
    const [{ result }] = behind.json.unfinished;
    expect([behind.code, result.problems[0].code]).toEqual([4, 'workspace-behind']);
    pulled(upstream, 'first');
    expect((await dmrel(first.root, ['resume'])).out).toContain('nothing to do');
    expect((await dmrel(first.root, ['resume'])).out).toBe('nothing was begun that is not finished\n');
    expectOneRelease(upstream);
  });

  it('may be taken over by one that dies too', async () => {
    const template = new Upstream(2);
    await aDeadRun(template, 3);
    template.machine('second');
    await inBatches(moments([2, 5, 9, 13, 16]), 2, async (line) => {
      const upstream = template.copy();
      const second = upstream.machine('second');
      await dmrel(second.root, ['resume', '--take-over', tag], { dieAt: { line } });
      const { code, err } = await dmrel(second.root, ['resume']);
      expect([line, code, code === 0 ? '' : err]).toEqual([line, 0, '']);
      expectOneRelease(upstream);
      expect((await dmrel(second.root, ['resume'])).out).toBe('nothing was begun that is not finished\n');
    });
  });

  it('finishes by itself though its journal was lost: by its record, or by its claim', async () => {
    for (const [line, args] of [
      [14, weekly],
      [5, ['resume', '--take-over', tag]],
    ] as const) {
      const upstream = new Upstream(2);
      await aDeadRun(upstream, line);
      const { root } = upstream.machine('first');
      rmSync(join(root, '.dmrel'), { recursive: true });
      const { code, err } = await dmrel(root, [...args]);
      expect([line, code, code === 0 ? '' : err]).toEqual([line, 0, '']);
      expectOneRelease(upstream);
    }
  });

  it('is asked about by the name of a release that somebody has claimed', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    for (const [name, code, problem] of [
      ['w.2018.19', 2, 'unknown-release'],
      ['../../heads/main', 2, 'invalid-name'],
      ['-x', 2, 'invalid-name'],
      ['x:refs/heads/main', 2, 'invalid-name'],
    ] as const) {
      const { code: exit, json } = await dmrelJson(root, ['resume', `--take-over=${name}`]);
      expect([name, exit, json.problems[0].code]).toEqual([name, code, problem]);
    }
  });

  it('that takes its tags back frees the release; who was kept out makes it of the heads of then', async () => {
    const upstream = new Upstream(2);
    await aDeadRun(upstream);
    const second = upstream.machine('second');
    // It saw no claim while it looked, and found one when it was to begin.
    const claim = upstream.refs()[claimRef]!;
    git(upstream.path, 'update-ref', '-d', claimRef);
    const hook = join(upstream.path, 'hooks/pre-receive');
    mkdirSync(join(hook, '..'), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref ${claimRef} ${claim}\nexit 1\n`);
    chmodSync(hook, 0o755);
    const kept = await dmrel(second.root, weekly);
    expect([kept.code, kept.err]).toEqual([4, expect.stringContaining('Manager first <first@example.org> is tagging')]);
    expect((await dmrel(second.root, ['resume'])).out).toBe('nothing was begun that is not finished\n');
    chmodSync(hook, 0o644);
    const undone = await dmrel(upstream.machine('first').root, ['resume', '--undo']);
    expect([undone.code, undone.code === 0 ? '' : undone.err]).toEqual([0, '']);
    expect(Object.keys(upstream.refs())).toEqual(['refs/heads/main']);
    for (const product of upstream.products) second.addCommits(product, 1);
    expect((await dmrel(second.root, weekly)).code).toBe(0);
    expectOneRelease(upstream);
    for (const product of upstream.products) expect(second.tag(product, tag)!.commit).toBe(second.head(product));
  });
});

describe('an upstream', () => {
  it('that takes no claims has releases all the same', async () => {
    const upstream = new Upstream(2);
    const hook = join(upstream.path, 'hooks/update');
    mkdirSync(join(hook, '..'), { recursive: true });
    writeFileSync(hook, '#!/bin/sh\ncase $1 in refs/dmrel/*) echo "no such refs here" >&2; exit 1;; esac\n');
    chmodSync(hook, 0o755);
    const { code, err } = await dmrel(upstream.machine('first').root, weekly);
    expect([code, code === 0 ? '' : err]).toEqual([0, '']);
    expectOneRelease(upstream);
  });

  it('where somebody is at the same ref for a moment is asked again: that is no rule against claims', async () => {
    const upstream = new Upstream(1);
    const log = join(upstream.base, 'log');
    const hook = join(upstream.path, 'hooks/post-receive');
    mkdirSync(join(hook, '..'), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\ncat >> ${log}\n`);
    chmodSync(hook, 0o755);
    const lock = join(upstream.path, `${claimRef}.lock`);
    mkdirSync(join(lock, '..'), { recursive: true });
    writeFileSync(lock, '');
    const { code } = await dmrel(upstream.machine('first').root, weekly, {
      during: () => void setTimeout(() => rmSync(lock), 700),
    });
    expect(code).toBe(0);
    expect(readFileSync(log, 'utf8')).toMatch(new RegExp(`^0{40} [0-9a-f]{40} ${claimRef}$`, 'm'));
    expectOneRelease(upstream);
  });

  it('is what the branch follows, be it fetched or not, whatever the remote is called', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    git(root, 'remote', 'rename', 'origin', 'team/origin');
    git(root, 'update-ref', '-d', 'refs/remotes/team/origin/main');
    expect((await dmrel(root, weekly)).code).toBe(0);
    expectOneRelease(upstream);
    // A branch that follows another one of the same repository is pushed nowhere.
    git(root, 'switch', '--quiet', '--create', 'mine/a', '--track', 'main');
    expect((await dmrelJson(root, ['tag', 'daily', '--dry-run'])).json).toMatchObject({
      problems: [],
      steps: expect.not.arrayContaining([expect.objectContaining({ id: 'push' })]),
    });
  });

  it('is not left out where HEAD is on no branch: nothing is written', async () => {
    const upstream = new Upstream(1);
    const machine = upstream.machine('first');
    git(machine.root, 'checkout', '--quiet', '--detach');
    const before = machine.state();
    const { code, json } = await dmrelJson(machine.root, weekly);
    expect([code, json.problems]).toMatchObject([
      3,
      [{ code: 'workspace-lacks', hint: expect.stringContaining('git switch -C main --track origin/main') }],
    ]);
    expect(machine.state()).toBe(before);
  });

  it('that has a tag of that name and no record keeps the release from being made', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    git(upstream.path, 'tag', tag, 'main');
    const { code, json } = await dmrelJson(root, weekly);
    expect([code, json.problems]).toMatchObject([
      1,
      [
        {
          code: 'tag-conflict',
          message: expect.stringMatching(/^origin\/main has no record of .*, but a tag of that name/),
        },
      ],
    ]);
    // It comes while the release is made: why the push is refused is told, not what follows from that.
    git(upstream.path, 'tag', '--delete', tag);
    const hook = join(root, '.git/hooks/post-commit');
    mkdirSync(join(root, '.git/hooks'), { recursive: true });
    writeFileSync(
      hook,
      `#!/bin/sh\nunset $(git rev-parse --local-env-vars)\ngit -C ${upstream.path} tag ${tag} main\n`,
    );
    chmodSync(hook, 0o755);
    expect((await dmrelJson(root, weekly)).json.problems[0]).toMatchObject({
      code: 'push-refused',
      message: 'origin refuses the records: [rejected] (already exists)',
    });
  });

  it('gets the records and nothing else, however pushes of people are set up', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    git(root, 'tag', '--annotate', '--message', 'mine', 'private');
    for (const setting of ['push.followTags', 'push.gpgSign']) git(root, 'config', setting, 'true');
    expect((await dmrel(root, weekly)).code).toBe(0);
    expectOneRelease(upstream);
  });

  it('gets the whole of a push that was begun when a terminal says Ctrl-C to all that runs there', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    const hook = join(upstream.path, 'hooks/pre-receive');
    const began = join(upstream.base, 'began');
    mkdirSync(join(upstream.path, 'hooks'), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\ngrep -q refs/tags/ || exit 0\ntouch ${began}\nsleep 1\n`);
    chmodSync(hook, 0o755);
    const child = spawn(process.execPath, [join(home, 'bin/dmrel.js'), ...weekly], {
      cwd: root,
      env: await cleanEnv(),
      detached: true,
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    while (!existsSync(began)) await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill(-child.pid!, 'SIGINT');
    expect(await ended).toBe(0);
    expectOneRelease(upstream);
  });

  it('that is ahead is said before anything is looked at, and nothing is written', async () => {
    const upstream = new Upstream(1);
    const second = upstream.machine('second');
    second.write('note', 'x\n');
    second.commitAll();
    git(second.root, 'push', '--quiet');
    const first = upstream.machine('first');
    const before = first.state();
    const { code, json } = await dmrelJson(first.root, weekly);
    expect([code, json.problems]).toMatchObject([
      4,
      [{ code: 'workspace-behind', message: 'origin/main has commits that this workspace does not have' }],
    ]);
    expect(first.state()).toBe(before);
    expect(upstream.refs()[claimRef]).toBeUndefined();
    pulled(upstream, 'first');
    expect((await dmrel(first.root, weekly)).code).toBe(0);
  });

  it('that went ahead between the look and the claim gets its claim back, and no tag is made', async () => {
    const upstream = new Upstream(2);
    const second = upstream.machine('second');
    second.write('note', 'x\n');
    second.commitAll();
    git(second.root, 'push', '--quiet', 'origin', 'HEAD:refs/heads/later');
    const hook = join(upstream.path, 'hooks/post-receive');
    mkdirSync(join(hook, '..'), { recursive: true });
    writeFileSync(hook, '#!/bin/sh\ngit update-ref refs/heads/main refs/heads/later\n');
    chmodSync(hook, 0o755);
    const first = upstream.machine('first');
    const { code, json } = await dmrelJson(first.root, [...weekly, '--except', 'p01']);
    expect([code, json.problems[0].code]).toEqual([4, 'workspace-behind']);
    // No plan is kept that would say so.
    expect(json.problems[1].hint).toContain(`dmrel ${weekly.join(' ')} --except p01`);
    expect(first.tagged(tag)).toEqual([]);
    expect(upstream.refs()[claimRef]).toBeUndefined();
    expect((await dmrel(first.root, ['resume'])).out).toBe('nothing was begun that is not finished\n');
  });

  it('that does not answer stops nothing for ever, and is named', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    git(root, 'remote', 'set-url', 'origin', '../gone.git');
    const { code, json } = await dmrelJson(root, weekly);
    expect([code, json.problems]).toMatchObject([
      1,
      [{ code: 'remote-unreachable', message: expect.stringMatching(/^origin: /) }],
    ]);
  });

  it('that has a claim of a release whose record is there loses it with the next run', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    expect((await dmrel(root, weekly)).code).toBe(0);
    upstream.claim(tag, 'whatever');
    const { code, err } = await dmrel(root, weekly);
    expect([code, code === 0 ? '' : err]).toEqual([0, '']);
    expectOneRelease(upstream);
  });
});

describe('a tag of the name of a release at the upstream', () => {
  const tagRef = `refs/tags/${tag}`;

  it('that has no record stops everything before anything is written, and before a record that is not pushed is', async () => {
    const upstream = new Upstream(2);
    const first = upstream.machine('first');
    git(upstream.path, 'tag', tag, 'main');
    const before = [first.state(), upstream.refs()];
    const refused = {
      code: 'tag-conflict',
      message: `origin/main has no record of ${tag}, but a tag of that name is there already`,
    };
    const { code, json } = await dmrelJson(first.root, weekly);
    expect([code, json.problems]).toMatchObject([1, [refused]]);
    expect([first.state(), upstream.refs()]).toEqual(before);
    git(upstream.path, 'tag', '-d', tag);
    const dead = await dmrel(first.root, weekly, { dieAt: { line: 15 } });
    expect(dead.code).toBeNull();
    git(upstream.path, 'tag', tag, 'main');
    expect((await dmrelJson(first.root, weekly)).json.problems).toMatchObject([refused]);
    git(upstream.path, 'tag', '-d', tag);
    expect((await dmrel(first.root, weekly)).code).toBe(0);
    expectOneRelease(upstream);
  });

  it('comes from the release alone: the repository of the workspace is no product', async () => {
    const upstream = new Upstream(1);
    const { root } = upstream.machine('first');
    const workspace = upstream.machine('first');
    workspace.write('products/repos.yaml', `${workspace.read('products/repos.yaml')}ws: ./../origin\n`);
    const before = workspace.state();
    const { code, json } = await dmrelJson(root, weekly);
    expect([code, json.problems]).toMatchObject([1, [{ code: 'tag-conflict', subject: 'ws' }]]);
    expect(workspace.state()).toBe(before);
    expect((await dmrel(root, [...weekly, '--except', 'ws'])).code).toBe(0);
  });

  it('is not made a second time by a clone that has no tags', async () => {
    const upstream = new Upstream(1);
    const first = upstream.machine('first');
    expect((await dmrel(first.root, weekly)).code).toBe(0);
    git(first.root, 'commit', '--quiet', '--allow-empty', '-m', 'more');
    git(first.root, 'push', '--quiet');
    const second = upstream.machine('second');
    git(second.root, 'tag', '-d', tag);
    const before = upstream.refs();
    const { code, out } = await dmrel(second.root, weekly);
    expect([code, out]).toEqual([0, expect.stringContaining('nothing to do')]);
    expect(git(second.root, 'tag', '--list')).toBe('');
    // What is still to be pushed is pushed without it.
    git(second.remote('p00'), 'tag', '-d', tag);
    git(second.root, 'commit', '--quiet', '--allow-empty', '-m', 'still more');
    const again = await dmrel(second.root, weekly);
    expect([again.code, again.code === 0 ? '' : again.err]).toEqual([0, '']);
    expect(upstream.refs()).toEqual({ ...before, 'refs/heads/main': git(second.root, 'rev-parse', 'HEAD') });
    expect(second.tagged(tag)).toEqual(['p00']);
  });

  it('is on the branch, though somebody pushed there during the run', async () => {
    const upstream = new Upstream(1);
    const second = upstream.machine('second');
    second.write('note', 'x\n');
    second.commitAll();
    git(second.root, 'push', '--quiet', 'origin', 'HEAD:refs/heads/later');
    const first = upstream.machine('first');
    const hook = join(first.remote('p00'), 'hooks/post-receive');
    mkdirSync(join(hook, '..'), { recursive: true });
    const push = `git --git-dir='${upstream.path}' update-ref refs/heads/main refs/heads/later`;
    writeFileSync(hook, `#!/bin/sh\nunset $(git rev-parse --local-env-vars)\n${push}\n`);
    chmodSync(hook, 0o755);
    const { code, json } = await dmrelJson(first.root, weekly);
    expect([code, json.problems[0].code]).toEqual([4, 'push-refused']);
    const before = git(first.root, 'rev-parse', tagRef);
    pulled(upstream, 'first');
    const again = await dmrel(first.root, weekly);
    expect([again.code, again.code === 0 ? '' : again.err]).toEqual([0, '']);
    expect(git(upstream.path, 'rev-parse', tagRef)).not.toBe(before);
    expect(git(upstream.path, 'rev-parse', `${tagRef}^{commit}`)).toBe(git(upstream.path, 'rev-parse', 'main'));
    expect(git(upstream.path, 'log', '--format=%s', 'main').split('\n')).toEqual([
      `Tag ${tag}`,
      'workspace',
      'workspace',
    ]);
    expect((await dmrel(first.root, weekly)).out).toContain('nothing to do');
  });
});

describe('a claim that somebody made by hand', () => {
  const sound = (upstream: Upstream) => {
    const claim = JSON.parse(git(upstream.path, 'cat-file', 'blob', claimRef));
    return claim;
  };

  it('lets nobody in: not a run, not a take-over, whatever it holds', async () => {
    const upstream = new Upstream(1);
    await aDeadRun(upstream, 3);
    const claim = sound(upstream);
    const second = upstream.machine('second');
    const first = claim.plan.details;
    const product = first.products.p00;
    const details = (more: object) => ({ ...claim, plan: { ...claim.plan, details: { ...first, ...more } } });
    const tagged = (more: object) => details({ products: { p00: { ...product, ...more } } });
    const bad: Record<string, unknown> = {
      'no JSON': '{',
      nothing: '',
      'no map': 'null',
      'an id that is none': tagged({ commit: '--upload-pack=x' }),
      'an id in a list': tagged({ commit: [product.commit] }),
      'another tag': tagged({ tag: 'v99.0' }),
      'a tag with a path': tagged({ tag: '../../heads/main' }),
      'an operation with a path': { ...claim, plan: { ...claim.plan, operation: '../../../../../tmp/xxxxxxxx' } },
      'an operation in a list': { ...claim, plan: { ...claim.plan, operation: [claim.plan.operation] } },
      'another release': { ...claim, plan: { ...claim.plan, release: 'w.2018.19' } },
      'a kind that is none': details({ kind: 'x' }),
      'a record that cannot be read': details({ source: { contentId: 5 } }),
      'a message with escapes': details({ message: 'x\u001b]0;y\u0007' }),
      'a tagger of two lines': details({ tagger: { name: 'a\nb', email: 'c' } }),
      'a name that is none': { ...claim, by: 5 },
      'steps that are none': { ...claim, plan: { ...claim.plan, steps: [null] } },
      'a conflict that is let pass': details({ how: { tolerate: ['conflict'] } }),
      'no products': details({ products: {} }),
      'a product in another place': details({ products: { '../../x': product } }),
      'seventeen megabytes': Buffer.alloc(17 * 2 ** 20, ' '),
      'bytes that are no text': Buffer.from([0xff, 0xfe, 0x00]),
    };
    const before = second.state();
    await inBatches(Object.entries(bad), 2, async ([what, content]) => {
      const copy = upstream.copy();
      copy.claim(tag, typeof content === 'string' || content instanceof Buffer ? content : JSON.stringify(content));
      for (const args of [weekly, ['resume', '--take-over', tag]]) {
        const { code, json } = await dmrelJson(copy.machine('second').root, args);
        expect([what, code, json.problems]).toMatchObject([
          what,
          4,
          [{ code: 'locked', message: `origin has a claim of ${tag} that cannot be read` }],
        ]);
      }
      expect(copy.machine('second').state()).toBe(before);
    });
  });

  it('is no text: it is not taken for none', async () => {
    const upstream = new Upstream(1);
    git(upstream.path, 'update-ref', claimRef, 'main');
    const { root } = upstream.machine('first');
    const { code, json } = await dmrelJson(root, weekly);
    expect([code, json.problems[0].code]).toEqual([4, 'locked']);
    expect(upstream.machine('first').tagged(tag)).toEqual([]);
  });

  it('of products that the index does not have makes nothing', async () => {
    const upstream = new Upstream(1);
    await aDeadRun(upstream, 3);
    const claim = sound(upstream);
    claim.plan.details.products.unheard = claim.plan.details.products.p00;
    upstream.claim(tag, JSON.stringify(claim));
    const second = upstream.machine('second');
    const { code, json } = await dmrelJson(second.root, ['resume', '--take-over', tag]);
    expect([code, json.problems[0].code]).toEqual([3, 'unknown-product']);
    expect(second.tagged(tag)).toEqual([]);
  });

  it('may hold escapes in its name: they do not reach the terminal', async () => {
    const upstream = new Upstream(1);
    await aDeadRun(upstream, 3);
    upstream.claim(tag, JSON.stringify({ ...sound(upstream), by: 'a\u001b[31m\u009b2J\u202eb', host: '\u0007\r\nh' }));
    const { code, out, err } = await dmrel(upstream.machine('second').root, weekly);
    expect(code).toBe(4);
    expect(err).toContain('a\\x1b[31m\\x9b2J\\u202eb is tagging');
    expect(out + err).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});
