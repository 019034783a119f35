import type { CommandRun } from '../../plugins/index.ts';
import {
  bindReconcileSteps,
  type PreparedReconcile,
  prepareReconcile,
  type ReconcilePlan,
} from '../../promotion/index.ts';
import { count, printable, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { textOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, _args, options) => {
  const level = textOption(options.level);
  const takeOver = options.takeOver === true;
  const dryRun = options.dryRun === true;
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const request = { level, takeOver, dryRun, now: context.now(), env: context.env };
  let prepared: PreparedReconcile | undefined;
  const left = () => prepared!.plan.details.drift.filter(({ repaired }) => !repaired);
  const code = await runOperation<ReconcilePlan>(context, {
    root: workspace.root,
    command: ['reconcile', ...(level === undefined ? [] : ['--level', level]), ...(takeOver ? ['--take-over'] : [])],
    dryRun,
    prepare: async () => {
      prepared = unwrap(await prepareReconcile(workspace, request));
      return prepared.plan;
    },
    bind: async () => {
      return { steps: unwrap(await bindReconcileSteps(workspace, prepared!, request)), cleanUp: async () => {} };
    },
    summary: ({ details: { drift } }, result) => {
      const lines = left().map(({ where, what, wanted, remedy }) => {
        const how = wanted === null ? '' : `: ${remedy}`;
        return `  ${printable(where)} ${what}${how}\n`;
      });
      const unchanged = lines.length > 0 ? 'nothing was set right' : 'registries are as the records say';
      const said = result
        ? `${count(drift.length - lines.length, 'difference')} set right from the records`
        : unchanged;
      return `${said}${lines.length > 0 ? `; ${count(lines.length, 'difference')} left alone` : ''}\n${lines.join('')}`;
    },
  });
  // What no record names is nobody's to set right, and what wants a key is for who has it: the answer stays no.
  return code === 0 && left().length > 0 ? 1 : code;
};
