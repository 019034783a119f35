import { type ChildProcess, spawn } from 'node:child_process';
import { once as event } from 'node:events';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Copy,
  copyImage,
  type ImageRegistry,
  keepTag,
  mediaTypes,
  openLayout,
  openRemoteRegistry,
  type Place,
  readClosure,
  surveyCopies,
  verifyImage,
  withPrefix,
} from '../../src/registry/index.ts';
import { type Digest, failed, hexOf, problem, run, unwrap } from '../../src/support/index.ts';
import { counterpart } from '../support/counterparts.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { rounds } from '../support/sample.ts';
import {
  aBuiltIndex,
  aDirectory,
  aDockerImage,
  anArtifact,
  anImage,
  anIndex,
  once,
  removeDirectories,
  writeJson,
} from './images.ts';

const withServer = counterpart('docker-registry') && counterpart('skopeo');
let server: RegistryServer;
let proxy: FaultProxy;
const noPause = { limits: { pauseSeconds: 0.01, longestPauseSeconds: 0.05 } };

beforeAll(async () => {
  if (!withServer) return;
  server = await startRegistry();
  proxy = await startFaultProxy(server.host);
});
afterAll(async () => {
  await proxy?.close();
  await server?.close();
  await removeDirectories();
});

/** Every kind of image, by what it is. */
const kinds: Record<string, (registry: ImageRegistry, repository: string) => Promise<Digest>> = {
  'an image of docker': (registry, repository) => aDockerImage(registry, repository, 'docker'),
  'an OCI image': (registry, repository) => anImage(registry, repository, [{ a: '1' }, { b: '2' }, { c: '3' }]),
  'an index of three platforms with attestations': (registry, repository) =>
    aBuiltIndex(registry, repository, ['linux/amd64', 'linux/arm64/v8', 'linux/ppc64le']),
  'an index of docker': async (registry, repository) => {
    const images = [await aDockerImage(registry, repository, 'one'), await aDockerImage(registry, repository, 'two')];
    return anIndexOf(registry, repository, images);
  },
  'an image whose configuration has URLs': async (registry, repository) => {
    const image = await anImage(registry, repository, [{ a: '1' }]);
    const { config, layers } = manifestIn(unwrap(await registry.readManifest(repository, image)));
    const urls = ['https://example.org/elsewhere'];
    return writeJson(registry, repository, mediaTypes.manifest, { config: { ...config, urls }, layers });
  },
  'an index whose images have URLs': async (registry, repository) => {
    const index = await anIndex(registry, repository, [await anImage(registry, repository, [{ a: '1' }])]);
    const { manifests } = manifestIn(unwrap(await registry.readManifest(repository, index)));
    const elsewhere = manifests.map((each: object) => ({ ...each, urls: ['https://example.org/elsewhere'] }));
    return writeJson(registry, repository, mediaTypes.index, { manifests: elsewhere });
  },
  'an artifact without layers': (registry, repository) => anArtifact(registry, repository, {}),
  'an index in an index': async (registry, repository) => {
    const inner = await anIndex(registry, repository, [await anImage(registry, repository, [{ a: '1' }])]);
    return anIndex(registry, repository, [inner], mediaTypes.index);
  },
};

const manifestIn = ({ bytes }: { bytes: Buffer }) => JSON.parse(bytes.toString('utf8'));

async function anIndexOf(registry: ImageRegistry, repository: string, images: Digest[]): Promise<Digest> {
  const manifests = await Promise.all(
    images.map(async (digest) => ({
      mediaType: mediaTypes.dockerManifest,
      digest,
      size: unwrap(await registry.readManifest(repository, digest)).bytes.length,
      platform: { os: 'linux', architecture: digest === images[0] ? 'amd64' : 'arm64' },
    })),
  );
  return writeJson(registry, repository, mediaTypes.dockerIndex, { manifests });
}

