import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Who signs in the demonstration: one key a role, as demo/dmrel.yaml names them. */
export const demoKeys = ['builder', 'tester', 'manager', 'dev', 'jupyterlab', 'commissioning', 'batch'] as const;

/** Make a pair for each: the public half for the workspace, the private one where git does not see it. */
export async function writeKeys(root: string): Promise<void> {
  const secret = join(root, '.dmrel', 'keys');
  await mkdir(secret, { recursive: true, mode: 0o700 });
  await chmod(secret, 0o700);
  await mkdir(join(root, 'trust'), { recursive: true });
  for (const name of demoKeys) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(join(secret, `${name}.pem`), pem, { mode: 0o600 });
    await writeFile(join(root, 'trust', `${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
  }
}
