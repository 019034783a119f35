import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

export type KeyAlgorithm = 'ecdsa-p256' | 'ed25519';

/** A key that signatures are verified with. */
export interface PublicKey {
  algorithm: KeyAlgorithm;
  key: KeyObject;
  /** SubjectPublicKeyInfo in DER. */
  der: Buffer;
  /** base64(sha256(der)): how Sigstore bundles and our envelopes name it. */
  hint: string;
}

const pem = /^-----BEGIN PUBLIC KEY-----\s[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/;

/** An ECDSA P-256 or Ed25519 key in SPKI PEM, or why it is none. */
export function readPublicKey(text: string): PublicKey | string {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return 'is a private key; it must never stand here';
  if (!pem.test(text.trim())) return 'is no public key in PEM (-----BEGIN PUBLIC KEY-----)';
  try {
    return publicKeyOf(createPublicKey(text)) ?? 'is neither ECDSA P-256 nor Ed25519';
  } catch {
    return 'is damaged: it holds no public key';
  }
}

/** The public half, of a private key too; undefined for another algorithm. */
export function publicKeyOf(given: KeyObject): PublicKey | undefined {
  const algorithm = algorithmOf(given);
  if (algorithm === undefined) return undefined;
  const key = given.type === 'private' ? createPublicKey(given) : given;
  const der = key.export({ type: 'spki', format: 'der' });
  return { algorithm, key, der, hint: createHash('sha256').update(der).digest('base64') };
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyAlgorithm | undefined {
  if (asymmetricKeyType === 'ed25519') return 'ed25519';
  return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ecdsa-p256' : undefined;
}

/** Equal for two ways to write one key: a point may be compressed or not. */
export function keyIdentity({ key }: PublicKey): string {
  const { crv, x, y } = key.export({ format: 'jwk' });
  return `${crv} ${x} ${y ?? ''}`;
}

/** What node's crypto is told about a signature of a key: ECDSA in DER over SHA-256, Ed25519 as it is (RFC 8032). */
export const signatureScheme = (algorithm: KeyAlgorithm) =>
  algorithm === 'ed25519' ? { hash: null, options: {} } : { hash: 'sha256', options: { dsaEncoding: 'der' as const } };

/** The same beside other work: on another processor, where there is one. */
export function verifyAside(key: PublicKey, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const { hash, options } = signatureScheme(key.algorithm);
  return new Promise((resolve) => {
    try {
      verify(hash, bytes, { key: key.key, ...options }, signature, (error, sound) => resolve(!error && sound));
    } catch {
      resolve(false);
    }
  });
}

export function isSignedBy(key: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  const { hash, options } = signatureScheme(key.algorithm);
  try {
    return verify(hash, bytes, { key: key.key, ...options }, signature);
  } catch {
    return false; // what OpenSSL does not even read
  }
}
