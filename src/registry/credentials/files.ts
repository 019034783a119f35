import { join } from 'node:path';
import { readFileBounded } from '../../support/index.ts';

/** What docker and podman keep about registries (docker, config.json; containers-auth.json(5)). */
export interface CredentialFile {
  path: string;
  auths: Record<string, Record<string, unknown>>;
  credHelpers: Record<string, unknown>;
  credsStore?: string;
}

const maxFileBytes = 2 ** 20;

/** Where they stand, the most telling first. */
export function credentialPaths(env: NodeJS.ProcessEnv, uid = process.getuid?.()): string[] {
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, HOME } = env;
  const configuration = XDG_CONFIG_HOME || (HOME && join(HOME, '.config'));
  // Podman's own, where nobody has logged in to a session: of root, and in batch jobs.
  const runtime = XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, 'containers') : uid !== undefined && `/run/containers/${uid}`;
  const docker = DOCKER_CONFIG || (HOME && join(HOME, '.docker'));
  return [
    ...(REGISTRY_AUTH_FILE ? [REGISTRY_AUTH_FILE] : []),
    ...(docker ? [join(docker, 'config.json')] : []),
    ...(runtime ? [join(runtime, 'auth.json')] : []),
    ...(configuration ? [join(configuration, 'containers/auth.json')] : []),
  ];
}

/** undefined where there is none; in words, why one is of no use. Never what is in it: it has passwords. */
export async function readCredentialFile(path: string): Promise<CredentialFile | string | undefined> {
  const bytes = await readFileBounded(path, path, maxFileBytes);
  if (!bytes.ok) {
    const [problem] = bytes.problems;
    return problem?.code === 'file-not-found' ? undefined : (problem?.message ?? `cannot read ${path}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(bytes.value.toString('utf8'));
  } catch {
    return `${path} is no JSON`;
  }
  const { auths, credHelpers, credsStore } = fieldsOf(content);
  return {
    path,
    auths: Object.fromEntries(Object.entries(fieldsOf(auths)).map(([key, value]) => [key, fieldsOf(value)])),
    credHelpers: fieldsOf(credHelpers),
    ...(typeof credsStore === 'string' && credsStore !== '' ? { credsStore } : {}),
  };
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
