import { git } from './command.ts';
import { topOf } from './sign.ts';
import { parseRemoteUrl, type RemoteUrl, type Transport } from './url.ts';

const everyTransport: ReadonlySet<Transport> = new Set(['https', 'http', 'ssh', 'git', 'file']);

/**
 * What is equal for URLs that name one repository, by whatever transport and however they are written:
 * `https://host/a/b.git` and `git@host:a/b`.
 */
export function placeOf({ text, host, transport }: RemoteUrl): string {
  const path = /^[a-z]+:\/\/[^/]*(\/.*)$/.exec(text)?.[1] ?? (transport === 'ssh' ? text.replace(/^[^:]*:/, '') : text);
  return `${host.toLowerCase()}:${path
    .replace(/^\/+/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')}`;
}

/** The place of a URL as a record has it; undefined where it is none. Paths are taken from `root`. */
export function placeOfText(text: string, root: string): string | undefined {
  const parsed = parseRemoteUrl(text, { root, transports: everyTransport });
  return parsed.ok ? placeOf(parsed.value) : undefined;
}

/** The place of a remote of the workspace's own repository; git takes its paths from the top of the work tree. */
export async function placeOfRemote(root: string, remote: string): Promise<string | undefined> {
  const url = await git(['remote', 'get-url', '--', remote], { cwd: root });
  if (url.exitCode !== 0) return undefined;
  return placeOfText(url.stdout.trim().replace(/^(https?:\/\/)[^@/]*@/, '$1'), await topOf(root));
}
