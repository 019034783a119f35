import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import {
  attachSignature,
  attachStatement,
  readAttached,
  signStatement,
  verifyAttached,
} from '../../src/evidence/index.ts';
import {
  copyImage,
  type ImageRegistry,
  mediaTypes,
  openLayout,
  openRemoteRegistry,
  type RemoteRegistry,
} from '../../src/registry/index.ts';
import { type Digest, hexOf, type Instant, unwrap } from '../../src/support/index.ts';
import { aDirectory, anImage, anIndex, once, removeDirectories, writeJson } from '../registry/images.ts';
import { counterpart } from '../support/counterparts.ts';
import { aStatement, aTrustingWorkspace } from '../support/keys.ts';
import { startReferrersApi } from '../support/referrers-api.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { problemsOf } from '../support/workspace.ts';

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const withServer = counterpart('docker-registry');
let server: RegistryServer | undefined;
let api: Awaited<ReturnType<typeof startReferrersApi>> | undefined;
let trusting: Awaited<ReturnType<typeof aTrustingWorkspace>>;
let modern: Awaited<ReturnType<typeof aTrustingWorkspace>>;

beforeAll(async () => {
  trusting = await aTrustingWorkspace();
  modern = await aTrustingWorkspace({ algorithm: 'ed25519' });
  if (!withServer) return;
  server = await startRegistry();
  api = await startReferrersApi(server.host);
});
afterAll(async () => {
  for (const registry of registries) registry.close();
  await api?.close();
  await server?.close();
  await removeDirectories();
});

/** Open until the tests have ended. */
const registries: RemoteRegistry[] = [];
function opened(host: string): RemoteRegistry {
  const registry = openRemoteRegistry(host);
  registries.push(registry);
  return registry;
}

const places: [string, () => Promise<ImageRegistry | undefined>][] = [
  ['a layout', async () => openLayout(await aDirectory())],
  ['a registry without a list of referrers', async () => server && opened(server.host)],
  ['a registry with one', async () => api && opened(api.host)],
];
let images = 0;
const freshImage = async (registry: ImageRegistry) => {
  images += 1;
  return anImage(registry, 'dm/stack', [{ a: `${images}` }]);
};
const json = async (registry: ImageRegistry, digest: Digest) =>
  JSON.parse(String(unwrap(await registry.readManifest('dm/stack', digest)).bytes));
const referrersOf = async (registry: ImageRegistry, image: Digest) =>
  unwrap(await registry.listReferrers('dm/stack', image));

