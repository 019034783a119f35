import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { git, ReleaseWorkspace } from '../support/release-workspace.ts';
import { moments } from '../support/sample.ts';
import { done, recordIn, refuse, tagByHand } from '../support/tags.ts';
import { inBatches, Upstream } from '../support/upstream.ts';
import { aFolder } from '../support/workspace.ts';

const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', '2018-05-03'];

/** A plan that was saved: its file, what stands in it, and the command that applies it. */
async function planned(workspace: ReleaseWorkspace, more: string[] = []) {
  const file = join(aFolder(), 'plan.json');
  await done(workspace, [...weekly, ...more, '--plan-out', file]);
  const plan = JSON.parse(readFileSync(file, 'utf8'));
  return { file, plan, apply: ['apply', file] };
}

/** Why a plan cannot be applied; nothing is written. */
async function stale(workspace: ReleaseWorkspace, args: string[]): Promise<string[]> {
  const before = workspace.state();
  const { code, json } = await dmrelJson(workspace.root, args);
  expect(code).toBe(1);
  expect(workspace.state()).toBe(before);
  const text = await dmrel(workspace.root, args);
  expect([text.code, text.err]).toEqual([1, expect.stringContaining('error  plan-stale  ')]);
  return json.problems.flatMap(({ code, message }: { code: string; message: string }) =>
    code === 'plan-stale' ? [message] : [],
  );
}

describe('dmrel tag --plan-out', () => {
  it('saves the plan, says how it is applied, and changes nothing', async () => {
    const workspace = new ReleaseWorkspace(2);
    const before = workspace.state();
    const file = join(aFolder(), 'a plan.json');
    const { out, err } = await done(workspace, [...weekly, '--plan-out', file]);
    expect(out).toContain('create  tag p01');
    expect(err).toContain(`the plan is in ${file}; apply it with: dmrel apply '${file}'`);
    expect(workspace.state()).toBe(before);
    expect(existsSync(join(workspace.root, '.dmrel/operations'))).toBe(false);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ schema: 'dmrel/plan/v1', release: tag });
  });

  it('saves none with a problem, and says when it cannot', async () => {
    const workspace = new ReleaseWorkspace(1);
    const folder = aFolder();
    writeFileSync(join(folder, 'file'), '');
    const unwritable = await dmrelJson(workspace.root, [...weekly, '--plan-out', join(folder, 'file/plan')]);
    expect([unwritable.code, unwritable.json.problems[0].code]).toEqual([4, 'file-unwritable']);
    tagByHand(workspace, 'p00', tag, { at: 'main~1' });
    expect((await dmrel(workspace.root, [...weekly, '--plan-out', join(folder, 'plan')])).code).toBe(1);
    expect(existsSync(join(folder, 'plan'))).toBe(false);
  });
});

