import { failed, ok, problem, type Result } from '../support/index.ts';
import type { Place } from './commit-files.ts';

export interface ChangedOptions {
  /** Leave out what git ignores. */
  ignoring?: boolean;
}

/**
 * Files among these, or below these directories, that are not in the last commit as they are on disk: what git ignores
 * too, and what it was told to take for unchanged. Problem: `command-failed` when git cannot tell.
 */
export async function changedFiles(
  { prefix, raw }: Pick<Place, 'prefix' | 'raw'>,
  paths: readonly string[],
  { ignoring = false }: ChangedOptions = {},
): Promise<Result<string[]>> {
  const more = ignoring ? [] : ['--ignored'];
  const list = ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=all', ...more];
  const status = await raw(...list, '--', ...paths);
  // A small letter is 'assume unchanged', S is 'skip the work tree': of these status tells nothing.
  const flagged = await raw('ls-files', '-v', '-z', '--', ...paths);
  if (status === undefined || flagged === undefined) {
    const message = `git cannot tell whether this is committed: ${paths.join(', ')}`;
    return failed(problem('command-failed', message, { hint: 'mend what git status complains of, then run again' }));
  }
  // Told from the top of the repository, which a workspace need not be.
  const found = entriesOf(status).map((entry) => entry.slice(3));
  const changed = new Set(found.map((file) => (file.startsWith(prefix) ? file.slice(prefix.length) : file)));
  for (const entry of entriesOf(flagged).filter((each) => /^[a-zS]/.test(each))) {
    const file = entry.slice(2);
    const onDisk = await raw('hash-object', '--', file);
    if (onDisk === undefined || onDisk !== (await raw('rev-parse', '--verify', '--quiet', `HEAD:./${file}`)))
      changed.add(file);
  }
  return ok([...changed]);
}

const entriesOf = (printed: string): string[] => printed.split('\0').filter((entry) => entry !== '');
