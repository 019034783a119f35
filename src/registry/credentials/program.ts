import { run } from '../../support/index.ts';
import type { Credential } from './credential.ts';

const programSeconds = 10;

/**
 * Ask `docker-credential-NAME get`, which reads the host and prints JSON (docker-credential-helpers). undefined when it
 * knows none; in words, without anything it has printed, why it could not be asked.
 */
export async function askProgram(
  name: string,
  host: string,
  env: NodeJS.ProcessEnv,
): Promise<Credential | string | undefined> {
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)) return 'a credential helper has another name than [a-z0-9._-]';
  const program = `docker-credential-${name}`;
  const done = await run(program, ['get'], {
    env,
    input: `${host}\n`,
    timeoutSeconds: programSeconds,
    maxOutputBytes: 2 ** 18,
    ownGroup: true,
    leaves: true,
  });
  if (done.failure === 'missing') return `${program} is not on PATH`;
  if (done.failure === 'timeout') return `${program} gave no answer within ${programSeconds} s`;
  if (done.exitCode !== 0)
    return /credentials not found/i.test(done.stdout) ? undefined : `${program} failed (exit code ${done.exitCode})`;
  let answer: { Username?: unknown; Secret?: unknown } | null = null;
  try {
    answer = JSON.parse(done.stdout);
  } catch {
    // Said below.
  }
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string') return `${program} does not answer as it should`;
  if (secret === '') return undefined;
  return username === '<token>'
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}
