import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  chunks,
  copyImage,
  type Descriptor,
  type ImageRegistry,
  mediaTypes,
  openLayout,
  openRemoteRegistry,
  readImage,
} from '../../src/registry/index.ts';
import { type Digest, digestOf, run, unwrap } from '../../src/support/index.ts';
import { counterpart } from '../support/counterparts.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { aDirectory, anArtifact, anImage, anIndex, once, removeDirectories } from './images.ts';

const when = counterpart('docker-registry') && counterpart('skopeo') ? describe : describe.skip;
let server: RegistryServer;
let remote: ReturnType<typeof openRemoteRegistry>;
const meter = { requests: 0, sent: 0, received: 0 };

async function skopeo(...args: string[]): Promise<string> {
  const done = await run('skopeo', args);
  if (done.exitCode !== 0) throw new Error(done.stderr);
  return done.stdout;
}

async function contentOf(registry: ImageRegistry, repository: string, digest: Digest): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of registry.readBlob(repository, digest)) parts.push(chunk);
  return Buffer.concat(parts);
}

/** How many requests something takes. */
async function requestsOf(work: () => Promise<unknown>): Promise<number> {
  const before = meter.requests;
  await work();
  return meter.requests - before;
}

async function* inParts(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const random = (size: number) => Buffer.from(Array.from({ length: size }, () => Math.floor(Math.random() * 256)));

when('a registry over the network', () => {
  beforeAll(async () => {
    server = await startRegistry();
    remote = openRemoteRegistry(server.host, { meter, limits: { pauseSeconds: 0.01 } });
  });
  afterAll(async () => {
    remote.close();
    await server.close();
    await removeDirectories();
  });
  /** Uploads that were begun and not finished; of those that were taken back, docker-registry keeps an empty directory. */
  const leftovers = (repository: string): string[] => {
    const folder = join(server.directory, 'docker/registry/v2/repositories', repository, '_uploads');
    return existsSync(folder) ? readdirSync(folder).filter((each) => existsSync(join(folder, each, 'data'))) : [];
  };

  it('reads what skopeo has pushed, byte for byte', async () => {
    const directory = await aDirectory();
    const layout = openLayout(directory);
    const digest = await anImage(layout, 'dm/stack', [{ a: '1' }, { b: 'x'.repeat(300_000) }]);
    unwrap(await layout.tag('dm/stack', 'w_1', digest));
    const to = `docker://${server.host}/read:w_1`;
    await skopeo('copy', '--preserve-digests', '--dest-tls-verify=false', `oci:${directory}/dm/stack:w_1`, to);

    expect(await remote.resolve('read', 'w_1')).toBe(digest);
    expect(await remote.resolve('read', 'w_2')).toBeUndefined();
    expect(await remote.resolve('nobody/here', 'w_1')).toBeUndefined();
    expect(await remote.listTags('read')).toEqual([{ tag: 'w_1', digest }]);
    expect(await remote.listTags('nobody/here')).toEqual([]);
    expect(await remote.hasManifest('read', digest)).toBe(true);
    expect(await remote.hasManifest('read', digestOf('no'))).toBe(false);
    const manifest = unwrap(await remote.readManifest('read', digest));
    expect(manifest).toEqual(unwrap(await layout.readManifest('dm/stack', digest)));
    expect(await remote.readManifest('read', digestOf('no'))).toMatchObject({ problems: [{ code: 'registry-io' }] });
    for (const { digest: layer, size } of unwrap(await readImage(remote, 'read', digest)).layers) {
      expect(await remote.hasBlob('read', layer, size)).toBe(true);
      expect(await remote.hasBlob('read', layer, size + 1)).toBe(false);
      expect(await contentOf(remote, 'read', layer)).toEqual(await contentOf(layout, 'dm/stack', layer));
    }
    expect(await remote.hasBlob('read', digestOf('no'))).toBe(false);
    const absent = contentOf(remote, 'read', digestOf('no'));
    await expect(absent).rejects.toMatchObject({ problems: [{ code: 'registry-io' }] });
  });

  it('writes what skopeo reads back, with the same digest', async () => {
    const digest = await anImage(remote, 'dm/written', [{ a: '1' }, { b: 'x'.repeat(300_000) }]);
    unwrap(await remote.tag('dm/written', 'w_1', digest));
    unwrap(await remote.tag('dm/written', 'latest', digest));
    const seen = await skopeo('inspect', '--tls-verify=false', `docker://${server.host}/dm/written:w_1`);
    expect(JSON.parse(seen)).toMatchObject({ Digest: digest, RepoTags: ['latest', 'w_1'] });
    const directory = await aDirectory();
    const from = `docker://${server.host}/dm/written@${digest}`;
    await skopeo('copy', '--preserve-digests', '--src-tls-verify=false', from, `oci:${directory}/back:w_1`);
    expect(await openLayout(directory).resolve('back', 'w_1')).toBe(digest);
    expect(leftovers('dm/written')).toEqual([]);
  });

  it('reads and writes indexes and images of docker as they are', async () => {
    const children = [await anImage(remote, 'many', [{ a: '1' }]), await anImage(remote, 'many', [{ a: '2' }])];
    const index = await anIndex(remote, 'many', children);
    unwrap(await remote.tag('many', 'both', index));
    expect(await remote.resolve('many', 'both')).toBe(index);
    expect(unwrap(await remote.readManifest('many', index)).mediaType).toBe(mediaTypes.index);
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${server.host}/many:both`);
    expect(digestOf(raw)).toBe(index);

    const to = `docker://${server.host}/docker:v2`;
    const from = `docker://${server.host}/many@${children[0]}`;
    await skopeo('copy', '--format=v2s2', '--src-tls-verify=false', '--dest-tls-verify=false', from, to);
    const digest = (await remote.resolve('docker', 'v2'))!;
    const manifest = unwrap(await remote.readManifest('docker', digest));
    expect(manifest.mediaType).toBe(mediaTypes.dockerManifest);
    unwrap(await remote.tag('docker', 'again', digest));
    expect(await remote.resolve('docker', 'again')).toBe(digest);
  });

  it('keeps content in one piece, as a stream or in chunks, and leaves no upload open', async () => {
    const chunked = openRemoteRegistry(server.host, { chunkBytes: 1000, meter });
    for (const size of [0, 1, 999, 1000, 1001, 5000]) {
      const bytes = random(size);
      const digest = digestOf(bytes);
      const ways: [string, ImageRegistry, Parameters<ImageRegistry['writeBlob']>[1], Digest?, number?][] = [
        ['whole', remote, () => inParts(bytes, 300), digest, size],
        ['without its size', remote, () => inParts(bytes, 300), digest],
        ['without anything', remote, inParts(bytes, 300)],
        ['chunks', chunked, inParts(bytes, 300), digest, size],
        ['chunks of a large one', chunked, chunks(bytes)],
      ];
      for (const [way, registry, source, expected, length] of ways) {
        const repository = `ways/${way.replaceAll(' ', '-')}`;
        expect([way, await registry.writeBlob(repository, source, expected, length)]).toEqual([
          way,
          { ok: true, value: { digest, size } },
        ]);
        expect(await contentOf(remote, repository, digest)).toEqual(bytes);
        expect(leftovers(repository)).toEqual([]);
      }
    }
    chunked.close();
  });

  it('refuses content that is not what was expected, and keeps none of it', async () => {
    const bytes = Buffer.from('this is it');
    const cases: [Digest, number | undefined][] = [
      [digestOf('another'), bytes.length],
      [digestOf('another'), undefined],
      [digestOf(bytes), bytes.length + 1],
      [digestOf(bytes), bytes.length - 1],
    ];
    for (const [digest, size] of cases) {
      for (const source of [once(bytes), () => once(bytes), () => inParts(bytes, 3)]) {
        const outcome = await remote.writeBlob('wrong', source, digest, size);
        expect(outcome).toMatchObject({ ok: false, problems: [{ code: 'digest-mismatch' }] });
      }
      expect(await remote.hasBlob('wrong', digest)).toBe(false);
    }
    expect(leftovers('wrong')).toEqual([]);
  });

  it('passes on what goes wrong with the source', async () => {
    async function* broken() {
      yield Buffer.from('a');
      throw new Error('the disk is gone');
    }
    await expect(remote.writeBlob('wrong', broken)).rejects.toThrow('the disk is gone');
    await expect(remote.writeBlob('wrong', broken, digestOf('ab'), 2)).rejects.toThrow('the disk is gone');
    expect(leftovers('wrong')).toEqual([]);
  });

  it('takes a blob from another repository without moving it', async () => {
    const bytes = random(100_000);
    const { digest } = unwrap(await remote.writeBlob('mount/from', once(bytes)));
    const before = meter.sent + meter.received;
    expect(await remote.mountBlob('mount/to', digest, 'mount/from')).toBe(true);
    expect(meter.sent + meter.received - before).toBeLessThan(5000);
    expect(await contentOf(remote, 'mount/to', digest)).toEqual(bytes);
    expect(await remote.mountBlob('mount/to', digestOf('no'), 'mount/from')).toBe(false);
    expect(await remote.mountBlob('mount/to', digest, 'mount/nowhere')).toBe(false);
    expect(await remote.mountBlob('mount/other', digestOf('no'), 'mount/nowhere')).toBe(false);
    expect([...leftovers('mount/to'), ...leftovers('mount/other')]).toEqual([]);
  });

  it('deletes a manifest with its tags, and takes it for deleted when it is not there', async () => {
    const digest = await anImage(remote, 'gone', [{ a: '1' }]);
    unwrap(await remote.tag('gone', 'w_1', digest));
    unwrap(await remote.deleteManifest('gone', digest));
    expect(await remote.hasManifest('gone', digest)).toBe(false);
    expect(await remote.resolve('gone', 'w_1')).toBeUndefined();
    unwrap(await remote.deleteManifest('gone', digest));
    expect(await remote.tag('gone', 'w_2', digestOf('no'))).toMatchObject({ problems: [{ code: 'registry-io' }] });
  });

  it('has one list of what belongs to an image, whoever adds and takes away at once, and one that names what is gone is mended', async () => {
    const subject = await anImage(remote, 'listed', [{ a: '1' }]);
    const add = (layer: string) => anArtifact(remote, 'listed', { subject, layers: [layer] });
    const listed = async () =>
      unwrap(await remote.listReferrers('listed', subject))
        .map(({ digest }) => digest)
        .sort();
    expect(await listed()).toEqual([]);
    for (let round = 0; round < 10; round++) {
      const [first, second] = [await add(`first ${round}`), await add(`second ${round}`)];
      const [third] = await Promise.all([
        add(`third ${round}`),
        remote.deleteManifest('listed', first).then(unwrap),
        remote.deleteManifest('listed', second).then(unwrap),
      ]);
      expect(await listed()).toEqual([third]);
      unwrap(await remote.deleteManifest('listed', third));
    }
    const gone = await add('gone');
    // As a tool does that knows nothing of lists.
    await fetch(`http://${server.host}/v2/listed/manifests/${gone}`, { method: 'DELETE' });
    const fourth = await add('fourth');
    expect(await listed()).toEqual([fourth]);
  });

  it('says why a registry refuses a manifest', async () => {
    const blob: Descriptor = { mediaType: mediaTypes.config, digest: digestOf('no'), size: 2 };
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config: blob, layers: [] }),
    );
    const outcome = await remote.writeManifest('refused', { mediaType: mediaTypes.manifest, bytes });
    expect(outcome).toMatchObject({ problems: [{ code: 'registry-io' }] });
    expect(JSON.stringify(outcome)).toMatch(/HTTP 400; MANIFEST_BLOB_UNKNOWN/);
    const bad = await remote.writeManifest('refused', { mediaType: 'text/html\r\nX: y', bytes });
    expect(bad).toMatchObject({ problems: [{ code: 'registry-io' }] });
  });

  it('lists tags, each with what it names', async () => {
    const digest = await anImage(remote, 'tags', [{ a: '1' }]);
    const names = Array.from({ length: 40 }, (_, number) => `w_${String(number).padStart(4, '0')}`);
    await Promise.all(names.map(async (name) => unwrap(await remote.tag('tags', name, digest))));
    expect((await remote.listTagNames('tags')).sort()).toEqual(names);
    const found = (await remote.listTags('tags')).sort((left, right) => (left.tag < right.tag ? -1 : 1));
    expect(found).toEqual(names.map((tag) => ({ tag, digest })));
  });

  it('copies between a directory and a registry, both ways, what is missing and no more', async () => {
    const layout = openLayout(await aDirectory());
    const digest = await anImage(layout, 'dm/stack', [{ a: '1' }, { b: 'x'.repeat(300_000) }]);
    const [there, back] = [
      { registry: remote, repository: 'copied' },
      { registry: openLayout(await aDirectory()), repository: 'dm/stack' },
    ];
    unwrap(await copyImage({ registry: layout, repository: 'dm/stack' }, digest, there));
    unwrap(await copyImage(there, digest, back));
    expect(await back.registry.readManifest('dm/stack', digest)).toEqual(await layout.readManifest('dm/stack', digest));
  });

  it('keeps all repositories below a prefix, and speaks to a host of this machine by any of its names', async () => {
    const below = openRemoteRegistry(`localhost:${server.port}/dm/prod`);
    const digest = await anImage(below, 'stack', [{ a: '1' }]);
    expect(await remote.hasManifest('dm/prod/stack', digest)).toBe(true);
    unwrap(await below.tag('stack', 'w_1', digest));
    expect(await below.listTags('stack')).toEqual([{ tag: 'w_1', digest }]);
    const { layers } = unwrap(await readImage(below, 'stack', digest));
    expect(await below.mountBlob('other', layers[0]!.digest, 'stack')).toBe(true);
    expect(await remote.hasBlob('dm/prod/other', layers[0]!.digest)).toBe(true);
    below.close();
  });

  it('needs one request for a question, three to write a blob and two for a tag', async () => {
    const bytes = random(1000);
    const digest = digestOf(bytes);
    const counted = openRemoteRegistry(server.host, { meter });
    expect(await requestsOf(() => counted.hasBlob('few', digest))).toBe(1);
    expect(await requestsOf(() => counted.writeBlob('few', once(bytes), digest, bytes.length))).toBe(2);
    expect(await requestsOf(() => counted.writeBlob('few', once(bytes)))).toBe(3);
    expect(await requestsOf(() => contentOf(counted, 'few', digest))).toBe(1);
    const image = await anImage(counted, 'few', [{ a: '1' }]);
    expect(await requestsOf(() => counted.tag('few', 'w_1', image))).toBe(2);
    counted.close();
  });

  it('refuses names before anything is asked', async () => {
    const digest = digestOf('x');
    const before = meter.requests;
    for (const name of ['', '..', 'a/../b', 'A', 'a b', 'a?b', 'a#b', 'a%2fb', 'x'.repeat(256), 'a\r\nb']) {
      const code = { problems: [{ code: 'invalid-name' }] };
      await expect(remote.resolve(name, 'a')).rejects.toMatchObject(code);
      await expect(contentOf(remote, name, digest)).rejects.toMatchObject(code);
      await expect(remote.mountBlob('a', digest, name)).rejects.toMatchObject(code);
      expect(await remote.readManifest(name, digest)).toMatchObject(code);
      expect(await remote.writeBlob(name, once('x'))).toMatchObject(code);
      if (name !== 'A') {
        await expect(remote.resolve('a', name)).rejects.toMatchObject(code);
        expect(await remote.tag('a', name, digest)).toMatchObject({ ok: false });
      }
      await expect(contentOf(remote, 'a', name as Digest)).rejects.toMatchObject({
        problems: [{ code: 'registry-io' }],
      });
    }
    expect(meter.requests).toBeLessThanOrEqual(before + 10); // of tag, which reads what it is to tag
    expect(() => openRemoteRegistry('no host')).toThrow("'no host' is no registry");
  });

  it('says that nobody answers, after it has tried again', async () => {
    const waits: number[] = [];
    const nobody = openRemoteRegistry('127.0.0.1:1', {
      limits: { attempts: 3 },
      pause: async (seconds) => void waits.push(seconds),
    });
    await expect(nobody.resolve('a', 'b')).rejects.toMatchObject({
      problems: [{ code: 'registry-unreachable', message: '127.0.0.1:1: Connection refused (tried 3 times)' }],
    });
    expect(waits.length).toBe(2);
  });

  it('ends at once when it is interrupted', async () => {
    const control = new AbortController();
    const interruptible = openRemoteRegistry(server.host, { signal: control.signal });
    const bytes = random(10);
    async function* endless() {
      for (;;) {
        yield bytes;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    const writing = interruptible.writeBlob('stopped', endless);
    setTimeout(() => control.abort(), 100);
    expect(await writing).toMatchObject({ problems: [{ code: 'interrupted' }] });
    await expect(interruptible.resolve('a', 'b')).rejects.toMatchObject({ problems: [{ code: 'interrupted' }] });
  });
});

