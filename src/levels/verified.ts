import { isFresh, latestResult, readResults, testerRole } from '../evidence/index.ts';
import { findItem, type IdKey, type ReleaseFact, type Roadmap } from '../milestones/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { type CalendarDate, errorsOf, Failure, type Instant } from '../support/index.ts';
import { type CheckConfig, definitionDigest, type Workspace } from '../workspace/index.ts';

/** Releases on which every check that names a feature has passed, by feature. */
export type VerifyingReleases = ReadonlyMap<IdKey, Pick<ReleaseFact, 'date'>[]>;

/**
 * Which features these releases verify by a day: each feature that checks name under `verifies:`, when every one of them
 * passed last on all images of the release that it looks at, as it is defined now, not too long ago, and signed by a
 * tester where keys are trusted. Throws Failure for a record that was tampered with.
 */
export async function verifyingReleases(
  workspace: Workspace,
  roadmap: Roadmap,
  records: readonly ReleaseRecord[],
  asOf: CalendarDate,
): Promise<VerifyingReleases> {
  const wanted = checksByFeature(workspace, roadmap);
  const found = new Map<IdKey, Pick<ReleaseFact, 'date'>[]>();
  for (const record of records.filter(({ date }) => date <= asOf)) {
    const passed = await passedOn(workspace, record, asOf);
    for (const [feature, checks] of wanted) {
      if (!checks.every((check) => passed.has(check))) continue;
      found.set(feature, [...(found.get(feature) ?? []), { date: record.date as CalendarDate }]);
    }
  }
  return found;
}

function checksByFeature({ config: { checks = {} } }: Workspace, roadmap: Roadmap): Map<IdKey, string[]> {
  const wanted = new Map<IdKey, string[]>();
  for (const [check, { verifies = [] }] of Object.entries(checks)) {
    for (const id of verifies) {
      const key = findItem(roadmap, id)?.key;
      if (key !== undefined) wanted.set(key, [...(wanted.get(key) ?? []), check]);
    }
  }
  return wanted;
}

/** Checks that name features and passed on all images of a release that they look at. */
async function passedOn(workspace: Workspace, record: ReleaseRecord, asOf: CalendarDate): Promise<Set<string>> {
  const { checks = {}, trust } = workspace.config;
  const { results, problems } = await readResults(workspace, record.name);
  if (errorsOf(problems).length > 0) throw new Failure(...errorsOf(problems));
  const counted = results.filter(
    ({ finishedOn, roles }) => finishedOn.slice(0, 10) <= asOf && (trust === undefined || roles?.includes(testerRole)),
  );
  // A result holds until the day is over on which it becomes too old.
  const morning = `${asOf}T00:00:00Z` as Instant;
  const passes = (name: string, check: CheckConfig): boolean => {
    const images = lookedAt(workspace, name, check).flatMap((image) => record.images?.[image] ?? []);
    const configuration = definitionDigest(check);
    return (
      images.length > 0 &&
      images.every(({ digest }) => {
        const latest = latestResult(counted, { check: name, digest, configuration });
        return (
          latest?.passed && latest.configuration === configuration && isFresh(latest.finishedOn, check.fresh, morning)
        );
      })
    );
  };
  const named = Object.entries(checks).filter(([, { verifies = [] }]) => verifies.length > 0);
  return new Set(named.filter(([name, check]) => passes(name, check)).map(([name]) => name));
}

/** The images a check names; without that, all of the levels that ask for it. */
function lookedAt({ config: { levels = {}, images = {} } }: Workspace, name: string, check: CheckConfig): string[] {
  if (check.images !== undefined) return check.images;
  const asking = Object.entries(levels).flatMap(([level, { checks = [] }]) => (checks.includes(name) ? [level] : []));
  return Object.entries(images)
    .filter(([, image]) => image.levels === undefined || image.levels.some((level) => asking.includes(level)))
    .map(([image]) => image);
}