/** An index with everything that can hang on it: signatures under tags, referrers of itself, of a platform, of a referrer. */
async function aSignedIndex(registry: ImageRegistry, repository: string) {
  const index = await aBuiltIndex(registry, repository, ['linux/amd64', 'linux/arm64']);
  const [child] = unwrap(await readClosure({ registry, repository }, [index])).nodes.get(index)!.children;
  const tagged: [string, Digest][] = [];
  for (const [of, suffix] of [
    [index, 'sig'],
    [index, 'att'],
    [child!, 'sbom'],
  ] as const) {
    const digest = await anArtifact(registry, repository, { layers: [`${suffix} of ${of}`], type: suffix });
    const tag = `sha256-${hexOf(of)}.${suffix}`;
    unwrap(await registry.tag(repository, tag, digest));
    tagged.push([tag, digest]);
  }
  const ofIndex = await anArtifact(registry, repository, { subject: index, layers: ['bundle'] });
  const ofChild = await anArtifact(registry, repository, { subject: child!, type: 'application/vnd.example.scan' });
  const ofReferrer = await anArtifact(registry, repository, { subject: ofIndex, type: 'application/vnd.example.sig' });
  return {
    index,
    child: child!,
    tagged,
    referrers: [
      [index, ofIndex],
      [child!, ofChild],
      [ofIndex, ofReferrer],
    ] as const,
  };
}

let repositories = 0;
/** Pairs of a source and a destination, by the way between them. */
const ways: Record<string, () => Promise<{ from: Place; to: Place }>> = {
  'layout to layout': async () => ({ from: await aLayout(), to: await aLayout() }),
  'within a layout': async () => {
    const registry = openLayout(await aDirectory());
    return { from: { registry, repository: 'stack' }, to: { registry, repository: 'batch/stack' } };
  },
  ...(withServer
    ? {
        'layout to registry': async () => ({ from: await aLayout(), to: atServer() }),
        'registry to layout': async () => ({ from: atServer(), to: await aLayout() }),
        'within a registry': async () => {
          const registry = openRemoteRegistry(server.host);
          return { from: atServer(withPrefix(registry, 'build')), to: atServer(withPrefix(registry, 'batch')) };
        },
      }
    : {}),
};
const aLayout = async (): Promise<Place> => ({ registry: openLayout(await aDirectory()), repository: 'stack' });
function atServer(registry: ImageRegistry = openRemoteRegistry(server.host)): Place {
  repositories += 1;
  return { registry, repository: `stack${repositories}` };
}

/** All of it is there, byte for byte. */
async function expectSame(from: Place, to: Place, digest: Digest): Promise<void> {
  const { nodes } = unwrap(await readClosure(from, [digest]));
  for (const each of nodes.keys()) {
    const [before, after] = [
      unwrap(await from.registry.readManifest(from.repository, each)),
      unwrap(await to.registry.readManifest(to.repository, each)),
    ];
    expect(after).toEqual(before);
  }
  expect(unwrap(await verifyImage(to, digest)).problems).toEqual([]);
}

describe.each(Object.keys(ways))('copying from %s', (way) => {
  it.each(Object.keys(kinds))('keeps %s byte for byte', async (kind) => {
    const { from, to } = await ways[way]!();
    const digest = await kinds[kind]!(from.registry, from.repository);
    const { copied, mounted } = unwrap(await copyImage(from, digest, to));
    expect(copied + mounted).toBeGreaterThan(0);
    await expectSame(from, to, digest);
    expect((await to.registry.listTagNames(to.repository)).filter((tag) => !tag.startsWith('keep-'))).toEqual([]);
    expect(unwrap(await copyImage(from, digest, to))).toMatchObject({ copied: 0, mounted: 0, bytes: 0 });
  });

  it('brings everything that belongs to an image and to its platforms, and brings later what came later', async () => {
    const { from, to } = await ways[way]!();
    const { index, child, tagged, referrers } = await aSignedIndex(from.registry, from.repository);
    unwrap(await copyImage(from, index, to));
    await expectSame(from, to, index);
    for (const [tag, digest] of tagged) expect(await to.registry.resolve(to.repository, tag)).toBe(digest);
    const listed = async (subject: Digest) =>
      unwrap(await to.registry.listReferrers(to.repository, subject)).map(({ digest }) => digest);
    for (const [subject, digest] of referrers) expect(await listed(subject)).toEqual([digest]);

    const late = await anArtifact(from.registry, from.repository, { subject: child, layers: ['late'] });
    unwrap(await copyImage(from, index, to));
    expect((await listed(child)).sort()).toEqual([referrers[1][1], late].sort());
  });

  it('leaves a tag of signatures that has more in it than what comes', async () => {
    const { from, to } = await ways[way]!();
    const { index } = await aSignedIndex(from.registry, from.repository);
    const tag = `sha256-${hexOf(index)}.sig`;
    unwrap(await copyImage(from, index, to));
    const more = await anArtifact(to.registry, to.repository, { layers: [`sig of ${index}`, 'and ours'], type: 'sig' });
    unwrap(await to.registry.tag(to.repository, tag, more));
    expect(unwrap(await copyImage(from, index, to)).keptTags).toEqual([tag]);
    expect(await to.registry.resolve(to.repository, tag)).toBe(more);
  });
});

