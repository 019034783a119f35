import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, problem, readFileBounded, unwrap } from '../../support/index.ts';
import type { RemoteOptions } from './options.ts';

/** Whom we trust beside those that node knows, and how we show who we are. */
export interface Trust {
  ca?: (string | Buffer)[];
  cert?: string | Buffer | Buffer[];
  key?: string | Buffer | Buffer[];
}

const maxCertificateBytes = 2 ** 20;

/** From the options, else from the first directory that has something for this host (docker's and podman's certs.d). */
export async function readTrust(host: string, options: RemoteOptions): Promise<Trust> {
  const { ca, cert, key, env = process.env } = options;
  if (ca !== undefined || cert !== undefined)
    return {
      ...(ca === undefined ? {} : { ca: await besides([ca], env) }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    };
  const home = env.HOME ? [join(env.HOME, '.config/containers/certs.d')] : [];
  const usual = [...home, '/etc/containers/certs.d', '/etc/docker/certs.d'];
  for (const directory of options.certificateDirectories ?? usual) {
    const found = await readDirectory(join(directory, host), env);
    if (found) return found;
  }
  return {};
}

/** docker, registry/registry.go, ReadCertsDirectory: `*.crt` are authorities, `X.cert` belongs with `X.key`. */
async function readDirectory(folder: string, env: NodeJS.ProcessEnv): Promise<Trust | undefined> {
  const names = (await readdir(folder).catch(() => [] as string[])).sort();
  const read = async (name: string) => {
    const path = join(folder, name);
    return unwrap(await readFileBounded(path, path, maxCertificateBytes));
  };
  const authorities = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read));
  const own = names.filter((name) => name.endsWith('.cert')).map((name) => name.slice(0, -'.cert'.length));
  for (const each of own) {
    if (names.includes(`${each}.key`)) continue;
    const message = `${join(folder, `${each}.cert`)} has no key beside it`;
    throw new Failure(problem('file-not-found', message, { hint: `put ${each}.key there, or remove ${each}.cert` }));
  }
  if (authorities.length === 0 && own.length === 0) return undefined;
  return {
    ...(authorities.length === 0 ? {} : { ca: await besides(authorities, env) }),
    ...(own.length === 0
      ? {}
      : {
          cert: await Promise.all(own.map((each) => read(`${each}.cert`))),
          key: await Promise.all(own.map((each) => read(`${each}.key`))),
        }),
  };
}

/** node takes `ca` in the place of all others, those of NODE_EXTRA_CA_CERTS among them. */
async function besides(authorities: (string | Buffer)[], env: NodeJS.ProcessEnv): Promise<(string | Buffer)[]> {
  const { rootCertificates } = await import('node:tls');
  const file = env.NODE_EXTRA_CA_CERTS;
  const extra = file ? await readFileBounded(file, file, maxCertificateBytes) : undefined;
  return [...rootCertificates, ...(extra?.ok ? [extra.value] : []), ...authorities];
}
