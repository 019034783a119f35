import { failed, ok, problem, type Result } from '../support/index.ts';
import { isSignedBy, type PublicKey } from './public-key.ts';

/** Of statements in envelopes: the only one that is made or taken. */
export const payloadType = 'application/vnd.in-toto+json';

/** A DSSE envelope with its one signature (secure-systems-lab/dsse, envelope.md). */
export interface Envelope {
  payload: Buffer;
  signature: Buffer;
  /** A hint which key it was, and no more; '' without one. */
  keyid: string;
}

/** What is signed: the "pre-authentication encoding" of dsse/protocol.md. Lengths are of bytes. */
export function preAuthEncoding(payload: Uint8Array, type = payloadType): Buffer {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `, 'utf8'),
    Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
  ]);
}

export const isEnvelopeBy = (key: PublicKey, { payload, signature }: Envelope): boolean =>
  isSignedBy(key, preAuthEncoding(payload), signature);

/** As it stands in records and bundles; equal envelopes are equal text. */
export function envelopeJson({ payload, signature, keyid }: Envelope) {
  return {
    payload: payload.toString('base64'),
    payloadType,
    signatures: [{ sig: signature.toString('base64'), ...(keyid === '' ? {} : { keyid }) }],
  };
}

export const looksLikeEnvelope = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && ('payloadType' in value || 'signatures' in value);

/** Strictly: one signature, base64 as RFC 4648 section 4 has it. Problem: `signature-invalid`, which begins with `name`. */
export function parseEnvelope(value: unknown, name: string): Result<Envelope> {
  const refuse = (why: string, hint: string) => failed(problem('signature-invalid', `${name}: ${why}`, { hint }));
  const { payload, payloadType: type, signatures } = (value ?? {}) as Record<string, unknown>;
  if (type !== payloadType)
    return refuse(`its payload is not of the type ${payloadType}`, 'only in-toto statements are evidence');
  if (!Array.isArray(signatures) || signatures.length !== 1) {
    const many = Array.isArray(signatures) ? signatures.length : 'no';
    return refuse(`it has ${many} signatures, not one`, 'make one envelope for each who signs');
  }
  const { sig, keyid = '' } = (signatures[0] ?? {}) as Record<string, unknown>;
  const hint = 'standard base64 with its padding is needed, not base64url';
  const body = fromBase64(payload);
  if (body === undefined) return refuse('its payload is not base64', hint);
  const signature = fromBase64(sig);
  if (signature === undefined || signature.length === 0) return refuse('its signature is not base64', hint);
  if (typeof keyid !== 'string' || keyid.length > 500) return refuse('its keyid is no text', 'leave it out');
  return ok({ payload: body, signature, keyid });
}

/** Bytes of base64 that could only have been written in one way; undefined for all else. */
export function fromBase64(text: unknown): Buffer | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** undefined for what is no JSON. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
