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
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  if (typeof options.takeOver === 'string') return takeOver(context, workspace, options.takeOver, options);
  const unfinished = await listUnfinished(workspace.root);
  if (unfinished.length === 0) {
    if (context.json) printJson(context, { schema: 'dmrel/problems/v1', problems: [] } as never);
    else context.out('nothing was begun that is not finished\n');
    return 0;
  }
  let worst = 0;
  for (const operation of unfinished) {
    const { plan, done } = operation;
    const told = `${plan.command} ${plan.release}, begun ${plan.at}: ${done} of ${count(plan.steps.length, 'step')} done`;
    context.err(`${printable(told)}\n`);
    const again = commandOf(workspace.root, operation, options);
    if (options.dryRun === true) {
      context.out(`${printable(commandText(again))}\n`);
      continue;
    }
    const code = await runSelf(context, workspace.root, again);
    if (context.interrupt.aborted) return 130;
    // One that cannot be finished keeps no other from its end.
    worst ||= code;
  }
  return worst;
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

async function runSelf(context: CommandContext, root: string, argv: readonly string[]): Promise<number> {
  const [program, ...lead] = context.self;
  return new Promise((settle) => {
    const child = spawn(program, [...lead, ...argv, ...(context.json ? ['--json'] : [])], {
      cwd: root,
      stdio: 'inherit',
    });
    child.on('error', () => settle(127));
    child.on('close', (status) => settle(status ?? 130));
  });
}
