import { resolve } from 'node:path';
import {
  endUnfinished,
  Journal,
  lockWorkspace,
  overtake,
  type Plan,
  planIsDone,
  type RunResult,
  readJournal,
  runSteps,
  type Step,
} from '../operation/index.ts';
import type { CommandContext } from '../plugins/index.ts';
import {
  count,
  errorsOf,
  exitCodeOf,
  Failure,
  type Problem,
  printable,
  problem,
  unwrap,
  writeFileAtomic,
} from '../support/index.ts';
import { printJson } from './json.ts';
import { renderPlan } from './output/plan.ts';
import { renderProblems } from './output/problems.ts';
import { createProgress } from './output/progress.ts';

export interface Operation<P extends Plan> {
  root: string;
  /** The command line that does it again, without \`dmrel\`: for the lock, the journal and what to run again. */
  command: readonly string[];
  /** With what stands in the plan too: that is lost as long as no plan is kept. */
  fromScratch?: readonly string[];
  dryRun: boolean;
  /** Look, and decide: nothing is written. */
  prepare(): Promise<P>;
  /** @param tell says how far a long step is */
  bind(plan: P, tell: (text: string) => void): Promise<{ steps: Step[]; cleanUp(): Promise<void> }>;
  /** How much goes on at once. */
  limits?: { jobs: number; jobsPerHost: number };
  /** A file to save the plan in, instead of applying it. */
  planOut?: string;
  /** Whether what is moved or deleted is asked about: always, or when somebody is there. --yes turns it off. */
  confirm?: 'always' | 'when-possible' | undefined;
  /** What to say when all is done. */
  summary(plan: P, result: RunResult | undefined): string;
  /** Findings that steps left behind, such as failed checks. */
  findings?(): Problem[];
}

/**
 * Plan, then apply: the one way in which commands change anything. --dry-run prints the plan and stops; with a problem
 * nothing is written; otherwise the same plan is applied, journalled, and every step told.
 */
export async function runOperation<P extends Plan>(context: CommandContext, operation: Operation<P>): Promise<number> {
  const { root, planOut } = operation;
  const { interrupt } = context; // from the beginning: what takes the lock gives it back
  const command = commandText(operation.command);
  const dryRun = operation.dryRun || planOut !== undefined;
  const lock = dryRun ? undefined : unwrap(await lockWorkspace(root, command, context.now));
  try {
    const plan = await operation.prepare();
    if (interrupt.aborted) throw new Failure(interrupted(commandText(commandFromScratch(operation))));
    const code = exitCodeOf(plan.problems);
    if (planOut !== undefined && code === 0) await savePlan(context, plan, planOut);
    if (dryRun || code !== 0) return await showPlan(context, plan, code, dryRun);
    if (planIsDone(plan)) {
      await endUnfinished(root, plan, operation.command, context.now);
      if (context.json) printJson(context, operationJson(plan, undefined, []));
      else context.out(operation.summary(plan, undefined));
      return 0;
    }
    await confirm(context, plan, operation.confirm);
    return await applyPlan(context, operation, plan);
  } finally {
    lock?.release();
  }
}

const commandFromScratch = ({ fromScratch, command }: Pick<Operation<Plan>, 'fromScratch' | 'command'>) =>
  fromScratch ?? command;

/** As it is typed in a shell. */
export function commandText(argv: readonly string[]): string {
  const quoted = argv.map((each) => (/^[A-Za-z0-9._/:=@-]+$/.test(each) ? each : `'${each.replaceAll("'", "'\\''")}'`));
  return ['dmrel', ...quoted].join(' ');
}

async function savePlan(context: CommandContext, plan: Plan, file: string): Promise<void> {
  await writeFileAtomic(resolve(context.cwd, file), `${JSON.stringify(plan, null, 1)}\n`);
  context.err(`the plan is in ${printable(file)}; apply it with: ${commandText(['apply', file])}\n`);
}

