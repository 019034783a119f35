import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ImageRegistry,
  mediaTypes,
  openLayout,
  openRemoteRegistry,
  type RemoteOptions,
  type RemoteRegistry,
  readImage,
} from '../../src/registry/index.ts';
import { type Digest, digestOf, unwrap } from '../../src/support/index.ts';
import { counterpart } from '../support/counterparts.ts';
import { type At, type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { aDirectory, anImage, removeDirectories } from './images.ts';

const when = counterpart('docker-registry') ? describe : describe.skip;
const mebibyte = 2 ** 20;
const unreachable = { problems: [{ code: 'registry-unreachable' }] };
const mismatch = { problems: [{ code: 'digest-mismatch' }] };

let server: RegistryServer;
let proxy: FaultProxy;
const opened: RemoteRegistry[] = [];
/** An image in the repository `given`, small blobs and a large one. */
let image: Digest;
let [small, large]: Buffer[] = [];

when('a registry in trouble', () => {
  beforeAll(async () => {
    server = await startRegistry();
    proxy = await startFaultProxy(server.host);
    const registry = open();
    small = Buffer.alloc(1000, 'small');
    large = Buffer.alloc(6 * mebibyte, 'large');
    for (const bytes of [small, large]) unwrap(await registry.writeBlob('given', () => inParts(bytes)));
    image = await anImage(registry, 'given', [{ a: '1' }]);
    unwrap(await registry.tag('given', 'w_1', image));
  });
  beforeEach(() => proxy.reset());
  afterAll(async () => {
    for (const registry of [...opened, openedPlainly()]) registry.close();
    await proxy.close();
    await server.close();
    await removeDirectories();
  });

  function open(options: RemoteOptions = {}): RemoteRegistry {
    const limits = { pauseSeconds: 0.01, idleSeconds: 5, ...options.limits };
    const registry = openRemoteRegistry(proxy.host, { plainHttp: true, ...options, limits });
    opened.push(registry);
    return registry;
  }

  async function* inParts(bytes: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
  async function contentOf(registry: ImageRegistry, digest: Digest): Promise<Digest> {
    const parts: Buffer[] = [];
    for await (const chunk of registry.readBlob('given', digest)) parts.push(chunk);
    return digestOf(Buffer.concat(parts));
  }
  let number = 0;
  /** Content that the registry does not have. */
  const another = (size = 200_000): Buffer => Buffer.alloc(size, `content ${number++}`);

  /** What is done, and the kind of request that goes wrong in it. */
  const reads: [string, (registry: RemoteRegistry) => Promise<unknown>][] = [
    ['HEAD manifest', async (registry) => expect(await registry.resolve('given', 'w_1')).toBe(image)],
    ['HEAD manifest', async (registry) => expect(await registry.hasManifest('given', image)).toBe(true)],
    [
      'GET manifest',
      async (registry) => expect(digestOf(unwrap(await registry.readManifest('given', image)).bytes)).toBe(image),
    ],
    ['HEAD blob', async (registry) => expect(await registry.hasBlob('given', digestOf(small!))).toBe(true)],
    ['GET blob', async (registry) => expect(await contentOf(registry, digestOf(small!))).toBe(digestOf(small!))],
    ['GET blob', async (registry) => expect(await contentOf(registry, digestOf(large!))).toBe(digestOf(large!))],
    ['GET tags', async (registry) => expect(await registry.listTags('given')).toEqual([{ tag: 'w_1', digest: image }])],
    ['GET referrers', async (registry) => expect(unwrap(await registry.listReferrers('given', image))).toEqual([])],
  ];
  const writesBlob = (how: 'whole' | 'stream') => async (registry: RemoteRegistry) => {
    const bytes = another();
    const digest = digestOf(bytes);
    const known: [Digest?, number?] = how === 'whole' ? [digest, bytes.length] : [];
    const outcome = await registry.writeBlob('new', () => inParts(bytes), ...known);
    expect(outcome).toEqual({ ok: true, value: { digest, size: bytes.length } });
    expect(await registry.hasBlob('new', digest, bytes.length)).toBe(true);
  };
  const writesManifest = async (registry: RemoteRegistry) => {
    const { bytes } = unwrap(await openedPlainly().readManifest('given', image));
    const manifest = Buffer.from(
      JSON.stringify({ ...JSON.parse(String(bytes)), annotations: { number: `${number++}` } }),
    );
    const digest = unwrap(await registry.writeManifest('given', { mediaType: mediaTypes.manifest, bytes: manifest }));
    expect(await registry.hasManifest('given', digest)).toBe(true);
    unwrap(await registry.tag('given', 'moving', digest));
    expect(await registry.resolve('given', 'moving')).toBe(digest);
  };
  let plain: RemoteRegistry | undefined;
  /** Past the proxy. */
  const openedPlainly = (): RemoteRegistry => {
    plain ??= openRemoteRegistry(server.host, { plainHttp: true });
    return plain;
  };
  const writes: typeof reads = [
    ['POST upload', writesBlob('whole')],
    ['PUT upload', writesBlob('whole')],
    ['POST upload', writesBlob('stream')],
    ['PATCH upload', writesBlob('stream')],
    ['PUT upload', writesBlob('stream')],
    ['PUT manifest', writesManifest],
    [
      'POST upload',
      async (registry) =>
        expect(await registry.mountBlob(`mounted/n${number++}`, digestOf(small!), 'given')).toBe(true),
    ],
    [
      'DELETE manifest',
      async (registry) => {
        const doomed = await anImage(openedPlainly(), 'doomed', [{ a: `${number++}` }]);
        unwrap(await registry.deleteManifest('doomed', doomed));
        expect(await registry.hasManifest('doomed', doomed)).toBe(false);
      },
    ],
  ];

  const at: Record<string, At> = {
    'before all': () => 0,
    'after one byte': () => 1,
    'in the middle': (length) => Math.floor(length / 2),
    'before the last byte': (length) => length - 1,
  };
  const everywhere: [string, Fault][] = [
    ...[408, 425, 429, 500, 502, 503, 504].map((status): [string, Fault] => [`${status}`, { type: 'status', status }]),
    ['429 with a time', { type: 'status', status: 429, headers: { 'Retry-After': '0' } }],
    ['503 with a date', { type: 'status', status: 503, headers: { 'Retry-After': 'Thu, 01 Jan 1970 00:00:00 GMT' } }],
    ['a page of a proxy', { type: 'status', status: 502, headers: { 'Content-Type': 'text/html' }, body: '<html>' }],
    ['nobody listening', { type: 'refused', milliseconds: 15 }],
    ['a cut before', { type: 'reset' }],
    ['a lost answer', { type: 'answer lost' }],
    ['a slow server', { type: 'slow', milliseconds: 30 }],
    ['a server that falls asleep', { type: 'slow', milliseconds: 650 }],
    ['a cut answer', { type: 'answer cut', at: at['in the middle']! }],
  ];

  /** So little that one who sleeps is given up; as much as a busy machine needs for everybody else. */
  const patience = (fault: Fault) => (fault.type === 'slow' && fault.milliseconds > 500 ? { idleSeconds: 0.4 } : {});

  it.each(everywhere)('gets over %s once, whatever is read', async (_name, fault) => {
    for (const [kind, work] of reads) {
      proxy.reset();
      proxy.fail(kind, fault);
      await work(open({ limits: { pauseSeconds: 0.02, ...patience(fault) } }));
      expect([kind, proxy.pending()]).toEqual([kind, 0]);
    }
  });

  it.each(everywhere)('gets over %s once, whatever is written', async (_name, fault) => {
    for (const [kind, work] of writes) {
      proxy.reset();
      proxy.fail(kind, fault);
      await work(open({ limits: { pauseSeconds: 0.02, ...patience(fault) } }));
      expect([kind, proxy.pending()]).toEqual([kind, 0]);
    }
  });

  it.each(Object.entries(at))('takes up a download that is cut %s', async (_name, place) => {
    for (const bytes of [small!, large!]) {
      proxy.reset();
      proxy.fail('GET blob', { type: 'answer cut', at: place });
      expect(await contentOf(open(), digestOf(bytes))).toBe(digestOf(bytes));
      const [, second] = proxy.requests;
      const from = place(bytes.length);
      // What has not arrived before the cut is asked for again.
      if (from > 0 && second?.headers.range !== undefined)
        expect(Number(/^bytes=(\d+)-$/.exec(second.headers.range)?.[1])).toBeLessThanOrEqual(from);
      expect(proxy.requests.length).toBe(2);
    }
  });

  it('asks after a cut only for what is missing, five times at most', async () => {
    proxy.fail('GET blob', { type: 'answer cut', at: at['in the middle']! }, 5);
    expect(await contentOf(open(), digestOf(large!))).toBe(digestOf(large!));
    const ranges = proxy.requests.map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? 'bytes=0-')![1]));
    expect(ranges.length).toBe(6);
    expect(ranges).toEqual([...ranges].sort((left, right) => left - right));
    expect(ranges[1]).toBeGreaterThan(2 * mebibyte);
    proxy.reset();
    proxy.fail('GET blob', { type: 'answer cut', at: () => 10 }, 6);
    await expect(contentOf(open(), digestOf(large!))).rejects.toMatchObject(unreachable);
  });

  it.each(Object.entries(at))('begins an upload again that is cut %s', async (_name, place) => {
    for (const [kind, how] of [
      ['PUT upload', 'whole'],
      ['PATCH upload', 'stream'],
    ] as const) {
      proxy.reset();
      proxy.fail(kind, { type: 'request cut', at: place });
      await writesBlob(how)(open());
      expect(proxy.pending()).toBe(0);
    }
  });

  it('does not send again what can be read only once, and finds it when only the answer was lost', async () => {
    const bytes = another();
    proxy.fail('PUT upload', { type: 'request cut', at: at['in the middle']! });
    const cut = await open().writeBlob('new', inParts(bytes), digestOf(bytes), bytes.length);
    expect(cut).toMatchObject(unreachable);
    proxy.fail('PUT upload', { type: 'answer lost' });
    const lost = await open().writeBlob('new', inParts(bytes), digestOf(bytes), bytes.length);
    expect(lost).toEqual({ ok: true, value: { digest: digestOf(bytes), size: bytes.length } });
    proxy.reset();
    proxy.fail('POST upload', { type: 'status', status: 503 });
    const more = another();
    expect(await open().writeBlob('new', inParts(more), digestOf(more), more.length)).toMatchObject({ ok: true });
  });

  it.each(['answer corrupted', 'answer shortened'] as const)('asks again for what comes with %s', async (type) => {
    for (const place of [at['before all']!, at['in the middle']!, at['before the last byte']!]) {
      for (const [kind, work] of [reads[2]!, reads[4]!]) {
        proxy.reset();
        proxy.fail(kind, { type, at: place });
        await work(open());
        expect([kind, proxy.pending()]).toEqual([kind, 0]);
      }
    }
  });

  it('asks for the rest of a large blob that is shorter than it should be', async () => {
    proxy.fail('GET blob', { type: 'answer shortened', at: (length) => length - 1000 });
    expect(await contentOf(open(), digestOf(large!))).toBe(digestOf(large!));
    expect(proxy.requests[1]?.headers.range).toBe(`bytes=${large!.length - 1000}-`);
  });

  it.each([-100, -1, 1, 100])('is not led astray by a Content-Length that is wrong by %d', async (by) => {
    for (const [kind, work] of [reads[2]!, reads[4]!, reads[5]!]) {
      proxy.reset();
      proxy.fail(kind, { type: 'length wrong', by });
      await work(open());
      expect([kind, proxy.pending()]).toEqual([kind, 0]);
    }
  });

  it('sends again what was damaged on its way', async () => {
    for (const [kind, work] of [writes[1]!, writes[3]!, writes[5]!]) {
      proxy.reset();
      // Of a manifest in a word of its annotations.
      proxy.fail(kind, { type: 'request corrupted', at: (length) => length - 4 });
      await work(open());
      expect([kind, proxy.pending()]).toEqual([kind, 0]);
    }
  });

  it('copies from one registry to another over any damage of a large blob', async () => {
    const [from, to] = [open(), openLayout(await aDirectory())];
    const digest = digestOf(large!);
    proxy.fail('GET blob', { type: 'answer corrupted', at: at['in the middle']! });
    const broken = await to.writeBlob('a', from.readBlob('given', digest), digest);
    expect(broken).toMatchObject(mismatch);
    proxy.fail('GET blob', { type: 'answer corrupted', at: at['in the middle']! });
    const whole = await openedPlainly().writeBlob(
      'copied',
      () => from.readBlob('given', digest),
      digest,
      large!.length,
    );
    expect(whole).toMatchObject({ ok: true });
  });

  it('never hands out the end of what stays damaged', async () => {
    for (const [bytes, most] of [
      [small!, 0],
      [large!, large!.length - 1],
    ] as const) {
      proxy.reset();
      proxy.fail('GET blob', { type: 'answer corrupted', at: at['in the middle']! }, 100);
      let received = 0;
      const reading = (async () => {
        for await (const chunk of open().readBlob('given', digestOf(bytes))) received += chunk.length;
      })();
      await expect(reading).rejects.toMatchObject(mismatch);
      expect(received).toBeLessThanOrEqual(most);
      expect(proxy.requests.length).toBeLessThanOrEqual(3);
    }
    proxy.reset();
    proxy.fail('GET manifest', { type: 'answer corrupted', at: at['in the middle']! }, 100);
    expect(await open().readManifest('given', image)).toMatchObject(mismatch);
    proxy.reset();
    proxy.fail('PUT upload', { type: 'request corrupted', at: at['in the middle']! }, 100);
    const bytes = another();
    const outcome = await open().writeBlob('new', () => inParts(bytes), digestOf(bytes), bytes.length);
    expect(JSON.stringify(outcome)).toContain('DIGEST_INVALID');
    expect(await openedPlainly().hasBlob('new', digestOf(bytes))).toBe(false);
  });

  it('gives up in words when a server never can', async () => {
    for (const [kind, work] of [...reads, ...writes]) {
      proxy.reset();
      proxy.fail(
        kind,
        { type: 'status', status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"the disk is full"}]}' },
        100,
      );
      const error = await work(open({ limits: { attempts: 3, pauseSeconds: 0.001 } })).catch((reason) => reason);
      expect([kind, String(error)]).toEqual([kind, expect.stringContaining('HTTP 500')]);
      expect(proxy.requests.filter((request) => request.kind === kind).length).toBe(3);
    }
    proxy.reset();
    proxy.fail('HEAD manifest', { type: 'status', status: 429, headers: { 'Retry-After': '3600' } }, 100);
    const said = open().resolve('given', 'w_1');
    await expect(said).rejects.toMatchObject({
      problems: [{ code: 'registry-unreachable', hint: 'try again in 3600 s' }],
    });
    expect(proxy.requests.length).toBe(1);
  });

  it('waits as long as a server asks for, and not together with all others', async () => {
    const waits: number[] = [];
    const registry = open({ limits: { pauseSeconds: 1 }, pause: async (seconds) => void waits.push(seconds) });
    proxy.fail('HEAD manifest', { type: 'status', status: 503, headers: { 'Retry-After': '7' } });
    await registry.resolve('given', 'w_1');
    expect(waits[0]).toBeGreaterThanOrEqual(7);
    expect(waits[0]).toBeLessThan(8.01);
    proxy.fail('HEAD manifest', { type: 'status', status: 503 }, 5);
    await registry.resolve('given', 'w_1');
    for (const [index, wait] of waits.slice(1).entries()) expect(wait).toBeLessThanOrEqual(2 ** index);
    expect(new Set(waits).size).toBe(6);
  });

  it('does not ask again what is refused for good', async () => {
    for (const status of [400, 404, 405, 410, 413, 422, 501]) {
      proxy.reset();
      proxy.fail('GET manifest', { type: 'status', status }, 100);
      expect(await open().readManifest('given', image)).toMatchObject({ problems: [{ code: 'registry-io' }] });
      expect([status, proxy.requests.length]).toEqual([status, 1]);
    }
  });

  it('sends a blob in chunks to a server that does not take it in one piece', async () => {
    proxy.fail('PUT upload', { type: 'status', status: 413 });
    await writesBlob('whole')(open());
    expect(proxy.requests.map(({ kind }) => kind)).toContain('PATCH upload');
    expect(proxy.requests.find(({ kind }) => kind === 'PATCH upload')?.headers['content-range']).toBe('0-199999');
  });

  it('waits for who reads slowly, and for nobody who is silent', async () => {
    const registry = open({ limits: { idleSeconds: 0.2 } });
    let received = 0;
    for await (const chunk of registry.readBlob('given', digestOf(large!))) {
      if (received === 0) await new Promise((resolve) => setTimeout(resolve, 500));
      received += chunk.length;
    }
    expect(received).toBe(large!.length);
    expect(proxy.requests.length).toBe(1);
    proxy.fail('GET blob', { type: 'slow', milliseconds: 1000, at: at['in the middle']! }, 10);
    await expect(contentOf(registry, digestOf(small!))).rejects.toMatchObject(unreachable);
  });

  it('makes room for others when a download is left early', async () => {
    const registry = open({ concurrency: 2 });
    for (let round = 0; round < 4; round++) {
      for await (const chunk of registry.readBlob('given', digestOf(large!))) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
    }
    expect(await contentOf(registry, digestOf(large!))).toBe(digestOf(large!));
  });

  it('copies many blobs from a repository to another at a time, and never waits for itself', async () => {
    const registry = open({ concurrency: 2 });
    const blobs = Array.from({ length: 12 }, () => another(300_000));
    for (const bytes of blobs) unwrap(await registry.writeBlob('from', () => inParts(bytes)));
    await Promise.all(
      blobs.map(async (bytes) => {
        const digest = digestOf(bytes);
        const source = () => registry.readBlob('from', digest);
        unwrap(await registry.writeBlob('to', source, digest, bytes.length));
      }),
    );
    expect(unwrap(await readImage(registry, 'given', image)).layers.length).toBe(1);
  });
});
