import { openRepository, type Repository } from '../git/index.ts';
import { policyProblems, requireLevel } from '../levels/index.ts';
import type { LevelRecord, ReleaseRecord } from '../releases/index.ts';
import { ok, type Problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type GateQuestion, gateFacts } from './facts.ts';
import { readStatements } from './facts-statements.ts';
import { evaluateGate, type GateDecision } from './gate.ts';
import { recordProblems } from './uncommitted.ts';

type Statements = ReturnType<typeof readStatements>;

/** What a gate says, and what is not committed that keeps out whom it would let in. */
export interface AskedGate extends GateDecision {
  uncommitted: Problem[];
}

/** Asks gates about several releases; what was said of each is read once, and so is the policy in force. */
export function gateAsker(workspace: Workspace, now: Date) {
  const said = new Map<string, Statements>();
  let policy: ReturnType<typeof lookAtPolicy> | undefined;
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
    policy ??= lookAtPolicy(workspace);
    const { repository, problems } = await policy;
    const records = repository ? await recordProblems(workspace, repository, level.value, record) : [];
    return ok({ ...decision, uncommitted: [...problems, ...records] });
  };
}

/** What of the policy is not committed, which is the same for all gates. */
async function lookAtPolicy(workspace: Workspace): Promise<{ repository?: Repository; problems: Problem[] }> {
  const opened = await openRepository(workspace.root);
  if (!opened.ok) return { problems: [] };
  return { repository: opened.value, problems: await policyProblems(workspace, opened.value) };
}
