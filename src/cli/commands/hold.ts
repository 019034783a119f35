import type { CommandContext, OptionValues } from '../../plugins/index.ts';
import { bindHoldSteps, type HoldPlan, type PreparedHold, prepareHold } from '../../promotion/index.ts';
import { unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { levelOption, reasonOption, textOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

/** Let nothing up to a level until it is released. */
export const hold = (context: CommandContext, _args: string[], options: OptionValues): Promise<number> =>
  run(context, options, { reason: reasonOption(options, 'hold') });

/** Let releases up to a level again. */
export const releaseHold = (context: CommandContext, _args: string[], options: OptionValues): Promise<number> => {
  const release = textOption(options.release);
  return run(context, options, release === undefined ? {} : { release });
};

async function run(
  context: CommandContext,
  options: OptionValues,
  what: { reason?: string; release?: string },
): Promise<number> {
  const level = levelOption(options);
  const takeOver = options.takeOver === true;
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const named = Object.entries(what) as [string, string][];
  let prepared: PreparedHold | undefined;
  return runOperation<HoldPlan>(context, {
    root: workspace.root,
    command: [
      ...[what.reason === undefined ? 'release-hold' : 'hold', '--level', level],
      ...named.flatMap(([name, value]) => [`--${name}`, value]),
      ...(takeOver ? ['--take-over'] : []),
    ],
    dryRun: options.dryRun === true,
    prepare: async () => {
      const request = { level, takeOver, now: context.now(), env: context.env };
      prepared = unwrap(await prepareHold(workspace, { ...request, ...what }));
      return prepared.plan;
    },
    bind: async () => ({ steps: unwrap(await bindHoldSteps(workspace, prepared!)), cleanUp: async () => {} }),
    summary: ({ details: { standing, released } }, result) => {
      if (what.reason !== undefined) return `${level} is held${result ? '' : ' already'}: ${what.reason}\n`;
      if (!result) return `${level}: nothing to do; nothing is held there\n`;
      const left = (standing.withheld ?? [])
        .map((each) => `  ${each.release} is still held: ${each.reason}\n`)
        .join('');
      const back = released.length > 0 ? `; ${released.join(', ')} may come back` : '';
      return `${level} is ${standing.held ? 'still held' : 'not held any more'}${back}\n${left}`;
    },
  });
}
