import { failed, ok, problem, type Result } from '../support/index.ts';
import { git } from './command.ts';

/** The version of the git program: `2.39.5`. Problem: `command-missing`. */
export async function gitVersion(): Promise<Result<string>> {
  const done = await git(['--version']);
  const version = /^git version ([0-9]+(?:\.[0-9]+)*)/.exec(done.stdout)?.[1];
  if (version !== undefined) return ok(version);
  return failed(problem('command-missing', 'git is not installed', { hint: 'install git 2.31 or newer' }));
}