describe('dmrel apply', () => {
  it('makes just the objects of the plan, though work went on and another person applies it', async () => {
    const workspace = new ReleaseWorkspace(3);
    const { plan, apply } = await planned(workspace);
    for (const product of workspace.products) workspace.addCommits(product, 1);
    git(workspace.root, 'config', 'user.name', 'Somebody Else');
    expect((await done(workspace, [...apply, '--dry-run'])).out).toContain('(7 to create)');
    expect(workspace.tagged(tag)).toEqual([]);
    await done(workspace, apply);
    for (const product of workspace.products) {
      const { object, commit } = plan.details.products[product];
      expect(workspace.tag(product, tag)).toEqual({ object, commit, type: 'tag' });
    }
    expect(recordIn(workspace, tag).created).toMatchObject({
      operation: plan.operation,
      at: plan.at,
      by: 'Release Manager <rm@example.org>',
    });
    expect((await done(workspace, apply)).out).toContain('nothing to do');
  });

  it.each([
    ['--force', 'conflict', 'main~1', {}],
    ['--ignore-message', undefined, 'main', { message: 'other' }],
    ['--ignore-tagger', undefined, 'main', { tagger: 'O <o@example.org>' }],
  ] as const)('keeps to what the plan was made with: %s', async (option, value, at, made) => {
    const workspace = new ReleaseWorkspace(2);
    tagByHand(workspace, 'p00', tag, { at, ...made });
    const { plan, apply } = await planned(workspace, [option, ...(value ? [value] : [])]);
    if (option === '--force') {
      const asked = await dmrelJson(workspace.root, apply);
      expect([asked.code, asked.json.problems[0].code]).toEqual([2, 'usage']);
    }
    await done(workspace, [...apply, '--yes']);
    expect(workspace.tag('p00', tag)!.object).toBe(plan.details.products.p00.object);
  });

  it('of some products makes those', async () => {
    const workspace = new ReleaseWorkspace(3);
    const { apply } = await planned(workspace, ['--only', 'p00,p02']);
    await done(workspace, apply);
    expect(workspace.tagged(tag)).toEqual(['p00', 'p02']);
  });

  it('finishes what was killed in the middle, by itself and by resume', async () => {
    const template = new Upstream(2);
    const { file, plan } = await planned(template.machine('first'));
    await inBatches(moments([2, 4, 6, 9, 12, 15]), 2, async (line) => {
      const upstream = template.copy();
      const machine = upstream.machine('first');
      // The file of a plan may be gone by then.
      const own = join(upstream.base, 'plan.json');
      writeFileSync(own, readFileSync(file));
      await dmrel(machine.root, ['apply', own], { dieAt: { line } });
      for (const product of upstream.products) machine.addCommits(product, 1);
      if (line % 2 === 0) writeFileSync(own, '');
      const { code, err } = await dmrel(machine.root, line % 2 === 0 ? ['resume'] : ['apply', own]);
      expect([line, code, code === 0 ? '' : err]).toEqual([line, 0, '']);
      for (const product of upstream.products)
        expect(machine.tag(product, tag)!.object).toBe(plan.details.products[product].object);
      expect(Object.keys(upstream.refs()).sort()).toEqual(['refs/heads/main', `refs/tags/${tag}`]);
      expect((await dmrel(machine.root, ['resume'])).out).toBe('nothing was begun that is not finished\n');
    });
  });
});

describe('a plan that is applied after the release was made and taken back', () => {
  it('and that was cut off is finished, or taken back, as any other run', async () => {
    const workspace = new ReleaseWorkspace(2);
    const { plan, apply } = await planned(workspace);
    for (const product of workspace.products) workspace.addCommits(product, 1);
    await done(workspace, weekly);
    await done(workspace, ['tag', 'undo', tag]);
    const allow = refuse(workspace, 'p00');
    expect((await dmrel(workspace.root, apply)).code).toBe(4);
    allow();
    expect(workspace.tagged(tag)).toEqual(['p01']);
    const other = workspace.copy();
    await done(workspace, ['resume']);
    for (const product of workspace.products)
      expect(workspace.tag(product, tag)!.object).toBe(plan.details.products[product].object);
    await done(other, ['resume', '--undo']);
    expect(other.tagged(tag)).toEqual([]);
    await done(other, weekly);
    for (const product of other.products) expect(other.tag(product, tag)!.commit).toBe(other.head(product));
  });
});