/** A signature as cosign writes it: what is signed is the layer, the signature an annotation of it. */
async function aSignature(registry: ImageRegistry, repository: string, subject: Digest, signature: string) {
  const payload = unwrap(await registry.writeBlob(repository, once(`payload of ${subject}`)));
  const config = unwrap(await registry.writeBlob(repository, once('{}')));
  return writeJson(registry, repository, mediaTypes.manifest, {
    config: { mediaType: mediaTypes.config, ...config },
    layers: [
      {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        ...payload,
        annotations: { 'dev.cosignproject.cosign/signature': signature },
      },
    ],
  });
}

describe.each(['layout to layout', ...(withServer ? ['within a registry'] : [])])('sidecars there, %s', (way) => {
  const others: [
    string,
    (registry: ImageRegistry, repository: string, image: Digest, who: string) => Promise<Digest>,
  ][] = [
    ['another signature of the same', aSignature],
    [
      'an index',
      async (registry, repository, _image, who) =>
        anIndex(registry, repository, [await anImage(registry, repository, [{ a: who }])]),
    ],
    [
      'an artifact that says all in its annotations',
      (registry, repository, _image, who) => anArtifact(registry, repository, { type: `application/vnd.${who}` }),
    ],
  ];
  it.each(others)('are not replaced by something else: %s', async (_name, make) => {
    const { from, to } = await ways[way]!();
    const image = await anImage(from.registry, from.repository, [{ a: '1' }]);
    const tag = `sha256-${hexOf(image)}.sig`;
    unwrap(await from.registry.tag(from.repository, tag, await make(from.registry, from.repository, image, 'us')));
    const theirs = await make(to.registry, to.repository, image, 'them');
    unwrap(await to.registry.tag(to.repository, tag, theirs));
    expect(unwrap(await copyImage(from, image, to)).keptTags).toEqual([tag]);
    expect(await to.registry.resolve(to.repository, tag)).toBe(theirs);
    const ours = (await from.registry.resolve(from.repository, tag))!;
    expect(await to.registry.hasManifest(to.repository, ours)).toBe(false);
    const again = unwrap(await surveyCopies(from, [image], to)).get(image);
    expect(again).toMatchObject({ changes: 0, keptTags: [tag] });
  });
});

