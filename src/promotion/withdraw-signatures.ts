import {
  evidenceFolder,
  hasSigned,
  inspectEvidence,
  isStatementAttached,
  keysWithRole,
  loadStatement,
  openTrust,
  promoterRole,
  type Retraction,
  retractSigned,
  type Trust,
  type TrustedKey,
} from '../evidence/index.ts';
import { type ImageRegistry, manifestsThere } from '../registry/index.ts';
import { type LevelRecord, type ReleaseRecord, readLevel, standingAt } from '../releases/index.ts';
import { type Digest, failed, hexOf, ok, type Problem, parseDigest, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { Code } from './apply.ts';
import { levelsSharing } from './level-facts.ts';
import type { PromotedImage } from './plan.ts';
import { digestIn } from './standing.ts';

/** An image of a release that was taken away from a level. */
export interface TakenImage {
  level: string;
  /** What stands there since. */
  standing: LevelRecord;
  record: ReleaseRecord;
  image: PromotedImage;
}

/** Take away everything that promoters of the level signed of an image and of every image in it. */
export function retractCode(workspace: Workspace, target: ImageRegistry, taken: TakenImage): Code {
  return {
    isDone: async () => false,
    apply: async () => {
      const retracted = await retractPromoted(workspace, target, taken);
      if (retracted.ok) return { status: 'done' };
      const [first] = retracted.problems as [Problem];
      const { to, digest } = taken.image;
      const message = `the promoter's signatures are still at ${to.registry}/${to.repository}@${digest}: ${first.message}`;
      return { status: 'failed', problem: { ...first, message } };
    },
  };
}

async function retractPromoted(workspace: Workspace, target: ImageRegistry, taken: TakenImage): Promise<Result<void>> {
  const retractions = await retractionsOf(workspace, target, taken);
  if (!retractions.ok) return retractions;
  const { repository } = taken.image.to;
  const ended: Result<void>[] = [];
  // What one of them is refused keeps nothing from the others.
  for (const each of retractions.value) ended.push(await retractSigned(target, repository, each));
  return ended.find((each) => !each.ok) ?? ok(undefined);
}

/** Whether something is left that `retractCode` would take away. */
export async function isPromotedStill(
  workspace: Workspace,
  target: ImageRegistry,
  taken: TakenImage,
): Promise<Result<boolean>> {
  const retractions = await retractionsOf(workspace, target, taken);
  if (!retractions.ok) return retractions;
  for (const each of retractions.value) {
    const left = await hasSigned(target, taken.image.to.repository, each);
    if (!left.ok || left.value) return left;
  }
  return ok(false);
}

/** Whether an image has the statement that it was taken away. */
export async function isSaidAt(
  workspace: Workspace,
  target: ImageRegistry,
  record: ReleaseRecord,
  statement: Digest,
  { digest, to }: PromotedImage,
): Promise<Result<boolean>> {
  const loaded = await loadStatement(workspace, `${evidenceFolder(record.name)}/${hexOf(statement)}.json`);
  // What nobody can vouch for any more, and to what is gone, nothing is attached.
  if (!loaded.ok || !(await target.hasManifest(to.repository, digest))) return ok(true);
  return isStatementAttached(target, to.repository, digest, loaded.value);
}

/** At which manifests whose signatures go: an admission may look at the image or at any in it. */
async function retractionsOf(
  workspace: Workspace,
  target: ImageRegistry,
  { level, standing, record, image }: TakenImage,
): Promise<Result<Retraction[]>> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  if (!trust.value) return ok([]);
  const place = { registry: target, repository: image.to.repository };
  const said = await saidOf(workspace, trust.value, level, record, image.name);
  if (!said.ok) return said;
  const all = await manifestsThere(place, [image.digest, ...said.value.subjects]);
  if (!all.ok) return all;
  const here = await manifestsThere(place, digestsIn(standing, image.name));
  if (!here.ok) return here;
  const shared = new Map<Digest, Set<TrustedKey>>();
  for (const other of levelsSharing(workspace, level).filter((each) => each !== level)) {
    const there = await readLevel(workspace.root, other);
    if (!there.ok) return there;
    const own = standingAt(record, other)?.images[image.name];
    const vouched = await manifestsThere(place, [...digestsIn(there.value, image.name), ...(own ? [own] : [])]);
    if (!vouched.ok) return vouched;
    for (const digest of vouched.value)
      shared.set(digest, new Set([...(shared.get(digest) ?? []), ...promotersOf(workspace, trust.value, other)]));
  }
  const keys = [...new Set([...promotersOf(workspace, trust.value, level), ...said.value.keys])];
  return ok(
    all.value
      .filter((digest) => !here.value.includes(digest))
      .map((digest) => ({
        image: digest,
        level,
        keys: keys.filter((key) => !shared.get(digest)?.has(key)),
        shared: keys.filter((key) => shared.get(digest)?.has(key)),
      })),
  );
}

const digestsIn = ({ current }: LevelRecord, name: string): Digest[] =>
  current.flatMap(({ images }) => (images[name] === undefined ? [] : [digestIn(images[name])]));

const promotersOf = ({ config }: Workspace, trust: Trust, level: string): TrustedKey[] =>
  keysWithRole(trust, promoterRole(config, level));

/** What promoters of a level said of an image when it was let up: also keys that have lost the role since signed it. */
async function saidOf(
  workspace: Workspace,
  { keys }: Trust,
  level: string,
  { name: release, promotions = [] }: ReleaseRecord,
  image: string,
): Promise<Result<{ keys: TrustedKey[]; subjects: Digest[] }>> {
  const own = promotions.filter((each) => each.level === level);
  const made = new Set(own.flatMap(({ statements }) => statements?.[image] ?? []));
  const promoted = own.flatMap(({ images }) => images[image] ?? []);
  if (made.size === 0) return ok({ keys: [], subjects: promoted });
  const files = await inspectEvidence(workspace, release, { remembered: true });
  if (!files.ok) return failed(...files.problems);
  const found = files.value.flatMap((each) => (each.found && made.has(each.found.digest) ? [each.found] : []));
  const subjects = found.flatMap(({ statement }) => statement.subject).map(({ digest }) => `sha256:${digest.sha256}`);
  return ok({
    keys: found.flatMap(({ by }) => (typeof by === 'string' ? [] : (keys.get(by.name) ?? []))),
    subjects: [...promoted, ...subjects.flatMap((each) => parseDigest(each) ?? [])],
  });
}
