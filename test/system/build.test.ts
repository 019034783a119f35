import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { instantOf } from '../../src/support/index.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { makeTrust } from '../support/keys.ts';
import { git, ReleaseWorkspace } from '../support/release-workspace.ts';

const config = `registries: {build: layout:.dmrel/registry/build}
images:
  base: {context: images/base}
  stack:
    context: images/stack
    from: [base]
    products: [p00]
    args: {EUPS_TAG: '{release.eups}', PARENT: '{parent.base.digest}', COMMIT: '{product.p00.commit}'}
    tags: ['7-stack-lsst_distrib-{release.eups}', '{release.eups}']
    aliases: {w_latest: [weekly], latest: [weekly, release]}
  tools: {context: images/tools, from: [base]}
  lab: {context: images/lab, from: [stack], tags: ['{release.lab}']}
`;

function aChain(more = ''): ReleaseWorkspace {
  const workspace = new ReleaseWorkspace(2, config + more);
  workspace.write('images/base/Dockerfile', 'FROM scratch\nCOPY base /base\n');
  workspace.write('images/base/base', 'base\n');
  workspace.write(
    'images/stack/Dockerfile',
    'FROM base\nARG EUPS_TAG\nARG PARENT\nARG COMMIT\nLABEL parent=${PARENT} commit=${COMMIT}\nCOPY dmrel-products.json /products.json\n',
  );
  workspace.write('images/tools/Dockerfile', 'FROM base\nCOPY tool /tool\n');
  workspace.write('images/tools/tool', 'tool\n');
  workspace.write('images/lab/Dockerfile', 'FROM stack\nCOPY dmrel-release.json /release.json\n');
  workspace.commitAll();
  return workspace;
}

const record = (workspace: ReleaseWorkspace, release: string) =>
  parse(workspace.read(`releases/${release}/release.yaml`));
const why = (json: any) =>
  Object.fromEntries(
    Object.entries<any>((json.plan ?? json).details.images).map(([name, { action, because }]) => [
      name,
      `${action}: ${because}`,
    ]),
  );
const tagsOf = (workspace: ReleaseWorkspace, image: string): Record<string, string> => {
  const index = JSON.parse(workspace.read(`.dmrel/registry/build/${image}/index.json`));
  const named = index.manifests.map((each: any) => [
    each.annotations?.['org.opencontainers.image.ref.name'],
    each.digest,
  ]);
  return Object.fromEntries(named.filter(([tag]: [string | undefined]) => tag && !tag.startsWith('inputs-')));
};
const blob = (workspace: ReleaseWorkspace, image: string, digest: string) =>
  JSON.parse(workspace.read(`.dmrel/registry/build/${image}/blobs/${digest.replace(':', '/')}`));