describe('a copy', () => {
  it('asks for each sidecar where a registry says that there are no tags at all', async () => {
    const [from, to] = [await aLayout(), await aLayout()];
    const { index, tagged } = await aSignedIndex(from.registry, from.repository);
    const registry = { ...from.registry, listTagNames: async () => [] };
    unwrap(await copyImage({ ...from, registry }, index, to));
    for (const [tag, digest] of tagged) expect(await to.registry.resolve(to.repository, tag)).toBe(digest);
    const nodes = async (place: typeof from) => [...unwrap(await readClosure(place, [index])).nodes.keys()].sort();
    expect(await nodes({ ...from, registry })).toEqual(await nodes(from));
  });

  it('asks right before it gives a tag, and gives none where it may not', async () => {
    const [from, to] = [await aLayout(), withServer ? atServer() : await aLayout()];
    const digest = await anImage(from.registry, from.repository, [{ a: '1' }]);
    const refusal = failed<void>(problem('image-conflict', 'taken meanwhile'));
    const copy = new Copy(from, to, { mayTag: async () => refusal });
    const { writeTagged } = to.registry;
    if (writeTagged) expect(await copy.image(digest, 'w.2018.18')).toEqual(refusal);
    else unwrap(await copy.image(digest, 'w.2018.18')); // a tag is a step of its own there
    expect(await to.registry.resolve(to.repository, 'w.2018.18')).toBe(undefined);
  });

  it('refuses indexes nested without end at once, and those with too many parts', async () => {
    const [from, to] = [await aLayout(), await aLayout()];
    let digest = await anImage(from.registry, 'stack', [{ a: '1' }]);
    for (let depth = 0; depth < 1000; depth++)
      digest = await anIndex(from.registry, 'stack', [digest], depth ? mediaTypes.index : mediaTypes.manifest);
    let reads = 0;
    const counting = {
      ...from.registry,
      readManifest: (...given: [string, Digest]) => {
        reads += 1;
        return from.registry.readManifest(...given);
      },
    };
    expect(await copyImage({ ...from, registry: counting }, digest, to)).toMatchObject({ ok: false });
    expect(reads).toBeLessThan(10);
    const one = { mediaType: mediaTypes.manifest, size: 10 };
    const children = Array.from({ length: 3000 }, (_, index) => ({
      ...one,
      digest: `sha256:${String(index).padStart(64, '0')}`,
    }));
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: children }));
    const wide = unwrap(
      await from.registry.writeBlob(
        'stack',
        (async function* () {
          yield bytes;
        })(),
      ),
    ).digest;
    expect(await copyImage(from, wide, to)).toMatchObject({ ok: false, problems: [{ code: 'registry-io' }] });
  });

  it('comes to an end where tags of signatures lead round in a circle', async () => {
    const [from, to] = [await aLayout(), await aLayout()];
    const [one, two] = [
      await anImage(from.registry, 'stack', [{ a: '1' }]),
      await anImage(from.registry, 'stack', [{ a: '2' }]),
    ];
    unwrap(await from.registry.tag('stack', `sha256-${hexOf(one)}.sig`, two));
    unwrap(await from.registry.tag('stack', `sha256-${hexOf(two)}.sig`, one));
    unwrap(await from.registry.tag('stack', `sha256-${hexOf(one)}.att`, one));
    unwrap(await copyImage(from, one, to));
    expect((await to.registry.listTagNames('stack')).length).toBe(3);
  });

  it('does not ask for layers that are kept elsewhere', async () => {
    const [from, to] = [await aLayout(), await aLayout()];
    const config = unwrap(
      await from.registry.writeBlob(
        'stack',
        (async function* () {
          yield Buffer.from('{}');
        })(),
      ),
    );
    const foreign = {
      mediaType: mediaTypes.layer,
      digest: `sha256:${'0'.repeat(64)}`,
      size: 5,
      urls: ['https://example.org/layer'],
    };
    const digest = await writeJson(from.registry, 'stack', mediaTypes.manifest, {
      config: { mediaType: mediaTypes.config, ...config },
      layers: [foreign],
    });
    unwrap(await copyImage(from, digest, to));
    expect(await to.registry.hasManifest('stack', digest)).toBe(true);
  });

  it('refuses what two programs would read as two things', async () => {
    const [from, to] = [await aLayout(), await aLayout()];
    const image = await anImage(from.registry, 'stack', [{ a: '1' }]);
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: mediaTypes.manifest, digest: image, size: 1 }],
        layers: [],
        config: {},
      }),
    );
    const { digest } = unwrap(
      await from.registry.writeBlob(
        'stack',
        (async function* () {
          yield bytes;
        })(),
      ),
    );
    expect(await copyImage(from, digest, to)).toMatchObject({
      ok: false,
      problems: [{ code: 'registry-io', message: expect.stringContaining('two things') }],
    });
  });

  it('tells how many bytes are there, and mends what is damaged when it is asked to', async () => {
    const directory = await aDirectory();
    const [from, to] = [await aLayout(), { registry: openLayout(directory), repository: 'stack' }];
    const digest = await anImage(from.registry, 'stack', [{ a: 'x'.repeat(500_000) }, { b: '2' }]);
    const seen: { done: number; total: number }[] = [];
    unwrap(await copyImage(from, digest, to, { progress: (each) => seen.push(each) }));
    expect(seen.at(-1)!.done).toBe(seen.at(-1)!.total);
    expect(seen.every(({ done, total }) => done >= 0 && done <= total)).toBe(true);
    const [layer] = unwrap(await readClosure(to, [digest]))
      .nodes.get(digest)!
      .contents.blobs.slice(1);
    rmSync(join(directory, 'stack/blobs/sha256', hexOf(layer!.digest)));
    expect(unwrap(await verifyImage(to, digest)).problems).toHaveLength(1);
    unwrap(await copyImage(from, digest, to));
    expect(unwrap(await verifyImage(to, digest)).problems).toHaveLength(1);
    unwrap(await copyImage(from, digest, to, { repair: true }));
    expect(unwrap(await verifyImage(to, digest)).problems).toEqual([]);
  });

  it('stops when it is told to, and tags nothing', async () => {
    const [from, to] = [await aLayout(), await aLayout()];
    const digest = await anImage(from.registry, 'stack', [{ a: 'x'.repeat(2_000_000) }]);
    const stop = new AbortController();
    const copied = await copyImage(from, digest, to, {
      signal: stop.signal,
      progress: ({ done }) => done > 0 && stop.abort(),
    });
    expect(copied).toMatchObject({ ok: false, problems: [{ code: 'interrupted' }] });
    expect(await to.registry.hasManifest('stack', digest)).toBe(false);
  });
});

