import { type Digest, failed, ok, parseDigest, printable, problem, type Result } from '../support/index.ts';

/** OCI distribution-spec 1.1, "Pulling manifests": the grammar of <name> and of a tag. */
const repositoryName = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagName = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

export const isRepositoryName = (name: string): boolean => name.length <= 255 && repositoryName.test(name);
export const isTagName = (tag: string): boolean => tagName.test(tag);

/** OCI image layouts below a directory. */
export interface RegistryAddress {
  kind: 'layout';
  directory: string;
}

/** `layout:DIR`. Problem: `wrong-value`. */
export function parseRegistryAddress(text: string): Result<RegistryAddress> {
  const [, directory] = /^layout:([^\u0000-\u001f]+)$/.exec(text) ?? [];
  if (directory) return ok({ kind: 'layout', directory });
  const hint = 'expected layout: and a directory, such as layout:.dmrel/registry/build';
  return failed(problem('wrong-value', `'${printable(text)}' is no registry`, { hint }));
}

/** A registry that is reached over the network: `HOST[:PORT]`, and what all its repositories begin with. */
export interface RemoteAddress {
  host: string;
  prefix?: string;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const hostName = new RegExp(`^(${label}(?:\\.${label})*|\\[[0-9a-f:.]{2,45}\\])(?::([0-9]{1,5}))?$`);

/**
 * A host in small letters, or undefined. As docker has it, a first part without a dot and a port is `localhost` or a part
 * of a repository's name. A URL must read the host as it is written: `127.1` and `0x7f.0.0.1` are other names of 127.0.0.1.
 */
export function parseHost(text: string): string | undefined {
  const host = text.toLowerCase();
  const [, name, port] = (host.length <= 260 && hostName.exec(host)) || [];
  if (name === undefined || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) return undefined;
  if (!/[.:]/.test(host) && host !== 'localhost') return undefined;
  return URL.canParse(`https://${name}`) && new URL(`https://${name}`).hostname === name ? host : undefined;
}

/** `HOST[:PORT][/PREFIX]`. Problem: `invalid-name`. */
export function parseRemoteAddress(text: string): Result<RemoteAddress> {
  const slash = text.indexOf('/');
  const host = parseHost(slash === -1 ? text : text.slice(0, slash));
  const prefix = slash === -1 ? undefined : text.slice(slash + 1);
  if (host !== undefined && (prefix === undefined || isRepositoryName(prefix)))
    return ok(prefix === undefined ? { host } : { host, prefix });
  const hint = 'expected a host with a dot or a port, such as registry.example.org:5000 or ghcr.io/lsst';
  return failed(problem('invalid-name', `'${shown(text)}' is no registry`, { hint }));
}

/** An image in a registry. Without tag and digest a whole repository. */
export type Reference = ({ kind: 'remote'; host: string } | { kind: 'layout'; directory: string }) & {
  repository: string;
  tag?: string;
  digest?: Digest;
};

/** `HOST/REPOSITORY[:TAG][@DIGEST]` or `layout:DIR:REPOSITORY[:TAG][@DIGEST]`, DIR without a colon. Problem: `invalid-name`. */
export function parseReference(text: string): Result<Reference> {
  const invalid = (hint: string) => failed(problem('invalid-name', `'${shown(text)}' is no image`, { hint }));
  const [, layout, rest = ''] = /^(?:layout:([^:\u0000-\u001f]+):)?(.*)$/s.exec(text) ?? [];
  const [, written = ''] = layout === undefined ? (/^([^/]*)\//.exec(rest) ?? []) : [];
  const host = parseHost(written);
  if (layout === undefined && host === undefined)
    return invalid(
      'name the registry too: HOST/REPOSITORY:TAG, such as docker.io/lsstsqre/centos:7-stack, or layout:DIR:',
    );

  const [, repository = '', tag, digest] =
    /^([^:@]*)(?::([^:@]*))?(?:@(.*))?$/s.exec(layout === undefined ? rest.slice(written.length + 1) : rest) ?? [];
  const parsed = digest === undefined ? undefined : parseDigest(digest);
  if (!isRepositoryName(repository)) return invalid('a repository has small letters, digits and . _ - / between them');
  if (tag !== undefined && !isTagName(tag)) return invalid('a tag has letters, digits and . _ -, 128 at most');
  if (digest !== undefined && parsed === undefined)
    return invalid('a digest is sha256: and 64 digits and letters a to f');
  return ok({
    ...(layout === undefined ? { kind: 'remote', host: host! } : { kind: 'layout', directory: layout }),
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(parsed === undefined ? {} : { digest: parsed }),
  });
}

/** As `parseReference` reads it. */
export function formatReference(reference: Reference): string {
  const { repository, tag, digest } = reference;
  const place = reference.kind === 'remote' ? `${reference.host}/` : `layout:${reference.directory}:`;
  return `${place}${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

const shown = (text: string): string => printable(text.length > 300 ? `${text.slice(0, 300)}…` : text);
