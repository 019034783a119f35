import { cpSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  attachSignature,
  attachStatement,
  type SignedStatement,
  signStatement,
  verificationSummary,
} from '../../src/evidence/index.ts';
import { type ImageRegistry, mediaTypes, openLayout, openRemoteRegistry } from '../../src/registry/index.ts';
import { type Digest, digestOf, hexOf, type Instant, unwrap } from '../../src/support/index.ts';
import { type LevelQuestion, verifyLevel } from '../../src/verifying/index.ts';
import { aDirectory, anImage, once, removeDirectories, writeJson } from '../registry/images.ts';
import { counterpart } from '../support/counterparts.ts';
import { listening } from '../support/file-server.ts';
import { aTrustingWorkspace } from '../support/keys.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { problemsOf } from '../support/workspace.ts';

const withServer = counterpart('docker-registry');
let server: RegistryServer | undefined;
let trusting: Awaited<ReturnType<typeof aTrustingWorkspace>>;
let images = 0;

beforeAll(async () => {
  trusting = await aTrustingWorkspace();
  if (withServer) server = await startRegistry();
});
afterAll(async () => {
  await server?.close();
  await removeDirectories();
});

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const repository = 'batch/stack';
const summary = (of: Digest, passed = true, time = '2018-05-03T12:00:00Z') =>
  verificationSummary([{ name: repository, digest: { sha256: hexOf(of) } }], {
    level: 'batch',
    passed,
    at: time as Instant,
    verifier: 'https://lsst.org/dmrel',
    resource: repository,
    policy: { uri: 'dmrel.yaml', digest: digestOf('policy') },
    inputs: [],
  });

async function aPromotedImage(registry: ImageRegistry, role = 'promoter-batch') {
  images += 1;
  const image = await anImage(registry, repository, [{ a: `${images}` }]);
  const signed = unwrap(await signStatement(summary(image), await trusting.signer(role)));
  unwrap(await attachStatement(registry, repository, image, signed));
  unwrap(await attachSignature(registry, repository, image, await trusting.signer(role), repository));
  return { image, signed };
}

const ask = async (image: string, more: Partial<LevelQuestion> = {}) =>
  unwrap(await verifyLevel(question(image, more)));
const question = (image: string, more: Partial<LevelQuestion> = {}): LevelQuestion => ({
  image,
  level: 'batch',
  key: join(trusting.root, 'trust/batch-1.pub'),
  offline: undefined,
  cwd: trusting.root,
  workspace: undefined,
  now: new Date('2018-06-01T00:00:00Z'),
  ...more,
});

