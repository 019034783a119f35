import type { Credential } from './credential.ts';
import { type CredentialFile, credentialPaths, readCredentialFile } from './files.ts';
import { askProgram } from './program.ts';

export interface Found {
  credential?: Credential;
  /** Why places that might have had one are of no use; for whom a registry has refused. */
  notes: string[];
}

/**
 * The credential for a repository, as docker and podman find theirs: in each file a helper for that host, then the store
 * of all hosts, then what stands in the file itself, the longest name first (containers-auth.json(5)).
 */
export async function findCredential(host: string, repository: string, env: NodeJS.ProcessEnv): Promise<Found> {
  const notes: string[] = [];
  for (const path of credentialPaths(env)) {
    const file = await readCredentialFile(path);
    if (file === undefined) continue;
    const credential = typeof file === 'string' ? file : await lookUp(file, host, repository, env, notes);
    if (typeof credential === 'string') notes.push(credential);
    else if (credential !== undefined) return { credential, notes };
  }
  return { notes };
}

async function lookUp(
  file: CredentialFile,
  host: string,
  repository: string,
  env: NodeJS.ProcessEnv,
  notes: string[],
): Promise<Credential | undefined> {
  const names = namesOf(host, repository);
  const helpers = byName(file.credHelpers);
  const helped = names.find((name) => helpers.has(name));
  const [key, helper] = (helped === undefined ? undefined : helpers.get(helped)) ?? [hubKey(host), file.credsStore];
  if (typeof helper === 'string' && helper !== '') {
    const answer = await askProgram(helper, key, env);
    if (typeof answer === 'object') return answer;
    if (answer !== undefined) notes.push(answer);
  }
  const auths = byName(file.auths);
  for (const name of names) {
    const [, entry] = auths.get(name) ?? [];
    const credential = entry && credentialOf(entry);
    if (typeof credential === 'object') return credential;
    if (credential !== undefined) notes.push(`${file.path}: ${credential} for ${name}`);
  }
  return undefined;
}

/** `host/a/b`, `host/a`, `host`. */
function namesOf(host: string, repository: string): string[] {
  const parts = [host, ...repository.split('/').filter((part) => part !== '')];
  return parts.map((_part, index) => parts.slice(0, parts.length - index).join('/'));
}

const hub = new Set(['index.docker.io', 'registry-1.docker.io', 'docker.io']);
const hubKey = (host: string): string => (hub.has(host) ? 'https://index.docker.io/v1/' : host);

/** Keys may be written as URLs: `https://index.docker.io/v1/`. The first of a name counts. */
function byName<T>(entries: Record<string, T>): Map<string, readonly [string, T]> {
  const found = new Map<string, readonly [string, T]>();
  for (const [key, value] of Object.entries(entries)) {
    const bare = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
    const [host = '', ...rest] = bare.split('/');
    const name = [hub.has(host) ? 'docker.io' : host.toLowerCase(), ...rest].join('/');
    if (!found.has(name) || key === bare) found.set(name, [key, value]);
  }
  return found;
}

/** In words, what is wrong with an entry; undefined for one that says nothing, as docker writes them beside a store. */
function credentialOf(entry: Record<string, unknown>): Credential | string | undefined {
  const { auth, username, password, identitytoken, registrytoken } = entry;
  if (isText(identitytoken)) return { kind: 'identity', token: identitytoken };
  if (isText(registrytoken)) return { kind: 'bearer', token: registrytoken };
  if (isText(auth)) {
    const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
    const colon = text.indexOf(':');
    if (colon < 1) return "an 'auth' that is no name and password";
    return { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  return isText(username) && isText(password) ? { kind: 'password', username, password } : undefined;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
