import type { CommitId } from '../git/index.ts';
import {
  headHolds,
  type ObjectId,
  type Repository,
  readTag,
  readUpstreamTag,
  type TagContent,
  tagObject,
} from '../git/index.ts';
import type { ReleaseName } from '../names/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { epochSeconds, type Instant, ok, type Problem, type Result, warning } from '../support/index.ts';

interface Person {
  name: string;
  email: string;
}

/** The workspace's own tag of a release, but for its commit and its signature. */
export interface WorkspaceTag {
  name: ReleaseName;
  message: string;
  tagger: Person;
  epochSeconds: number;
}

/** What the workspace is tagged with when a release of so many products is made. */
export const workspaceTag = (name: ReleaseName, products: number, tagger: Person, at: Instant): WorkspaceTag => ({
  name,
  message: `Release ${name}: ${products} products`,
  tagger,
  epochSeconds: epochSeconds(at),
});

/** Who made a release, as its record has it. */
export function makerOf(record: ReleaseRecord | undefined): Person | undefined {
  const [, name, email] = /^(.+) <([^<>]*)>$/.exec(record?.created.by ?? '') ?? [];
  return name === undefined || email === undefined ? undefined : { name, email };
}

/** Whether a tag is the one that making a release made: all of it, but for the commit and a signature. */
function isMadeAs(object: ObjectId, content: TagContent | undefined, { name, ...rest }: WorkspaceTag): boolean {
  if (!content) return false;
  const { target, signature } = content;
  const made = { ...rest, tag: name, commit: target as CommitId, ...(signature === undefined ? {} : { signature }) };
  return tagObject(made).id === object;
}

/** Whether the workspace's tag was made on a commit that has left its history: by a rebase, before it was pushed. */
export async function isAstray(
  { root }: Repository,
  { object, commit }: { object: ObjectId; commit: CommitId | undefined },
  wanted: WorkspaceTag,
): Promise<boolean> {
  if (commit !== undefined && (await headHolds(root, commit as string as ObjectId))) return false;
  return isMadeAs(object, await readTag(root, object), wanted);
}

/** Which of the tags of a release here and at the upstream making it has made; a warning for each that is not. */
export async function ownTags(
  repository: Repository,
  record: ReleaseRecord,
  upstream: { remote: string; tag?: ObjectId } | undefined,
): Promise<Result<{ here: ObjectId | null; there: ObjectId | null; kept: Problem[] }>> {
  const { name, products, created } = record;
  const maker = makerOf(record);
  const wanted = maker && workspaceTag(name, Object.keys(products).length, maker, created.at);
  const isOwn = (object: ObjectId, content: TagContent | undefined) =>
    wanted !== undefined && isMadeAs(object, content, wanted);
  const here = (await repository.tagAt(name))?.object;
  const isHere = here !== undefined && isOwn(here, await readTag(repository.root, here));
  const there = upstream?.tag;
  const read = there && (await readUpstreamTag(repository.root, upstream!.remote, { name, object: there }));
  if (read && !read.ok) return read;
  const isThere = there !== undefined && isOwn(there, read?.value);
  const kept = [
    ...(here !== undefined && !isHere ? [notOwn('the workspace', name, here)] : []),
    ...(there !== undefined && !isThere ? [notOwn(upstream!.remote, name, there)] : []),
  ];
  return ok({ here: isHere ? here : null, there: isThere ? there : null, kept });
}

const notOwn = (where: string, tag: string, found: ObjectId): Problem =>
  warning('tag-drift', `${where}: ${tag} is ${found.slice(0, 12)} there, which is not what was made; it stays`, {
    subject: 'workspace',
  });