const when = withServer ? describe : describe.skip;

when('a copy beside skopeo', () => {
  it.each(Object.keys(kinds))('makes what skopeo makes of %s', async (kind) => {
    const [from, ours, theirs] = [atServer(), atServer(), atServer()];
    const digest = await kinds[kind]!(from.registry, from.repository);
    unwrap(await from.registry.tag(from.repository, 'w', digest));
    unwrap(await copyImage(from, digest, ours));
    unwrap(await ours.registry.tag(ours.repository, 'w', digest));
    const skopeo = [
      'copy',
      '--insecure-policy',
      '--all',
      '--preserve-digests',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
    ];
    const [source, destination] = [from, theirs].map(({ repository }) => `docker://${server.host}/${repository}:w`);
    const copied = await run('skopeo', [...skopeo, source!, destination!]);
    if (copied.exitCode !== 0) {
      // skopeo 1.9 takes the child of an index for an image, and an artifact for nothing it knows.
      expect(kind).toMatch(/artifact|index in an index/);
      return;
    }
    expect(await theirs.registry.resolve(theirs.repository, 'w')).toBe(digest);
    await expectSame(theirs, ours, digest);
  });

  it('is pulled by skopeo with every digest kept', async () => {
    const from = await aLayout();
    const to = atServer();
    const digest = await aBuiltIndex(from.registry, 'stack', ['linux/amd64', 'linux/arm64']);
    unwrap(await copyImage(from, digest, to));
    unwrap(await to.registry.tag(to.repository, 'w', digest));
    const back = await aDirectory();
    const args = ['copy', '--insecure-policy', '--all', '--preserve-digests', '--src-tls-verify=false'];
    expect(
      await run('skopeo', [...args, `docker://${to.registry.address}/${to.repository}:w`, `oci:${back}/stack:w`]),
    ).toMatchObject({ exitCode: 0 });
    expect(await openLayout(back).resolve('stack', 'w')).toBe(digest);
  });
});

