import { resolve } from 'node:path';
import { decideLevel, isEnvelopeBy, readPublicKey } from '../evidence/index.ts';
import {
  type Digest,
  Failure,
  failed,
  type Instant,
  ok,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { offlineSource, registrySource } from './sources.ts';

export interface LevelQuestion {
  /** `IMAGE@DIGEST`. */
  image: string;
  level: string;
  /** A file with the public key of who promotes to the level. */
  key: string;
  /** A directory in place of the registry. */
  offline: string | undefined;
  cwd: string;
  /** Where the registry may have a shorter name, and settings. */
  workspace: Workspace | undefined;
  now: Date;
}

export interface LevelAnswer {
  image: string;
  digest: Digest;
  level: string;
  /** base64(sha256) of the key in DER. */
  key: string;
  verified: boolean;
  at?: Instant;
  /** Why; the decisive one first. */
  reasons: string[];
}

const maxKeyBytes = 16 * 2 ** 10;

/**
 * Whether an image stands at a level, from what is attached to it alone. Whatever keeps that from being read is a no, with
 * the reason. Problems are of the question: `invalid-name`, `usage`, `key-invalid`, and those of reading the key.
 */
export async function verifyLevel(question: LevelQuestion): Promise<Result<LevelAnswer>> {
  const { image, level, cwd, offline, workspace, now } = question;
  const pem = await readFileBounded(resolve(cwd, question.key), question.key, maxKeyBytes);
  if (!pem.ok) return pem;
  const key = readPublicKey(pem.value.toString('latin1'));
  if (typeof key === 'string') {
    const hint = 'give the public key of who promotes to the level: trust/NAME.pub of the workspace';
    return failed(problem('key-invalid', `${question.key} ${key}`, { at: { file: question.key }, hint }));
  }
  const source = offline === undefined ? registrySource(workspace, image, cwd) : offlineSource(image, offline, cwd);
  if (!source.ok) return source;
  const asked = { image, digest: source.value.image, level, key: key.hint };
  const found = await asValue(() => source.value.read((envelope) => isEnvelopeBy(key, envelope)));
  if (!found.ok) return ok({ ...asked, verified: false, reasons: found.problems.map(({ message }) => message) });
  const { envelopes, others, problems } = found.value;
  const { verified, at, reason } = decideLevel(envelopes, { image: asked.digest, level, key, now, others });
  const reasons = [reason, ...(verified ? [] : problems.map(({ message }) => message))];
  return ok({ ...asked, verified, ...(at === undefined ? {} : { at }), reasons });
}

/** Registries throw what they cannot answer. */
async function asValue<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}
