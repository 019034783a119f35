import { failed, problem, type Result } from '../support/index.ts';
import { type Envelope, envelopeJson, parseEnvelope, parseJson } from './dsse.ts';
import type { PublicKey } from './public-key.ts';

/** Sigstore bundle 0.3 (sigstore/protobuf-specs, sigstore_bundle.proto): also the type of the artifact that carries it. */
export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** An envelope as others verify it: with a hint which key it takes, and no entry of a transparency log. */
export function bundleText(envelope: Envelope, { hint }: Pick<PublicKey, 'hint'>): string {
  return JSON.stringify({
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
    dsseEnvelope: envelopeJson(envelope),
  });
}

export const looksLikeBundle = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && 'mediaType' in value && 'verificationMaterial' in value;

/** The envelope of a bundle. Its hint is looked at by nobody: the signature says whose it is. Problem: `signature-invalid`. */
export function parseBundle(value: unknown, name: string): Result<Envelope> {
  const { mediaType, dsseEnvelope } = (value ?? {}) as Record<string, unknown>;
  const known = typeof mediaType === 'string' && /^application\/vnd\.dev\.sigstore\.bundle\b.*\bjson\b/.test(mediaType);
  if (known && dsseEnvelope !== null && typeof dsseEnvelope === 'object') return parseEnvelope(dsseEnvelope, name);
  const hint = `expected a bundle with a DSSE envelope: ${bundleType}`;
  return failed(problem('signature-invalid', `${name}: it is no Sigstore bundle of a statement`, { hint }));
}

/** The envelope of a file: of a bundle, or bare. Problem: `signature-invalid`. */
export function readEnvelopeFile(bytes: Buffer, name: string): Result<Envelope> {
  const value = parseJson(bytes);
  return looksLikeBundle(value) ? parseBundle(value, name) : parseEnvelope(value, name);
}