when('a copy within a registry', () => {
  it('takes eight requests for three layers, three more to look for what belongs to it, and moves no layer', async () => {
    const meter = { requests: 0, sent: 0, received: 0 };
    const registry = openRemoteRegistry(server.host, { meter });
    const layers = [{ a: 'x'.repeat(300_000) }, { b: 'y'.repeat(300_000) }, { c: 'z'.repeat(300_000) }];
    const from = { registry: withPrefix(registry, 'build'), repository: 'few' };
    const to = { registry: withPrefix(registry, 'batch'), repository: 'few' };
    const digest = await anImage(from.registry, 'few', layers);
    unwrap(await from.registry.tag('few', 'w', digest));
    meter.requests = 0;
    meter.received = 0;
    expect(unwrap(await copyImage(from, digest, to))).toMatchObject({ copied: 1, mounted: 4, skipped: 0 });
    unwrap(await to.registry.tag('few', 'w', digest));
    // GET, HEAD, 4 mounts, PUT, PUT of the tag; referrers, their tag, the list of tags; the tag read back.
    expect(meter.requests).toBeLessThanOrEqual(8 + 3 + 1);
    expect(meter.received).toBeLessThan(20_000);
    meter.requests = 0;
    unwrap(await copyImage(from, digest, to));
    expect(meter.requests).toBeLessThanOrEqual(2 + 3);
  });

  const keepTagsOf = async ({ registry, repository }: Place) =>
    (await registry.listTagNames(repository)).filter((tag) => tag.startsWith('keep-')).sort();

  it.each(['before it', 'after it'])(
    'keeps parts of an index that are images of their own, copied %s',
    async (when) => {
      const [from, to] = [await aLayout(), atServer()];
      const parts = [
        await anImage(from.registry, 'stack', [{ a: '1' }]),
        await anImage(from.registry, 'stack', [{ b: '2' }]),
      ];
      const index = await anIndex(from.registry, 'stack', parts);
      const copy = new Copy(from, to);
      for (const digest of when === 'before it' ? [...parts, index] : [index, ...parts])
        unwrap(await copy.image(digest));
      expect(await keepTagsOf(to)).toEqual(parts.map(keepTag).sort());
    },
  );

  it('keeps the parts of an index that others have brought, and mends it', async () => {
    const [from, to] = [await aLayout(), atServer()];
    const index = await aBuiltIndex(from.registry, 'stack', ['linux/amd64', 'linux/arm64']);
    unwrap(await copyImage(from, index, to, { keepTags: false }));
    const { children } = unwrap(await readClosure(from, [index])).nodes.get(index)!;
    unwrap(await to.registry.deleteManifest(to.repository, children[0]!));
    expect(unwrap(await surveyCopies(from, [index], to)).get(index)!.changes).toBeGreaterThan(0);
    unwrap(await copyImage(from, index, to));
    expect(await keepTagsOf(to)).toEqual(children.map(keepTag).sort());
    await expectSame(from, to, index);
    expect(unwrap(await surveyCopies(from, [index], to)).get(index)!.changes).toBe(0);
  });

  it('survives the garbage collection of docker-registry that deletes what has no tag', async () => {
    const own = await startRegistry();
    const registry = openRemoteRegistry(own.host);
    const from = await aLayout();
    const { index } = await aSignedIndex(from.registry, 'stack');
    const to = { registry, repository: 'stack' };
    unwrap(await copyImage(from, index, to));
    unwrap(await registry.tag('stack', 'w', index));
    const config = await aDirectory();
    writeFileSync(
      join(config, 'c.yml'),
      JSON.stringify({ version: '0.1', storage: { filesystem: { rootdirectory: own.directory } } }),
    );
    // Variables that begin so are settings to it; one of them is of who logs in elsewhere.
    const env = { REGISTRY_AUTH_FILE: undefined };
    const collect = ['garbage-collect', '--delete-untagged', join(config, 'c.yml')];
    expect(await run('docker-registry', collect, { env })).toMatchObject({ exitCode: 0 });
    await expectSame(from, to, index);
    await own.close();
  });
});

const broken: Fault[] = [
  { type: 'status', status: 500 },
  { type: 'status', status: 503, headers: { 'Retry-After': '0' } },
  { type: 'status', status: 429, headers: { 'Retry-After': '0' } },
  { type: 'reset' },
  { type: 'answer lost' },
  { type: 'refused', milliseconds: 30 },
];
const half = (length: number) => Math.floor(length / 2);

when('a copy over a bad connection', () => {
  let source: Place;
  let index: Digest;
  beforeAll(async () => {
    source = atServer();
    ({ index } = await aSignedIndex(source.registry, source.repository));
  });
  const single: [string, Fault][] = [
    ...[
      'GET manifest',
      'HEAD manifest',
      'PUT manifest',
      'GET blob',
      'HEAD blob',
      'POST upload',
      'PUT upload',
      'GET tags',
      'GET referrers',
    ].flatMap((kind) => broken.map((fault): [string, Fault] => [kind, fault])),
    ['GET blob', { type: 'answer cut', at: half }],
    ['GET blob', { type: 'answer corrupted', at: half }],
    ['GET blob', { type: 'answer shortened', at: half }],
    ['GET manifest', { type: 'answer cut', at: half }],
    ['GET manifest', { type: 'answer corrupted', at: half }],
    ['PUT upload', { type: 'request cut', at: half }],
    ['PUT upload', { type: 'request corrupted', at: half }],
    ['PUT manifest', { type: 'request cut', at: half }],
  ];
  it.each(single.map(([kind, fault]) => [kind, fault.type, 'status' in fault ? fault.status : '', fault] as const))(
    'ends right when one %s goes wrong: %s %s',
    async (kind, _type, _status, fault) => {
      const registry = openRemoteRegistry(proxy.host, noPause);
      const from = { registry, repository: source.repository };
      // From one registry to another: by way of the proxy and past it.
      const to: Place = /PUT|POST|HEAD blob/.test(kind)
        ? { registry: openRemoteRegistry(proxy.host, noPause), repository: atServer().repository }
        : atServer();
      proxy.reset();
      proxy.fail(kind, fault);
      const origin = /PUT|POST|HEAD blob/.test(kind) ? source : from;
      unwrap(await copyImage(origin, index, to));
      unwrap(await to.registry.tag(to.repository, 'w', index));
      expect(proxy.pending()).toBe(0);
      proxy.reset();
      await expectSame(source, to, index);
    },
  );

  it.each(['GET manifest', 'GET blob', 'PUT manifest', 'PUT upload', 'POST upload'])(
    'fails, says so and moves no tag when no %s comes through',
    async (kind) => {
      const source = atServer();
      const digest = await anImage(source.registry, source.repository, [{ a: 'x'.repeat(100_000) }]);
      const limits = { attempts: 2, pauseSeconds: 0.01, longestPauseSeconds: 0.02 };
      const through = openRemoteRegistry(proxy.host, { limits });
      const toProxy = /PUT|POST/.test(kind);
      const to: Place = {
        registry: toProxy ? through : openRemoteRegistry(server.host),
        repository: atServer().repository,
      };
      proxy.reset();
      proxy.fail(kind, { type: 'status', status: 500 }, 1000);
      const copied = await copyImage(toProxy ? source : { ...source, registry: through }, digest, to);
      expect(copied).toMatchObject({ ok: false, problems: [{ code: expect.stringMatching(/^registry-/) }] });
      proxy.reset();
      expect(await to.registry.listTagNames(to.repository)).toEqual([]);
      expect(await to.registry.hasManifest(to.repository, digest)).toBe(false);
    },
  );
});

