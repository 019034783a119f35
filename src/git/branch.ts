/** The branch that HEAD is on, as the configuration of a repository has it. */
export interface Branch {
  name: string;
  /** What it follows at a remote. A branch that follows another one here is pushed nowhere. */
  upstream?: { remote: string; branch: string };
}

/**
 * Undefined where HEAD is on no branch. The branch of the remote need not have been seen: `@{upstream}` would be nothing
 * then, as if it followed none.
 */
export async function branchOf(raw: (...args: string[]) => Promise<string | undefined>): Promise<Branch | undefined> {
  const name = (await raw('symbolic-ref', '--quiet', 'HEAD'))?.trim().replace(/^refs\/heads\//, '');
  if (name === undefined) return undefined;
  const remote = (await raw('config', '--get', `branch.${name}.remote`))?.replace(/\n$/, '');
  if (!remote || remote === '.') return { name };
  const merges = (await raw('config', '--get-all', `branch.${name}.merge`))?.split('\n');
  const branch = /^refs\/heads\/(.+)$/.exec(merges?.[0] ?? '')?.[1];
  return branch === undefined ? { name } : { name, upstream: { remote, branch } };
}
