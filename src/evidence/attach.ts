import type { ImageRegistry } from '../registry/index.ts';
import { type Digest, hexOf, type Instant, instantOf, type Result, unwrap } from '../support/index.ts';
import { type Attachment, attempt, putBlob, putEmptyConfig, putManifest } from './artifact.ts';
import { predicateAnnotation, readAttached } from './attached.ts';
import { bundleText, bundleType } from './bundle.ts';
import { addCosignSignature, hasCosignSignature } from './cosign.ts';
import { type Envelope, isEnvelopeBy } from './dsse.ts';
import type { PublicKey } from './public-key.ts';
import { type SignedStatement, signStatement } from './sign.ts';
import type { Signer } from './signer.ts';
import { predicateTypes, type Statement, statementTime, statementType } from './statement.ts';

/**
 * Attach a signed statement to an image, as a referrer that holds a Sigstore bundle. Attached again, nothing is new; so it
 * is with another signature of the same key under the same statement, for ECDSA makes a new one each time. Gives the
 * digest of the artifact; undefined for a statement that nobody signed, which proves nothing outside of its record.
 * Who attaches one attaches a signature too (`attachSignature`): cosign looks at `.sig` only where there is no bundle.
 */
export function attachStatement(
  registry: ImageRegistry,
  repository: string,
  image: Digest,
  { statement, signed }: SignedStatement,
): Promise<Result<Digest | undefined>> {
  return attempt(async () => {
    if (!signed) return undefined;
    const to = { registry, repository, image };
    const time = statementTime(statement);
    const created = time === undefined ? undefined : instantOf(new Date(time));
    return attachEnvelope(to, signed.envelope, signed.publicKey, statement.predicateType, created);
  });
}

/** Whether an image has a statement, as it was signed then. */
export function isStatementAttached(
  registry: ImageRegistry,
  repository: string,
  image: Digest,
  { statement, signed }: SignedStatement,
): Promise<Result<boolean>> {
  return attempt(async () => {
    if (!signed) return false;
    const payload = signed.envelope.payload.toString('utf8');
    const to = { registry, repository, image };
    return (await findBundle(to, payload, signed.publicKey, statement.predicateType)) !== undefined;
  });
}

/**
 * Sign an image: cosign's `.sig` (a payload that names the image and `reference`), and the bundle that cosign writes since
 * version 3. What this key signed already stays as it is.
 * @param reference the repository as others name it: `registry.example.org/batch/stack`
 * @param created when, for the bundle's annotations
 */
export function attachSignature(
  registry: ImageRegistry,
  repository: string,
  image: Digest,
  signer: Signer | undefined,
  reference: string,
  created?: Instant,
): Promise<Result<void>> {
  return attempt(async () => {
    if (!signer) return;
    const to = { registry, repository, image };
    await addCosignSignature(to, signer, reference);
    const statement = signatureStatement(image);
    const before = await findBundle(to, JSON.stringify(statement), signer.publicKey, predicateTypes.signature);
    if (before) return;
    const { signed } = unwrap(await signStatement(statement, signer));
    await attachEnvelope(to, signed!.envelope, signed!.publicKey, predicateTypes.signature, created);
  });
}

/** Whether an image has what `attachSignature` leaves, in both forms, by one of some keys. */
export function isSignedFor(
  registry: ImageRegistry,
  repository: string,
  image: Digest,
  keys: readonly PublicKey[],
  reference: string,
): Promise<Result<boolean>> {
  return attempt(async () => {
    const to = { registry, repository, image };
    const payload = JSON.stringify(signatureStatement(image));
    const isSame = (envelope: Envelope) => keys.some((key) => says(envelope, payload, key));
    const { bundles } = unwrap(await readAttached(to, predicateTypes.signature, isSame));
    return bundles.length > 0 && (await hasCosignSignature(to, keys, reference));
  });
}

/** As cosign 3 writes it: the digest alone. */
const signatureStatement = (image: Digest): Statement => ({
  _type: statementType,
  subject: [{ digest: { sha256: hexOf(image) } } as Statement['subject'][0]],
  predicateType: predicateTypes.signature,
  predicate: {},
});

async function attachEnvelope(
  to: Attachment,
  envelope: Envelope,
  publicKey: PublicKey,
  predicateType: string,
  created: Instant | undefined,
): Promise<Digest> {
  const before = await findBundle(to, envelope.payload.toString('utf8'), publicKey, predicateType);
  if (before) return before;
  const { bytes, mediaType } = unwrap(await to.registry.readManifest(to.repository, to.image));
  const layer = await putBlob(to, bundleType, bundleText(envelope, publicKey));
  return putManifest(to, {
    artifactType: bundleType,
    config: await putEmptyConfig(to),
    layers: [layer],
    subject: { mediaType, digest: to.image, size: bytes.length },
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      [predicateAnnotation]: predicateType,
      ...(created === undefined ? {} : { 'org.opencontainers.image.created': created }),
    },
  });
}

/** The same statement by the same key, attached already. */
async function findBundle(
  to: Attachment,
  payload: string,
  publicKey: PublicKey,
  predicateType: string,
): Promise<Digest | undefined> {
  const isSame = (envelope: Envelope) => says(envelope, payload, publicKey);
  const { bundles } = unwrap(await readAttached(to, predicateType, isSame));
  return bundles[0]?.digest;
}

const says = (envelope: Envelope, payload: string, key: PublicKey): boolean =>
  envelope.payload.toString('utf8') === payload && isEnvelopeBy(key, envelope);
