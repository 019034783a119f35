import type { CommandContext, OptionValues } from '../../plugins/index.ts';
import {
  bindWithdrawalSteps,
  type PreparedWithdrawal,
  prepareWithdrawal,
  type WithdrawalPlan,
} from '../../promotion/index.ts';
import { unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { levelOption, reasonOption, releaseOption, textOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

/** Let a level go back to what stood there before, or to a release that stood there. */
export const rollback = (context: CommandContext, _args: string[], options: OptionValues): Promise<number> =>
  run(context, options, 'rollback', { to: textOption(options.to) });

/** Take a release that is not fit for a level away from it. */
export const demote = (context: CommandContext, _args: string[], options: OptionValues): Promise<number> =>
  run(context, options, 'demote', { release: releaseOption(options) });

async function run(
  context: CommandContext,
  options: OptionValues,
  kind: 'rollback' | 'demote',
  what: { to?: string | undefined; release?: string },
): Promise<number> {
  const level = levelOption(options);
  const reason = reasonOption(options, kind);
  const takeOver = options.takeOver === true;
  const named = Object.entries(what).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  let prepared: PreparedWithdrawal | undefined;
  return runOperation<WithdrawalPlan>(context, {
    root: workspace.root,
    command: [
      ...[kind, '--level', level],
      ...named.flatMap(([name, value]) => [`--${name}`, value]),
      ...['--reason', reason],
      ...(takeOver ? ['--take-over'] : []),
    ],
    dryRun: options.dryRun === true,
    prepare: async () => {
      const request = { kind, level, reason, takeOver, now: context.now(), env: context.env };
      prepared = unwrap(await prepareWithdrawal(workspace, { ...request, ...Object.fromEntries(named) }));
      return prepared.plan;
    },
    bind: async () => ({ steps: unwrap(await bindWithdrawalSteps(workspace, prepared!)), cleanUp: async () => {} }),
    summary: ({ details: { withdrawn, standing } }, result) => {
      const gone = withdrawn.join(', ');
      if (!result) return `${gone}: nothing to do; it was taken away from ${level} already\n`;
      const [first] = standing.current;
      const now = first ? `${first.release} stands there` : 'nothing stands there';
      const back = `it may come back after: dmrel release-hold --level ${level} --release ${withdrawn[0]}`;
      return `${gone}: taken away from ${level}; ${now}\n${back}\n`;
    },
  });
}