when('what belongs to an image', () => {
  beforeAll(async () => {
    server = await startRegistry();
    remote = openRemoteRegistry(server.host, { limits: { pauseSeconds: 0.01 } });
  });
  afterAll(async () => {
    remote.close();
    await server.close();
    await removeDirectories();
  });

  async function anAttachment(registry: ImageRegistry, subject: Digest, note: string): Promise<Digest> {
    const empty = unwrap(await registry.writeBlob('dm/stack', once('{}'), digestOf('{}'), 2));
    const size = unwrap(await registry.readManifest('dm/stack', subject)).bytes.length;
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: 'application/vnd.example.note',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', ...empty },
      layers: [{ mediaType: 'application/vnd.oci.empty.v1+json', ...empty }],
      subject: { mediaType: mediaTypes.manifest, digest: subject, size },
      annotations: { note, 'org.example.more': 'too' },
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    return unwrap(await registry.writeManifest('dm/stack', { mediaType: mediaTypes.manifest, bytes }));
  }

  it('is found by the tag in the place of the API, with its type and all annotations, once', async () => {
    const subject = await anImage(remote, 'dm/stack', [{ a: '1' }]);
    expect(await remote.listReferrers('dm/stack', subject)).toEqual({ ok: true, value: [] });
    const first = await anAttachment(remote, subject, 'first');
    const second = await anAttachment(remote, subject, 'second');
    expect(await anAttachment(remote, subject, 'first')).toBe(first);
    const found = unwrap(await remote.listReferrers('dm/stack', subject));
    expect(found).toMatchObject([
      { digest: first, mediaType: mediaTypes.manifest, artifactType: 'application/vnd.example.note' },
      { digest: second, annotations: { note: 'second', 'org.example.more': 'too' } },
    ]);
    expect(found[0]!.size).toBe(unwrap(await remote.readManifest('dm/stack', first)).bytes.length);
    const tag = `sha256-${subject.slice('sha256:'.length)}`;
    expect(await remote.listTagNames('dm/stack')).toEqual([tag]);
  });

  it('loses none of those that are written at the same moment, by one process or by two', async () => {
    const subject = await anImage(remote, 'dm/stack', [{ a: '2' }]);
    const other = openRemoteRegistry(server.host, { limits: { pauseSeconds: 0.01 } });
    const written = await Promise.all(
      Array.from({ length: 12 }, (_, number) => anAttachment(number % 2 ? remote : other, subject, `${number}`)),
    );
    other.close();
    const found = unwrap(await remote.listReferrers('dm/stack', subject));
    expect(found.map(({ digest }) => digest).sort()).toEqual(written.sort());
  });

  it('keeps entries that it does not know, and overwrites nothing that is no index', async () => {
    const subject = await anImage(remote, 'dm/stack', [{ a: '3' }]);
    const tag = `sha256-${subject.slice('sha256:'.length)}`;
    const known = await anImage(remote, 'dm/stack', [{ a: '4' }]);
    const size = unwrap(await remote.readManifest('dm/stack', known)).bytes.length;
    const strange = {
      mediaType: mediaTypes.manifest,
      digest: known,
      size,
      platform: { os: 'x', architecture: 'y' },
      z: 1,
    };
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [strange], annotations: { kept: 'yes' } };
    const bytes = Buffer.from(JSON.stringify(index));
    const digest = unwrap(await remote.writeManifest('dm/stack', { mediaType: mediaTypes.index, bytes }));
    unwrap(await remote.tag('dm/stack', tag, digest));
    await anAttachment(remote, subject, 'x');
    const now = unwrap(await remote.readManifest('dm/stack', (await remote.resolve('dm/stack', tag))!));
    expect(JSON.parse(String(now.bytes))).toMatchObject({ manifests: [strange, {}], annotations: { kept: 'yes' } });

    unwrap(await remote.tag('dm/stack', tag, known));
    expect(await remote.listReferrers('dm/stack', subject)).toMatchObject({ problems: [{ code: 'registry-io' }] });
    await expect(anAttachment(remote, subject, 'y')).rejects.toThrow('no index');
    expect(await remote.resolve('dm/stack', tag)).toBe(known);
    unwrap(await remote.tag('dm/stack', tag, subject));
    expect(await remote.listReferrers('dm/stack', subject)).toEqual({ ok: true, value: [] });
  });
});
