import { mediaTypes } from '../registry/index.ts';
import { type Digest, Failure, hexOf, parseDigest, problem, unwrap } from '../support/index.ts';
import { type Attachment, putBlob, putManifest, readSmallBlob } from './artifact.ts';
import { fromBase64, parseJson } from './dsse.ts';
import { isSignedBy, type PublicKey } from './public-key.ts';
import type { Signer } from './signer.ts';

/** cosign's older form, specs/SIGNATURE_SPEC.md: a tag made from the image's digest, one layer for each signature. */
const payloadType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const signatureTag = (image: Digest): string => `sha256-${hexOf(image)}.sig`;

const maxPayloadBytes = 64 * 2 ** 10;
const maxLayers = 1000;
/** Who signs at the same moment elsewhere may take a layer away: it is looked for, and added again. */
const attempts = 8;

interface Layer {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

/** What is signed: bytes that are kept as they are, and never written anew from what they say. */
export function simpleSigning(image: Digest, reference: string): string {
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': reference },
      image: { 'docker-manifest-digest': image },
      type: 'cosign container image signature',
    },
    optional: null,
  });
}

/** Of this process, one at a time for each image: a tag has no compare-and-swap. */
const signing = new Map<string, Promise<void>>();

/** Add a signature to those an image has, unless this key made one for the same reference. */
export async function addCosignSignature(to: Attachment, signer: Signer, reference: string): Promise<void> {
  const place = `${to.registry.address} ${to.repository} ${to.image}`;
  const mine = (signing.get(place) ?? Promise.resolve()).then(() => addNow(to, signer, reference));
  const settled = mine.catch(() => {});
  signing.set(place, settled);
  await mine.finally(() => {
    if (signing.get(place) === settled) signing.delete(place);
  });
}

async function addNow(to: Attachment, signer: Signer, reference: string): Promise<void> {
  const payload = simpleSigning(to.image, reference);
  let layer: Layer | undefined;
  for (let written = 0; written <= attempts; written++) {
    if (written > 1) await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * written));
    const standing = await to.registry.resolve(to.repository, signatureTag(to.image));
    const layers = await readLayers(to, standing);
    if (await hasSignature(to, layers, payload, signer.publicKey)) return;
    if (written === attempts) break;
    layer ??= {
      ...(await putBlob(to, payloadType, payload)),
      annotations: {
        [signatureAnnotation]: unwrap(await signer.sign(Buffer.from(payload, 'utf8'))).toString('base64'),
      },
    };
    await writeLayers(to, [...layers, layer], standing);
  }
  const message = `${to.repository}:${signatureTag(to.image)} is written by others all the time`;
  throw new Failure(problem('registry-io', message, { hint: 'run the same command again when they have finished' }));
}

/** Whether one of some keys has signed an image under a reference. */
export async function hasCosignSignature(
  to: Attachment,
  keys: readonly PublicKey[],
  reference: string,
): Promise<boolean> {
  const layers = await readLayers(to, await to.registry.resolve(to.repository, signatureTag(to.image)));
  const payload = simpleSigning(to.image, reference);
  for (const key of keys) if (await hasSignature(to, layers, payload, key)) return true;
  return false;
}

/** Take the signatures of some keys away; those of others stay. */
export async function removeCosignSignatures(to: Attachment, keys: readonly PublicKey[]): Promise<void> {
  const { standing, layers, others } = await layersOfOthers(to, keys);
  if (others.length === layers.length) return;
  if (others.length > 0) await writeLayers(to, others, standing);
  else unwrap(await to.registry.deleteManifest(to.repository, standing!));
}

/** Whether one of some keys has signed an image, under whatever reference. */
export async function hasCosignSignatureOf(to: Attachment, keys: readonly PublicKey[]): Promise<boolean> {
  const { layers, others } = await layersOfOthers(to, keys);
  return others.length < layers.length;
}

async function layersOfOthers(to: Attachment, keys: readonly PublicKey[]) {
  const standing = await to.registry.resolve(to.repository, signatureTag(to.image));
  const layers = await readLayers(to, standing);
  const others: Layer[] = [];
  for (const layer of layers) {
    const signature = fromBase64(layer?.annotations?.[signatureAnnotation]);
    const digest = parseDigest(String(layer?.digest));
    const payload = digest && (await readSmallBlob(to, digest, maxPayloadBytes));
    const own = signature && payload && keys.some((key) => isSignedBy(key, payload, signature));
    if (!own) others.push(layer);
  }
  return { standing, layers, others };
}

async function readLayers(to: Attachment, digest: Digest | undefined): Promise<Layer[]> {
  const { registry, repository } = to;
  if (digest === undefined) return [];
  const manifest = parseJson(unwrap(await registry.readManifest(repository, digest)).bytes) as { layers?: unknown };
  const { layers } = manifest ?? {};
  if (Array.isArray(layers) && layers.length < maxLayers) return layers as Layer[];
  const message = `${repository}:${signatureTag(to.image)} is no list of signatures`;
  throw new Failure(problem('registry-io', message, { hint: 'look what that tag names, and take it away' }));
}

async function hasSignature(to: Attachment, layers: readonly Layer[], payload: string, key: PublicKey) {
  for (const each of layers) {
    const signature = fromBase64(each?.annotations?.[signatureAnnotation]);
    const digest = parseDigest(String(each?.digest));
    if (!signature || !digest || !isSignedBy(key, Buffer.from(payload, 'utf8'), signature)) continue;
    if ((await readSmallBlob(to, digest, maxPayloadBytes))?.toString('utf8') === payload) return true;
  }
  return false;
}

async function writeLayers(to: Attachment, layers: readonly Layer[], before: Digest | undefined): Promise<void> {
  const created = '0001-01-01T00:00:00Z'; // as cosign has it: signing twice is to give the same bytes
  const config = JSON.stringify({
    architecture: '',
    created,
    history: layers.map(() => ({ created })),
    os: '',
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    config: {},
  });
  const digest = await putManifest(to, { config: await putBlob(to, mediaTypes.config, config), layers });
  const { registry, repository } = to;
  const tagged = await registry.tag(repository, signatureTag(to.image), digest);
  // Where somebody else moved it meanwhile, what it names now is read next.
  if (!tagged.ok && (await registry.resolve(repository, signatureTag(to.image))) === before) unwrap(tagged);
}
