import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** All programs of this name on PATH, in its order, each once however many folders lead to it. */
export async function findPrograms(name: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const found = new Map<string, string>();
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue; // the current directory may be anybody's
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      const real = await realpath(path);
      if (!found.has(real)) found.set(real, path);
    } catch {
      // It is not there.
    }
  }
  return [...found.values()];
}
