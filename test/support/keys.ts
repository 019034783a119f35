import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type SignedStatement,
  type Signer,
  type Statement,
  signerFor,
  signStatement,
} from '../../src/evidence/index.ts';
import { type Digest, digestOf, hexOf, unwrap } from '../../src/support/index.ts';
import { openWorkspace, type Workspace } from '../../src/workspace/index.ts';
import { aFolder } from './workspace.ts';

export type Algorithm = 'ecdsa-p256' | 'ed25519';

/** A pair of keys: the public one in SPKI PEM, the private one in PKCS#8 PEM. */
export interface KeyPair {
  publicPem: string;
  privatePem: string;
  privateKey: KeyObject;
}

export function aKeyPair(algorithm: Algorithm = 'ecdsa-p256'): KeyPair {
  const { publicKey, privateKey } =
    algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  return { publicPem, privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, privateKey };
}

/** The variable that a key's private half is looked for in. */
const variable = (name: string): string => `DMREL_KEY_${name.toUpperCase().replace(/[-.]/g, '_')}`;

export interface TrustOptions {
  /** Keys by role. */
  roles?: Record<string, string[]>;
  /** More lines of a key, in flow style: `notAfter: "2018-06-01"`. */
  more?: Record<string, string>;
  algorithm?: Algorithm;
  /** What else stands in dmrel.yaml. */
  config?: string;
}

export const usualRoles = {
  builder: ['builder-1'],
  tester: ['tester-1'],
  'release-manager': ['alice', 'bob'],
  'promoter-batch': ['batch-1'],
};

/** Make keys for roles: files of public ones below trust/, the section for dmrel.yaml, and an environment with the private ones. */
export function makeTrust(root: string, { roles = usualRoles, more = {}, algorithm }: TrustOptions = {}) {
  const pairs: Record<string, KeyPair> = {};
  const env: Record<string, string> = {};
  const lines = ['trust:', '  keys:'];
  for (const name of new Set([...Object.values(roles).flat(), ...Object.keys(more)])) {
    const pair = aKeyPair(algorithm);
    pairs[name] = pair;
    env[variable(name)] = pair.privatePem;
    const file = join(root, `trust/${name}.pub`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, pair.publicPem);
    lines.push(`    ${name}: {public: trust/${name}.pub${more[name] === undefined ? '' : `, ${more[name]}`}}`);
  }
  lines.push('  roles:', ...Object.entries(roles).map(([role, names]) => `    ${role}: [${names.join(', ')}]`));
  return { pairs, env, section: `${lines.join('\n')}\n` };
}

/** A workspace on disk that trusts keys, and who signs in it. */
export async function aTrustingWorkspace(options: TrustOptions = {}) {
  const root = aFolder();
  const { pairs, env, section } = makeTrust(root, options);
  const levels = 'registries: {batch: "layout:registry"}\nlevels: {batch: {registry: batch}}\n';
  writeFileSync(
    join(root, 'dmrel.yaml'),
    `schema: dmrel/workspace/v1\norganization: test\n${options.config ?? levels}${section}`,
  );
  const open = async (): Promise<Workspace> => unwrap(await openWorkspace(root, {}));
  const workspace = await open();
  return {
    root,
    pairs,
    env,
    workspace,
    /** As another run of dmrel reads it. */
    open,
    signer: async (role: string): Promise<Signer> => unwrap(await signerFor(workspace, role, env))!,
    sign: async (statement: Statement, role: string): Promise<SignedStatement> =>
      unwrap(await signStatement(statement, unwrap(await signerFor(workspace, role, env)))),
  };
}

/** A sound statement that says when it was made. */
export function aStatement(more: Partial<Statement> = {}, image: Digest = digestOf('image')): Statement {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'dev/stack', digest: { sha256: hexOf(image) } }],
    predicateType: 'https://lsst.org/dmrel/note/v1',
    predicate: { at: '2018-05-03T12:00:00Z', text: 'of no kind that anybody asks for' },
    ...more,
  };
}
