import { isDelivered, type Roadmap, requireMilestone, StatusBoard, type StatusFacts } from '../milestones/index.ts';
import { type ReleaseRecord, readAllReleases, readRelease } from '../releases/index.ts';
import { type CalendarDate, Failure, ok, type Result } from '../support/index.ts';
import { soundRoadmap, type Workspace } from '../workspace/index.ts';
import type { VerifyingReleases } from './verified.ts';

/**
 * Derive status on a day from the records of the releases that features name, and from the evidence of all releases where
 * checks say what they verify.
 * @param only the one release whose evidence counts
 */
export async function statusBoard(
  workspace: Workspace,
  roadmap: Roadmap,
  asOf: CalendarDate,
  only?: ReleaseRecord,
): Promise<StatusBoard> {
  const named = new Set<string>();
  for (const item of roadmap.items.values()) {
    if (item.kind === 'feature' && item.delivered?.tag !== undefined) named.add(item.delivered.tag);
  }
  const releases = new Map<string, StatusFacts['releases'] extends ReadonlyMap<string, infer Fact> ? Fact : never>();
  const problems = [];
  for (const name of named) {
    const record = await readRelease(workspace.root, name, workspace.records);
    if (!record.ok) problems.push(...record.problems);
    else if (record.value) {
      const levels = (record.value.promotions ?? [])
        .filter(({ at }) => at.slice(0, 10) <= asOf)
        .map(({ level }) => level);
      releases.set(name, { date: record.value.date, levels: [...new Set(levels)] });
    }
  }
  await workspace.records.close();
  if (problems.length > 0) throw new Failure(...problems);
  const verified = namesFeatures(workspace) ? await verifiedIn(workspace, roadmap, asOf, only) : new Map();
  return new StatusBoard(roadmap, { asOf, releases, verified });
}

/** Whether a check says of any feature that it verifies it: else no evidence has to be read. */
const namesFeatures = ({ config: { checks = {} } }: Workspace): boolean =>
  Object.values(checks).some(({ verifies = [] }) => verifies.length > 0);

async function verifiedIn(
  workspace: Workspace,
  roadmap: Roadmap,
  asOf: CalendarDate,
  only: ReleaseRecord | undefined,
): Promise<VerifyingReleases> {
  const { verifyingReleases } = await import('./verified.ts');
  if (only) return verifyingReleases(workspace, roadmap, [only], asOf);
  const { records, problems } = await readAllReleases(workspace.root);
  if (problems.length > 0) throw new Failure(...problems);
  return verifyingReleases(workspace, roadmap, records, asOf);
}

/**
 * Which features of a milestone are not verified on a day by the evidence of a release; those that were set aside, or are waived there, are not asked
 * for. Where the milestone says that delivery is enough, it is. Problems: `unknown-milestone`, those of the plan.
 */
export async function unverifiedOf(
  workspace: Workspace,
  id: string,
  asOf: CalendarDate,
  record: ReleaseRecord,
): Promise<Result<{ id: string; unverified: string[]; features: number; setAside: number }>> {
  const roadmap = await soundRoadmap(workspace);
  if (!roadmap.ok) return roadmap;
  const milestone = requireMilestone(roadmap.value, id);
  if (!milestone.ok) return milestone;
  const board = await statusBoard(workspace, roadmap.value, asOf, record);
  const { features } = board.milestone(milestone.value.key);
  const counted = features.filter(({ state, waiver }) => state !== 'withdrawn' && state !== 'deferred' && !waiver);
  const enough = milestone.value.achievedNeeds === 'delivered';
  const open = counted.filter((each) => each.state !== 'verified' && !(enough && isDelivered(each)));
  const unverified = open.map(({ feature }) => feature.id);
  const setAside = features.length - counted.length;
  return ok({ id: milestone.value.id, unverified, features: counted.length, setAside });
}
