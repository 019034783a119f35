import { openRepository } from '../git/index.ts';
import { requireMilestone } from '../milestones/index.ts';
import {
  candidateName,
  dailyName,
  milestoneReleaseName,
  nextCandidate,
  officialName,
  parseReleaseName,
  type ReleaseName,
  weeklyName,
} from '../names/index.ts';
import { findUnfinished } from '../operation/index.ts';
import { listReleases, type ReleaseRecord, readRelease, releaseFile } from '../releases/index.ts';
import { type CalendarDate, failed, ok, problem, type Result } from '../support/index.ts';
import { soundRoadmap, type Workspace } from '../workspace/index.ts';
import type { TagPlanDetails } from './plan.ts';

/** The tag of a day, by the workspace's rule for weeks. */
export const datedName = (workspace: Workspace, kind: 'daily' | 'weekly', date: CalendarDate): ReleaseName =>
  kind === 'daily' ? dailyName(date) : weeklyName(date, workspace.config.tags?.weekRule ?? 'iso');

export interface CandidateName {
  tag: ReleaseName;
  /** The candidate before it: with the same commits there is nothing to be made. */
  last?: ReleaseRecord;
}

/** The candidates of a version, oldest first. `18.1` and `18.1.0` are one version. */
async function candidatesOf(workspace: Workspace, version: string): Promise<ReleaseName[]> {
  const numbers = (name: string) => parseReleaseName(name)?.order.slice(0, 3).join('.');
  return (await listReleases(workspace.root)).filter(
    (name) => parseReleaseName(name)?.kind === 'candidate' && numbers(name) === numbers(version),
  );
}

const versionOf = (candidate: ReleaseName): string => candidate.replace(/^v/, '').replace(/\.rc[0-9]+$/, '');

/**
 * Whether a release that has its record was begun and never came to its end, nor was brought there by hand: that one is
 * gone on with before another is made.
 */
async function isUnfinished({ root }: Workspace, name: ReleaseName): Promise<boolean> {
  if ((await findUnfinished(root, 'tag', name)) === undefined) return false;
  const opened = await openRepository(root);
  if (!opened.ok) return false;
  const { isCommitted, tagAt, upstream, isAhead } = opened.value;
  if (!(await isCommitted([releaseFile(name)])) || !(await tagAt(name))) return true;
  return (await upstream()) !== undefined && (await isAhead(name));
}

/**
 * The tag of a version's next candidate: the one after the highest that has a record, or that one if it was
 * begun and never came to its end. A version that names its candidate (`18.1.0.rc2`) is taken at its word.
 */
export async function candidateFor(workspace: Workspace, text: string): Promise<Result<CandidateName>> {
  const [, given = '', number] = /^v?([0-9.]+?)(?:\.rc([0-9]+))?$/.exec(text) ?? [];
  const hint = 'expected M.n.p such as 18.1.0, or one candidate of it such as 18.1.0.rc2';
  const wrong = failed<CandidateName>(problem('usage', `'${text}' is no version`, { hint }));
  if (!officialName(given)) return wrong;
  const candidates = await candidatesOf(workspace, given);
  const highest = candidates.at(-1);
  const version = highest === undefined ? given : versionOf(highest);
  if (number === undefined && highest !== undefined && (await isUnfinished(workspace, highest)))
    return ok({ tag: highest });
  const tag = candidateName(version, number === undefined ? nextCandidate(version, candidates)! : Number(number));
  if (!tag) return wrong;
  if (number !== undefined || highest === undefined) return ok({ tag });
  const last = await readRelease(workspace.root, highest);
  if (!last.ok) return last;
  return ok({ tag, ...(last.value ? { last: last.value } : {}) });
}

/**
 * The tag of an official release and its last candidate, whose commits it takes (SQR-016: content identical, only tag
 * names differ). Problem: `not-the-candidate` for any other.
 */
export async function officialFor(
  workspace: Workspace,
  version: string,
  from: string | undefined,
): Promise<Result<{ tag: ReleaseName; from: ReleaseName }>> {
  const given = officialName(version.replace(/^v/, ''));
  if (!given) return failed(problem('usage', `'${version}' is no version`, { hint: 'expected M.n.p such as 18.1.0' }));
  const last = (await candidatesOf(workspace, given)).at(-1);
  const tag = (last === undefined ? given : versionOf(last)) as ReleaseName;
  const made = await madeFrom(workspace, tag);
  if (!made.ok) return made;
  if (made.value !== undefined) {
    if (from === undefined || from === made.value) return ok({ tag, from: made.value });
    const message = `${tag} is of ${made.value}, not of ${from}`;
    return failed(problem('not-the-candidate', message, { hint: 'leave --from away' }));
  }
  if (last === undefined) {
    const hint = `make one: dmrel tag candidate ${tag} --from RELEASE`;
    return failed(problem('not-the-candidate', `there is no candidate of ${tag} to release`, { hint }));
  }
  if (from !== undefined && from !== last) {
    const hint = `take the last one: --from ${last}`;
    return failed(problem('not-the-candidate', `${from} is not the last candidate of ${tag}`, { hint }));
  }
  return ok({ tag, from: last });
}

/** The candidate that a release was made from, or begun with: later candidates do not change it. */
async function madeFrom(workspace: Workspace, tag: ReleaseName): Promise<Result<ReleaseName | undefined>> {
  const record = await readRelease(workspace.root, tag);
  if (!record.ok) return record;
  const begun = await findUnfinished<TagPlanDetails>(workspace.root, 'tag', tag);
  const from = (record.value ?? begun?.details)?.source.from;
  return ok(from as ReleaseName | undefined);
}

/** The tag of a release made in advance of a milestone: a run that was begun, or the next. */
export async function milestoneFor(
  workspace: Workspace,
  id: string,
): Promise<Result<{ tag: ReleaseName; id: string; last?: ReleaseRecord }>> {
  const roadmap = await soundRoadmap(workspace);
  if (!roadmap.ok) return roadmap;
  const milestone = requireMilestone(roadmap.value, id);
  if (!milestone.ok) return milestone;
  const records = new Set<string>(await listReleases(workspace.root));
  let last: ReleaseRecord | undefined;
  for (let repeat = 1; ; repeat += 1) {
    const tag = milestoneReleaseName(milestone.value.id, repeat);
    if (!tag)
      return failed(
        problem('usage', `'${milestone.value.id}' cannot be made into a tag`, {
          hint: 'a tag has letters, digits and dots',
        }),
      );
    if (records.has(tag) && (await isUnfinished(workspace, tag))) return ok({ tag, id: milestone.value.id });
    if (!records.has(tag)) return ok({ tag, id: milestone.value.id, ...(last ? { last } : {}) });
    const record = await readRelease(workspace.root, tag);
    if (!record.ok) return record;
    last = record.value;
  }
}