/** What moves or deletes is named with its old and its new id, and done only when somebody says so. */
async function confirm(context: CommandContext, plan: Plan, when: Operation<Plan>['confirm']): Promise<void> {
  const grave = plan.steps.filter(({ action }) => action === 'move' || action === 'delete');
  if (grave.length === 0 || when === undefined) return;
  if (context.ask === undefined) {
    if (when === 'when-possible') return;
    context.err(renderPlan({ ...plan, steps: grave }, context.width));
    const message = `${count(grave.length, 'step')} would move or delete something, and nobody is here to be asked`;
    throw new Failure(problem('usage', message, { hint: 'look at it with --dry-run, then say --yes' }));
  }
  context.err(renderPlan({ ...plan, steps: grave }, context.width));
  const answer = await context.ask('Go on? [y/N] ');
  if (/^y(?:es)?$/i.test(answer.trim())) return;
  throw new Failure(problem('usage', 'nothing was written: the answer was no'));
}

async function showPlan(context: CommandContext, plan: Plan, code: number, dryRun: boolean): Promise<number> {
  if (context.json) printJson(context, plan);
  else {
    if (dryRun) context.out(renderPlan(plan, context.width));
    context.err(await renderProblems(plan.problems, context));
    if (code !== 0) context.err('nothing was written\n');
  }
  return code;
}

async function applyPlan<P extends Plan>(context: CommandContext, operation: Operation<P>, plan: P): Promise<number> {
  // Warnings alone are left of its problems.
  if (!context.json) context.err(await renderProblems(plan.problems, context));
  const { root } = operation;
  const before = readJournal(root, plan.operation).some(({ step }) => step !== undefined);
  const journal = await Journal.open(root, plan, context.now, operation.command);
  await overtake(root, plan, operation.command, context.now);
  let tell: (text: string) => void = () => {};
  const bound = await operation.bind(plan, (text) => tell(text));
  const progress = await createProgress(context, `${plan.command} ${plan.release}`, bound.steps.length);
  tell = progress.tell;
  let result: RunResult;
  let again = operation.command;
  try {
    const limits = operation.limits ?? {};
    result = await runSteps(bound.steps, { journal, interrupt: context.interrupt, report: progress.report, ...limits });
    if (!before && wasKeptOut(result)) {
      await journal.write({ event: 'end', message: 'kept out: nothing was begun' });
      again = commandFromScratch(operation);
    }
  } finally {
    await progress.end();
    await bound.cleanUp();
    journal.close();
  }
  const problems = [...problemsOf(result, commandText(again)), ...(operation.findings?.() ?? [])];
  if (context.json) printJson(context, operationJson(plan, result, problems));
  else {
    if (result.failed.length === 0 && !result.interrupted) context.out(operation.summary(plan, result));
    context.err(await renderProblems(problems, context));
  }
  const code = exitCodeOf(problems);
  // Whatever kept a step from being done: the run is incomplete.
  return result.failed.length > 0 && code < 4 ? 4 : code;
}

/** Somebody else was first, and nothing was done: there is nothing to go on with. */
const wasKeptOut = ({ done, failed }: RunResult): boolean =>
  done.length === 0 &&
  failed.length > 0 &&
  failed.every(({ problem: { code } }) => code === 'locked' || code === 'workspace-behind');

/** Failed steps make the run incomplete, whatever their own kind: some of it is done, the rest is for the next run. */
function problemsOf(result: RunResult, command: string): Problem[] {
  const problems = result.failed.map(({ problem: each }) => each);
  if (result.interrupted) problems.push(interrupted(command));
  else if (result.failed.length > 0) {
    const counts = `${result.done.length + result.alreadyDone.length} steps done, ${result.failed.length} failed, ${result.left.length} not tried`;
    problems.push(
      problem('step-failed', counts, { hint: `when the cause is gone, run the same command again: ${command}` }),
    );
  }
  return problems;
}

const interrupted = (command: string): Problem =>
  problem('interrupted', 'interrupted; what was begun is finished, the rest is not tried', {
    hint: `go on with: ${command}`,
  });

function operationJson(plan: Plan, result: RunResult | undefined, problems: Problem[]): { schema: string } {
  const { done = [], alreadyDone = plan.steps.map(({ id }) => id), failed = [], left = [] } = result ?? {};
  const status = errorsOf(problems).length === 0 ? 'done' : 'incomplete';
  const document = {
    schema: 'dmrel/operation/v1',
    status,
    changed: done.length > 0,
    plan,
    done,
    alreadyDone,
    failed,
    left,
    problems,
  };
  return document;
}