describe('a chain of images', () => {
  const workspace = aChain();
  const tag = (date: string) => dmrel(workspace.root, ['tag', 'weekly', '--date', date, '--ref', 'main']);
  const build = (...more: string[]) => dmrelJson(workspace.root, ['build', ...more]);
  let first: any;
  beforeAll(async () => {
    expect((await tag('2018-05-03')).code).toBe(0);
    first = (await build()).json;
  });

  it('is built with the tags of its definitions, and aliases that follow', () => {
    expect(first.status).toBe('done');
    const { images } = record(workspace, 'w.2018.18');
    expect(Object.keys(images)).toEqual(['base', 'lab', 'stack', 'tools']);
    expect(Object.keys(tagsOf(workspace, 'stack')).sort()).toEqual([
      '7-stack-lsst_distrib-w_2018_18',
      'latest',
      'w.2018.18',
      'w_2018_18',
      'w_latest',
    ]);
    expect(new Set(Object.values(tagsOf(workspace, 'stack')))).toEqual(new Set([images.stack.digest]));
    expect(Object.keys(tagsOf(workspace, 'lab')).sort()).toEqual(['w.2018.18', 'w_2018_18']);
  });

  it('says of itself what it is made of, in labels and annotations', () => {
    const { images, products } = record(workspace, 'w.2018.18');
    const seconds = git(workspace.root, 'show', '--no-patch', '--format=%ct', 'w.2018.18^{commit}').trim();
    const manifest = blob(workspace, 'stack', images.stack.digest);
    const { Labels } = blob(workspace, 'stack', manifest.config.digest).config;
    expect(Labels).toMatchObject({
      parent: images.base.digest,
      commit: products.p00.commit,
      'org.opencontainers.image.created': instantOf(new Date(Number(seconds) * 1000)),
      'org.opencontainers.image.version': 'w.2018.18',
      'org.opencontainers.image.revision': products.p00.commit,
      'org.opencontainers.image.base.name': 'layout:.dmrel/registry/build:base',
      'org.opencontainers.image.base.digest': images.base.digest,
      'org.lsst.dmrel.release': 'w.2018.18',
      'org.lsst.dmrel.inputs': images.stack.inputs,
    });
    expect(manifest.annotations).toMatchObject({
      'org.opencontainers.image.base.digest': images.base.digest,
      'org.lsst.dmrel.release': 'w.2018.18',
    });
  });

  it('leaves a provenance and a list of contents of each image, and one list of the release', () => {
    const { images, products } = record(workspace, 'w.2018.18');
    const statement = (digest: string) =>
      JSON.parse(workspace.read(`releases/w.2018.18/evidence/${digest.replace('sha256:', '')}.json`));
    const provenance = statement(images.stack.provenance);
    expect(provenance.predicateType).toBe('https://slsa.dev/provenance/v1');
    expect(provenance.subject[0].digest.sha256).toBe(images.stack.digest.slice(7));
    const { resolvedDependencies, externalParameters } = provenance.predicate.buildDefinition;
    expect(resolvedDependencies).toEqual([
      expect.objectContaining({ name: 'p00', digest: { gitCommit: products.p00.commit } }),
      expect.objectContaining({ name: 'base', digest: { sha256: images.base.digest.slice(7) } }),
    ]);
    expect(externalParameters).toMatchObject({ release: 'w.2018.18', args: { EUPS_TAG: 'w_2018_18' } });
    const lab = statement(images.lab.contents);
    expect(lab.predicateType).toBe('https://cyclonedx.org/bom');
    expect(lab.predicate.components.map((each: any) => each.name)).toEqual(['p00', 'p01']);
    const whole = JSON.parse(workspace.read('releases/w.2018.18/contents.cdx.json'));
    expect(whole.components.map((each: any) => each.name)).toEqual(['p00', 'p01', 'base', 'lab', 'stack', 'tools']);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
  });

  it('is not built again, and nothing is written', async () => {
    const head = git(workspace.root, 'rev-parse', 'HEAD');
    const { json } = await build();
    expect([json.status, json.changed]).toEqual(['done', false]);
    expect(new Set(Object.values(why(json)))).toEqual(new Set(['reuse: nothing changed']));
    expect(git(workspace.root, 'rev-parse', 'HEAD')).toBe(head);
  });

  it('is built from what changed upwards, and --dry-run says why', async () => {
    const before = record(workspace, 'w.2018.18').images;
    workspace.write('images/tools/tool', 'another\n');
    const dry = await build('--dry-run');
    expect(why(dry.json)).toEqual({
      base: 'reuse: nothing changed',
      stack: 'reuse: nothing changed',
      tools: 'build: its context changed',
      lab: 'reuse: nothing changed',
    });
    const said = await dmrel(workspace.root, ['build', '--dry-run']);
    expect(said.out).toContain('build tools by assemble: its context changed');
    expect((await build()).json.done).toEqual(['build:tools', 'record', 'tag:tools', 'commit']);
    const after = record(workspace, 'w.2018.18').images;
    expect(after.tools.digest).not.toBe(before.tools.digest);
    expect({ ...after, tools: 0 }).toEqual({ ...before, tools: 0 });
    // And back: it is there still.
    workspace.write('images/tools/tool', 'tool\n');
    expect(why((await build()).json).tools).toMatch(/^retag/);
    expect(record(workspace, 'w.2018.18').images.tools.digest).toBe(before.tools.digest);
  });

  it('stands, where an image cannot be built, for all that is not built on it; then the same command goes on', async () => {
    // Whether its parent has that directory is known when that is read.
    workspace.write('images/stack/Dockerfile', 'FROM base\nUSER somebody\nWORKDIR /nowhere\n');
    workspace.write('images/tools/tool', 'newer\n');
    const failed = await build();
    expect(failed.code).toBe(4);
    expect(failed.json.failed.map(({ id }: { id: string }) => id)).toEqual(['build:stack']);
    expect(failed.json.done).toEqual(['build:tools']);
    expect(failed.json.left.sort()).toEqual([
      'alias:stack:latest',
      'alias:stack:w_latest',
      'build:lab',
      'commit',
      'record',
      'tag:lab',
      'tag:stack',
      'tag:tools',
    ]);
    // What is found by the release's name is what its record says.
    expect(tagsOf(workspace, 'tools')['w.2018.18']).toBe(record(workspace, 'w.2018.18').images.tools.digest);
    expect(failed.json.problems[0]).toMatchObject({
      code: 'dockerfile-unsupported',
      at: { line: 3 },
      subject: 'stack',
    });
    workspace.write('images/stack/Dockerfile', 'FROM base\nARG COMMIT\nCOPY dmrel-products.json /products.json\n');
    const again = await build();
    expect(again.code).toBe(0);
    expect(why(again.json).tools).toMatch(/^retag/);
    expect(again.json.done.slice(0, 3)).toEqual(['build:stack', 'build:lab', 'record']);
    expect(again.json.done.slice(3).sort()).toEqual([
      'alias:stack:latest',
      'alias:stack:w_latest',
      'commit',
      'tag:lab',
      'tag:stack',
      'tag:tools',
    ]);
    git(workspace.root, 'commit', '--quiet', '-am', 'another stack');
  });

  it('is the same in the next release where nothing of it changed: tags move, and its labels tell the truth', async () => {
    workspace.addCommits('p01', 1);
    expect((await tag('2018-05-10')).code).toBe(0);
    const { json } = await build('--release', 'w.2018.19');
    expect(why(json)).toEqual({
      base: 'retag: nothing changed, it is the one of w.2018.18',
      stack: 'build: the argument EUPS_TAG changed',
      tools: 'retag: nothing changed, it is the one of w.2018.18',
      lab: 'build: what it is built on is built',
    });
    const [old, now] = ['w.2018.18', 'w.2018.19'].map((name) => record(workspace, name).images);
    expect(now.base).toMatchObject({ digest: old.base.digest, builtFor: 'w.2018.18', provenance: old.base.provenance });
    expect(existsSync(join(workspace.root, `releases/w.2018.19/evidence/${now.base.provenance.slice(7)}.json`))).toBe(
      true,
    );
    expect(now.stack.builtFor).toBeUndefined();
    expect(tagsOf(workspace, 'base')['w.2018.19']).toBe(old.base.digest);
    expect(tagsOf(workspace, 'stack').w_latest).toBe(now.stack.digest);
  });

  it('takes no name of another release for a tag or an alias', async () => {
    const good = workspace.read('dmrel.yaml');
    workspace.write(
      'dmrel.yaml',
      good.replace("tags: ['{release.lab}']", 'tags: [w.2018.18], aliases: {w.2018.18: [weekly]}'),
    );
    const { code, json } = await build('--release', 'w.2018.19', '--dry-run');
    expect([code, json.problems.map((each: any) => [each.code, each.subject])]).toEqual([
      3,
      Array(2).fill(['wrong-value', 'lab']),
    ]);
    workspace.write('dmrel.yaml', good);
  });

  it('keeps aliases at the newer release when an old one is built, unless it is told to move them', async () => {
    const newest = record(workspace, 'w.2018.19').images.stack.digest;
    workspace.write('images/stack/Dockerfile', 'FROM base\nCOPY dmrel-products.json /p.json\n');
    const { out } = await dmrel(workspace.root, ['build', '--release', 'w.2018.18', '--dry-run']);
    expect(out).toContain('leave w_latest of stack where it is: w.2018.19 is newer');
    expect((await build('--release', 'w.2018.18')).code).toBe(0);
    expect(tagsOf(workspace, 'stack').w_latest).toBe(newest);
    expect((await build('--release', 'w.2018.18', '--move-aliases-back')).json.done).toContain('alias:stack:w_latest');
    expect(tagsOf(workspace, 'stack').w_latest).toBe(record(workspace, 'w.2018.18').images.stack.digest);
  });

  it('is built in part where --only says so, with what that is built on, and anew where --force does', async () => {
    const only = await build('--only', 'stack', '--force', '--dry-run');
    expect(why(only.json)).toEqual({ base: expect.stringMatching(/^reuse|^retag/), stack: 'build: it is forced' });
    const unknown = await dmrel(workspace.root, ['build', '--only', 'stak']);
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining("did you mean 'stack'?")]);
  });

  it('stays in the workspace with --no-push: no registry and no record hears of it', async () => {
    workspace.write('images/tools/tool', 'not yet\n');
    const [registry, head] = [tagsOf(workspace, 'tools'), git(workspace.root, 'rev-parse', 'HEAD')];
    const { json } = await build('--release', 'w.2018.18', '--no-push');
    expect(json.done).toEqual(['build:tools', 'tag:tools']);
    expect(existsSync(join(workspace.root, '.dmrel/here/tools/index.json'))).toBe(true);
    expect(tagsOf(workspace, 'tools')).toEqual(registry);
    expect(git(workspace.root, 'rev-parse', 'HEAD')).toBe(head);
    workspace.write('images/tools/tool', 'newer\n');
  });

  it('is proven to come out the same twice', async () => {
    const { code, json } = await build('--release', 'w.2018.18', '--check-reproducible');
    expect([code, json.reproducible]).toEqual([0, true]);
    expect(json.images.map(({ image, same }: { image: string; same: boolean }) => [image, same])).toEqual([
      ['base', true],
      ['stack', true],
      ['tools', true],
      ['lab', true],
    ]);
    expect(json.images[0].first).toBe(record(workspace, 'w.2018.18').images.base.digest);
  });
});

