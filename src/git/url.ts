import { isAbsolute, resolve } from 'node:path';
import { failed, ok, printable, problem, type Result } from '../support/index.ts';

export type Transport = 'https' | 'http' | 'ssh' | 'git' | 'file';

/** Where a repository is, checked so that git can be given it. */
export interface RemoteUrl {
  /** What git gets. */
  text: string;
  /** What people see and records keep: as it was written, without anything secret. */
  display: string;
  host: string;
  transport: Transport;
}

const maxLength = 2000;
const hostName = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])$/;
const userName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const credentials = `carries credentials; git's credential helpers are the place for them`;
/** White space, control characters, what is not seen or turns text around, halves of characters. */
const unseen = /[\s\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u;

/**
 * Check a repository's URL: its scheme is one of the transports that the workspace allows, nothing in it can be taken
 * for an option or a command, and it carries no password. Paths are taken from `root`. Problem: `unsafe-url`.
 */
export function parseRemoteUrl(
  text: string,
  options: { root: string; transports: ReadonlySet<Transport> },
): Result<RemoteUrl> {
  const refuse = (why: string, hint: string): Result<never> => failed(problem('unsafe-url', `${why}`, { hint }));
  if (text.length === 0 || text.length > maxLength)
    return refuse('the URL is empty or too long', `at most ${maxLength} characters`);
  if (unseen.test(text)) return refuse('the URL has white space or control characters', 'remove them');
  if (text.startsWith('-')) return refuse(`'${clean(text)}' begins with '-'`, 'a URL never does');

  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  const parsed = scheme === undefined ? fromScheme(text, options.root) : fromUrl(text, scheme);
  if (typeof parsed === 'string')
    return refuse(parsed, 'expected https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or a path');
  if (!options.transports.has(parsed.transport)) {
    const hint = `allow it in dmrel.yaml: 'products: {transports: [${[...options.transports, parsed.transport].join(', ')}]}'`;
    return refuse(`'${parsed.display}' is reached by ${parsed.transport}, which this workspace does not allow`, hint);
  }
  return ok(parsed);
}

/** Never a secret: what stands before the last @ is left out of every message, for a password may have any sign. */
const clean = (text: string): string => printable(text.replace(/^([A-Za-z0-9+.-]+:\/\/)?.*@/, '$1')).slice(0, 200);

function fromUrl(text: string, scheme: string): RemoteUrl | string {
  if (!['https', 'http', 'ssh', 'git', 'file'].includes(scheme))
    return `'${clean(text)}' has the unknown scheme '${printable(scheme)}'`;
  const transport = scheme as Transport;
  if (/%(?:[01]|7f)/i.test(text)) return `'${clean(text)}' has an escaped control character`;
  const [, authority = '', path = ''] = /^[^:]*:\/\/([^/?#]*)(.*)$/.exec(text)!;
  if (transport === 'file') {
    if (authority !== '') return `'${clean(text)}' names a host`;
    return path.startsWith('/')
      ? { text: scheme + text.slice(scheme.length), display: text, host: '', transport }
      : `'${clean(text)}' has no path`;
  }
  const at = authority.lastIndexOf('@');
  const user = at === -1 ? undefined : authority.slice(0, at);
  const hostPort = authority.slice(at + 1);
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(hostPort) ?? [];
  if (!hostName.test(host)) return `'${clean(text)}' names no host`;
  if (port !== undefined && Number(port) > 65_535) return `'${clean(text)}' has no such port`;
  if (user !== undefined && (transport !== 'ssh' || !userName.test(user))) {
    return user.includes(':') || transport !== 'ssh'
      ? `'${clean(text)}' ${credentials}`
      : `'${clean(text)}' has a user name that is none`;
  }
  if (!/^\/[^?#]+$/.test(path)) return `'${clean(text)}' has no path to a repository`;
  // git knows schemes in small letters only.
  return { text: scheme + text.slice(scheme.length), display: text, host: hostPort, transport };
}

/** `user@host:path`, an absolute path, or one from the root of the workspace. */
function fromScheme(text: string, root: string): RemoteUrl | string {
  if (/^[A-Za-z0-9+.-]+::/.test(text)) return `'${clean(text)}' asks for a remote helper`;
  if (isAbsolute(text) || /^\.{1,2}\//.test(text)) {
    return { text: resolve(root, text), display: text, host: '', transport: 'file' };
  }
  const [, user, host, path] = /^(?:([^@:/]+)@)?([^@:/]+):(.+)$/.exec(text) ?? [];
  // git looks for '://' anywhere and takes what stands before it for a scheme.
  if (host === undefined || path === undefined || text.includes('://')) return `'${clean(text)}' is no URL and no path`;
  if (!hostName.test(host) || (user !== undefined && !userName.test(user))) return `'${clean(text)}' names no host`;
  // ssh takes what stands before the first colon for the host, so this would be no user and a password.
  if (user === undefined && path.includes('@')) return `'${clean(text)}' ${credentials}`;
  if (path.startsWith('-')) return `'${clean(text)}' has a path that begins with '-'`;
  return { text, display: text, host, transport: 'ssh' };
}
