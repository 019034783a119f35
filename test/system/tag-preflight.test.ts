import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { counterpart } from '../support/counterparts.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { git, ReleaseWorkspace } from '../support/release-workspace.ts';
import { aManifest, commitsAt, done, recordIn, refuse, tagByHand } from '../support/tags.ts';
import { onTerminal } from '../support/terminal.ts';

const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', '2018-05-03'];
const stranger = 'Somebody <somebody@example.org>';

interface Found {
  code: string;
  subject?: string;
  severity: string;
  message: string;
}
const brief = (json: { problems: Found[] }) =>
  json.problems.map(({ code, subject }) => `${code} ${subject ?? ''}`.trim());

/** Run a command that must write nothing; gives its exit code and its problems. */
async function refused(workspace: ReleaseWorkspace, args: string[]): Promise<[number | null, string[]]> {
  const before = workspace.state();
  const { code, json } = await dmrelJson(workspace.root, args);
  expect(workspace.state()).toBe(before);
  expect(existsSync(join(workspace.root, 'releases'))).toBe(false);
  return [code, brief(json)];
}

/** Set keys of `products:` in dmrel.yaml. */
function products(workspace: ReleaseWorkspace, keys: string): void {
  workspace.write('dmrel.yaml', workspace.read('dmrel.yaml').replace('products: {', `products: {${keys}, `));
  workspace.commitAll();
}

const ids = (workspace: ReleaseWorkspace, release = tag) =>
  workspace.products.map((product) => workspace.tag(product, release)?.object);

describe('before anything is written', () => {
  it('all that is wrong with all repositories is listed at once, and nothing is written', async () => {
    const workspace = new ReleaseWorkspace(6);
    workspace.write('products/repos.yaml', `${workspace.read('products/repos.yaml')}gone: ./remotes/gone.git\n`);
    const missing = 'dead'.repeat(10);
    const at = (product: string) =>
      product === 'p01' || product === 'gone' ? missing : (workspace.head(product) as string);
    aManifest(workspace, 'b42', at, [...workspace.products, 'gone']);
    const message = `Version ${tag} release from manifest b42`;
    tagByHand(workspace, 'p02', tag, { at: 'main~1', message });
    git(workspace.remote('p03'), 'tag', tag, 'main');
    tagByHand(workspace, 'p04', tag, { message: 'something else' });
    tagByHand(workspace, 'p05', tag, { message, tagger: stranger });
    const wrong = [
      'commit-not-found p01',
      'remote-unreachable gone',
      'tag-conflict p02',
      'lightweight-tag p03',
      'tag-differs p04',
      'tag-differs p05',
    ];
    const run = [...weekly, '--manifest', 'b42'];
    const [code, found] = await refused(workspace, run);
    expect([code, found.sort()]).toEqual([1, [...wrong].sort()]);
    const dry = await refused(workspace, [...run, '--dry-run']);
    expect([dry[0], dry[1].sort()]).toEqual([1, [...wrong].sort()]);
    const { err } = await dmrel(workspace.root, run);
    expect(err).toContain('6 errors, 0 warnings\nnothing was written\n');
    // An option lets pass what it names, and no more.
    const without = async (...options: string[]) => (await refused(workspace, [...run, ...options]))[1].sort();
    const but = (...gone: string[]) => wrong.filter((each) => !gone.includes(each)).sort();
    expect(await without('--ignore-lightweight')).toEqual(but('lightweight-tag p03'));
    expect(await without('--ignore-message')).toEqual(but('tag-differs p04'));
    expect(await without('--ignore-tagger')).toEqual(but('tag-differs p05'));
    expect(await without('--ignore-lightweight', '--ignore-message', '--ignore-tagger')).toEqual(
      but('lightweight-tag p03', 'tag-differs p04', 'tag-differs p05'),
    );
    expect(await without('--force', 'conflict', '--yes')).toEqual(but('tag-conflict p02'));
  });

  it('a tag that differs in what is ignored stays as it is, and is on record as it is', async () => {
    const workspace = new ReleaseWorkspace(4);
    git(workspace.remote('p00'), 'tag', tag, 'main');
    tagByHand(workspace, 'p01', tag, { message: 'something else', tagger: stranger });
    tagByHand(workspace, 'p02', tag); // of another day: that is no difference
    const had = ids(workspace).slice(0, 3);
    const ignoring = [...weekly, '--ignore-lightweight', '--ignore-message', '--ignore-tagger'];
    expect((await done(workspace, ignoring)).out).toContain('(1 new)');
    expect(ids(workspace).slice(0, 3)).toEqual(had);
    const record = recordIn(workspace, tag);
    expect(workspace.products.map((product) => record.products[product].object)).toEqual(ids(workspace));
    expect(workspace.products.map((product) => record.products[product].preexisting)).toEqual([
      true,
      true,
      true,
      undefined,
    ]);
    expect((await done(workspace, weekly)).out).toContain('nothing to do');
  });

  it('a record that is there is held against the remotes: a tag that was moved is a conflict', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    git(workspace.remote('p01'), 'tag', '-d', tag);
    tagByHand(workspace, 'p01', tag, { at: 'main~1' });
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, weekly);
    expect([code, brief(json)]).toEqual([1, ['tag-conflict p01']]);
    expect(workspace.state()).toBe(before);
  });
});

