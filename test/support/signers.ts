import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key pair of ssh-keygen's, without a passphrase; gives the path of its public half. */
export function anSshKey(folder: string, name: string): string {
  const path = join(folder, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', `${name}@example.org`, '-f', path], {
    stdio: 'pipe',
  });
  return `${path}.pub`;
}

/** A line of a file of allowed signers (ssh-keygen(1)). */
export const allowing = (principal: string, key: string): string =>
  `${principal} namespaces="git" ${readFileSync(key, 'utf8')}`;

/** A keyring with one key, and what ends the agent that gpg starts for it. A socket's path must be short. */
export function aGpgHome(person: string): { GNUPGHOME: string; end(): void } {
  const GNUPGHOME = mkdtempSync(join(tmpdir(), 'gpg-'));
  const env = { PATH: process.env.PATH, HOME: GNUPGHOME, GNUPGHOME };
  const options = ['--batch', '--quiet', '--passphrase', '', '--pinentry-mode', 'loopback'];
  execFileSync('gpg', [...options, '--quick-generate-key', person, 'ed25519', 'sign', 'never'], { env, stdio: 'pipe' });
  return {
    GNUPGHOME,
    end: () => void execFileSync('gpgconf', ['--homedir', GNUPGHOME, '--kill', 'gpg-agent'], { env, stdio: 'pipe' }),
  };
}
