import { evidenceFolder, type Signer, type Statement, signStatement, writeEvidence } from '../evidence/index.ts';
import { openRepository, type Repository } from '../git/index.ts';
import { newOperationId, type Outcome, type Plan, type PlannedStep, type Step } from '../operation/index.ts';
import { commitRecord, pushRecords } from '../releases/index.ts';
import { instantOf, ok, type Problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

/** One statement about a release: what it says, and the file it stands in when it was made before. */
export interface StatementDetails {
  level: string;
  statement: Statement;
  file: string | null;
}

export type StatementPlan = Plan<StatementDetails>;

export interface PreparedStatement {
  plan: StatementPlan;
  /** Who signs it; undefined where no keys are trusted. */
  signer: Signer | undefined;
}

export interface StatementRequest {
  command: 'approve' | 'waive';
  release: string;
  level: string;
  /** What is signed, in words: `approve w.2018.18 for batch as release-manager`. */
  title: string;
  statement: Statement;
  /** The file of one that says the same and counts still. */
  existing: string | undefined;
  problems: Problem[];
  now: Date;
}

/** What it takes to say something of a release: sign it, keep it, commit it, push it. */
export async function planStatement(repository: Repository, request: StatementRequest): Promise<StatementPlan> {
  const { command, release, level, title, statement, existing, problems, now } = request;
  const upstream = await repository.upstream();
  const committed = existing !== undefined && (await repository.isCommitted([existing]));
  const folder = evidenceFolder(release);
  const step = (id: string, text: string, done: boolean, needs: string[], to: string): PlannedStep => {
    return { id, title: text, action: done ? 'skip' : 'create', from: null, to, needs };
  };
  const steps = [
    step('sign', title, existing !== undefined, [], existing ?? folder),
    step('commit', 'commit the evidence', committed, ['sign'], folder),
  ];
  if (upstream) {
    const name = `${upstream.remote}/${upstream.branch}`;
    steps.push(step('push', `push to ${name}`, committed && !(await repository.isAhead()), ['commit'], name));
  }
  return {
    schema: 'dmrel/plan/v1',
    operation: newOperationId(now),
    command,
    release,
    at: instantOf(now),
    steps,
    problems,
    details: { level, statement, file: existing ?? null },
  };
}

/** The steps with the code that does them. */
export async function bindStatementSteps(
  workspace: Workspace,
  { plan, signer }: PreparedStatement,
): Promise<Result<Step[]>> {
  const opened = await openRepository(workspace.root);
  if (!opened.ok) return opened;
  const { statement, level } = plan.details;
  let { file } = plan.details;
  const failure = (problems: Problem[]): Outcome => ({ status: 'failed', problem: problems[0]! });
  const code: Record<string, () => Promise<Outcome>> = {
    sign: async () => {
      const signed = await signStatement(statement, signer);
      if (!signed.ok) return failure(signed.problems);
      file = await writeEvidence(workspace.root, evidenceFolder(plan.release), signed.value);
      return { status: 'done' };
    },
    commit: () => {
      const trailers = { operation: plan.operation, release: plan.release, level };
      const verb = plan.command === 'approve' ? 'Approve' : 'Waive a check of';
      return commitRecord(opened.value, [file!], `${verb} ${plan.release} for ${level}`, trailers);
    },
    push: () => pushRecords(opened.value),
  };
  return ok(
    plan.steps.map((planned): Step => {
      return { ...planned, isDone: async () => planned.action === 'skip', apply: code[planned.id]! };
    }),
  );
}