describe('two products of one repository', () => {
  const shared = (other: string) => {
    const workspace = new ReleaseWorkspace(1);
    git(workspace.remote('p00'), 'branch', 'dev', 'main~1');
    git(workspace.remote('p00'), 'branch', 'same', 'main');
    workspace.write(
      'products/repos.yaml',
      `a: {url: ./remotes/p00.git, ref: main}\nb: {url: ./remotes/../remotes/p00, ref: ${other}}\n`,
    );
    return workspace;
  };

  it('that would have one tag on two commits are named before anything is written', async () => {
    const workspace = shared('dev');
    const before = workspace.state();
    const [main, dev] = ['main', 'dev'].map((ref) => git(workspace.remote('p00'), 'rev-parse', '--short=12', ref));
    const { code, json } = await dmrelJson(workspace.root, [...weekly, '--dry-run']);
    expect([code, json.problems]).toMatchObject([
      1,
      [
        {
          code: 'tag-conflict',
          subject: 'b',
          message: `b: ${tag} would be on ${dev}, and on ${main} for a, in one repository`,
        },
      ],
    ]);
    expect((await dmrel(workspace.root, weekly)).code).toBe(1);
    expect(workspace.state()).toBe(before);
  });

  it('that would have it on one commit share it', async () => {
    const workspace = shared('same');
    await done(workspace, weekly);
    expect((await done(workspace, weekly)).out).toContain('nothing to do; 2 repositories in sync');
  });
});

