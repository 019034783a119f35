import { failed, ok, type Result } from '../support/index.ts';
import { git, remoteProblem } from './command.ts';
import type { ObjectId } from './names.ts';
import { parseTagContent, type TagContent } from './tag-content.ts';
import { fetchQuietly } from './upstream.ts';

/** An annotated tag of the workspace's repository by its object; undefined when that is none, or is not here. */
export async function readTag(root: string, object: ObjectId): Promise<TagContent | undefined> {
  const read = await git(['cat-file', 'tag', object], { cwd: root });
  return read.exitCode === 0 ? parseTagContent(Buffer.from(read.stdout)) : undefined;
}

/** The same of a tag at the upstream. It gets no name here. */
export async function readUpstreamTag(
  root: string,
  remote: string,
  { name, object }: { name: string; object: ObjectId },
): Promise<Result<TagContent | undefined>> {
  const here = await readTag(root, object);
  if (here) return ok(here);
  const fetched = await git([...fetchQuietly, '--', remote, `refs/tags/${name}`], { cwd: root, ownGroup: true });
  if (fetched.exitCode !== 0) return failed(remoteProblem(remote, fetched).problem);
  return ok(await readTag(root, object));
}
