import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type Digest,
  digestOf,
  Failure,
  failed,
  hexOf,
  ok,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import type { CachedStatement, EvidenceCache } from './cache.ts';
import { type Envelope, looksLikeEnvelope, parseEnvelope, parseJson, preAuthEncoding } from './dsse.ts';
import { verifyAside } from './public-key.ts';
import { maxStatementBytes, parseStatement, type Statement, statementTime } from './statement.ts';
import type { Trust, TrustedKey } from './trust.ts';

/** `unsigned` is a bare statement; `unknown` is signed by no key of the workspace. */
export type Signatory = TrustedKey | 'unsigned' | 'unknown';

/** A statement of a file that holds what its name says, and who signed it. */
export interface FoundStatement {
  file: string;
  digest: Digest;
  statement: Statement;
  by: Signatory;
  /** When it says it was made, in milliseconds since the epoch. */
  time: number | undefined;
}

/** Predicates of more characters are not remembered but read when somebody asks for them: bills of materials. */
const longPredicate = 2 ** 14;

/**
 * Read one file of evidence, and verify its signature unless that was done before. Problems: `digest-mismatch`,
 * `file-unreadable` and others of reading, `signature-invalid`.
 */
export async function readStatementFile(
  root: string,
  file: string,
  trust: Trust | undefined,
  cache?: EvidenceCache,
): Promise<Result<FoundStatement>> {
  const refuse = (message: string, hint: string) =>
    failed(problem('digest-mismatch', `${file} ${message}`, { at: { file }, hint }));
  const [, hex] = /^([0-9a-f]{64})\.json$/.exec(basename(file)) ?? [];
  if (hex === undefined) return refuse('is not named by its digest', 'move it elsewhere: only dmrel writes here');
  const digest = `sha256:${hex}` as Digest;
  const path = join(root, file);
  const look = lookOf(path);
  const known = cache?.find(hex);
  const before = known && signatoryOf(known.hint, trust);
  if (known && before && known.look === look) {
    const statement = withPredicate(known.statement, path, digest);
    return ok({ file, digest, statement, by: before, time: known.time ?? undefined });
  }

  const bytes = await readFileBounded(path, file, maxStatementBytes);
  if (!bytes.ok) return bytes;
  if (hexOf(digestOf(bytes.value)) !== hex)
    return refuse('was changed after it was written', `restore it from git: git checkout -- ${file}`);
  // The same bytes as then: only the file is another one.
  const read = await readSigned(bytes.value, file, trust, known && before);
  if (!read.ok) return read;
  const { statement, by, time } = read.value;
  if (by !== 'unknown') {
    const hint = by === 'unsigned' ? null : by.hint;
    cache?.keep(hex, { look, hint, time: time ?? null, statement: withoutLong(statement, bytes.value.length) });
  }
  return ok({ file, digest, statement, by, time });
}

function withoutLong({ predicate, ...rest }: Statement, length: number): CachedStatement['statement'] {
  return length > longPredicate ? rest : { ...rest, predicate };
}

/** A long predicate is read from its file, if that is still what was verified, when it is first asked for. */
function withPredicate(remembered: CachedStatement['statement'], path: string, digest: Digest): Statement {
  if ('predicate' in remembered) return remembered as Statement;
  let read: unknown;
  return {
    ...remembered,
    get predicate() {
      read ??= predicateIn(path, digest);
      return read;
    },
  };
}

function predicateIn(path: string, digest: Digest): unknown {
  const bytes = readFileSync(path);
  if (digestOf(bytes) !== digest)
    throw new Failure(problem('digest-mismatch', `${path} was changed while it was read`, { hint: 'run it again' }));
  const value = parseJson(bytes);
  const envelope = parseEnvelope(value, path);
  return parseStatement(envelope.ok ? parseJson(envelope.value.payload) : value)!.predicate;
}

/** Changes with what is written into the file; the last of the three cannot be set back. */
function lookOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.size} ${found.mtimeMs} ${found.ctimeMs}` : '';
}

/** Who it was, if that key is trusted still. */
function signatoryOf(hint: string | null, trust: Trust | undefined): Signatory | undefined {
  return hint === null ? 'unsigned' : trust?.byHint.get(hint);
}

/**
 * A statement, bare or in an envelope, and who signed it. Problems: `file-unreadable`, `signature-invalid`.
 * @param known who signed just these bytes, when that was verified before
 */
export async function readSigned(
  bytes: Buffer,
  name: string,
  trust: Trust | undefined,
  known?: Signatory,
): Promise<Result<{ statement: Statement; by: Signatory; time: number | undefined; envelope?: Envelope }>> {
  const unsound = () => {
    const hint = 'expected an in-toto statement, bare or in a DSSE envelope; remove it, and make it again';
    return failed(problem('file-unreadable', `${name} holds no sound statement`, { at: { file: name }, hint }));
  };
  const value = parseJson(bytes);
  if (!looksLikeEnvelope(value)) {
    const statement = parseStatement(value);
    return statement ? ok({ statement, by: 'unsigned', time: statementTime(statement) }) : unsound();
  }
  const envelope = parseEnvelope(value, name);
  if (!envelope.ok) return envelope;
  const statement = parseStatement(parseJson(envelope.value.payload));
  if (!statement) return unsound();
  const by = known ? ok(known) : await verifyEnvelope(envelope.value, name, trust);
  if (!by.ok) return by;
  return ok({ statement, by: by.value, time: statementTime(statement), envelope: envelope.value });
}

/** Whose signature it is. The key that it names is asked alone; where it names none of ours, all are. */
async function verifyEnvelope(envelope: Envelope, name: string, trust: Trust | undefined): Promise<Result<Signatory>> {
  const { payload, signature, keyid } = envelope;
  const named = trust?.byHint.get(keyid);
  const signed = preAuthEncoding(payload);
  for (const key of named ? [named] : (trust?.keys.values() ?? []))
    if (await verifyAside(key, signed, signature)) return ok(key);
  if (!named) return ok('unknown');
  const hint = 'it was changed after it was signed, or is written in another form than DER (ECDSA)';
  return failed(
    problem('signature-invalid', `${name}: the signature is not that of key '${named.name}', which it names`, {
      at: { file: name },
      hint,
    }),
  );
}