describe('dmrel tag --force', () => {
  const ways = {
    conflict: (workspace: ReleaseWorkspace, product: string) => tagByHand(workspace, product, tag, { at: 'main~1' }),
    lightweight: (workspace: ReleaseWorkspace, product: string) => git(workspace.remote(product), 'tag', tag, 'main'),
    message: (workspace: ReleaseWorkspace, product: string) => tagByHand(workspace, product, tag, { message: 'other' }),
    tagger: (workspace: ReleaseWorkspace, product: string) => tagByHand(workspace, product, tag, { tagger: stranger }),
  };

  it.each(Object.keys(ways) as (keyof typeof ways)[])('%s moves a tag that differs in just that', async (kind) => {
    const workspace = new ReleaseWorkspace(3);
    ways[kind](workspace, 'p01');
    const was = workspace.tag('p01', tag)!.object;
    const force = [...weekly, '--force', kind];

    // Nobody is there to be asked.
    const before = workspace.state();
    const { code, err } = await dmrel(workspace.root, force);
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('1 step would move or delete something, and nobody is here to be asked'),
    ]);
    expect(workspace.state()).toBe(before);
    expect(existsSync(join(workspace.root, '.dmrel/operations'))).toBe(false);

    const dry = await dmrelJson(workspace.root, [...force, '--dry-run']);
    expect(workspace.state()).toBe(before);
    const [, step] = dry.json.steps;
    expect(step).toMatchObject({ id: 'tag:p01', action: 'move', from: was });
    const { out } = await dmrel(workspace.root, [...force, '--dry-run']);
    expect(out).toMatch(new RegExp(`move +tag p01 +${was.slice(0, 12)} -> [0-9a-f]{12}\n`));

    expect((await done(workspace, [...force, '--yes'])).out).toContain('(2 new, 1 moved)');
    const now = workspace.tag('p01', tag)!;
    expect(now).toEqual({ object: expect.anything(), type: 'tag', commit: workspace.head('p01') });
    expect(git(workspace.remote('p01'), 'cat-file', 'tag', tag)).toMatch(
      /tagger Release Manager <rm@example.org> .*\n\nVersion w.2018.18 release from branch heads$/,
    );
    const record = recordIn(workspace, tag);
    expect(record.forced).toEqual([{ product: 'p01', from: was, to: now.object, because: kind }]);
    expect(record.products.p01.object).toBe(now.object);
    expect((await done(workspace, [...force, '--yes'])).out).toContain('nothing to do');
  });

  it('moves no other kind of difference, nor a tag that has two', async () => {
    for (const kind of Object.keys(ways) as (keyof typeof ways)[]) {
      const workspace = new ReleaseWorkspace(5);
      ways.conflict(workspace, 'p00');
      ways.lightweight(workspace, 'p01');
      ways.message(workspace, 'p02');
      ways.tagger(workspace, 'p03');
      tagByHand(workspace, 'p04', tag, { message: 'other', tagger: stranger });
      const all = ['tag-conflict p00', 'lightweight-tag p01', 'tag-differs p02', 'tag-differs p03'];
      const left = all.filter((_each, index) => index !== Object.keys(ways).indexOf(kind));
      const [code, found] = await refused(workspace, [...weekly, '--force', kind, '--yes']);
      expect([code, found]).toEqual([1, [...left, 'tag-differs p04', 'tag-differs p04']]);
    }
  });

  it('knows four kinds', async () => {
    const { code, err } = await dmrel(new ReleaseWorkspace(1).root, [...weekly, '--force', 'all']);
    expect([code, err]).toEqual([2, expect.stringContaining('one of: conflict, lightweight, message, tagger')]);
  });

  it('brings a moved tag of a record back to what the record says, and the record says so', async () => {
    const workspace = new ReleaseWorkspace(2);
    await done(workspace, weekly);
    const { created } = recordIn(workspace, tag);
    const was = workspace.tag('p01', tag)!.object;
    const elsewhere = tagByHand(workspace, 'p01', tag, { at: 'main~1' });
    git(workspace.root, 'config', 'user.name', 'Somebody Else');
    const force = [...weekly, '--force', 'conflict', '--yes'];
    expect((await done(workspace, force)).out).toContain('(0 new, 1 moved)');
    expect(workspace.tag('p01', tag)!.object).toBe(was);
    const record = recordIn(workspace, tag);
    expect(record.forced).toEqual([{ product: 'p01', from: elsewhere, to: was, because: 'conflict' }]);
    expect(record.created).toEqual(created);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    expect((await done(workspace, force)).out).toContain('nothing to do');
    expect((await done(workspace, weekly)).out).toContain('nothing to do');
  });

  it('has all that was moved on record when a run was stopped between', async () => {
    const workspace = new ReleaseWorkspace(3);
    const was = ['p00', 'p01'].map((product) => ways.conflict(workspace, product));
    const allow = refuse(workspace, 'p01');
    const force = [...weekly, '--force', 'conflict', '--yes'];
    const stopped = await dmrel(workspace.root, force);
    expect([stopped.code, stopped.err]).toEqual([
      4,
      expect.stringContaining('run the same command again: dmrel tag weekly --date 2018-05-03 --force conflict'),
    ]);
    allow();
    await done(workspace, force);
    const { forced, products: recorded } = recordIn(workspace, tag);
    expect(forced).toEqual(
      ['p00', 'p01'].map((product, index) => ({
        product,
        from: was[index],
        to: workspace.tag(product, tag)!.object,
        because: 'conflict',
      })),
    );
    expect(Object.values(recorded).some((each) => 'preexisting' in (each as object))).toBe(false);
  });

  it.each([
    ['n', 2],
    ['', 2],
    ['y', 0],
  ])('asks on a terminal, and %j decides', async (answer, exit) => {
    if (!counterpart('script')) return;
    const workspace = new ReleaseWorkspace(2);
    const was = ways.conflict(workspace, 'p01');
    const before = workspace.state();
    const { code, screen } = await onTerminal(workspace.root, [...weekly, '--force', 'conflict'], answer);
    expect([code, screen]).toEqual([exit, expect.stringContaining('Go on? [y/N]')]);
    // What is moved is named, with what it was and what it becomes; what is made is not asked about.
    expect(screen).toMatch(new RegExp(`move +tag p01 +${was.slice(0, 12)} -> [0-9a-f]{12}\n`));
    expect(screen).not.toContain('create  tag p00');
    if (exit === 0) {
      expect(workspace.tag('p01', tag)!.object).not.toBe(was);
    } else {
      expect(screen).toContain('nothing was written: the answer was no');
      expect(workspace.state()).toBe(before);
    }
  });

  it.each([
    ['Ctrl-C', '\u0003', 130, 'interrupted; nothing was written'],
    ['the end of input', '\u0004', 2, 'nothing was written: the answer was no'],
  ])('writes nothing at %s', async (_name, key, exit, says) => {
    const workspace = new ReleaseWorkspace(1);
    tagByHand(workspace, 'p00', tag, { at: 'main~1' });
    const before = workspace.state();
    const shell = { TERM: 'xterm' };
    const { code, screen } = await onTerminal(workspace.root, [...weekly, '--force', 'conflict'], key, shell);
    expect([code, screen]).toEqual([exit, expect.stringContaining(says)]);
    expect(screen).not.toContain('unexpected');
    expect(workspace.state()).toBe(before);
  });

  it('does not ask when nothing is moved', async () => {
    if (!counterpart('script')) return;
    const workspace = new ReleaseWorkspace(2);
    const { code, screen } = await onTerminal(workspace.root, [...weekly, '--force', 'conflict'], 'n');
    expect([code, screen]).toEqual([0, expect.not.stringContaining('[y/N]')]);
  });
});

