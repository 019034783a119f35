import { count, type Digest, digestOf, failed, ok, problem, type Result } from '../support/index.ts';
import { type Envelope, envelopeJson, preAuthEncoding } from './dsse.ts';
import type { PublicKey } from './public-key.ts';
import type { Signer } from './signer.ts';
import { maxStatementBytes, predicateTypes, type Statement } from './statement.ts';

/** A statement as it is kept: in an envelope with a signature, or bare where the workspace trusts no keys. */
export interface SignedStatement {
  statement: Statement;
  /** What is written into the record. */
  text: string;
  /** Of that text: the name of its file. */
  digest: Digest;
  signed?: { envelope: Envelope; publicKey: PublicKey };
}

/**
 * Sign a statement, or leave it bare without a signer. Who verifies with a promoter's key alone takes any signed statement
 * about an image for a yes (cosign verify does not look at what kind it is), so a promoter's key signs nothing but that an
 * image stands at a level. Problems: `signing-refused`, `signing-failed`, `file-too-large` of what nobody would read.
 */
export async function signStatement(
  statement: Statement,
  signer: Signer | undefined,
): Promise<Result<SignedStatement>> {
  if (!signer) {
    const text = `${JSON.stringify(statement, null, 1)}\n`;
    return bounded({ statement, text, digest: digestOf(text) });
  }
  const why = signer.promoter ? whyNotByPromoter(statement) : undefined;
  if (why !== undefined) {
    const hint = `sign it in another role: 'cosign verify' takes all that '${signer.key}' signs for a yes`;
    return failed(problem('signing-refused', `'${signer.key}' promotes, and never signs ${why}`, { hint }));
  }
  const payload = Buffer.from(JSON.stringify(statement), 'utf8');
  const signature = await signer.sign(preAuthEncoding(payload));
  if (!signature.ok) return signature;
  const envelope = { payload, signature: signature.value, keyid: signer.publicKey.hint };
  return bounded(signedStatement(statement, envelope, signer));
}

function bounded(signed: SignedStatement): Result<SignedStatement> {
  const bytes = Buffer.byteLength(signed.text);
  if (bytes <= maxStatementBytes) return ok(signed);
  const message = `a statement of ${signed.statement.predicateType} has ${count(bytes, 'byte')}`;
  const hint = `files of evidence may have ${maxStatementBytes / 2 ** 20} MiB: let it list less`;
  return failed(problem('file-too-large', message, { hint }));
}

/** An envelope as it is written into the record. */
export const signedText = (envelope: Envelope): string => `${JSON.stringify(envelopeJson(envelope))}\n`;

/** An envelope at hand, in the form in which it is kept. */
export function signedStatement(
  statement: Statement,
  envelope: Envelope,
  { publicKey }: Pick<Signer, 'publicKey'>,
): SignedStatement {
  const text = signedText(envelope);
  return { statement, text, digest: digestOf(text), signed: { envelope, publicKey } };
}

function whyNotByPromoter({ predicateType, predicate }: Statement): string | undefined {
  if (predicateType === predicateTypes.signature) return undefined;
  if (predicateType !== predicateTypes.verificationSummary) return `statements of ${predicateType}`;
  const { verificationResult } = predicate as { verificationResult?: unknown };
  return verificationResult === 'PASSED' ? undefined : 'what is not a yes';
}
