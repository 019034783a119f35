import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  dateOf,
  failed,
  ok,
  type Problem,
  problem,
  type Result,
  readFileBounded,
  run,
  systemClock,
} from '../support/index.ts';
import type { SignerConfig, Workspace } from '../workspace/index.ts';
import { fromBase64 } from './dsse.ts';
import { isSignedBy, keyIdentity, type PublicKey, publicKeyOf, signatureScheme } from './public-key.ts';
import { keysWithRole, openTrust, type TrustedKey, whyOutside } from './trust.ts';

/** Somebody who can sign here, in one role. */
export interface Signer {
  /** The key's name in dmrel.yaml. */
  key: string;
  role: string;
  /** Whether it promotes to a level: such a key is given to admission, and never signs what is negative. */
  promoter: boolean;
  publicKey: PublicKey;
  /** Problem: `signing-failed`. */
  sign(bytes: Uint8Array): Promise<Result<Buffer>>;
}

export interface SignerOptions {
  /** One key of the role, where there are several: who approves is a person. */
  key?: string;
  signal?: AbortSignal;
  /** How long a signer command may take: somebody may have to touch a key. */
  timeoutSeconds?: number;
}

const maxKeyBytes = 64 * 2 ** 10;

/**
 * Who signs in a role here: the first of its keys that are valid today whose private half can be had. Undefined when the workspace has no trust
 * section. Problems: those of `openTrust`; `signer-missing` when there is none, saying of each key why.
 */
export async function signerFor(
  workspace: Pick<Workspace, 'root' | 'config' | 'document'>,
  role: string,
  env: NodeJS.ProcessEnv,
  options: SignerOptions = {},
): Promise<Result<Signer | undefined>> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  if (!trust.value) return ok(undefined);
  const keys = keysWithRole(trust.value, role);
  const wanted = options.key === undefined ? keys : keys.filter(({ name }) => name === options.key);
  const promoter = [...trust.value.promoterOf.values()].includes(role);
  const why: string[] = [];
  for (const key of wanted) {
    const invalid = whyNotToday(key);
    const found = invalid === undefined ? await openKey(workspace.root, key, env, options) : `it ${invalid}`;
    if (typeof found !== 'string') return ok({ key: key.name, role, promoter, publicKey: key, sign: found });
    why.push(`${key.name}: ${found}`);
  }
  const ended = wanted.length > 0 && wanted.every((key) => whyNotToday(key) !== undefined);
  return failed(nobody(role, why, ended, options.key));
}

/** What it signs now would count for nothing. */
function whyNotToday({ config }: TrustedKey): string | undefined {
  return config.revoked ? `was revoked on ${config.revoked.on}` : whyOutside(config, dateOf(systemClock()));
}

function nobody(role: string, why: readonly string[], ended: boolean, key: string | undefined): Problem {
  if (why.length > 0) {
    const hint = ended
      ? `make the next key, and give it the role '${role}' beside this one, under 'trust:' in dmrel.yaml`
      : `only who has a private key of '${role}' can do this; docs/evidence.md says where it is looked for`;
    return problem('signer-missing', `nobody can sign as '${role}' here: ${why.join('; ')}`, { hint, subject: role });
  }
  const message = key === undefined ? `no key has the role '${role}'` : `'${key}' is no key of the role '${role}'`;
  const hint = `name one under 'trust: roles: ${role}:' in dmrel.yaml`;
  return problem('signer-missing', message, { hint, subject: role, at: { file: 'dmrel.yaml' } });
}

/** The variable that a private key is looked for in when dmrel.yaml does not say where it is. */
export const keyVariable = (name: string): string => `DMREL_KEY_${name.toUpperCase().replace(/[-.]/g, '_')}`;

type Sign = Signer['sign'];

/** What signs with the private half of a key, or why nothing does. */
async function openKey(
  root: string,
  key: TrustedKey,
  env: NodeJS.ProcessEnv,
  options: SignerOptions,
): Promise<Sign | string> {
  const config: SignerConfig = key.config.signer ?? {
    env: keyVariable(key.name),
    passphraseEnv: `${keyVariable(key.name)}_PASSPHRASE`,
  };
  if ('command' in config) return signByCommand(root, key, config.command, options);
  const pem = await readPem(config, env);
  if (typeof pem === 'string') return pem;
  const passphrase = config.passphraseEnv === undefined ? undefined : env[config.passphraseEnv];
  const secret = openPem(pem.text, passphrase);
  if (typeof secret === 'string') return `${pem.where} ${secret}`;
  const own = publicKeyOf(secret);
  if (!own) return `${pem.where} is neither ECDSA P-256 nor Ed25519`;
  if (keyIdentity(own) !== keyIdentity(key)) return `${pem.where} is not the private key of ${key.config.public}`;
  const { hash, options: scheme } = signatureScheme(key.algorithm);
  return async (bytes) => ok(sign(hash, bytes, { key: secret, ...scheme }));
}

async function readPem(
  config: Exclude<SignerConfig, { command: string[] }>,
  env: NodeJS.ProcessEnv,
): Promise<{ text: string; where: string } | string> {
  if ('env' in config) {
    const text = env[config.env];
    return text === undefined || text === '' ? `${config.env} is not set` : { text, where: config.env };
  }
  const path = config.file.startsWith('~/') ? join(env.HOME ?? homedir(), config.file.slice(2)) : config.file;
  const bytes = await readFileBounded(path, config.file, maxKeyBytes);
  return bytes.ok ? { text: bytes.value.toString('latin1'), where: config.file } : bytes.problems[0]!.message;
}

/** PKCS#8 in PEM, encrypted or not. */
function openPem(text: string, passphrase: string | undefined): KeyObject | string {
  const [, encrypted] = /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.exec(text) ?? [];
  if (!/-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----/.test(text))
    return 'is no PKCS#8 key in PEM (-----BEGIN PRIVATE KEY-----)';
  if (encrypted && (passphrase === undefined || passphrase === '')) return 'is encrypted, and no passphrase is given';
  try {
    return createPrivateKey({ key: text, format: 'pem', ...(encrypted ? { passphrase } : {}) });
  } catch {
    return encrypted ? 'cannot be opened with the passphrase given' : 'is damaged: it holds no private key';
  }
}

/** A program has the key, or asks what has it. What it answers is verified before it goes anywhere. */
function signByCommand(root: string, key: TrustedKey, command: readonly string[], options: SignerOptions): Sign {
  const [program, ...args] = command;
  const refuse = (why: string, hint = 'it gets the bytes to sign on standard input and prints base64') =>
    failed<Buffer>(problem('signing-failed', `'${program}' does not sign as '${key.name}': ${why}`, { hint }));
  return async (bytes) => {
    const ended = await run(program!, args, {
      cwd: root,
      input: bytes,
      timeoutSeconds: options.timeoutSeconds ?? 120,
      maxOutputBytes: 64 * 2 ** 10,
      ownGroup: true,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    if (ended.failure === 'missing') return refuse('it cannot be started', 'install it, or mend dmrel.yaml');
    if (ended.failure !== undefined) return refuse(`it was stopped (${ended.failure})`);
    if (ended.exitCode !== 0) return refuse(`it ended with exit code ${ended.exitCode}`);
    const signature = fromBase64(ended.stdout.replace(/\s/g, ''));
    if (signature === undefined || signature.length === 0) return refuse('what it prints is not base64');
    if (!isSignedBy(key, bytes, signature))
      return refuse(`what it prints is no signature of ${key.config.public}`, 'ECDSA signatures are in DER');
    return ok(signature);
  };
}
