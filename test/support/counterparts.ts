import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Whether a program that we are compared with is on PATH. Where DMREL_REQUIRE_COUNTERPARTS is '1' its absence throws, so
 * that a run which must compare cannot pass by leaving out the comparison.
 */
export function counterpart(program: string): boolean {
  const found = (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, program)));
  if (!found && process.env.DMREL_REQUIRE_COUNTERPARTS === '1')
    throw new Error(`${program} is required and not on PATH`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
