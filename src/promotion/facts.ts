import { frozenAt, type Level, releaseDigest, requireLevel, unverifiedOf } from '../levels/index.ts';
import { byRelease, parseReleaseName } from '../names/index.ts';
import { holdOn, type LevelRecord, type ReleaseRecord, standingAt } from '../releases/index.ts';
import { dateOf, failed, type Instant, instantOf, ok, type Result } from '../support/index.ts';
import { approvalRules, levelsBefore, type Workspace } from '../workspace/index.ts';
import { readStatements, type StatementFacts } from './facts-statements.ts';
import type { AfterFact, EmergencyFact, GateFacts } from './gate-facts.ts';
import { keptInstead } from './standing.ts';
import { stoodAt } from './stood.ts';
import { waiverRole } from './waiver-role.ts';

export interface GateQuestion {
  level: Level;
  record: ReleaseRecord;
  /** What stands at the level, or stood there then. */
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
  const { level, now, standing, emergency, past = false } = question;
  const record = past ? recordThen(question.record, instantOf(now)) : question.record;
  const { config } = level;
  const statements = question.statements ?? (await readStatements(workspace, record));
  if (!statements.ok) return failed(...statements.problems);
  const milestone =
    config.milestone === undefined ? undefined : await unverifiedOf(workspace, config.milestone, dateOf(now), record);
  if (milestone && !milestone.ok) return milestone;
  const rules = approvalRules(config);
  const { any, levels } = levelsBefore(config);
  const after: AfterFact[] = [];
  for (const before of levels) {
    const fact = await afterFact(workspace, question, record, before);
    if (!fact.ok) return fact;
    after.push(fact.value);
  }
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
    after: { any, levels: after },
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

async function afterFact(
  workspace: Workspace,
  { level, now, past = false }: GateQuestion,
  record: ReleaseRecord,
  before: string,
): Promise<Result<AfterFact>> {
  const there = requireLevel(workspace, before, 'nothing can be promoted');
  if (!there.ok) return there;
  const meant = there.value.images.filter((image) => level.images.includes(image));
  const standing = standingAt(record, before);
  if (!standing) return ok({ level: before, since: undefined, images: {}, meant });
  const { promotions, images } = standing;
  // Time counts from when the last of the images came that this is about.
  const last = meant
    .flatMap((image) => promotions.find((each) => each.images[image] === images[image]) ?? [])
    .sort((left, right) => (left.at < right.at ? -1 : 1))
    .at(-1);
  const came = last ?? promotions[0]!;
  const fact = { level: before, since: came.at, images, meant };
  if (level.config.soak === undefined) return ok(fact);
  const asked = meant.filter((image) => images[image] !== undefined);
  const stood = await stoodAt(workspace, { level: there.value, record, images: asked, came, now, past });
  if (!stood.ok) return stood;
  const { since, until } = stood.value;
  return ok({
    ...fact,
    since: since !== undefined && since > came.at ? since : came.at,
    ...(until === undefined ? {} : { until }),
  });
}

/** The newest at a level that has one release at a time, if it is newer; at one that keeps several, what has its place. */
function newerThan({ config, images }: Level, record: ReleaseRecord, standing: LevelRecord): string | undefined {
  if (config.keep !== undefined) return keptInstead(standing, record.name, { keep: config.keep, images });
  const newest = standing.current[0]?.release;
  if (newest === undefined) return undefined;
  const ofItsKind = parseReleaseName(newest)!.kind === record.kind;
  return ofItsKind && byRelease(newest, record.name) > 0 ? newest : undefined;
}
