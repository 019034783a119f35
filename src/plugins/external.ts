import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/**
 * A program `dmrel-<name>` on PATH serves `dmrel <name>`, as git and kubectl have it: a plugin may be written in any
 * language and is installed by being there. Relative PATH entries are passed over: they would run what a workspace brings.
 */
export function findExternal(name: string, path: string | undefined): string | undefined {
  if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name) || name.length > 60) return undefined;
  for (const folder of (path ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const program = join(folder, `dmrel-${name}`);
    try {
      accessSync(program, constants.X_OK);
      if (statSync(program).isFile()) return program;
    } catch {
      // Not there, or not to be run: look on.
    }
  }
  return undefined;
}
