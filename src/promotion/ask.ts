import { openRepository } from '../git/index.ts';
import { requireLevel } from '../levels/index.ts';
import type { LevelRecord, ReleaseRecord } from '../releases/index.ts';
import { ok, type Problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type GateQuestion, gateFacts } from './facts.ts';
import { readStatements } from './facts-statements.ts';
import { evaluateGate, type GateDecision } from './gate.ts';
import { uncommittedProblems } from './uncommitted.ts';

type Statements = ReturnType<typeof readStatements>;

/** What a gate says, and what is not committed that keeps out whom it would let in. */
export interface AskedGate extends GateDecision {
  uncommitted: Problem[];
}

/** Asks gates about several releases; what was said of each is read once. */
export function gateAsker(workspace: Workspace, now: Date) {
  const said = new Map<string, Statements>();
  return async (standing: LevelRecord, record: ReleaseRecord): Promise<Result<AskedGate>> => {
    const level = requireLevel(workspace, standing.level, 'there is no gate to ask');
    if (!level.ok) return level;
    const statements = said.get(record.name) ?? readStatements(workspace, record);
    said.set(record.name, statements);
    const question: GateQuestion = { level: level.value, standing, record, now, statements: await statements };
    const facts = await gateFacts(workspace, question);
    if (!facts.ok) return facts;
    const decision = evaluateGate(facts.value);
    const stands = standing.current.some(({ release }) => release === record.name);
    if (stands || decision.verdict !== 'allow') return ok({ ...decision, uncommitted: [] });
    const repository = await openRepository(workspace.root);
    const uncommitted = repository.ok
      ? await uncommittedProblems(workspace, repository.value, level.value, record)
      : [];
    return ok({ ...decision, uncommitted });
  };
}
