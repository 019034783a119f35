import { requireLevel } from '../levels/index.ts';
import type { LevelRecord, ReleaseRecord } from '../releases/index.ts';
import { ok, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type GateQuestion, gateFacts } from './facts.ts';
import { readStatements } from './facts-statements.ts';
import { evaluateGate, type GateDecision } from './gate.ts';

type Statements = ReturnType<typeof readStatements>;

/** Asks gates about several releases; what was said of each is read once. */
export function gateAsker(workspace: Workspace, now: Date) {
  const said = new Map<string, Statements>();
  return async (standing: LevelRecord, record: ReleaseRecord): Promise<Result<GateDecision>> => {
    const level = requireLevel(workspace, standing.level, 'there is no gate to ask');
    if (!level.ok) return level;
    const statements = said.get(record.name) ?? readStatements(workspace, record);
    said.set(record.name, statements);
    const question: GateQuestion = { level: level.value, standing, record, now, statements: await statements };
    const facts = await gateFacts(workspace, question);
    return facts.ok ? ok(evaluateGate(facts.value)) : facts;
  };
}