describe.each<[string, () => Promise<{ registry: ImageRegistry; name: string } | undefined>]>([
  [
    'a layout',
    async () => {
      const directory = await aDirectory();
      return { registry: openLayout(directory), name: `layout:${directory}:${repository}` };
    },
  ],
  [
    'a registry',
    async () => server && { registry: openRemoteRegistry(server.host), name: `${server.host}/${repository}` },
  ],
])('what %s says of an image', (_place, open) => {
  it('is yes when who promotes signed it, and names the moment', async () => {
    const place = await open();
    if (!place) return;
    const { image } = await aPromotedImage(place.registry);
    expect(await ask(`${place.name}@${image}`)).toEqual({
      image: `${place.name}@${image}`,
      digest: image,
      level: 'batch',
      key: (await trusting.signer('promoter-batch')).publicKey.hint,
      verified: true,
      at: '2018-05-03T12:00:00Z',
      reasons: ['it was verified for batch at 2018-05-03T12:00:00Z'],
    });
    expect(await ask(`${place.name}:some-tag@${image}`)).toMatchObject({ verified: true });
    expect(await ask(`${place.name}@${image}`, { level: 'dev' })).toMatchObject({ verified: false });
  });

  it('is no once it was taken back, and yes when it came again', async () => {
    const place = await open();
    if (!place) return;
    const { image } = await aPromotedImage(place.registry);
    // dmrel signs no such thing with a promoter's key, and takes its signatures away instead; others may.
    const promoter = { ...(await trusting.signer('promoter-batch')), promoter: false };
    const attach = async (statement: SignedStatement) =>
      unwrap(await attachStatement(place.registry, repository, image, statement));
    await attach(unwrap(await signStatement(summary(image, false, '2018-05-04T12:00:00Z'), promoter)));
    expect(await ask(`${place.name}@${image}`)).toMatchObject({
      verified: false,
      reasons: ['it was taken back from batch at 2018-05-04T12:00:00Z'],
    });
    await attach(unwrap(await signStatement(summary(image, true, '2018-05-05T12:00:00Z'), promoter)));
    expect(await ask(`${place.name}@${image}`)).toMatchObject({ verified: true, at: '2018-05-05T12:00:00Z' });
  });

  it('is no when all there was signed by another key: a key swapped in the registry gains nothing', async () => {
    const place = await open();
    if (!place) return;
    const { image } = await aPromotedImage(place.registry, 'release-manager');
    expect(await ask(`${place.name}@${image}`)).toMatchObject({
      verified: false,
      reasons: ['this key signed nothing of what is attached to it (1 statement)'],
    });
  });

  it('is no when the statement is of another image, put beside this one', async () => {
    const place = await open();
    if (!place) return;
    const { signed } = await aPromotedImage(place.registry);
    images += 1;
    const image = await anImage(place.registry, repository, [{ a: `${images}` }]);
    unwrap(await attachStatement(place.registry, repository, image, signed));
    expect(await ask(`${place.name}@${image}`)).toMatchObject({
      verified: false,
      reasons: ['what this key signed is about other images'],
    });
  });

  it('is no for an image that is not there, or that nothing is attached to', async () => {
    const place = await open();
    if (!place) return;
    const absent = `sha256:${'a'.repeat(64)}`;
    expect(await ask(`${place.name}@${absent}`)).toMatchObject({
      verified: false,
      reasons: ['no statement is attached to it', `there is no ${place.name}@${absent}`],
    });
    images += 1;
    const bare = await anImage(place.registry, repository, [{ a: `${images}` }]);
    expect(await ask(`${place.name}@${bare}`)).toMatchObject({ reasons: ['no statement is attached to it'] });
  });

  it('is no, with what is wrong, when what is attached is damaged', async () => {
    const place = await open();
    if (!place) return;
    images += 1;
    const { registry } = place;
    const image = await anImage(registry, repository, [{ a: `${images}` }]);
    const { bytes } = unwrap(await registry.readManifest(repository, image));
    const subject = { mediaType: mediaTypes.manifest, digest: image, size: bytes.length };
    const emptyType = 'application/vnd.oci.empty.v1+json';
    const config = { mediaType: emptyType, ...unwrap(await registry.writeBlob(repository, once('{}'))) };
    for (const text of ['{', '{"mediaType":1,"verificationMaterial":{}}', '[]']) {
      const blob = unwrap(await registry.writeBlob(repository, once(text)));
      const layers = [{ mediaType: bundleType, ...blob }];
      await writeJson(registry, repository, mediaTypes.manifest, { artifactType: bundleType, config, layers, subject });
    }
    const answer = await ask(`${place.name}@${image}`);
    expect(answer.verified).toBe(false);
    expect(answer.reasons).toHaveLength(4);
  });
});

