import { withPositions } from '../documents/index.ts';
import { failed, ok, type Problem, pathWithin, type Result, readFileBounded } from '../support/index.ts';
import type { KeyConfig, Workspace } from '../workspace/index.ts';
import { keyIdentity, type PublicKey, readPublicKey } from './public-key.ts';

/** A key of dmrel.yaml, and what it may say. */
export interface TrustedKey extends PublicKey {
  name: string;
  /** None or one. */
  roles: string[];
  config: KeyConfig;
}

/** The trust section with its keys read. */
export interface Trust {
  keys: Map<string, TrustedKey>;
  byHint: Map<string, TrustedKey>;
  /** Who promotes to each level. */
  promoterOf: Map<string, string>;
}

type TrustingWorkspace = Pick<Workspace, 'root' | 'config' | 'document'>;

const maxKeyBytes = 16 * 2 ** 10;
const read = new WeakMap<object, Promise<Result<Trust | undefined>>>();

/**
 * The keys of a workspace and their roles; undefined when it has no trust section. Problems, with the place in dmrel.yaml:
 * `unsafe-path`, `file-not-found` and others of reading, `key-invalid`.
 */
export function openTrust(workspace: TrustingWorkspace): Promise<Result<Trust | undefined>> {
  const known = read.get(workspace.config);
  if (known) return known;
  const reading = readTrust(workspace);
  read.set(workspace.config, reading);
  return reading;
}

async function readTrust(workspace: TrustingWorkspace): Promise<Result<Trust | undefined>> {
  const { trust, levels = {} } = workspace.config;
  if (!trust) return ok(undefined);
  const pems = new Map<string, Result<Buffer>>();
  for (const [name, { public: file }] of Object.entries(trust.keys)) {
    const path = pathWithin(workspace.root, file);
    if (path !== undefined) pems.set(name, await readFileBounded(path, file, maxKeyBytes));
  }
  return withPositions(() => {
    const keys = new Map<string, TrustedKey>();
    const problems: Problem[] = [];
    const names = new Map<string, string>();
    for (const [name, config] of Object.entries(trust.keys)) {
      const found = keyOf(workspace, name, config, pems.get(name));
      if (!found.ok) {
        problems.push(...found.problems);
        continue;
      }
      const roles = Object.keys(trust.roles).filter((role) => trust.roles[role]!.includes(name));
      keys.set(name, { ...found.value, name, roles, config });
      const identity = keyIdentity(found.value);
      const other = names.get(identity);
      if (other !== undefined) {
        const hint = `make a key of its own for each: who trusts a key, trusts all that it signs`;
        const message = `'${name}' and '${other}' are the same key`;
        problems.push(workspace.document.problem('key-invalid', ['trust', 'keys', name], message, { hint }));
      }
      names.set(identity, name);
    }
    if (problems.length > 0) return failed(...problems);
    const promoterOf = new Map(Object.keys(levels).map((level) => [level, promoterRole(workspace.config, level)]));
    const byHint = new Map([...keys.values()].map((key) => [key.hint, key]));
    return ok({ keys, byHint, promoterOf });
  });
}

/** The role whose keys promote to a level: `promoter-<level>`, unless the level names another. */
export function promoterRole({ levels = {} }: Workspace['config'], level: string): string {
  return levels[level]?.promoter ?? `promoter-${level}`;
}

function keyOf(
  { document }: TrustingWorkspace,
  name: string,
  { public: file }: KeyConfig,
  pem: Result<Buffer> | undefined,
): Result<PublicKey> {
  const path = ['trust', 'keys', name, 'public'];
  if (!pem) {
    const message = `the public key of '${name}' leads out of the workspace`;
    const hint = 'name a file inside it';
    return failed(document.problem('unsafe-path', path, message, { part: 'value', hint }));
  }
  if (!pem.ok) {
    const { code, message } = pem.problems[0]!;
    const hint = `openssl pkey -in PRIVATE.pem -pubout -out ${file}`;
    return failed(document.problem(code, path, message, { part: 'value', hint }));
  }
  const key = readPublicKey(pem.value.toString('latin1'));
  if (typeof key !== 'string') return ok(key);
  const hint = 'docs/evidence.md says how to make one with openssl';
  return failed(document.problem('key-invalid', path, `${file} ${key}`, { part: 'value', hint }));
}

/** Files that say who is trusted: they must be committed where something is decided by them. */
export function trustFiles({ config }: Pick<Workspace, 'config'>): string[] {
  return Object.values(config.trust?.keys ?? {}).map((key) => key.public);
}

/**
 * Why what a key said at a moment counts for nothing; undefined when it counts.
 * @param time milliseconds since the epoch; undefined when the statement does not tell
 */
export function whyNotCounted({ name, config, roles }: TrustedKey, time: number | undefined): string | undefined {
  const { revoked, notBefore, notAfter } = config;
  if (revoked) return `key '${name}' was revoked on ${revoked.on}: ${revoked.reason}`;
  if (roles.length === 0) return `key '${name}' has no role`;
  if (notBefore === undefined && notAfter === undefined) return undefined;
  if (time === undefined) return `it tells no time, and key '${name}' is valid for a time only`;
  const day = new Date(time).toISOString().slice(0, 10);
  const outside = whyOutside(config, day);
  return outside && `it is of ${day}, and key '${name}' ${outside}`;
}

/** Those that may speak in a role, on whatever day. */
export const keysWithRole = ({ keys }: Pick<Trust, 'keys'>, role: string): TrustedKey[] =>
  [...keys.values()].filter(({ roles }) => roles.includes(role));

/** Why what a key says on a day counts for nothing, by its days alone: `was valid until 2026-06-30`. */
export function whyOutside({ notBefore, notAfter }: KeyConfig, day: string): string | undefined {
  if (notBefore !== undefined && day < notBefore) return `is valid from ${notBefore}`;
  if (notAfter !== undefined && day > notAfter) return `was valid until ${notAfter}`;
  return undefined;
}