describe('a plan that is no longer true', () => {
  it('because a tag came up: another one, or one just like it', async () => {
    const workspace = new ReleaseWorkspace(3);
    const { plan, apply } = await planned(workspace);
    tagByHand(workspace, 'p00', tag, { at: 'main~1' });
    tagByHand(workspace, 'p01', tag);
    const [p00, p01] = ['p00', 'p01'].map((product) => workspace.tag(product, tag)!.object.slice(0, 12));
    const planned01 = plan.details.products.p01.object.slice(0, 12);
    expect(await stale(workspace, apply)).toEqual([
      expect.stringMatching(new RegExp(`^p00: the tag would be ${p00}, the plan says [0-9a-f]{12}$`)),
      `p01: the tag would be ${p01}, the plan says ${planned01}`,
      expect.stringMatching(/^tag p00: the plan says create, now it would be conflict \(it is [0-9a-f]{12} now\)$/),
    ]);
  });

  it('because the release was made, or made and taken back', async () => {
    const workspace = new ReleaseWorkspace(2);
    const { apply } = await planned(workspace);
    await done(workspace, weekly);
    expect(await stale(workspace, apply)).toEqual([
      expect.stringMatching(/^w\.2018\.18 was made meanwhile, by Release Manager <rm@example\.org> at \d{4}-/),
    ]);
    await done(workspace, ['tag', 'undo', tag]);
    await done(workspace, apply);
    await done(workspace, ['tag', 'undo', tag]);
    expect(await stale(workspace, apply)).toEqual([`${tag} was made by this plan already, and taken back`]);
  });

  it('because of the index: a product came, another went, a third is somewhere else', async () => {
    const workspace = new ReleaseWorkspace(3);
    const { apply } = await planned(workspace, ['--except', 'p02']);
    const index = workspace.read('products/repos.yaml');
    workspace.write('products/repos.yaml', `${index}new: ./remotes/p01.git\n`);
    expect(await stale(workspace, apply)).toEqual(['new came into the index of products']);
    workspace.write(
      'products/repos.yaml',
      index.replace('p00: ./remotes/p00.git', 'p00: ./remotes/../remotes/p00.git'),
    );
    expect(await stale(workspace, apply)).toEqual([
      'p00 is at ./remotes/../remotes/p00.git now, the plan has ./remotes/p00.git',
    ]);
    workspace.write('products/repos.yaml', index.replace(/^p00.*\n/, ''));
    const gone = await dmrelJson(workspace.root, apply);
    expect([gone.code, gone.json.problems[0].code, gone.json.problems[0].subject]).toEqual([
      3,
      'unknown-product',
      'p00',
    ]);
    expect(workspace.tagged(tag)).toEqual([]);
  });

  it('because a repository was rewritten', async () => {
    const workspace = new ReleaseWorkspace(1);
    const { apply } = await planned(workspace);
    const remote = workspace.remote('p00');
    git(remote, 'update-ref', 'refs/heads/main', 'main~1');
    git(remote, 'gc', '--quiet', '--prune=now');
    const { code, json } = await dmrelJson(workspace.root, apply);
    expect([code, json.problems[0].code]).toEqual([1, 'commit-not-found']);
  });
});