describe.each(places)('in %s', (_place, open) => {
  it('a statement is attached as the bundle that cosign reads', async () => {
    const registry = await open();
    if (!registry || !counterpart('openssl')) return;
    const image = await freshImage(registry);
    const statement = await trusting.sign(aStatement({}, image), 'builder');
    const digest = unwrap(await attachStatement(registry, 'dm/stack', image, statement))!;
    const manifest = await json(registry, digest);
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: bundleType,
      config: {
        mediaType: 'application/vnd.oci.empty.v1+json',
        digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
        size: 2,
      },
      layers: [{ mediaType: bundleType, digest: expect.any(String), size: expect.any(Number) }],
      subject: {
        mediaType: mediaTypes.manifest,
        digest: image,
        size: unwrap(await registry.readManifest('dm/stack', image)).bytes.length,
      },
      annotations: {
        'dev.sigstore.bundle.content': 'dsse-envelope',
        'dev.sigstore.bundle.predicateType': 'https://lsst.org/dmrel/note/v1',
        'org.opencontainers.image.created': '2018-05-03T12:00:00Z',
      },
    });
    expect(await referrersOf(registry, image)).toEqual([
      {
        mediaType: mediaTypes.manifest,
        digest,
        size: expect.any(Number),
        artifactType: bundleType,
        annotations: manifest.annotations,
      },
    ]);
    const text = String(await contentOf(registry, manifest.layers[0].digest));
    const pem = trusting.pairs['builder-1']!.publicPem;
    sigstoreVerifies(text, pem);
    expect(() => sigstoreVerifies(text, trusting.pairs['tester-1']!.publicPem)).toThrow();
    const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: pem });
    const hash = execFileSync('openssl', ['dgst', '-sha256', '-binary'], { input: der });
    expect(JSON.parse(text).verificationMaterial).toEqual({
      publicKey: { hint: hash.toString('base64') },
      tlogEntries: [],
    });
  });

  it('an image is signed in both of cosign’s forms, and openssl verifies the older one', async () => {
    const registry = await open();
    if (!registry || !counterpart('openssl')) return;
    const image = await freshImage(registry);
    const signer = await trusting.signer('promoter-batch');
    const at = '2018-05-03T12:00:00Z' as Instant;
    unwrap(await attachSignature(registry, 'dm/stack', image, signer, 'registry.example.org/dm/stack', at));

    const tag = `sha256-${hexOf(image)}.sig`;
    const { layers, config } = await json(registry, (await registry.resolve('dm/stack', tag))!);
    expect(config.mediaType).toBe('application/vnd.oci.image.config.v1+json');
    expect(layers).toHaveLength(1);
    expect(layers[0].mediaType).toBe('application/vnd.dev.cosign.simplesigning.v1+json');
    const payload = await contentOf(registry, layers[0].digest);
    expect(JSON.parse(String(payload))).toEqual({
      critical: {
        identity: { 'docker-reference': 'registry.example.org/dm/stack' },
        image: { 'docker-manifest-digest': image },
        type: 'cosign container image signature',
      },
      optional: null,
    });
    const folder = await aDirectory();
    const file = (name: string, content: string | Buffer): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const signature = Buffer.from(layers[0].annotations['dev.cosignproject.cosign/signature'], 'base64');
    const key = file('key', trusting.pairs['batch-1']!.publicPem);
    const args = ['dgst', '-sha256', '-verify', key, '-signature', file('sig', signature), file('payload', payload)];
    expect(execFileSync('openssl', args, { encoding: 'utf8' })).toBe('Verified OK\n');

    const [bundle] = await referrersOf(registry, image);
    expect(bundle).toMatchObject({
      artifactType: bundleType,
      annotations: {
        'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1',
        'org.opencontainers.image.created': at,
      },
    });
    const { bundles } = unwrap(await readAttached({ registry, repository: 'dm/stack', image }));
    expect(JSON.parse(String(bundles[0]!.envelope.payload))).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: hexOf(image) } }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
    });
  });

  it.each([
    ['ECDSA, which signs otherwise each time', () => trusting],
    ['Ed25519', () => modern],
  ])('nothing is new when all is attached again by %s', async (_algorithm, workspace) => {
    const registry = await open();
    if (!registry) return;
    const image = await freshImage(registry);
    const everything = async () => {
      const signed = await workspace().sign(aStatement({}, image), 'builder');
      const digest = unwrap(await attachStatement(registry, 'dm/stack', image, signed));
      unwrap(await attachSignature(registry, 'dm/stack', image, await workspace().signer('builder'), 'x/dm/stack'));
      const listed = (await referrersOf(registry, image)).map((each) => each.digest);
      return { digest, listed, signature: await registry.resolve('dm/stack', `sha256-${hexOf(image)}.sig`) };
    };
    const first = await everything();
    expect(first.listed).toHaveLength(2);
    expect(await everything()).toEqual(first);
  });

  it('each key has its own signature beside those of others, of whatever kind', async () => {
    const registry = await open();
    if (!registry) return;
    const image = await freshImage(registry);
    // One that another program made, in a form of its own.
    const blob = unwrap(await registry.writeBlob('dm/stack', once('{"of":"another"}')));
    const layer = { mediaType: 'application/vnd.example', ...blob, annotations: { theirs: 'yes' } };
    const config = { mediaType: mediaTypes.config, ...unwrap(await registry.writeBlob('dm/stack', once('{}'))) };
    const theirs = await writeJson(registry, 'dm/stack', mediaTypes.manifest, { config, layers: [layer] });
    unwrap(await registry.tag('dm/stack', `sha256-${hexOf(image)}.sig`, theirs));
    for (const role of ['builder', 'promoter-batch', 'builder'])
      unwrap(await attachSignature(registry, 'dm/stack', image, await trusting.signer(role), 'x/dm/stack'));
    const { layers } = await json(registry, (await registry.resolve('dm/stack', `sha256-${hexOf(image)}.sig`))!);
    expect(layers).toHaveLength(3);
    expect(layers[0]).toEqual(layer);
    expect(await referrersOf(registry, image)).toHaveLength(2);
  });

  it('of several that sign at the same moment none is lost', async () => {
    const registry = await open();
    if (!registry) return;
    const image = await freshImage(registry);
    const roles = ['builder', 'tester', 'promoter-batch', 'release-manager'];
    await Promise.all(
      roles.map(async (role) =>
        unwrap(await attachSignature(registry, 'dm/stack', image, await trusting.signer(role), 'x/dm/stack')),
      ),
    );
    const { layers } = await json(registry, (await registry.resolve('dm/stack', `sha256-${hexOf(image)}.sig`))!);
    expect([layers.length, (await referrersOf(registry, image)).length]).toEqual([4, 4]);
  });

  it('what is attached goes where the image is copied', async () => {
    const registry = await open();
    if (!registry) return;
    const image = await freshImage(registry);
    const index = await anIndex(registry, 'dm/stack', [image]);
    for (const each of [image, index])
      unwrap(await attachSignature(registry, 'dm/stack', each, await trusting.signer('builder'), 'x/dm/stack'));
    const to = { registry: openLayout(await aDirectory()), repository: 'copy' };
    unwrap(await copyImage({ registry, repository: 'dm/stack' }, index, to));
    for (const each of [image, index]) {
      expect(unwrap(await readAttached({ ...to, image: each })).bundles).toHaveLength(1);
      expect(await to.registry.resolve('copy', `sha256-${hexOf(each)}.sig`)).toBeDefined();
    }
  });
});

