import type { Document } from '../documents/index.ts';
import { didYouMean, type Problem, type ProblemDetails, parseDate, whyNoDate } from '../support/index.ts';
import { approvalRules, type LevelConfig } from './levels.ts';

/** Who may say what: keys, and the roles that they have. */
export interface TrustConfig {
  keys: Record<string, KeyConfig>;
  /** One key has one role at most: a key that is given to admission must not have signed a failed test. */
  roles: Record<string, string[]>;
}

export interface KeyConfig {
  /** A file of the workspace with an ECDSA P-256 or Ed25519 public key: SPKI, in PEM. */
  public: string;
  /** Whose it is: two keys of one person are one person where people are counted. */
  person?: string;
  /** Days in UTC, both included: a statement's own time must lie between them. */
  notBefore?: string;
  notAfter?: string;
  /** Nothing that this key ever signed counts. */
  revoked?: { on: string; reason: string };
  /** Where the private key is; without it, the environment variable `DMREL_KEY_<NAME>` is looked at. */
  signer?: SignerConfig;
}

export type SignerConfig =
  | { env: string; passphraseEnv?: string }
  | { file: string; passphraseEnv?: string }
  /** A program that is given the bytes to sign on standard input and prints the signature in base64. */
  | { command: string[] };

/** What a schema cannot see of a trust section: names, days, and keys with two roles. */
export function checkTrust(
  document: Document<{ trust?: TrustConfig; levels?: Record<string, LevelConfig> }>,
): Problem[] {
  const { keys, roles } = document.value.trust ?? { keys: {}, roles: {} };
  const problems: Problem[] = [];
  type Code = 'unknown-name' | 'no-such-date' | 'wrong-value';
  const report = (code: Code, path: (string | number)[], message: string, details: ProblemDetails = {}) =>
    problems.push(document.problem(code, ['trust', ...path], message, { part: 'value', ...details }));
  const day = (path: string[], text: string | undefined) => {
    if (text !== undefined && parseDate(text) === undefined)
      report('no-such-date', path, `there is no day ${text}`, { hint: whyNoDate(text) });
  };

  for (const [name, { notBefore, notAfter, revoked }] of Object.entries(keys)) {
    day(['keys', name, 'notBefore'], notBefore);
    day(['keys', name, 'notAfter'], notAfter);
    day(['keys', name, 'revoked', 'on'], revoked?.on);
    if (notBefore !== undefined && notAfter !== undefined && notAfter < notBefore) {
      const hint = 'let it end after it begins';
      report('wrong-value', ['keys', name, 'notAfter'], `key '${name}' ends before it begins`, { hint });
    }
  }
  for (const [name, { signer }] of Object.entries(keys)) {
    const ways = Object.keys(signer ?? {}).filter((each) => each !== 'passphraseEnv');
    if (signer === undefined || (ways.length === 1 && !('command' in signer && 'passphraseEnv' in signer))) continue;
    const hint = `one of: env, file, command; a 'passphraseEnv' beside the first two`;
    const message = `the private key of '${name}' must be in one place`;
    report('wrong-value', ['keys', name, 'signer'], message, { hint });
  }
  const roleOf = new Map<string, string>();
  for (const [role, names] of Object.entries(roles)) {
    for (const [index, name] of names.entries()) {
      if (!Object.hasOwn(keys, name)) {
        const hint = didYouMean(name, Object.keys(keys)) ?? `define it under 'trust: keys:'`;
        report('unknown-name', ['roles', role, index], `there is no key '${name}'`, { hint });
        continue;
      }
      const other = roleOf.get(name);
      if (other === undefined) roleOf.set(name, role);
      else {
        const hint = `make a key of its own for '${role}': who trusts a key, trusts all that it signs`;
        report('wrong-value', ['roles', role, index], `key '${name}' has the role '${other}' already`, { hint });
      }
    }
  }
  return [...problems, ...promotersOfTwoKinds(document)];
}

/** What a promoter signs is taken for a yes to an image: its role can have no other business. */
function promotersOfTwoKinds(
  document: Document<{ trust?: TrustConfig; levels?: Record<string, LevelConfig> }>,
): Problem[] {
  const { trust, levels = {} } = document.value;
  if (!trust) return [];
  const approvers = Object.values(levels).flatMap((level) => approvalRules(level).map(({ role }) => role));
  const others = new Set(['builder', 'tester', 'demoter', ...approvers]);
  return Object.entries(levels).flatMap(([name, { promoter }]) => {
    if (promoter === undefined || !others.has(promoter)) return [];
    const hint = `leave it out for 'promoter-${name}', or name a role that does nothing else`;
    const message = `the role '${promoter}' signs other things too: it cannot promote`;
    return [document.problem('wrong-value', ['levels', name, 'promoter'], message, { part: 'value', hint })];
  });
}