describe('the file of a plan', () => {
  it('is not trusted: what is no sound plan is refused, and nothing is written', async () => {
    const workspace = new ReleaseWorkspace(2);
    const { file, plan, apply } = await planned(workspace);
    const before = workspace.state();
    const { details } = plan;
    const { p00 } = details.products;
    const other = (more: object) => JSON.stringify({ ...plan, ...more });
    const detailed = (more: object) => other({ details: { ...details, ...more } });
    const first = (more: object) => detailed({ products: { ...details.products, p00: { ...p00, ...more } } });
    const unsound = `${file} is no sound plan of a tag run`;
    const cases: Record<string, [content: string | Uint8Array, message: string]> = {
      empty: ['', `${file} holds no JSON`],
      'not JSON': ['schema: dmrel/plan/v1\n', `${file} holds no JSON`],
      'no UTF-8': [Buffer.from([0xff, 0xfe]), `${file} holds no JSON`],
      deep: ['['.repeat(100_000), `${file} holds no JSON`],
      'another document': ['{"schema":"dmrel/problems/v1"}', `${file} is no plan`],
      null: ['null', `${file} is no plan`],
      'another command': [
        other({ command: 'build\u001b[31m' }),
        `${file} is a plan of 'build\\x1b[31m', which cannot be applied from a file`,
      ],
      'an id that is none': [first({ commit: 'HEAD' }), unsound],
      'an id in a list': [first({ commit: [p00.commit] }), unsound],
      'an option': [first({ commit: `--upload-pack=${'a'.repeat(26)}` }), unsound],
      'a tag of another name': [first({ tag: 'w.2018.19' }), unsound],
      'a tag in another place': [first({ tag: '../../heads/main' }), unsound],
      'a release in another place': [other({ release: '../../x' }), unsound],
      'two releases': [other({ release: 'w.2018.19' }), unsound],
      'an operation in another place': [other({ operation: '../../../../../../../../x/' }), unsound],
      'no moment': [other({ at: 'now' }), unsound],
      'no steps': [other({ steps: {} }), unsound],
      'no details': [other({ details: null }), unsound],
      'no products': [detailed({ products: {} }), unsound],
      'a list of products': [detailed({ products: [p00] }), unsound],
      'a source that is none': [detailed({ source: 'x' }), unsound],
      'a prototype': [detailed({ source: { contentId: details.source.contentId, __proto__x: 1 } }), unsound],
      'a signature that is none': [first({ signature: '-----BEGIN X-----\nobject \u0000' }), unsound],
      'a message of escapes': [detailed({ message: '\u001b]0;x\u0007' }), unsound],
    };
    await inBatches(Object.entries(cases), 2, async ([what, [content, message]]) => {
      const own = `${file}.${what.replaceAll(' ', '-')}`;
      writeFileSync(own, content);
      const { code, json } = await dmrelJson(workspace.root, ['apply', own]);
      expect([what, code, json.problems]).toMatchObject([
        what,
        1,
        [{ code: 'plan-stale', message: message.replace(file, own) }],
      ]);
    });
    for (const [content, expected] of [
      [detailed({ products: { ...details.products, '../../x': p00 } }), [1, 'plan-stale']],
      [detailed({ products: { ...details.products, unheard: p00 } }), [3, 'unknown-product']],
      [first({ commit: 'd'.repeat(40) }), [1, 'commit-not-found']],
      [first({ object: 'd'.repeat(40) }), [1, 'plan-stale']],
      [detailed({ message: 'Another {tag}' }), [1, 'plan-stale']],
      [other({ at: '2001-01-01T00:00:00Z' }), [1, 'plan-stale']],
      [other({ steps: plan.steps.slice(1) }), [1, 'plan-stale']],
    ] as const) {
      writeFileSync(file, content);
      const { code, json } = await dmrelJson(workspace.root, apply);
      expect([code, json.problems[0].code]).toEqual(expected);
    }
    expect(workspace.state()).toBe(before);
    expect(existsSync(join(workspace.root, '.dmrel/operations'))).toBe(false);
  });

  it('may be missing, a folder, a pipe or endless: it keeps nobody waiting', async () => {
    const workspace = new ReleaseWorkspace(1);
    const folder = aFolder();
    mkdirSync(join(folder, 'dir'));
    git(folder, 'init', '--quiet');
    const big = join(folder, 'big');
    writeFileSync(big, '');
    const { truncateSync } = await import('node:fs');
    truncateSync(big, 65 * 2 ** 20);
    for (const [path, problem] of [
      [join(folder, 'none'), 'file-not-found'],
      [join(folder, 'dir'), 'not-a-file'],
      ['/dev/zero', 'not-a-file'],
      [big, 'file-too-large'],
    ]) {
      const { code, json } = await dmrelJson(workspace.root, ['apply', path!]);
      expect([path, code, json.problems[0].code]).toEqual([path, 3, problem]);
    }
  });

  it('of a release that another machine claimed since waits for that one', async () => {
    const upstream = new Upstream(1);
    const first = upstream.machine('first');
    const { apply } = await planned(first);
    const second = upstream.machine('second');
    const hook = join(upstream.base, 'remotes/p00.git/hooks/pre-receive');
    mkdirSync(join(hook, '..'), { recursive: true });
    writeFileSync(hook, '#!/bin/sh\nexit 1\n');
    chmodSync(hook, 0o755);
    expect((await dmrel(second.root, weekly)).code).toBe(4);
    const { code, json } = await dmrelJson(first.root, apply);
    expect([code, json.problems[0].code]).toEqual([4, 'locked']);
  });
});