describe('groups of products', () => {
  const groups = {
    'in dmrel.yaml': (workspace: ReleaseWorkspace) =>
      products(workspace, 'groups: {dm: [p00], third: [p01], deny: [p02]}, allow: [dm]'),
    'in a file': (workspace: ReleaseWorkspace) => {
      workspace.write(
        'products/groups.yaml',
        'schema: dmrel/groups/v1\ngroups:\n  dm: [p00]\n  third: [p01]\n  deny: [p02]\n',
      );
      products(workspace, 'groups: products/groups.yaml, allow: [dm]');
    },
  };

  it.each(Object.entries(groups))(
    '%s: what is denied and what is not allowed is listed, with all else',
    async (_where, write) => {
      const workspace = new ReleaseWorkspace(4);
      write(workspace);
      tagByHand(workspace, 'p00', tag, { at: 'main~1' });
      expect(await refused(workspace, weekly)).toEqual([
        1,
        ['product-not-allowed p01', 'product-denied p02', 'product-not-allowed p03', 'tag-conflict p00'],
      ]);
      git(workspace.remote('p00'), 'tag', '-d', tag);
      await done(workspace, [...weekly, '--except', 'p01,p02,p03']);
      expect(workspace.tagged(tag)).toEqual(['p00']);
    },
  );

  it('auxiliary products are tagged when all products were verified, and not before', async () => {
    const workspace = new ReleaseWorkspace(3);
    products(workspace, 'groups: {auxiliary: [p00]}');
    // Somebody takes the tag away in the same moment.
    const hook = join(workspace.remote('p02'), 'hooks/post-receive');
    mkdirSync(join(hook, '..'), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\ngit update-ref -d refs/tags/${tag}\n`);
    chmodSync(hook, 0o755);
    const { code, json } = await dmrelJson(workspace.root, weekly);
    expect([code, brief(json).slice(0, 1)]).toEqual([4, ['tag-unverified']]);
    expect(json.problems[0].message).toContain('p02 (deleted)');
    expect(workspace.tagged(tag)).toEqual(['p01']);
    expect(existsSync(join(workspace.root, 'releases'))).toBe(false);
    chmodSync(hook, 0o644);
    await done(workspace, weekly);
    expect(workspace.tagged(tag)).toEqual(workspace.products);
    expect(recordIn(workspace, tag).products.p00.auxiliary).toBe(true);
  });

  it('auxiliary products are taken at their heads, or at the branch that is named, beside a manifest that does not have them', async () => {
    const workspace = new ReleaseWorkspace(2);
    products(workspace, 'groups: {auxiliary: [p01]}');
    aManifest(workspace, 'b42', (product) => git(workspace.remote(product), 'rev-parse', 'main~1'), ['p00']);
    await done(workspace, [...weekly, '--manifest', 'b42']);
    expect(commitsAt(workspace, tag)).toEqual([
      git(workspace.remote('p00'), 'rev-parse', 'main~1'),
      workspace.head('p01'),
    ]);
    git(workspace.remote('p01'), 'branch', '18.1.x', 'main~2');
    await done(workspace, ['tag', 'candidate', '18.1.0', '--manifest', 'b42', '--ref', '18.1.x']);
    expect(commitsAt(workspace, 'v18.1.0.rc1')).toEqual([
      git(workspace.remote('p00'), 'rev-parse', 'main~1'),
      git(workspace.remote('p01'), 'rev-parse', 'main~2'),
    ]);
  });
});

describe('some of the products', () => {
  it.each([
    [
      ['--only', 'p03,p01'],
      ['p01', 'p03'],
    ],
    [
      ['--except', 'p00, p02'],
      ['p01', 'p03'],
    ],
    [
      ['--limit', '2'],
      ['p00', 'p01'],
    ],
    [['--only', 'p01,p02,p03', '--except', 'p02', '--limit', '1'], ['p01']],
  ])('%j', async (options, expected) => {
    const workspace = new ReleaseWorkspace(4);
    await done(workspace, [...weekly, ...options]);
    expect(workspace.tagged(tag)).toEqual(expected);
    expect(Object.keys(recordIn(workspace, tag).products)).toEqual(expected);
  });

  it.each([
    [['--only', 'p0']],
    [['--except', 'p0']],
    [['--limit', '0']],
    [['--limit', 'x']],
    [['--limit', '1.5']],
    [['--only', 'p00', '--except', 'p00']],
  ])('%j is refused', async (options) => {
    const [code, found] = await refused(new ReleaseWorkspace(2), [...weekly, ...options]);
    expect([code, found]).toEqual([2, [expect.stringMatching(/^usage/)]]);
  });

  it('are auxiliaries alone, where that is wanted', async () => {
    const workspace = new ReleaseWorkspace(2);
    products(workspace, 'groups: {auxiliary: [p01]}');
    await done(workspace, [...weekly, '--only', 'p01']);
    expect(workspace.tagged(tag)).toEqual(['p01']);
  });
});

describe('a manifest and the list of what was distributed', () => {
  const list = (workspace: ReleaseWorkspace, lines: string[], build = 'b42') => {
    const head = `EUPS distribution w_2018_18 version list. Version 1.0\n#BUILD=${build}\n#product flavor version\n`;
    workspace.write('products/eups/w_2018_18.list', `${head}${lines.join('\n')}\n`);
    workspace.commitAll();
  };
  const run = [...weekly, '--manifest', 'b42'];

  function withList(lines: string[], build?: string): ReleaseWorkspace {
    const workspace = new ReleaseWorkspace(3);
    products(workspace, 'eupsTags: products/eups');
    aManifest(workspace, 'b42');
    list(workspace, lines, build);
    return workspace;
  }

  it('agree: both are on record and in the message, and the content id is told', async () => {
    const workspace = withList(['p00 generic 1.0+1', 'p01 generic 1.0+1', 'p02 generic 1.0+1']);
    const { out, err } = await done(workspace, run);
    const { source } = recordIn(workspace, tag);
    expect(source).toEqual({
      manifest: 'b42',
      eupsTag: 'w_2018_18',
      contentId: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    expect(out).toContain(`3 repositories tagged from w_2018_18/b42, content ${source.contentId.slice(0, 12)} (3 new)`);
    expect(err).not.toContain('warning');
    expect(git(workspace.remote('p00'), 'cat-file', 'tag', tag)).toContain(
      'Version w.2018.18 release from w_2018_18/b42',
    );
  });

  it('disagree: each product and version that does is named, and nothing is written', async () => {
    const workspace = withList(['p00 generic 1.0+2', 'p01 generic 1.0+1', 'p02 generic 2.0', 'afw generic 1.0']);
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, run);
    expect(code).toBe(1);
    expect(json.problems.map(({ code, message }: Found) => [code, message])).toEqual([
      ['manifest-mismatch', 'p00 is 1.0+2 in w_2018_18 and 1.0+1 in b42'],
      ['manifest-mismatch', 'p02 is 2.0 in w_2018_18 and 1.0+1 in b42'],
      ['manifest-mismatch', 'w_2018_18 has afw, which b42 does not have'],
    ]);
    expect(workspace.state()).toBe(before);
    // Versions may be ignored, a product without a commit may not.
    expect(await refused(workspace, [...run, '--ignore-manifest-versions'])).toEqual([1, ['manifest-mismatch afw']]);
  });

  it('disagree on versions on purpose: what was distributed is on record', async () => {
    const workspace = withList(['p00 generic 1.0+2', 'p01 generic 1.0+1', 'p02 generic 1.0+1']);
    await done(workspace, [...run, '--ignore-manifest-versions']);
    const { products: recorded } = recordIn(workspace, tag);
    expect(workspace.products.map((product) => recorded[product].version)).toEqual(['1.0+2', '1.0+1', '1.0+1']);
  });

  it('are of different builds', async () => {
    expect(await refused(withList(['p00 generic 1.0+1'], 'b41'), run)).toEqual([
      1,
      expect.arrayContaining(['manifest-mismatch']),
    ]);
  });

  it('what was not distributed is not tagged, and that is said though all is well', async () => {
    const workspace = withList(['p00 generic 1.0+1', 'p01 generic 1.0+1']);
    const { err } = await done(workspace, run);
    expect(err).toContain('warning  manifest-mismatch  b42 has 1 product that w_2018_18 does not have: p02\n');
    expect(workspace.tagged(tag)).toEqual(['p00', 'p01']);
  });

  it('without a list the manifest is enough', async () => {
    const workspace = new ReleaseWorkspace(1);
    products(workspace, 'eupsTags: products/eups');
    workspace.write('products/eups/w_2018_17.list', 'of another week\n');
    aManifest(workspace, 'b42');
    await done(workspace, run);
    expect(recordIn(workspace, tag).source).toEqual({ manifest: 'b42', contentId: expect.any(String) });
  });

  it('a workspace that names no manifests says so', async () => {
    const workspace = new ReleaseWorkspace(1);
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml').replace('manifests: products/manifests, ', ''));
    workspace.commitAll();
    expect(await refused(workspace, run)).toEqual([3, ['workspace-lacks']]);
  });
});

describe('tested releases alone', () => {
  const statement = (contentId: string, result: string, finishedOn: string) =>
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'b42', digest: { sha1: contentId } }],
      predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
      predicate: { result, configuration: [{ name: 'ci', annotations: { finishedOn } }] },
    });

  it('a kind that must come from a manifest comes from nothing else', async () => {
    const workspace = new ReleaseWorkspace(2, 'tags: {weekly: {require: manifest}}\n');
    expect(await refused(workspace, weekly)).toEqual([1, ['untested']]);
    aManifest(workspace, 'b42');
    await done(workspace, [...weekly, '--manifest', 'b42']);
    expect((await done(workspace, weekly)).out).toContain('nothing to do');
    // Other kinds are not meant.
    await done(workspace, ['tag', 'daily']);
  });

  it('a candidate has the manifest of the release it is made from, but not with branches before it', async () => {
    const workspace = new ReleaseWorkspace(2, 'tags: {candidate: {require: manifest}}\n');
    aManifest(workspace, 'b42');
    await done(workspace, [...weekly, '--manifest', 'b42']);
    const candidate = ['tag', 'candidate', '18.1.0', '--from', tag];
    git(workspace.remote('p01'), 'branch', '18.1.x', 'main~1');
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, [...candidate, '--ref', '18.1.x']);
    expect([code, brief(json)]).toEqual([1, ['untested']]);
    expect(workspace.state()).toBe(before);
    await done(workspace, candidate);
  });

  it('a kind that needs evidence is tagged when the newest build of just these commits passed', async () => {
    const workspace = new ReleaseWorkspace(2, 'tags: {weekly: {require: ci-evidence}}\n');
    aManifest(workspace, 'b42');
    const run = [...weekly, '--manifest', 'b42'];
    const nothing = await dmrelJson(workspace.root, run);
    expect([nothing.code, nothing.json.problems]).toMatchObject([
      1,
      [{ code: 'untested', message: 'there is no evidence that these commits were built and tested together' }],
    ]);
    const contentId = /content ([0-9a-f]{40})/.exec(nothing.json.problems[0].hint)![1]!;
    const put = (name: string, text: string) => {
      workspace.write(`evidence/builds/${name}.json`, text);
      workspace.commitAll();
    };
    put('other', statement('f'.repeat(40), 'PASSED', '2018-05-03T00:00:00Z'));
    expect(await refused(workspace, run)).toEqual([1, ['untested']]);
    put('one', statement(contentId, 'PASSED', '2018-05-03T00:00:00Z'));
    put('two', statement(contentId, 'FAILED', '2018-05-03T01:00:00Z'));
    const failed = await dmrelJson(workspace.root, run);
    expect([failed.code, failed.json.problems]).toMatchObject([
      1,
      [{ code: 'untested', message: 'the newest build of these commits failed (evidence/builds/two.json)' }],
    ]);
    put('three', statement(contentId, 'PASSED', '2018-05-03T02:00:00Z'));
    workspace.addCommits('p00', 1); // the manifest is what was tested, not the heads
    expect(await refused(workspace, weekly)).toEqual([1, ['untested']]);
    await done(workspace, run);
    expect(recordIn(workspace, tag).source.contentId).toBe(contentId);
  });

  it('evidence that cannot be read is a problem, not a no', async () => {
    const workspace = new ReleaseWorkspace(1, 'tags: {weekly: {require: ci-evidence}}\n');
    workspace.write('evidence/builds/torn.json', '{');
    workspace.commitAll();
    expect(await refused(workspace, weekly)).toEqual([3, ['file-unreadable', 'untested']]);
  });
});

