import { DocumentCache } from '../documents/index.ts';
import { openRepository } from '../git/index.ts';
import { chooseCandidate, requireLevel } from '../levels/index.ts';
import { type Promotion, readLevel, standingAt } from '../releases/index.ts';
import { type Instant, instantOf, ok, type Problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { gateFacts } from './facts.ts';
import { type Condition, evaluateGate, type GateDecision } from './gate.ts';
import { readLevelThen } from './standing-then.ts';
import { uncommittedProblems } from './uncommitted.ts';

export interface ExplainRequest {
  level: string;
  release: string | undefined;
  now: Date;
  /** The moment lies behind us: what was said and done since is left out. */
  past?: boolean;
}

/** The whole decision of a gate, and what to do about it. */
export interface Explanation extends GateDecision {
  release: string;
  level: string;
  asOf: Instant;
  /** How the release was chosen, when nobody named it. */
  because?: string;
  /** Since when the release stands at the level already. */
  stands?: Instant;
  /** Only what keys signed counts. */
  signed: boolean;
  /** Commands that lead on, the nearest first. */
  next: string[];
  /** Changes of the policy that are not committed: as long as there are any, nothing is promoted. */
  uncommitted: Problem[];
}

/** Ask the gate of a level about a release, as `dmrel promote` would. Nothing is written. */
export async function explainGate(workspace: Workspace, request: ExplainRequest): Promise<Result<Explanation>> {
  const level = requireLevel(workspace, request.level, 'there is no gate to explain');
  if (!level.ok) return level;
  const cache = DocumentCache.of(workspace.userCache, 'explain');
  const candidate = await chooseCandidate(workspace, level.value, request.release, cache);
  if (!candidate.ok) return candidate;
  const { now, past = false } = request;
  const standing = past
    ? await readLevelThen(workspace, level.value.name, now)
    : await readLevel(workspace.root, level.value.name, cache);
  if (!standing.ok) return standing;
  await cache.close();
  const { record, because } = candidate.value;
  const question = { level: level.value, record, standing: standing.value, now, past };
  const facts = await gateFacts(workspace, question);
  if (!facts.ok) return facts;
  const stands = standing.value.current.find(({ release }) => release === record.name)?.since;
  const promotions = (stands !== undefined && standingAt(record, level.value.name)?.promotions) || [];
  const decision = owing(evaluateGate(facts.value), promotions);
  const repository = past ? undefined : await openRepository(workspace.root);
  const uncommitted = repository?.ok ? await uncommittedProblems(workspace, repository.value, level.value, record) : [];
  const goesUp = decision.verdict === 'allow' && uncommitted.length === 0 && stands === undefined;
  return ok({
    ...decision,
    release: record.name,
    level: level.value.name,
    asOf: instantOf(now),
    ...(because === undefined ? {} : { because }),
    ...(stands === undefined ? {} : { stands }),
    signed: facts.value.signed,
    next: nextOf(decision, record.name, level.value.name, goesUp),
    uncommitted,
  });
}

/** What a release that was promoted past the gate did not have then, and does not have still, it owes. */
function owing(decision: GateDecision, promotions: readonly Promotion[]): GateDecision {
  const owed = promotions.flatMap((each) => each.owed ?? []);
  const conditions = decision.conditions.map((each): Condition => {
    const open = each.state === 'unmet' || each.state === 'wait';
    return open && owed.some(({ kind, subject }) => kind === each.kind && subject === each.subject)
      ? { ...each, state: 'owed' }
      : each;
  });
  return { ...decision, conditions };
}

/** What to do: what each thing that is missing asks for, once; when nothing is, go up. */
function nextOf(decision: GateDecision, release: string, level: string, goesUp: boolean): string[] {
  const open = decision.conditions.filter(({ state }) => state === 'unmet' || state === 'wait' || state === 'owed');
  const hints = [...new Set(open.flatMap(({ hint }) => hint ?? []))];
  return goesUp ? [`dmrel promote --level ${level} --release ${release}`, ...hints] : hints;
}
