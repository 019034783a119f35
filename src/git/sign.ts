import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Completed, Failure, failed, ok, printable, problem, type Result, run } from '../support/index.ts';
import { git, lastLine } from './command.ts';

export type SignatureFormat = 'ssh' | 'gpg';

/** What git is configured to sign with (git-config(1): gpg.format, user.signingKey, gpg.program). */
export interface Signer {
  format: SignatureFormat;
  /** Sign the bytes of a tag object. Problem: `signing-failed`. */
  sign(bytes: Uint8Array): Promise<Result<string>>;
}

export interface SignerOptions {
  signal?: AbortSignal;
  /** How long one signature may take: a person may have to type a passphrase, or touch a key. */
  timeoutSeconds?: number;
}

/** What `git tag -s` would sign with here. Problem: `signing-failed`, for a format that dmrel does not know. */
export async function configuredFormat(root: string): Promise<SignatureFormat> {
  const found = await git(['config', '--get', 'gpg.format'], { cwd: root });
  const format = found.stdout.trim();
  if (format === 'ssh') return 'ssh';
  if (format === '' || format === 'openpgp') return 'gpg';
  const hint = 'say which: --sign=ssh or --sign=gpg';
  throw new Failure(problem('signing-failed', `git is told to sign with ${printable(format)}, dmrel cannot`, { hint }));
}

/** The top of a work tree: git runs there what signs, and takes paths of its configuration from there. */
export async function topOf(root: string): Promise<string> {
  const found = await git(['rev-parse', '--show-toplevel'], { cwd: root });
  return found.stdout.replace(/\n$/, '') || root;
}

/** A signer as git is configured in a repository. Problem: `signing-failed` when there is no key. */
export async function openSigner(
  root: string,
  format: SignatureFormat,
  options: SignerOptions = {},
): Promise<Result<Signer>> {
  const setting = async (name: string, ...options: string[]): Promise<string | undefined> => {
    const found = await git(['config', ...options, '--get', name], { cwd: root });
    return found.exitCode === 0 ? found.stdout.replace(/\n$/, '') : undefined;
  };
  const key = await setting('user.signingKey');
  const call = { ...options, cwd: await topOf(root) };
  if (format === 'gpg') {
    const program = (await setting('gpg.openpgp.program')) ?? (await setting('gpg.program')) ?? 'gpg';
    const identity = await git(['var', 'GIT_COMMITTER_IDENT'], { cwd: root });
    const who = key ?? /^(.*>) /.exec(identity.stdout)?.[1];
    if (!who) return failed(noKey('gpg'));
    return ok({ format, sign: (bytes) => signWith(program, ['--status-fd=2', '-bsau', who], bytes, call) });
  }
  if (!key && (await setting('gpg.ssh.defaultKeyCommand'))) {
    const hint = 'git config user.signingKey ~/.ssh/id_ed25519.pub';
    return failed(problem('signing-failed', 'dmrel runs no gpg.ssh.defaultKeyCommand to find a key', { hint }));
  }
  if (!key) return failed(noKey('ssh'));
  const program = (await setting('gpg.ssh.program')) ?? 'ssh-keygen';
  const literal = /^(?:key::)?((?:ssh|ecdsa|sk)-.*)$/s.exec(key)?.[1];
  if (literal === undefined) {
    const path = (await setting('user.signingKey', '--type=path')) ?? key;
    return ok({ format, sign: (bytes) => signWith(program, ['-Y', 'sign', '-n', 'git', '-f', path], bytes, call) });
  }
  // The private key is with the agent; ssh-keygen wants the public one in a file.
  const sign = async (bytes: Uint8Array): Promise<Result<string>> => {
    const folder = await mkdtemp(join(tmpdir(), 'dmrel-sign-'));
    try {
      const file = join(folder, 'key.pub');
      await writeFile(file, `${literal}\n`);
      return await signWith(program, ['-Y', 'sign', '-n', 'git', '-U', '-f', file], bytes, call);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return ok({ format, sign });
}

async function signWith(
  program: string,
  args: string[],
  bytes: Uint8Array,
  { signal, cwd, timeoutSeconds = 60 }: SignerOptions & { cwd: string },
): Promise<Result<string>> {
  const done = await run(program, args, { cwd, input: bytes, timeoutSeconds, ...(signal ? { signal } : {}) });
  const signature = done.stdout;
  if (done.exitCode === 0 && signature.startsWith('-----BEGIN ')) {
    return ok(signature.endsWith('\n') ? signature : `${signature}\n`);
  }
  return failed(
    problem('signing-failed', `cannot sign: ${whyNot(program, done, timeoutSeconds)}`, {
      hint: 'try it: git tag -s -m try try && git tag -d try',
    }),
  );
}

function whyNot(program: string, { failure, stderr }: Completed, timeoutSeconds: number): string {
  if (failure === 'missing') return `${program} is not installed`;
  if (failure === 'timeout') return `${program} did not end in ${timeoutSeconds} s`;
  if (failure === 'interrupted') return 'interrupted';
  return sayingOf(stderr) || `${program} gave no signature`;
}

/** What a signing program says to people: gpg's lines for programs say it too, at the end. */
const sayingOf = (stderr: string): string => lastLine(stderr.replace(/^\[GNUPG:\].*$/gm, '').trimEnd());

function noKey(format: SignatureFormat): ReturnType<typeof problem> {
  const hint =
    format === 'ssh'
      ? 'git config gpg.format ssh; git config user.signingKey ~/.ssh/id_ed25519.pub'
      : 'git config user.signingKey KEYID';
  return problem('signing-failed', `git is not told which ${format} key to sign with`, { hint });
}