const corpus = process.env.DMREL_CORPUS;
(corpus ? describe : describe.skip)('a real day of the science pipelines', () => {
  /** All products of b3601, each with a repository of its own, which has not one of their commits. */
  function b3601(): ReleaseWorkspace {
    const workspace = new ReleaseWorkspace(1);
    products(workspace, 'eupsTags: products/eups');
    const manifest = 'products/manifests/b3601.txt';
    for (const folder of ['products/manifests', 'products/eups'])
      mkdirSync(join(workspace.root, folder), { recursive: true });
    copyFileSync(join(corpus!, 'versiondb/b3601.txt'), join(workspace.root, manifest));
    copyFileSync(join(corpus!, 'eups/d_2018_05_08.list'), join(workspace.root, 'products/eups/d_2018_05_08.list'));
    const lines = workspace.read(manifest).split('\n');
    const names = lines
      .filter((line) => /^\w/.test(line) && !line.startsWith('BUILD'))
      .map((line) => line.split(/ +/)[0]!);
    for (const name of names) cpSync(workspace.remote('p00'), workspace.remote(name), { recursive: true });
    workspace.write('products/repos.yaml', names.map((name) => `${name}: ./remotes/${name}.git\n`).join(''));
    workspace.commitAll();
    workspace.products.splice(0, 1, ...names);
    return workspace;
  }
  const daily = ['tag', 'daily', '--date', '2018-05-08', '--manifest', 'b3601'];

  it('agrees with what was distributed, and every commit that is not there is named at once', async () => {
    const workspace = b3601();
    expect(workspace.products).toHaveLength(126);
    const [code, found] = await refused(workspace, daily);
    expect(code).toBe(1);
    expect(found).toEqual([...workspace.products].sort().map((name) => `commit-not-found ${name}`));
    // The list has the say about their order too.
    const [, first] = await refused(workspace, [...daily, '--limit', '3', '--dry-run']);
    expect(first).toEqual(['afw', 'afwdata', 'apr'].map((name) => `commit-not-found ${name}`));
  });

  it('does not agree with another day', async () => {
    const workspace = b3601();
    const text = workspace.read('products/manifests/b3601.txt');
    workspace.write('products/manifests/b3601.txt', text.replace(/^afw( +[0-9a-f]{40} +)\S+/m, 'afw$19.9'));
    workspace.commitAll();
    expect(await refused(workspace, daily)).toEqual([1, ['manifest-mismatch afw']]);
  });
});
