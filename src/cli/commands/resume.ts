import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { openRepository } from '../../git/index.ts';
import { parseReleaseName } from '../../names/index.ts';
import { listUnfinished, type UnfinishedOperation } from '../../operation/index.ts';
import type { CommandContext, CommandRun, OptionValues } from '../../plugins/index.ts';
import { count, Failure, printable, problem, unwrap } from '../../support/index.ts';
import { parseSavedPlan, readClaim } from '../../tagging/index.ts';
import { openWorkspace, type Workspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { commandText } from '../operation.ts';
import { runTags } from '../tag-run.ts';

/** Finish, or take back, what was begun and never came to its end. */
export const run: CommandRun = async (context, _args, options) => {
  const { interrupt } = context; // from the beginning: what is under way is finished
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  if (typeof options.takeOver === 'string') return takeOver(context, workspace, options.takeOver, options);
  const unfinished = await listUnfinished(workspace.root);
  if (unfinished.length === 0 && !context.json) context.out('nothing was begun that is not finished\n');
  const told: object[] = [];
  let worst = 0;
  for (const operation of unfinished) {
    if (interrupt.aborted) break;
    const { plan, done } = operation;
    const begun = `${plan.command} ${plan.release}, begun ${plan.at}: ${done} of ${count(plan.steps.length, 'step')} done`;
    context.err(`${printable(begun)}\n`);
    const again = commandOf(workspace.root, operation, options);
    const { command, release, at } = plan;
    const about = { operation: plan.operation, command, release, at, run: commandText(again) };
    if (options.dryRun === true) {
      told.push({ ...about, exit: null, result: null });
      if (!context.json) context.out(`${printable(commandText(again))}\n`);
      continue;
    }
    const { exit, result } = await runSelf(context, workspace.root, again);
    told.push({ ...about, exit, result });
    // One that cannot be finished keeps no other from its end.
    worst ||= exit;
  }
  if (context.json) printJson(context, { schema: 'dmrel/resume/v1', unfinished: told } as never);
  return interrupt.aborted ? 130 : worst;
};

/** Those whose command line says all; without the release's name others would take the newest, which may be another now. */
const explicit = ['tag', 'image', 'rollback', 'demote', 'hold', 'release-hold', 'recommend', 'reconcile'];
const verbs = ['apply', 'resume', 'build', 'check', 'promote', ...explicit];

/** The command that goes on with an operation: the one that began it, on the release that it was about. */
function commandOf(root: string, { plan, argv }: UnfinishedOperation, options: OptionValues): string[] {
  const yes = options.yes === true && plan.command.startsWith('tag') ? ['--yes'] : [];
  if (options.undo === true && plan.command === 'tag') return ['tag', 'undo', plan.release, ...yes];
  const [verb = ''] = argv;
  if (!verbs.includes(verb)) {
    const hint = `run the command that began it again; its plan is in .dmrel/operations/${plan.operation}`;
    throw new Failure(problem('step-failed', 'its journal does not say how it was called', { hint }));
  }
  // The plan stands in the journal too; the file, or the claim, may be gone.
  if (verb === 'apply' || verb === 'resume')
    return ['apply', join(root, '.dmrel/operations', plan.operation, 'plan.json'), ...yes];
  const named = explicit.includes(verb) || argv.includes('--release') ? [] : ['--release', plan.release];
  return [...argv, ...named, ...yes];
}

/** Finish here what another machine began and cannot finish: its plan is with its claim at the upstream. */
async function takeOver(
  context: CommandContext,
  workspace: Workspace,
  release: string,
  options: OptionValues,
): Promise<number> {
  if (!parseReleaseName(release)) {
    const hint = 'the name of a release, such as w.2018.18';
    throw new Failure(problem('invalid-name', `'${release}' is no name of a release`, { hint }));
  }
  const repository = unwrap(await openRepository(workspace.root));
  const claim = unwrap(await readClaim(repository, release));
  if (!claim) throw new Failure(problem('unknown-release', `nobody has claimed ${release}`, { hint: 'dmrel resume' }));
  const saved = unwrap(await parseSavedPlan(JSON.stringify(claim.plan), `the claim of ${release}`));
  const { tag, kind, date } = saved.details;
  const target = { kind, tag, date, again: ['resume', '--take-over', release], saved, partly: true };
  return runTags(context, workspace, target, {
    ...(options.yes === true ? { yes: true } : {}),
    ...(options.dryRun === true ? { dryRun: true } : {}),
  });
}

/** Run dmrel itself, and wait for its end whatever happens: this process is told to stop, and tells it. */
async function runSelf(
  context: CommandContext,
  root: string,
  argv: readonly string[],
): Promise<{ exit: number; result: unknown }> {
  const [program, ...lead] = context.self;
  const output = context.json ? 'pipe' : 'inherit';
  const child = spawn(program, [...lead, ...argv, ...(context.json ? ['--json'] : [])], {
    cwd: root,
    stdio: ['inherit', output, 'inherit'],
  });
  const chunks: Uint8Array[] = [];
  child.stdout?.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  const handOn = () => void child.kill('SIGTERM');
  context.interrupt.addEventListener('abort', handOn);
  const exit = await new Promise<number>((settle) => {
    child.on('error', () => settle(127));
    child.on('close', (status) => settle(status ?? 130));
  });
  context.interrupt.removeEventListener('abort', handOn);
  return { exit, result: parsed(Buffer.concat(chunks).toString('utf8')) };
}

/** The document that a command has printed; null where it came to none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
