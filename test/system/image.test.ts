import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  keepTag,
  manifestsOf,
  mediaTypes,
  openLayout,
  openRemoteRegistry,
  readImage,
} from '../../src/registry/index.ts';
import { type Digest, digestOf, hexOf, run, unwrap } from '../../src/support/index.ts';
import { aBuiltIndex, anArtifact, anImage, anIndex, once, writeJson } from '../registry/images.ts';
import { counterpart } from '../support/counterparts.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { ReleaseWorkspace, type ReleaseWorkspace as Workspace, withImage } from '../support/release-workspace.ts';
import { moments } from '../support/sample.ts';

const tag = 'w.2018.18';
const layouts = 'registries: {build: "layout:.dmrel/registry/build", batch: "layout:.dmrel/registry/batch"}\n';

function aWorkspace(registries = layouts): Workspace {
  return new ReleaseWorkspace(1, `${registries}images: {stack: {context: images/stack}}\n`);
}
const layoutOf = (workspace: Workspace, name: string) => openLayout(join(workspace.root, '.dmrel/registry', name));

async function done(workspace: Workspace, args: string[]): Promise<string> {
  const { code, out, err } = await dmrel(workspace.root, args);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${err}`);
  return out;
}
const codes = (json: { problems: { code: string }[] }) => json.problems.map(({ code }) => code);

describe('dmrel image', () => {
  it('lists registries, repositories and tags, the newest first, and what programs tag only when asked', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const digest = await anImage(registry, 'stack', [{ a: '1' }]);
    for (const each of ['w.2018.09', 'w.2018.10', 'latest', `sha256-${hexOf(digest)}.sig`])
      unwrap(await registry.tag('stack', each, digest));
    expect(await done(workspace, ['image', 'ls'])).toContain('build/stack  3 tags  w.2018.10 w.2018.09 latest');
    const { json } = await dmrelJson(workspace.root, ['image', 'ls', 'build/stack']);
    expect(json.repositories).toEqual([
      { name: 'build/stack', tags: ['w.2018.10', 'w.2018.09', 'latest'].map((each) => ({ tag: each, digest })) },
    ]);
    expect(
      (await dmrelJson(workspace.root, ['image', 'ls', 'build/stack', '--all'])).json.repositories[0].tags,
    ).toHaveLength(4);
    expect(await done(workspace, ['image', 'ls', 'layout:.dmrel/registry/build'])).toContain(
      'layout:.dmrel/registry/build:stack',
    );
    expect(await done(workspace, ['image', 'ls', 'batch'])).toBe('no images\n');
    expect(await done(workspace, ['image', 'digest', 'build/stack:latest'])).toBe(`${digest}\n`);
  });

  it('says what it does not find, and what it cannot read as an image', async () => {
    const workspace = aWorkspace();
    for (const [text, code, message] of [
      ['build/stack:w.2018.18', 'unknown-image', 'there is no build/stack:w.2018.18'],
      [`build/stack@${digestOf('x')}`, 'unknown-image', 'there is no build/stack@sha256:'],
      ['build/stack', 'usage', 'name'],
      ['stack:w', 'invalid-name', "'stack:w' is no image"],
      ['build/../stack:w', 'invalid-name', 'is no image'],
      ['build/stack:w x', 'invalid-name', 'is no image'],
      ['build/stack@sha256:abc', 'invalid-name', 'is no image'],
    ] as const) {
      const { code: exit, json } = await dmrelJson(workspace.root, ['image', 'digest', text]);
      expect([text, exit, codes(json)]).toEqual([text, 2, [code]]);
      expect(`${json.problems[0].message} ${json.problems[0].hint}`).toContain(message);
    }
  });

  it('takes no layer and no configuration of a layout for an image', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const digest = await anImage(registry, 'stack', [{ a: '1' }]);
    const { layers, configuration } = unwrap(await readImage(registry, 'stack', digest));
    const bundle = JSON.stringify({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', schemaVersion: 2 });
    const other = unwrap(await registry.writeBlob('stack', once(bundle)));
    for (const each of [layers[0]!, configuration, other]) {
      const { code, json } = await dmrelJson(workspace.root, ['image', 'digest', `build/stack@${each.digest}`]);
      expect([code, codes(json)]).toEqual([2, ['unknown-image']]);
    }
    const index = await anIndex(registry, 'stack', [digest]);
    const artifact = await anArtifact(registry, 'stack', { subject: digest });
    for (const each of [digest, index, artifact])
      expect(await done(workspace, ['image', 'digest', `build/stack@${each}`])).toBe(`${each}\n`);
  });

  it('offers the registries of the workspace only where the registry is what is wrong', async () => {
    const workspace = aWorkspace();
    const hintOf = async (command: string, text: string): Promise<string> =>
      (await dmrelJson(workspace.root, ['image', command, text])).json.problems[0].hint;
    expect(await hintOf('digest', 'stak/stack:w')).toMatch(
      /^name the registry too: .*, or one of this workspace: build, batch$/,
    );
    for (const text of [
      'a.b/stack:w x',
      'a.b/stack@sha256:abc',
      'a.b/Stack:w',
      'build/stack:w x',
      'layout:x:stack:w x',
    ])
      expect([text, await hintOf('digest', text)]).toEqual([text, expect.not.stringContaining('workspace')]);
    for (const text of ['a.b:5000', 'a.b:5000/'])
      expect(await hintOf('ls', text)).toBe(
        'name a repository of it too, a.b:5000/REPOSITORY: a registry does not tell which it has',
      );
  });

  it('says that it is the configuration which cannot be read', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const config = unwrap(await registry.writeBlob('stack', once('no JSON')));
    const odd = await writeJson(registry, 'stack', mediaTypes.manifest, {
      config: { mediaType: mediaTypes.config, ...config },
      layers: [],
    });
    const cut = await anImage(registry, 'stack', [{ a: '1' }]);
    const { configuration } = unwrap(await readImage(registry, 'stack', cut));
    writeFileSync(
      join(workspace.root, '.dmrel/registry/build/stack/blobs/sha256', hexOf(configuration.digest)),
      'damaged',
    );
    for (const [digest, code] of [
      [odd, 'registry-io'],
      [cut, 'digest-mismatch'],
    ] as const)
      for (const args of [
        ['inspect', `build/stack@${digest}`],
        ['diff', `build/stack@${digest}`, `build/stack@${digest}`],
      ]) {
        const { json } = await dmrelJson(workspace.root, ['image', ...args]);
        expect(codes(json)).toEqual([code]);
        expect(json.problems[0].message).toContain(`the configuration of stack@${digest}: `);
      }
  });

  it('shows platforms, attestations, signatures, and the releases and levels that name an image', async () => {
    const workspace = withImage();
    for (const args of [
      ['tag', 'weekly', '--date', '2018-05-03'],
      ['build'],
      ['check', '--level', 'dev'],
      ['promote', '--level', 'dev'],
    ])
      await done(workspace, args);
    const { json } = await dmrelJson(workspace.root, ['image', 'inspect', `dev/stack:${tag}`]);
    expect(json).toMatchObject({ attestations: 0, sidecars: [], named: { releases: [tag], levels: ['dev'] } });
    expect(json.platforms).toHaveLength(1);
    const registry = layoutOf(workspace, 'build');
    const index = await aBuiltIndex(registry, 'many', ['linux/amd64', 'linux/arm64/v8']);
    await anArtifact(registry, 'many', { subject: index, type: 'application/vnd.example.sbom' });
    const many = (await dmrelJson(workspace.root, ['image', 'inspect', `build/many@${index}`])).json;
    expect(many.platforms.map(({ platform }: { platform: string }) => platform)).toEqual([
      'linux/amd64',
      'linux/arm64/v8',
    ]);
    expect(many).toMatchObject({
      attestations: 2,
      named: { releases: [], levels: [] },
      sidecars: [{ of: index, tag: null, type: 'application/vnd.example.sbom' }],
    });
    expect(await done(workspace, ['image', 'inspect', `build/many@${index}`])).toMatch(
      /linux\/arm64\/v8 +sha256:[0-9a-f]{12} +2 /,
    );
  });

  it('works without a workspace where the whole reference is given', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmrel-no-workspace-'));
    const digest = await anImage(openLayout(join(directory, 'images')), 'stack', [{ a: '1' }]);
    const { code, json } = await dmrelJson(directory, ['image', 'inspect', `layout:images:stack@${digest}`]);
    expect([code, json.digest, json.named]).toEqual([0, digest, null]);
    expect((await dmrel(directory, ['image', 'verify', `layout:images:stack@${digest}`])).code).toBe(0);
    expect((await dmrel(directory, ['image', 'ls'])).err).toContain('this is no workspace');
  });

  it('lists a directory of layouts without those that have no name, and says which', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmrel-layouts-'));
    const registry = openLayout(join(directory, 'images'));
    for (const each of ['stack', 'lab', 'deep/er'])
      unwrap(await registry.tag(each, tag, await anImage(registry, each, [{ a: '1' }])));
    renameSync(join(directory, 'images/lab'), join(directory, 'images/Lab'));
    const { code, out, err } = await dmrel(directory, ['image', 'ls', 'layout:images/']);
    expect([code, out.match(/layout:\S+/g)]).toEqual([0, ['layout:images/:deep/er', 'layout:images/:stack']]);
    expect(err).toContain("warning  invalid-name  images/Lab is not listed: 'Lab' is no repository name");
    expect((await dmrelJson(directory, ['image', 'ls', 'layout:images'])).json.repositories).toHaveLength(2);
  });

  it('says how a directory is named that is itself a layout, in words that work', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmrel-layouts-'));
    const registry = openLayout(join(directory, 'images'));
    unwrap(await registry.tag('stack', tag, await anImage(registry, 'stack', [{ a: '1' }])));
    for (const [cwd, given] of [
      ['.', 'images/stack'],
      ['images', 'stack'],
      ['images/stack', '.'],
      ['.', join(directory, 'images/stack/')],
    ] as const) {
      const here = join(directory, cwd);
      const { code, json } = await dmrelJson(here, ['image', 'ls', `layout:${given}`]);
      expect([code, codes(json)]).toEqual([2, ['invalid-name']]);
      expect(json.problems[0].message).toBe(`${given} is itself a layout, not a directory of layouts`);
      const [words] = /layout:\S+$/.exec(json.problems[0].hint) ?? [];
      expect((await dmrel(here, ['image', 'ls', words!])).out).toContain(tag);
    }
    const workspace = aWorkspace();
    const own = layoutOf(workspace, '.');
    for (const each of ['build', 'batch/stack'])
      unwrap(await own.tag(each, tag, await anImage(own, each, [{ a: '1' }])));
    const one = await dmrelJson(workspace.root, ['image', 'ls', 'build']);
    expect([one.code, one.json.problems[0].hint]).toEqual([
      2,
      expect.stringContaining("'build: layout:.dmrel/registry'"),
    ]);
    const all = await dmrel(workspace.root, ['image', 'ls']);
    expect([all.code, all.out, all.err]).toEqual([
      0,
      expect.stringContaining('batch/stack'),
      expect.stringContaining('itself a layout'),
    ]);
  });

  it('does not take a directory that is not there for one without images', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmrel-layouts-'));
    writeFileSync(join(directory, 'file'), '');
    for (const [text, code] of [
      ['layout:mistyped', 'file-not-found'],
      ['layout:mistyped:stack', 'file-not-found'],
      ['layout:file', 'file-unreadable'],
    ] as const) {
      const { code: exit, json } = await dmrelJson(directory, ['image', 'ls', text]);
      expect([text, exit, codes(json)]).toEqual([text, 3, [code]]);
    }
    expect(await dmrel(directory, ['image', 'ls', 'layout:.'])).toMatchObject({ code: 0, out: 'no images\n' });
  });

  it('finds every damaged and every missing byte of an image', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const index = await aBuiltIndex(registry, 'stack', ['linux/amd64', 'linux/arm64']);
    unwrap(await registry.tag('stack', 'w', index));
    const { json } = await dmrelJson(workspace.root, ['image', 'verify', 'build/stack:w']);
    expect(json).toMatchObject({ sound: true, manifests: 5, digest: index });
    const blobs = join(workspace.root, '.dmrel/registry/build/stack/blobs/sha256');
    for (const name of readdirSync(blobs)) {
      if (name === hexOf(index)) continue;
      const before = readFileSync(join(blobs, name));
      writeFileSync(join(blobs, name), Buffer.concat([before, Buffer.from(' ')]));
      const damaged = await dmrelJson(workspace.root, ['image', 'verify', 'build/stack:w']);
      expect([name, damaged.code, damaged.json.sound]).toEqual([name, 4, false]);
      rmSync(join(blobs, name));
      expect((await dmrel(workspace.root, ['image', 'verify', 'build/stack:w'])).code).not.toBe(0);
      writeFileSync(join(blobs, name), before);
    }
  });

  it('compares layers, configuration, environment and labels, platform by platform', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const [one, two] = [
      await anImage(registry, 'stack', [{ a: '1' }, { b: '1' }], 'one'),
      await anImage(registry, 'stack', [{ a: '1' }, { b: '2' }], 'two'),
    ];
    const { json } = await dmrelJson(workspace.root, ['image', 'diff', `build/stack@${one}`, `build/stack@${two}`]);
    const [{ shared, added, removed, labels }] = json.platforms;
    expect([shared.length, added.length, removed.length, labels]).toEqual([
      1,
      1,
      1,
      [{ name: 'note', from: 'one', to: 'two' }],
    ]);
    expect(await done(workspace, ['image', 'diff', `build/stack@${one}`, `build/stack@${one}`])).toBe(
      `the same image: ${one}\n`,
    );
    const [left, right] = [
      await aBuiltIndex(registry, 'stack', ['linux/amd64', 'linux/arm64']),
      await aBuiltIndex(registry, 'stack', ['linux/amd64', 'linux/s390x']),
    ];
    const many = (await dmrelJson(workspace.root, ['image', 'diff', `build/stack@${left}`, `build/stack@${right}`]))
      .json;
    expect(many.platforms.map(({ platform }: { platform: string }) => platform)).toEqual(['linux/amd64']);
    expect(many.onlyIn).toEqual({ from: ['linux/arm64'], to: ['linux/s390x'] });
  });
});

describe('dmrel image copy', () => {
  it('plans, copies with the tag last, and has nothing to do the second time', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const digest = await anImage(registry, 'stack', [{ a: '1' }]);
    unwrap(await registry.tag('stack', tag, digest));
    const copy = ['image', 'copy', `build/stack:${tag}`, 'batch/stack'];
    const plan = (await dmrelJson(workspace.root, [...copy, '--dry-run'])).json;
    expect(plan.steps.map(({ id, action }: { id: string; action: string }) => [id, action])).toEqual([
      [`copy:${digest}`, 'create'],
      [`tag:${tag}`, 'create'],
    ]);
    expect(await layoutOf(workspace, 'batch').resolve('stack', tag)).toBeUndefined();
    expect(await done(workspace, copy)).toContain('1 image copied: 3 sent');
    expect(await layoutOf(workspace, 'batch').resolve('stack', tag)).toBe(digest);
    expect(await done(workspace, copy)).toContain('nothing to do; 1 image there already');
    await anArtifact(registry, 'stack', { subject: digest });
    expect(await done(workspace, copy)).toContain('with 1 that belong to it');
    expect(unwrap(await layoutOf(workspace, 'batch').listReferrers('stack', digest))).toHaveLength(1);
  });

  it('moves a tag like latest, and never the tag of a release', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const [one, two] = [await anImage(registry, 'stack', [{ a: '1' }]), await anImage(registry, 'stack', [{ a: '2' }])];
    for (const each of [tag, 'latest'])
      await done(workspace, ['image', 'copy', `build/stack@${one}`, `batch/stack:${each}`]);
    await done(workspace, ['image', 'copy', `build/stack@${two}`, 'batch/stack:latest']);
    expect(await layoutOf(workspace, 'batch').resolve('stack', 'latest')).toBe(two);
    const { code, json } = await dmrelJson(workspace.root, [
      'image',
      'copy',
      `build/stack@${two}`,
      `batch/stack:${tag}`,
    ]);
    expect([code, codes(json)]).toEqual([1, ['image-conflict']]);
    expect(await layoutOf(workspace, 'batch').resolve('stack', tag)).toBe(one);
    const refused = await dmrelJson(workspace.root, ['image', 'copy', `build/stack@${two}`, `batch/stack@${two}`]);
    expect([refused.code, codes(refused.json)]).toEqual([2, ['usage']]);
  });

  it('copies all tags of a repository', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    for (let week = 1; week <= 5; week++)
      unwrap(
        await registry.tag(
          'stack',
          `w.2018.0${week}`,
          await anImage(registry, 'stack', [{ base: 'x' }, { a: String(week) }]),
        ),
      );
    unwrap(await registry.tag('stack', 'latest', (await registry.resolve('stack', 'w.2018.05'))!));
    const out = await done(workspace, ['image', 'copy', 'build/stack', 'batch/stack', '--all-tags']);
    expect(out).toContain('5 images copied: 16 sent');
    expect(await layoutOf(workspace, 'batch').listTags('stack')).toEqual(await registry.listTags('stack'));
    const refused = await dmrelJson(workspace.root, [
      'image',
      'copy',
      'build/stack:latest',
      'batch/stack',
      '--all-tags',
    ]);
    expect([refused.code, codes(refused.json)]).toEqual([2, ['usage']]);
  });
});

describe('dmrel image copy that is killed', () => {
  it('leaves no tag of half an image, and is finished by dmrel resume', async () => {
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const files = Object.fromEntries(
      Array.from({ length: 6 }, (_, index) => [`f${index}`, String(index).repeat(3_000_000)]),
    );
    const digest = await anImage(
      registry,
      'stack',
      Object.entries(files).map(([name, content]) => ({ [name]: content })),
    );
    unwrap(await registry.tag('stack', tag, digest));
    let cut = 0;
    for (const round of moments([...Array(8).keys()])) {
      const to = `batch/round${round}`;
      const args = ['image', 'copy', `build/stack:${tag}`, to];
      const { code } = await dmrel(workspace.root, args, {
        // When so many files are there, whole or begun.
        during: (child) => {
          const folder = join(workspace.root, `.dmrel/registry/batch/round${round}/blobs/sha256`);
          const watch = setInterval(() => {
            if (!existsSync(folder) || readdirSync(folder).length < round) return;
            clearInterval(watch);
            child.kill('SIGKILL');
          }, 1);
          watch.unref();
        },
      });
      const tagged = await layoutOf(workspace, 'batch').resolve(`round${round}`, tag);
      expect([undefined, digest]).toContain(tagged);
      if (code === null && tagged === undefined) cut += 1;
      const again = await dmrel(workspace.root, ['resume']);
      expect([again.code, again.err]).toEqual([0, expect.any(String)]);
      await done(workspace, args);
      await done(workspace, ['image', 'verify', `${to}:${tag}`]);
    }
    expect(cut).toBeGreaterThan(0);
  });
});

describe('dmrel image prune', () => {
  async function withWeeklies(workspace: Workspace, number: number): Promise<Digest[]> {
    const registry = layoutOf(workspace, 'build');
    const digests: Digest[] = [];
    for (let week = 1; week <= number; week++) {
      digests.push(await aBuiltIndex(registry, 'stack', [`linux/week${week}`]));
      unwrap(await registry.tag('stack', `w.2018.0${week}`, digests.at(-1)!));
    }
    return digests;
  }
  const prune = ['image', 'prune', 'build/stack', '--keep', 'weekly=2'];

  it('prints what it would delete, deletes it with --yes, and leaves every image that is kept whole', async () => {
    const workspace = aWorkspace();
    const digests = await withWeeklies(workspace, 5);
    const before = workspace.state();
    const { out, err } = await dmrel(workspace.root, prune);
    expect(out).toContain('w.2018.01 is not one of the newest 2');
    expect(err).toContain('nothing was deleted; --yes deletes what the plan says');
    expect(workspace.state()).toBe(before);
    expect((await layoutOf(workspace, 'build').listTags('stack')).length).toBe(5);
    // An index, an image and an attestation each.
    expect(await done(workspace, [...prune, '--yes'])).toContain('9 manifests deleted');
    const registry = layoutOf(workspace, 'build');
    expect((await registry.listTagNames('stack')).sort()).toEqual(['w.2018.04', 'w.2018.05']);
    for (const each of digests.slice(3))
      expect((await dmrel(workspace.root, ['image', 'verify', `build/stack@${each}`])).code).toBe(0);
    for (const each of digests.slice(0, 3)) expect(await registry.hasManifest('stack', each)).toBe(false);
    expect(await done(workspace, [...prune, '--yes'])).toBe('nothing to delete\n');
    // What five images shared is there once, for the two that are left.
    expect(
      readdirSync(join(workspace.root, '.dmrel/registry/build/stack/blobs/sha256')).filter(
        (name) => !name.startsWith('.'),
      ),
    ).toHaveLength(14);
  });

  it('never deletes what a record names, though the rules let it go', async () => {
    const workspace = withImage();
    for (const args of [['tag', 'weekly', '--date', '2018-05-03'], ['build']]) await done(workspace, args);
    const { err } = await dmrel(workspace.root, ['image', 'prune', 'build/stack', '--keep', 'weekly=0']);
    expect(err).toContain(`stays: ${tag}, named by the record of ${tag}`);
    expect(await done(workspace, ['image', 'prune', 'build/stack', '--keep', 'weekly=0', '--yes'])).toContain(
      'nothing to delete',
    );
    expect(await layoutOf(workspace, 'build').resolve('stack', tag)).toBeDefined();
    workspace.write(`releases/${tag}/release.yaml`, 'schema: dmrel/release/v1\n');
    expect((await dmrel(workspace.root, ['image', 'prune', 'build/stack', '--keep', 'weekly=0', '--yes'])).code).toBe(
      3,
    );
  });

  it('takes away no image that another program named in its own way, or keeps without a name', async () => {
    const workspace = aWorkspace();
    const digests = await withWeeklies(workspace, 5);
    const folder = join(workspace.root, '.dmrel/registry/build/stack');
    const index = JSON.parse(workspace.read('.dmrel/registry/build/stack/index.json'));
    const names = [{ 'org.opencontainers.image.ref.name': 'myname:1' }, undefined];
    // As skopeo writes them: with `oci:DIR:myname:1`, and with `oci:DIR`.
    names.forEach((annotations, at) => {
      const { annotations: _, ...entry } = index.manifests.find(
        (each: { digest: Digest }) => each.digest === digests[at],
      );
      index.manifests.push(annotations ? { ...entry, annotations } : entry);
    });
    workspace.write('.dmrel/registry/build/stack/index.json', JSON.stringify(index));
    const out = await done(workspace, [...prune, '--yes']);
    expect(out).toContain('3 manifests deleted');
    expect(out).toContain('stays: w.2018.01, named by myname:1 too');
    expect(out).toContain('stays: w.2018.02, it stands in index.json without a tag');
    for (const each of [...digests.slice(0, 2), ...digests.slice(3)])
      expect((await dmrel(workspace.root, ['image', 'verify', `build/stack@${each}`])).code).toBe(0);
    if (!counterpart('skopeo')) return;
    const inspected = await run('skopeo', ['inspect', '--raw', `oci:${folder}:myname:1`]);
    expect(digestOf(Buffer.from(inspected.stdout))).toBe(digests[0]);
  });

  it('takes away an image that skopeo brought without a name as little as any other', async () => {
    if (!counterpart('skopeo')) return;
    const workspace = aWorkspace();
    const registry = layoutOf(workspace, 'build');
    const digest = await anImage(registry, 'stack', [{ a: 'theirs' }]);
    unwrap(await registry.tag('stack', 'w.2018.01', digest));
    const [from, to] = ['build', 'batch'].map((each) => join(workspace.root, `.dmrel/registry/${each}/stack`));
    mkdirSync(join(to!, '..'), { recursive: true });
    const copy = (name: string) =>
      run('skopeo', ['copy', '--insecure-policy', '--preserve-digests', `oci:${from}:w.2018.01`, `oci:${to}${name}`]);
    for (const name of ['', ':docker.io/x/y:latest', ':w.2018.01'])
      expect(await copy(name)).toMatchObject({ exitCode: 0 });
    const others = await layoutOf(workspace, 'batch').listOtherNames!('stack');
    expect(others.map(({ name }) => name)).toContain('docker.io/x/y:latest');
    const all = ['image', 'prune', 'batch/stack', '--keep', 'weekly=0', '--yes'];
    expect(await done(workspace, all)).toContain('nothing to delete');
    const inspected = await run('skopeo', ['inspect', `oci:${to}:docker.io/x/y:latest`]);
    expect(JSON.parse(inspected.stdout).Digest).toBe(digest);
  });

  /** All that is kept, and what names it. */
  const contentOf = (workspace: Workspace) => ({
    blobs: readdirSync(join(workspace.root, '.dmrel/registry/build/stack/blobs/sha256')).sort(),
    index: JSON.parse(workspace.read('.dmrel/registry/build/stack/index.json')),
  });

  it('finishes what was killed after any step, as if nothing had been', async () => {
    const base = aWorkspace();
    const digests = await withWeeklies(base, 3);
    const registry = layoutOf(base, 'build');
    const referrer = await anArtifact(registry, 'stack', { subject: digests[0]!, layers: ['scan'] });
    const signature = await anArtifact(registry, 'stack', { layers: ['signed'] });
    unwrap(await registry.tag('stack', `sha256-${hexOf(digests[0]!)}.sig`, signature));
    const again = () => {
      const workspace = aWorkspace();
      cpSync(join(base.root, '.dmrel/registry'), join(workspace.root, '.dmrel/registry'), { recursive: true });
      return workspace;
    };
    const undisturbed = again();
    expect(await done(undisturbed, [...prune, '--yes'])).toContain('5 manifests deleted');
    const wanted = contentOf(undisturbed);
    expect(await layoutOf(undisturbed, 'build').hasManifest('stack', referrer)).toBe(false);
    // A line for the beginning, two for each step.
    for (const line of [2, 3, 5, 8, 9]) {
      const workspace = again();
      expect((await dmrel(workspace.root, [...prune, '--yes'], { dieAt: { line } })).code).toBe(null);
      if (line === 5) {
        const { out } = await dmrel(workspace.root, prune);
        expect(out).toContain('left by a prune that was not finished');
        expect((await dmrel(workspace.root, [...prune, '--yes'], { dieAt: { line: 4 } })).code).toBe(null);
      }
      await done(workspace, line % 2 === 0 ? [...prune, '--yes'] : ['resume']);
      expect({ line, ...contentOf(workspace) }).toEqual({ line, ...wanted });
      expect(await done(workspace, ['resume'])).toContain('nothing was begun');
    }
  });

  it('takes a part of what was killed into no deletion once something names it again', async () => {
    const workspace = aWorkspace();
    const [first] = await withWeeklies(workspace, 3);
    const registry = layoutOf(workspace, 'build');
    const { bytes, mediaType } = unwrap(await registry.readManifest('stack', first!));
    expect((await dmrel(workspace.root, [...prune, '--yes'], { dieAt: { line: 3 } })).code).toBe(null);
    expect(await registry.hasManifest('stack', first!)).toBe(false);
    unwrap(await registry.writeManifest('stack', { bytes, mediaType }));
    unwrap(await registry.tag('stack', 'recommended', first!));
    expect(await done(workspace, [...prune, '--yes'])).toContain('nothing to delete');
    expect((await dmrel(workspace.root, ['image', 'verify', 'build/stack:recommended'])).code).toBe(0);
  });

  it('goes to a repository once, by whatever names it is said', async () => {
    const workspace = aWorkspace();
    await withWeeklies(workspace, 3);
    const layout = `layout:${join(workspace.root, '.dmrel/registry/build')}:stack`;
    const { json } = await dmrelJson(workspace.root, [...prune, 'build/stack', layout]);
    expect(json.steps).toHaveLength(3);
    expect(json.release).toBe('build/stack');
    const said = ['image', 'prune', 'layout:.dmrel/registry/build:stack', '--keep', 'weekly=2', '--yes'];
    expect((await dmrel(workspace.root, said, { dieAt: { line: 3 } })).code).toBe(null);
    await done(workspace, ['resume']);
    expect((await dmrelJson(workspace.root, ['image', 'prune', layout, '--keep', 'weekly=2'])).json.steps).toEqual([]);
    expect(contentOf(workspace).blobs).toHaveLength(14);
  });

  it('wants rules, and a place', async () => {
    const workspace = aWorkspace();
    for (const args of [
      ['image', 'prune'],
      ['image', 'prune', 'build/stack'],
      ['image', 'prune', 'build/stack', '--keep', 'weekly=x'],
      ['image', 'prune', 'build/stack:w', '--keep', 'weekly=1'],
    ]) {
      const { code, json } = await dmrelJson(workspace.root, args);
      expect([args, code, codes(json)]).toEqual([args, 2, ['usage']]);
    }
  });
});

const when = counterpart('docker-registry') ? describe : describe.skip;

when('releases in a registry over the network', () => {
  let server: RegistryServer;
  beforeAll(async () => {
    server = await startRegistry();
  });
  afterAll(() => server.close());

  it('are built into one, checked and promoted within it without moving a layer, and pruned there', async () => {
    const workspace = withImage();
    const config = workspace
      .read('dmrel.yaml')
      .replaceAll(/layout:\.dmrel\/registry\/([a-z]+)/g, `${server.host}/site/$1`);
    workspace.write('dmrel.yaml', config);
    workspace.commitAll();
    for (const args of [
      ['tag', 'weekly', '--date', '2018-05-03'],
      ['build'],
      ['check', '--level', 'dev'],
      ['promote', '--level', 'dev'],
    ])
      await done(workspace, args);
    const registry = openRemoteRegistry(server.host);
    const digest = await registry.resolve('site/dev/stack', tag);
    expect(digest).toBeDefined();
    expect(await registry.resolve('site/dev/stack', 'dev')).toBe(digest);
    expect(workspace.read('levels/dev.yaml')).toContain(`${server.host}/site/dev/stack@${digest}`);
    if (counterpart('skopeo')) {
      const inspected = await run('skopeo', [
        'inspect',
        '--tls-verify=false',
        `docker://${server.host}/site/dev/stack:${tag}`,
      ]);
      expect(JSON.parse(inspected.stdout).Digest).toBe(digest);
    }
    expect(await done(workspace, ['promote', '--level', 'dev'])).toContain('nothing to do');
    // A signature that was made later is brought later.
    const later = await anArtifact(registry, 'site/build/stack', { subject: digest!, layers: ['signed'] });
    await done(workspace, ['promote', '--level', 'dev']);
    expect(unwrap(await registry.listReferrers('site/dev/stack', digest!)).map((each) => each.digest)).toEqual([later]);
    expect(await done(workspace, ['promote', '--level', 'dev'])).toContain('nothing to do');
    expect(await done(workspace, ['image', 'ls', 'dev'])).toContain(`dev/stack   2 tags  ${tag} dev`);
    expect(await done(workspace, ['image', 'verify', `dev/stack:${tag}`])).toContain('is sound');
    const { json } = await dmrelJson(workspace.root, [
      'image',
      'copy',
      `dev/stack:${tag}`,
      `${server.host}/other/stack`,
    ]);
    expect(json.status).toBe('done');
    await done(workspace, ['image', 'copy', `dev/stack:${tag}`, `dev/stack:w.2018.01`]);
    expect((await dmrel(workspace.root, ['image', 'prune', 'dev/stack', '--keep', 'weekly=1'])).err).toContain(
      'stays: w.2018.01',
    );
    const lone = await anImage(registry, 'site/dev/stack', [{ a: 'old' }]);
    unwrap(await registry.tag('site/dev/stack', 'w.2017.01', lone));
    expect(await done(workspace, ['image', 'prune', 'dev/stack', '--keep', 'weekly=1', '--yes'])).toContain(
      '1 manifest deleted',
    );
    expect(await registry.resolve('site/dev/stack', 'w.2017.01')).toBeUndefined();
    expect(await registry.resolve('site/dev/stack', tag)).toBe(digest);
  });

  it('finishes a prune that was killed or refused in the middle: nothing is left of what it was to delete', async () => {
    const registry = openRemoteRegistry(server.host);
    const pruned = async (repository: string, disturb: (workspace: Workspace, args: string[]) => Promise<unknown>) => {
      const workspace = aWorkspace(`registries: {far: "${proxy.host}"}\n`);
      const image = await aBuiltIndex(registry, repository, ['linux/amd64']);
      const referrer = await anArtifact(registry, repository, { subject: image, layers: ['scan'] });
      const signature = await anArtifact(registry, repository, { layers: ['signed'] });
      const children = unwrap(await manifestsOf({ registry, repository }, image));
      unwrap(await registry.tag(repository, `sha256-${hexOf(image)}.sig`, signature));
      for (const each of children.slice(1)) unwrap(await registry.tag(repository, keepTag(each), each));
      unwrap(await registry.tag(repository, 'w.2018.01', image));
      const young = await anImage(registry, repository, [{ a: 'young' }]);
      unwrap(await registry.tag(repository, 'w.2018.02', young));
      const args = ['image', 'prune', `far/${repository}`, '--keep', 'weekly=1', '--yes'];
      await disturb(workspace, args);
      proxy.reset();
      await done(workspace, args);
      for (const each of [...children, referrer, signature])
        expect([each, await registry.hasManifest(repository, each)]).toEqual([each, false]);
      expect(await registry.listTags(repository)).toEqual([{ tag: 'w.2018.02', digest: young }]);
      expect(await done(workspace, args)).toContain('nothing to delete');
    };
    const proxy = await startFaultProxy(server.host);
    try {
      await pruned('undisturbed', async () => {});
      for (const line of [3, 6, 9])
        await pruned(`killed-${line}`, async (workspace, args) =>
          expect((await dmrel(workspace.root, args, { dieAt: { line } })).code).toBe(null),
        );
      for (const nth of [2, 4])
        await pruned(`refused-${nth}`, async (workspace, args) => {
          let seen = 0;
          const isNth = ({ kind }: { kind: string }) => kind === 'DELETE manifest' && ++seen >= nth;
          proxy.fail(isNth, { type: 'status', status: 403 }, 100);
          const { json } = await dmrelJson(workspace.root, args);
          expect(json.problems.at(-1).hint).toContain('run the same command again');
        });
    } finally {
      await proxy.close();
    }
  });
});