describe('without a registry', () => {
  it('a layout answers, one of the repository or a directory of several', async () => {
    const directory = await aDirectory();
    const { image } = await aPromotedImage(openLayout(directory));
    for (const offline of [directory, join(directory, 'batch'), join(directory, repository)])
      expect(await ask(`registry.example.org/batch/stack@${image}`, { offline })).toMatchObject({ verified: true });
    const other = await ask(`registry.example.org/batch/stack@${digestOf('x')}`, { offline: directory });
    expect(other.verified).toBe(false);
  });

  it('a directory of bundles answers, and one of envelopes as releases keep them', async () => {
    const directory = await aDirectory();
    const { image, signed } = await aPromotedImage(openLayout(join(directory, 'registry')));
    const folder = join(directory, 'files');
    mkdirSync(folder);
    expect(await ask(`x/batch/stack@${image}`, { offline: folder })).toMatchObject({ verified: false });
    writeFileSync(join(folder, `${hexOf(signed.digest)}.json`), signed.text);
    writeFileSync(join(folder, 'README.txt'), 'not a bundle');
    expect(await ask(`x/batch/stack@${image}`, { offline: folder })).toMatchObject({ verified: true });

    const bundles = join(directory, 'bundles');
    mkdirSync(bundles);
    cpSync(join(directory, 'registry', repository, 'blobs/sha256'), bundles, { recursive: true });
    expect(await ask(`x/batch/stack@${image}`, { offline: 'bundles', cwd: directory })).toMatchObject({
      verified: true,
    });
  });

  it('is refused when the directory is not there, or the image has no digest', async () => {
    const asked = await verifyLevel(question(`x/y@${digestOf('x')}`, { offline: 'nowhere' }));
    expect(problemsOf(asked).map(({ code }) => code)).toEqual(['file-not-found']);
    for (const [image, offline] of [
      ['registry.example.org/batch/stack:w.2018.18', undefined],
      ['registry.example.org/batch/stack:w.2018.18', '.'],
      ['registry.example.org/batch/stack@sha256:abc', '.'],
    ] as const)
      expect(problemsOf(await verifyLevel(question(image, { offline }))).map(({ code }) => code)).toEqual(['usage']);
  });

  it('says of a directory with a name that is none of a repository how it must be called', async () => {
    const directory = await aDirectory();
    const { image } = await aPromotedImage(openLayout(directory));
    renameSync(join(directory, repository), join(directory, 'My Layout'));
    expect(await ask(`x/y@${image}`, { offline: join(directory, 'My Layout') })).toMatchObject({
      verified: false,
      reasons: ["'My Layout' cannot be read as a layout"],
    });
  });
});

describe('a key that cannot be believed', () => {
  it.each<[string, string, string]>([
    ['is private', 'private.pem', 'key-invalid'],
    ['is not there', 'nowhere.pub', 'file-not-found'],
    ['is no key', 'dmrel.yaml', 'key-invalid'],
  ])('because it %s is a fault of the question', async (_what, key, code) => {
    writeFileSync(join(trusting.root, 'private.pem'), trusting.pairs['batch-1']!.privatePem);
    const asked = await verifyLevel(question(`127.0.0.1:1/a/b@${digestOf('x')}`, { key }));
    expect(problemsOf(asked).map((each) => each.code)).toEqual([code]);
  });
});

describe('a registry that means harm', () => {
  const digest = digestOf('image');
  const aRegistry = async (referrers: (url: string) => { body: string; link?: string }) => {
    const port = await listening(
      createServer((request, response) => {
        if (!request.url!.includes('/referrers/'))
          return void response.writeHead(200, { 'Docker-Content-Digest': digest }).end();
        const { body, link } = referrers(request.url!);
        response.writeHead(200, { 'Content-Type': mediaTypes.index, ...(link ? { Link: link } : {}) }).end(body);
      }),
    );
    return `127.0.0.1:${port}/batch/stack@${digest}`;
  };
  const entries = (from: number, number: number) =>
    Array.from({ length: number }, (_, index) => ({
      mediaType: mediaTypes.manifest,
      digest: digestOf(`${from + index}`),
      size: 1,
      artifactType: bundleType,
    }));

  it('with referrers without an end says no more than no, and soon', async () => {
    let page = 0;
    const body = JSON.stringify({ manifests: entries(0, 15_000) });
    const image = await aRegistry(() => {
      page += 1;
      const link = `</v2/batch/stack/referrers/${digest}?page=${page}>; rel="next"`;
      return { body, link };
    });
    const answer = await ask(image);
    expect(answer.verified).toBe(false);
    expect(answer.reasons.join()).toMatch(/does not come to an end/);
  }, 30_000);

  it('with more bundles than an image ever has, says no', async () => {
    const image = await aRegistry(() => ({ body: JSON.stringify({ manifests: entries(0, 2001) }) }));
    expect(await ask(image)).toMatchObject({
      verified: false,
      reasons: [expect.stringMatching(/at most 2000 are read/)],
    });
  });

  it('or that refuses to answer, is no yes', async () => {
    const port = await listening(createServer((_request, response) => response.writeHead(403).end()));
    const answer = await ask(`127.0.0.1:${port}/batch/stack@${digest}`);
    expect(answer).toMatchObject({ verified: false, reasons: [expect.stringContaining(`127.0.0.1:${port}`)] });
  });
});
