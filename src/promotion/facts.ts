import { frozenAt, type Level, releaseDigest, requireLevel, unverifiedOf } from '../levels/index.ts';
import { byRelease, parseReleaseName } from '../names/index.ts';
import { holdOn, type LevelRecord, type ReleaseRecord, standingAt } from '../releases/index.ts';
import { dateOf, failed, type Instant, instantOf, ok, type Result, unwrap } from '../support/index.ts';
import { approvalRules, levelsBefore, type Workspace } from '../workspace/index.ts';
import { readStatements, type StatementFacts } from './facts-statements.ts';
import type { AfterFact, EmergencyFact, GateFacts } from './gate-facts.ts';
import { waiverRole } from './waiver-role.ts';

export interface GateQuestion {
  level: Level;
  record: ReleaseRecord;
  /** What stands at the level. */
  standing: LevelRecord;
  now: Date;
  emergency?: EmergencyFact;
  /** The moment lies behind us: what was said and done since is left out. */
  past?: boolean;
  /** What was said of the release, where it was read already. */
  statements?: Result<StatementFacts>;
}

/** Gather what the gate of a level may know of a release. */
export async function gateFacts(workspace: Workspace, question: GateQuestion): Promise<Result<GateFacts>> {
  const { level, now, emergency, past = false } = question;
  const record = past ? recordThen(question.record, instantOf(now)) : question.record;
  const standing = past ? standingThen(question.standing, instantOf(now)) : question.standing;
  const { config } = level;
  const statements = question.statements ?? (await readStatements(workspace, record));
  if (!statements.ok) return failed(...statements.problems);
  const milestone =
    config.milestone === undefined ? undefined : await unverifiedOf(workspace, config.milestone, dateOf(now), record);
  if (milestone && !milestone.ok) return milestone;
  const rules = approvalRules(config);
  const { any, levels } = levelsBefore(config);
  const vulnerabilities = config.ceilings?.vulnerabilities;
  const counting = level.checks.filter(({ check }) => check.kind === 'vulnerabilities');
  return ok({
    release: record.name,
    releaseDigest: releaseDigest(record),
    level: level.name,
    now: instantOf(now),
    signed: workspace.config.trust !== undefined,
    images: level.images.map((name) => {
      const built = record.images?.[name];
      return { name, digest: built?.digest, ...(built ? { size: built.size } : {}) };
    }),
    after: { any, levels: levels.map((before) => afterFact(workspace, record, before)) },
    checks: level.checks.map(({ name: check, images, configuration, check: { fresh, advisory } }) => {
      const more = { ...(fresh === undefined ? {} : { freshness: fresh }), ...(advisory ? { advisory } : {}) };
      return { check, images, configuration, ...more };
    }),
    ceilings: {
      ...(vulnerabilities
        ? { vulnerabilities: { max: vulnerabilities, checks: counting.map(({ name }) => name) } }
        : {}),
      ...(config.ceilings?.size === undefined ? {} : { size: config.ceilings.size }),
    },
    soak: config.soak,
    approvals: rules,
    waivers: waiverRole(level),
    frozen: config.freeze ? frozenAt(config.freeze, instantOf(now)) : undefined,
    held: holdOn(standing, record.name),
    newer: newerThan(level, record, standing),
    milestone: milestone?.value,
    emergency,
    ...(past ? saidBy(statements.value, instantOf(now)) : statements.value),
  });
}

/** What of it was said by then. */
function saidBy(statements: StatementFacts, then: Instant): StatementFacts {
  const by = <Fact extends { at: Instant }>(facts: readonly Fact[]): Fact[] => facts.filter(({ at }) => at <= then);
  const { results, approved, waived, summaries, withdrawn } = statements;
  return {
    ...statements,
    results: by(results),
    approved: by(approved),
    waived: by(waived),
    summaries: by(summaries),
    withdrawn: by(withdrawn),
  };
}

function recordThen(record: ReleaseRecord, then: Instant): ReleaseRecord {
  const { promotions = [], withdrawals = [] } = record;
  const by = <Each extends { at: Instant }>(list: Each[]): Each[] => list.filter(({ at }) => at <= then);
  return { ...record, promotions: by(promotions), withdrawals: by(withdrawals) };
}

function standingThen(standing: LevelRecord, then: Instant): LevelRecord {
  const { current, held, withheld = [] } = standing;
  return {
    ...standing,
    current: current.filter(({ since }) => since <= then),
    held: held && held.at <= then ? held : null,
    withheld: withheld.filter(({ at }) => at <= then),
  };
}

function afterFact(workspace: Workspace, record: ReleaseRecord, before: string): AfterFact {
  const { images: meant } = unwrap(requireLevel(workspace, before, 'nothing can be promoted'));
  const standing = standingAt(record, before);
  if (!standing) return { level: before, since: undefined, images: {}, meant };
  // Time counts from when the last of the images came that this is about.
  const came = (image: string): Instant | undefined =>
    standing.promotions.find(({ images }) => images[image] === standing.images[image])?.at;
  const since =
    meant
      .flatMap((image) => came(image) ?? [])
      .sort()
      .at(-1) ?? standing.since;
  return { level: before, since, images: standing.images, meant };
}

/** The newest at a level that has one release at a time, if it is newer. */
function newerThan({ config }: Level, record: ReleaseRecord, { current }: LevelRecord): string | undefined {
  const newest = current[0]?.release;
  if (newest === undefined || config.keep !== undefined) return undefined;
  const ofItsKind = parseReleaseName(newest)!.kind === record.kind;
  return ofItsKind && byRelease(newest, record.name) > 0 ? newest : undefined;
}
