import type { CommandRun } from '../../plugins/index.ts';
import { bindRecommendSteps, prepareRecommend, type RecommendPlan } from '../../promotion/index.ts';
import { unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { levelOption, releaseOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, _args, options) => {
  const level = levelOption(options);
  const release = releaseOption(options);
  const takeOver = options.takeOver === true;
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  return runOperation<RecommendPlan>(context, {
    root: workspace.root,
    command: ['recommend', '--level', level, '--release', release, ...(takeOver ? ['--take-over'] : [])],
    dryRun: options.dryRun === true,
    prepare: async () => unwrap(await prepareRecommend(workspace, { level, release, takeOver, now: context.now() })),
    bind: async (plan) => ({ steps: unwrap(await bindRecommendSteps(workspace, plan)), cleanUp: async () => {} }),
    summary: (_plan, result) => `${release} is recommended at ${level}${result ? '' : ' already'}\n`,
  });
};
