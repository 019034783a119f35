import {
  holdStatement,
  readStatementsIn,
  type Signer,
  type Statement,
  sayTheSame,
  signerFor,
} from '../evidence/index.ts';
import type { Step } from '../operation/index.ts';
import { type LevelRecord, levelEvidenceFolder, levelFile, levelSubjects } from '../releases/index.ts';
import { type Digest, failed, type Instant, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { bindLevelSteps } from './apply.ts';
import { demoterRole, demotes } from './demoter.ts';
import { gatherLevel, type LevelFacts, type LevelRequest } from './level-facts.ts';
import { type LevelPlan, levelPlan, planStep, recordSteps } from './level-plan.ts';
import { namedStatements, openStatements } from './statements.ts';

export interface HoldRequest extends LevelRequest {
  /** Why nothing may go up; without it, what was held is released. */
  reason?: string;
  /** This release alone is released. */
  release?: string;
  env: NodeJS.ProcessEnv;
}

export interface HoldDetails {
  statement: Statement | null;
  signed: Digest | null;
  /** Releases that may come back. */
  released: string[];
}

export type HoldPlan = LevelPlan<HoldDetails>;

export interface PreparedHold {
  plan: HoldPlan;
  signer: Signer | undefined;
}

/** Hold a level, or release it and what was taken away from it. Nothing is written. Problem: `not-at-level`. */
export async function prepareHold(workspace: Workspace, request: HoldRequest): Promise<Result<PreparedHold>> {
  const gathered = await gatherLevel(workspace, request);
  if (!gathered.ok) return gathered;
  const facts = gathered.value;
  const name = facts.level.name;
  const { standing } = facts;
  const { reason, release } = request;
  const next = reason === undefined ? released(facts, release) : ok(held(facts, reason));
  if (!next.ok) return next;
  const done = next.value === standing;
  const gone = (standing.withheld ?? []).filter((each) => !next.value.withheld?.includes(each));
  const statement = demotes(workspace) && !done ? statementOf(facts, next.value, reason, gone) : undefined;
  const folder = levelEvidenceFolder(name);
  const known = new Set([standing.held?.statement, ...(standing.withheld ?? []).map((each) => each.statement)]);
  const read = await readStatementsIn(workspace, folder);
  if (!read.ok) return read;
  const same = (each: (typeof read.value)[0]) => statement !== undefined && sayTheSame(each.statement, statement);
  const changed = await facts.repository.changed([folder]);
  if (!changed.ok) return changed;
  const loose = new Set(changed.value);
  const isLoose = ({ file, digest }: (typeof read.value)[0]) => loose.has(file) && !known.has(digest);
  // Of a run that was killed: before the level's file said so, or after, when the file names no statement of a release.
  const fresh = read.value.findLast((each) => isLoose(each) && (done || same(each)))?.digest;
  const signer = statement ? await signerFor(workspace, demoterRole, request.env) : ok(undefined);
  const files = [levelFile(name), ...namedStatements(name, [], standing)];
  // A level that nothing was ever written of has no file.
  const nothingYet = done && standing.current.length === 0;
  const filesAreCommitted = fresh === undefined && ((await facts.repository.isCommitted(files)) || nothingYet);
  const command = reason === undefined ? 'release-hold' : 'hold';
  const signs = planStep('sign', 'sign it', { done: done || fresh !== undefined, to: name });
  const records = recordSteps(
    name,
    name,
    done,
    { filesAreCommitted, upstream: facts.upstream },
    statement ? ['sign'] : [],
  );
  const plan = levelPlan(command, name, [...(statement ? [signs] : []), ...records], [], facts.upstream, {
    ...shared(facts),
    standing: next.value,
    subject: subjectOf(name, request),
    statement: statement ?? null,
    signed: fresh ?? null,
    released: gone.map((each) => each.release),
  });
  if (!signer.ok) plan.problems.push(...signer.problems);
  return ok({ plan, signer: signer.ok ? signer.value : undefined });
}

const subjectOf = (level: string, { reason, release }: HoldRequest): string =>
  reason === undefined ? levelSubjects.releaseHold(level, release) : levelSubjects.hold(level, reason);

/** What a plan about no images has. */
export const shared = ({ operation, now, by, level, lane, takeOver }: LevelFacts) => {
  return { operation, at: now, by, level: level.name, lane, takeOver, images: [], records: [] };
};

function held({ standing, by, now }: LevelFacts, reason: string): LevelRecord {
  return standing.held?.reason === reason ? standing : { ...standing, held: { by, at: now, reason } };
}

function released({ standing, level }: LevelFacts, release: string | undefined): Result<LevelRecord> {
  const { held: hold, withheld = [] } = standing;
  if (release === undefined)
    return ok(hold || withheld.length > 0 ? { ...standing, held: null, withheld: [] } : standing);
  const left = withheld.filter((each) => each.release !== release);
  if (left.length < withheld.length) return ok({ ...standing, withheld: left });
  const hint = withheld.length > 0 ? `held are: ${withheld.map((each) => each.release).join(', ')}` : 'no release is';
  return failed(problem('not-at-level', `${release} is not held at ${level.name}`, { hint }));
}

function statementOf(
  { level, now, by }: LevelFacts,
  { held: hold }: LevelRecord,
  reason: string | undefined,
  gone: readonly { release: string }[],
): Statement {
  const action = reason === undefined ? 'release' : 'hold';
  const releases = gone.map(({ release }) => release);
  const whole = action === 'hold' || !hold;
  return holdStatement({
    ...{ level: level.name, action, at: now, by },
    ...(whole && releases.length === 0 ? {} : { releases }),
    ...(reason === undefined ? {} : { reason }),
  });
}

export async function bindHoldSteps(workspace: Workspace, { plan, signer }: PreparedHold): Promise<Result<Step[]>> {
  const { statement, signed, level } = plan.details;
  const statements = openStatements({
    workspace,
    folder: levelEvidenceFolder(level),
    unsigned: statement ? { '': statement } : {},
    signed: signed ? { '': signed } : {},
    signer,
    at: plan.at as Instant,
  });
  return bindLevelSteps(workspace, plan, statements);
}