describe('a build where keys are trusted', () => {
  it('is not begun without the key of a builder; to look, and to keep images here, none is needed', async () => {
    const workspace = aChain();
    const { env, section } = makeTrust(workspace.root);
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml') + section);
    workspace.commitAll();
    const tagged = await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main']);
    expect(tagged.code).toBe(0);
    const refused = await dmrelJson(workspace.root, ['build']);
    expect([refused.code, refused.json.problems]).toMatchObject([
      4,
      [{ code: 'signer-missing', message: expect.stringContaining("'builder'") }],
    ]);
    expect(existsSync(join(workspace.root, '.dmrel/registry/build'))).toBe(false);
    expect((await dmrel(workspace.root, ['build', '--no-push'])).code).toBe(0);
    expect((await dmrel(workspace.root, ['build', '--check-reproducible'])).code).toBe(0);
    expect((await dmrel(workspace.root, ['build'], { env })).code).toBe(0);
    // Nothing is built now: nobody has to sign.
    expect(await dmrel(workspace.root, ['build'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('nothing to do'),
    });
  });
});

describe('the tag of the inputs of an image', () => {
  const tagFor = (workspace: ReleaseWorkspace, image: string, digest: string, inputs: string) => {
    const file = `.dmrel/registry/build/${image}/index.json`;
    const index = JSON.parse(workspace.read(file));
    const named = (each: any) => each.annotations?.['org.opencontainers.image.ref.name'];
    const { annotations: _, ...plain } = index.manifests.find((each: any) => each.digest === digest);
    const tag = `inputs-${inputs.slice(7)}`;
    const manifests = index.manifests.filter((each: any) => named(each) !== tag);
    manifests.push({ ...plain, annotations: { 'org.opencontainers.image.ref.name': tag } });
    workspace.write(file, JSON.stringify({ ...index, manifests }));
  };
  const inputsOf = async (workspace: ReleaseWorkspace) =>
    (await dmrelJson(workspace.root, ['build', '--dry-run'])).json.details.images.tools.inputs;

  it('is not believed where it names an image of others', async () => {
    const workspace = aChain();
    await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main']);
    await dmrel(workspace.root, ['build']);
    const { digest } = record(workspace, 'w.2018.18').images.tools;
    workspace.write('images/tools/tool', 'another\n');
    tagFor(workspace, 'tools', digest, await inputsOf(workspace));
    expect(why((await dmrelJson(workspace.root, ['build'])).json).tools).toBe('build: its context changed');
    expect(record(workspace, 'w.2018.18').images.tools.digest).not.toBe(digest);
  });

  it('needs the word of a builder where keys are trusted, unless a record has the image', async () => {
    const workspace = aChain();
    await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main']);
    const bare = git(workspace.root, 'rev-parse', 'HEAD');
    await dmrel(workspace.root, ['build']);
    const { env, section } = makeTrust(workspace.root);
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml') + section);
    workspace.commitAll();
    const plan = async () => why((await dmrelJson(workspace.root, ['build', '--dry-run'], { env })).json).base;
    expect(await plan()).toBe('reuse: nothing changed');
    git(workspace.root, 'checkout', '--quiet', bare, '--', 'releases');
    expect(await plan()).toBe('build: it was never built');
    expect((await dmrel(workspace.root, ['build'], { env })).code).toBe(0);
    git(workspace.root, 'checkout', '--quiet', bare, '--', 'releases');
    expect(await plan()).toBe('reuse: nothing changed');
  });
});

describe('the commit that an image names', () => {
  it('is the last of its files, and none where git has them otherwise or not at all', async () => {
    const workspace = aChain();
    workspace.write('.gitignore', `${workspace.read('.gitignore')}.env\n`);
    workspace.write('images/tools/.dockerignore', '.dockerignore\nleft\n');
    workspace.commitAll();
    await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main']);
    const built = async () => {
      const { code, json } = await dmrelJson(workspace.root, ['build', '--only', 'tools', '--force']);
      const { digest } = record(workspace, 'w.2018.18').images.tools;
      const named = blob(workspace, 'tools', digest).annotations['org.opencontainers.image.revision'];
      return { code, named, warned: json.plan.problems.map(({ subject, code }: any) => `${subject}: ${code}`) };
    };
    const last = git(workspace.root, 'rev-list', '-1', 'HEAD', '--', 'images/tools', 'dmrel.yaml');
    expect(await built()).toEqual({ code: 0, named: last, warned: [] });
    workspace.write('images/tools/left', 'for nobody\n');
    expect(await built()).toEqual({ code: 0, named: last, warned: [] });
    const none = { code: 0, named: undefined, warned: ['tools: context-invalid'] };
    workspace.write('images/tools/tool', 'edited\n');
    expect(await built()).toEqual(none);
    git(workspace.root, 'checkout', '--', 'images/tools/tool');
    workspace.write('images/tools/.env', 'KEY=1\n');
    expect(await built()).toEqual(none);
  });
});

describe('what is wrong with images', () => {
  const workspace = new ReleaseWorkspace(1);
  const config = workspace.read('dmrel.yaml');
  beforeAll(async () => {
    workspace.write('images/a/Dockerfile', 'FROM scratch\nCOPY f /f\n');
    workspace.write('images/a/f', '');
    symlinkSync('/etc', join(workspace.root, 'images/out'));
    symlinkSync('/etc/hostname', join(workspace.root, 'images/D'));
    workspace.commitAll();
    expect((await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main'])).code).toBe(0);
  }, 60_000);
  const wrong = (images: string, ...args: string[]) => {
    workspace.write('dmrel.yaml', `${config}registries: {build: layout:.dmrel/registry/build}\nimages:\n${images}`);
    return dmrelJson(workspace.root, ['build', '--dry-run', ...args]);
  };

  it.each([
    ['  a: {context: images/a, secrets: {token: {env: NO_SUCH}}}\n', 3, 'secret-missing'],
    ['  a: {context: images/nowhere}\n', 3, 'file-not-found'],
    ["  a: {context: images/a, tags: ['{release.lab}_rsp{build.number}']}\n", 2, 'usage'],
    ["  a: {context: images/a, tags: ['{release.manifest}']}\n", 3, 'unknown-name'],
    ["  a: {context: images/a, tags: ['no tag']}\n", 3, 'wrong-value'],
    ['  a: {context: images/a, secrets: {token: {file: images/nowhere}}}\n', 3, 'secret-missing'],
    ['  a: {context: images/a, target: nope}\n', 3, 'unknown-name'],
    ['  a: {context: images/out}\n', 3, 'unsafe-path'],
    ['  a: {context: images/a, dockerfile: images/D}\n', 3, 'unsafe-path'],
  ])('is told before anything is built: %s', async (images, exit, code) => {
    const { code: ended, json } = await wrong(images);
    expect([ended, json.problems[0].code]).toEqual([exit, code]);
  });

  it('is told where it stands, whether or not the definition was read before', async () => {
    for (const _ of ['read', 'remembered']) {
      const { json } = await wrong("  a:\n    context: images/a\n    target: nope\n    tags: ['{release.manifest}']\n");
      expect(json.problems.map(({ at }: any) => at.line - config.split('\n').length)).toEqual([4, 5]);
    }
  });

  it('may be the name of an engine that is none', async () => {
    const { code, json } = await wrong('  a: {context: images/a}\n', '--engine', 'dokcer');
    expect([code, json.problems]).toMatchObject([2, [{ code: 'usage', hint: "did you mean 'docker'?" }]]);
  });

  it('is not the number of a build that is given', async () => {
    const { json } = await wrong(
      "  a: {context: images/a, tags: ['{release.lab}_rsp{build.number}']}\n",
      '--build-number',
      '45',
    );
    expect(json.details.images.a.tags).toEqual(['w.2018.18', 'w_2018_18_rsp45']);
  });
});

describe('a build that is killed', () => {
  it('is finished by the same command, whenever that was', async () => {
    const workspace = aChain();
    expect((await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main'])).code).toBe(0);
    for (const milliseconds of [150, 300, 450, 600]) {
      await dmrel(workspace.root, ['build'], {
        during: (child) => setTimeout(() => child.kill('SIGKILL'), milliseconds),
      });
    }
    const ended = await dmrelJson(workspace.root, ['build']);
    expect([ended.code, ended.json.status]).toEqual([0, 'done']);
    const { images } = record(workspace, 'w.2018.18');
    for (const name of ['base', 'stack', 'tools', 'lab']) {
      expect(tagsOf(workspace, name)['w.2018.18']).toBe(images[name].digest);
      expect(images[name].provenance).toMatch(/^sha256:/);
    }
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    rmSync(workspace.root, { recursive: true });
  });
});

describe('a registry on a full disk', () => {
  it('keeps what was whole, says that there is no room, and takes the rest when there is', async () => {
    if (process.getuid?.() !== 0) return; // mounting is root's
    const workspace = new ReleaseWorkspace(
      1,
      'registries: {build: layout:.dmrel/registry}\nimages: {small: {context: images/small}, large: {context: images/large, from: [small]}}\n',
    );
    workspace.write('images/small/Dockerfile', 'FROM scratch\nCOPY f /f\n');
    workspace.write('images/small/f', 'small\n');
    workspace.write('images/large/Dockerfile', 'FROM small\nCOPY f /large\n');
    workspace.write('images/large/f', 'x'.repeat(3 * 2 ** 20));
    workspace.commitAll();
    expect((await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main'])).code).toBe(0);
    const disk = join(workspace.root, '.dmrel/registry');
    mkdirSync(disk, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      const full = await dmrelJson(workspace.root, ['build']);
      expect([full.code, full.json.done]).toEqual([4, ['build:small']]);
      expect(full.json.problems[0].message).toMatch(/ENOSPC|no space/i);
      execFileSync('mount', ['-o', 'remount,size=64m', disk]);
      const { code, json } = await dmrelJson(workspace.root, ['build']);
      // The tags are given at once: which is first is chance.
      expect([code, json.done.slice(0, 2), json.done.slice(2, 4).sort(), json.done.slice(4)]).toEqual([
        0,
        ['build:large', 'record'],
        ['tag:large', 'tag:small'],
        ['commit'],
      ]);
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  }, 60_000);
});

describe('an image for several platforms', () => {
  it('is an index of an image each, on the parent of the same platform', async () => {
    const platforms = 'platforms: [linux/amd64, linux/arm64]';
    const workspace = new ReleaseWorkspace(
      1,
      `registries: {build: layout:.dmrel/registry/build}\nimages: {base: {context: images/base, ${platforms}}, lab: {context: images/lab, from: [base], ${platforms}}, os-amd64: {context: images/base, ${platforms}}, os-arm64: {context: images/base, ${platforms}}, mixed: {context: images/mixed, from: [os-amd64, os-arm64], ${platforms}}}\n`,
    );
    workspace.write('images/mixed/Dockerfile', 'FROM os-${TARGETARCH}\nCOPY f /f\n');
    workspace.write('images/mixed/f', 'f\n');
    workspace.write('images/base/Dockerfile', 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /program\n');
    for (const architecture of ['amd64', 'arm64']) workspace.write(`images/base/${architecture}`, architecture);
    workspace.write('images/lab/Dockerfile', 'FROM base\nCOPY f /f\n');
    workspace.write('images/lab/f', 'f\n');
    workspace.commitAll();
    expect((await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main'])).code).toBe(0);
    const { code, json } = await dmrelJson(workspace.root, ['build']);
    expect([code, json.problems]).toEqual([0, []]);
    const { images } = record(workspace, 'w.2018.18');
    const children = (name: string) =>
      Object.fromEntries(
        blob(workspace, name, images[name].digest).manifests.map((each: any) => [
          each.platform.architecture,
          blob(workspace, name, each.digest).layers.map((layer: any) => layer.digest),
        ]),
      );
    const [base, lab] = [children('base'), children('lab')];
    expect(Object.keys(lab)).toEqual(['amd64', 'arm64']);
    expect(base.amd64).not.toEqual(base.arm64);
    for (const each of ['amd64', 'arm64']) expect(lab[each].slice(0, -1)).toEqual(base[each]);
    expect(images.lab).toMatchObject({ platforms: ['linux/amd64', 'linux/arm64'] });
    // Each says what it is itself built on; all of them together say what they share.
    const baseName = ({ annotations }: any) => annotations['org.opencontainers.image.base.name']?.split(':').at(-1);
    const baseNames = (name: string) => {
      const index = blob(workspace, name, images[name].digest);
      return [index, ...index.manifests.map(({ digest }: any) => blob(workspace, name, digest))].map(baseName);
    };
    expect(baseNames('lab')).toEqual(['base', 'base', 'base']);
    expect(baseNames('mixed')).toEqual([undefined, 'os-amd64', 'os-arm64']);
    expect((await dmrelJson(workspace.root, ['build'])).json.changed).toBe(false);
  }, 60_000);
});