async function copier(): Promise<string> {
  const out = join(await aDirectory(), 'copier.mjs');
  const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const args = [
    'test/registry/copier.ts',
    '--bundle',
    '--platform=node',
    '--format=esm',
    `--outfile=${out}`,
    `--banner:js=${banner}`,
  ];
  expect(await run('node_modules/.bin/esbuild', args)).toMatchObject({ exitCode: 0 });
  return out;
}
const start = (program: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });

describe.each(['a layout', ...(withServer ? ['a registry'] : [])])('a copy to %s that is killed', (kind) => {
  it('never leaves a wrong tag, whenever it is killed, and is finished by the next one', async () => {
    const program = await copier();
    const source = await aDirectory();
    const from = { registry: openLayout(source), repository: 'stack' };
    const platforms = ['linux/amd64', 'linux/arm64', 'linux/s390x'];
    const large = await anImage(from.registry, 'stack', [{ a: 'x'.repeat(4_000_000) }, { b: 'y'.repeat(3_000_000) }]);
    const digest = await anIndex(from.registry, 'stack', [large, await aBuiltIndex(from.registry, 'stack', platforms)]);
    unwrap(
      await from.registry.tag(
        'stack',
        `sha256-${hexOf(digest)}.sig`,
        await anArtifact(from.registry, 'stack', { layers: ['s'] }),
      ),
    );
    await anArtifact(from.registry, 'stack', { subject: large, layers: ['scan'] });
    const directory = await aDirectory();
    const address = kind === 'a layout' ? directory : server.host;
    const registry = kind === 'a layout' ? openLayout(directory) : openRemoteRegistry(server.host);
    const once = async (repository: string, killAfter: number | undefined): Promise<void> => {
      const child = start(program, source, digest, address, repository, 'w');
      await event(child.stdout!, 'data');
      if (killAfter !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfter);
      child.stdout!.resume();
      await event(child, 'close');
    };
    const begun = performance.now();
    await once('timed', undefined);
    const whole = performance.now() - begun;
    for (let round = 0; round < rounds(30); round++) {
      const to = { registry, repository: `round${round % 3 === 2 ? round - 1 : round}` };
      await once(to.repository, Math.random() * whole);
      const tagged = await registry.resolve(to.repository, 'w');
      if (tagged === undefined) continue;
      expect(tagged).toBe(digest);
      await expectSame(from, to, digest);
    }
    for (const round of [0, 7, 28]) {
      const to = { registry, repository: `round${round}` };
      await once(to.repository, undefined);
      expect(await registry.resolve(to.repository, 'w')).toBe(digest);
      await expectSame(from, to, digest);
    }
    if (kind !== 'a layout') return;
    // What the killed ones have begun is swept by the next that writes there.
    const drafts = readdirSync(join(directory, 'round0/blobs/sha256')).filter((name) => name.endsWith('.tmp'));
    expect(drafts.map((name) => statSync(join(directory, 'round0/blobs/sha256', name)).size)).toEqual([]);
  }, 300_000);
});