describe('what others attached', () => {
  const summaryType = 'https://slsa.dev/verification_summary/v1';
  /** A bundle with a statement that says it is a summary, of so many bytes, signed as builder. */
  async function withBundle(text?: string) {
    const registry = openLayout(await aDirectory(), 'layout:here');
    const image = await freshImage(registry);
    const predicate = { note: text ?? 'x' };
    const signed = await trusting.sign(aStatement({ predicateType: summaryType, predicate }, image), 'builder');
    unwrap(await attachStatement(registry, 'dm/stack', image, signed));
    return { registry, repository: 'dm/stack', image };
  }

  it('is not held when nobody wants it, and is counted', async () => {
    const to = await withBundle();
    expect(unwrap(await readAttached(to, summaryType, () => false))).toEqual({ bundles: [], others: 1, problems: [] });
    expect(unwrap(await readAttached(to, summaryType, () => true))).toMatchObject({ bundles: [{}], others: 0 });
  });

  it('is not read as a summary when it is longer than any', async () => {
    const to = await withBundle('x'.repeat(2 ** 20));
    const [problem] = unwrap(await readAttached(to, summaryType)).problems;
    expect(problem!.message).toMatch(/^dm\/stack@sha256:.*, attached to the image: its bundle has more than 1 MiB$/);
    expect(unwrap(await readAttached(to)).bundles).toHaveLength(1);
  });

  it('and is damaged, is named by its place, with the command that takes it away', async () => {
    const registry = openLayout(await aDirectory(), 'layout:here');
    const image = await freshImage(registry);
    const { bytes, mediaType } = unwrap(await registry.readManifest('dm/stack', image));
    const blob = unwrap(await registry.writeBlob('dm/stack', once('{}')));
    const damaged = await writeJson(registry, 'dm/stack', mediaTypes.manifest, {
      artifactType: bundleType,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', ...blob },
      layers: [{ mediaType: bundleType, ...blob }],
      subject: { mediaType, digest: image, size: bytes.length },
    });
    const found = await verifyAttached(trusting.workspace, registry, 'dm/stack', image);
    expect(problemsOf(found)).toMatchObject([
      {
        code: 'signature-invalid',
        message: `dm/stack@${damaged}: it is no Sigstore bundle of a statement`,
        hint: expect.stringContaining(`oras manifest delete --oci-layout here/dm/stack@${damaged}`),
      },
    ]);
  });
});

describe('what cannot be attached', () => {
  it('is a statement that nobody signed: nothing is written', async () => {
    const registry = openLayout(await aDirectory());
    const image = await freshImage(registry);
    const bare = unwrap(await signStatement(aStatement({}, image), undefined));
    expect(await attachStatement(registry, 'dm/stack', image, bare)).toEqual({ ok: true, value: undefined });
    expect(await attachSignature(registry, 'dm/stack', image, undefined, 'x')).toEqual({ ok: true, value: undefined });
    expect(await referrersOf(registry, image)).toEqual([]);
  });

  it('is what belongs to an image that is not there', async () => {
    const registry = openLayout(await aDirectory());
    const image = `sha256:${'a'.repeat(64)}` as Digest;
    const signed = await trusting.sign(aStatement({}, image), 'builder');
    expect((await attachStatement(registry, 'dm/stack', image, signed)).ok).toBe(false);
  });
});

async function contentOf(registry: ImageRegistry, digest: Digest): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of registry.readBlob('dm/stack', digest)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sigstoreVerifies(text: string, pem: string): void {
  const nothing = { certificateAuthorities: [], ctlogs: [], timestampAuthorities: [], tlogs: [] };
  const material = toTrustMaterial(nothing as never, () => ({ publicKey: pem, validFor: () => true }) as never);
  const thresholds = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 };
  new Verifier(material, thresholds as never).verify(toSignedEntity(bundleFromJSON(JSON.parse(text))));
}
