import { resolve } from 'node:path';
import { failed, ok, problem, type Result } from '../support/index.ts';
import { git, remoteProblem, safe } from './command.ts';
import type { ObjectId } from './names.ts';
import { fetchUrl, scratchRepository } from './scratch.ts';
import { topOf } from './sign.ts';
import type { RemoteUrl } from './url.ts';

const maxTagBytes = 64 * 2 ** 10;

export interface RemoteTagRequest {
  tag: string;
  object: ObjectId;
  scratch: string;
  signal?: AbortSignal;
}

/** The bytes of an annotated tag that a remote has, without its history. */
export async function readRemoteTag(url: RemoteUrl, request: RemoteTagRequest): Promise<Result<Uint8Array>> {
  const fetched = await fetchTag(url, request);
  return fetched.ok ? ok(fetched.value.bytes) : fetched;
}

async function fetchTag(
  url: RemoteUrl,
  { tag, object, scratch, signal }: RemoteTagRequest,
): Promise<Result<{ gitDirectory: string; bytes: Uint8Array }>> {
  const gitDirectory = await scratchRepository(scratch);
  const ref = `refs/tags/${tag}`;
  const options = ['--depth=1', '--filter=tree:0', '--no-tags', '--no-write-fetch-head', '--no-auto-gc', '--quiet'];
  const fetched = await git(['fetch', ...options, '--', fetchUrl(url), `${ref}:${ref}`], {
    gitDirectory,
    transport: url.transport,
    ...(signal ? { signal } : {}),
  });
  if (fetched.exitCode !== 0) return failed(remoteProblem(url.display, fetched).problem);
  const read = await git(['cat-file', 'tag', object], { gitDirectory, maxOutputBytes: maxTagBytes });
  if (read.failure === 'output-too-large') {
    const hint = 'look at it there: no tag that dmrel makes is so large';
    return failed(
      problem('command-failed', `${url.display}: ${tag} has more than ${maxTagBytes / 1024} KiB`, { hint }),
    );
  }
  if (read.exitCode !== 0) {
    return failed(
      problem('command-failed', `${url.display}: ${tag} is no longer ${object.slice(0, 12)}`, { hint: 'run again' }),
    );
  }
  return ok({ gitDirectory, bytes: Buffer.from(read.stdout) });
}

export interface SignatureVerdict {
  good: boolean;
  /** In the words of ssh-keygen or gpg. */
  says: string;
}

/** What a repository's own configuration says of verifying: a scratch one knows nothing of it. */
export async function signatureSettings(root: string, allowedSigners: string | undefined): Promise<string[]> {
  const files = ['gpg.ssh.allowedSignersFile', 'gpg.ssh.revocationFile'];
  const settings: string[] = [];
  const top = await topOf(root);
  for (const name of [...files, 'gpg.program', 'gpg.openpgp.program', 'gpg.ssh.program', 'gpg.minTrustLevel']) {
    const form = files.includes(name) ? ['--type=path'] : [];
    const found = await git(['config', ...form, '--get', name], { cwd: root });
    if (found.exitCode !== 0) continue;
    const value = found.stdout.replace(/\n$/, '');
    const isPath = files.includes(name) || (name.endsWith('.program') && value.includes('/'));
    settings.push('-c', `${name}=${isPath ? resolve(top, value) : value}`);
  }
  if (allowedSigners !== undefined) settings.push('-c', `gpg.ssh.allowedSignersFile=${allowedSigners}`);
  return settings;
}

/**
 * Verify the signature of a tag that a remote has with git (git-verify-tag(1)), on the very bytes that came: ssh
 * against a file of allowed signers, gpg against the keyring.
 * @param settings of `signatureSettings`
 */
export async function verifyRemoteTag(
  url: RemoteUrl,
  request: RemoteTagRequest & { settings: readonly string[] },
): Promise<Result<SignatureVerdict>> {
  const fetched = await fetchTag(url, request);
  if (!fetched.ok) return fetched;
  const { gitDirectory, bytes } = fetched.value;
  if (!/^-----BEGIN [A-Z ]+-----$/m.test(Buffer.from(bytes).toString('utf8')))
    return ok({ good: false, says: 'not signed' });
  const verified = await git([...request.settings, 'verify-tag', request.object], { gitDirectory, timeoutSeconds: 60 });
  return ok({ good: verified.exitCode === 0, says: verdictOf(verified.stderr) });
}

/** The line that tells most: ssh-keygen calls the signature of a stranger good before it says that nobody may use it. */
function verdictOf(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => safe(line.trim()))
    .filter((line) => line !== '');
  const telling = [
    /no principal/i,
    /\b(?:good|bad|expired|revoked)\b.*signature/i,
    /can't check|allowedSigners|error/i,
  ];
  return telling.flatMap((each) => lines.find((line) => each.test(line)) ?? [])[0] ?? lines[0] ?? 'no signature';
}
