import {
  bindPruneSteps,
  eachOnce,
  type PrunePlan,
  parseKeep,
  preparePrune,
  pruneTargets,
  someRules,
} from '../../imaging/index.ts';
import { requireLevel } from '../../levels/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { count, Failure, printable, problem, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { fromAnywhere, referenceGiven } from '../images.ts';
import { runOperation } from '../operation.ts';
import { bytesText } from '../output/bytes.ts';

export const run: CommandRun = async (context, texts, options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const level = typeof options.level === 'string' ? options.level : undefined;
  const keep = typeof options.keep === 'string' ? options.keep : undefined;
  if ((level === undefined) === (texts.length === 0)) {
    const hint = 'dmrel image prune --level LEVEL, or dmrel image prune REPOSITORY --keep weekly=4';
    throw new Failure(problem('usage', 'name repositories, or a level with --level', { hint }));
  }
  const target =
    level === undefined
      ? undefined
      : unwrap(pruneTargets(workspace, unwrap(requireLevel(workspace, level, 'nothing can be pruned'))));
  const rules = unwrap(someRules(keep === undefined ? (target?.rules ?? {}) : unwrap(parseKeep(keep))));
  const repositories = eachOnce(
    workspace,
    target?.repositories ?? texts.map((text) => referenceGiven(context, workspace, fromAnywhere(context, text))),
  );
  const image = repositories.find(({ tag, digest }) => tag !== undefined || digest !== undefined);
  if (image)
    throw new Failure(
      problem('usage', `'${image.name}' is to be named without a tag or a digest`, { hint: 'rules say what goes' }),
    );

  const said = [
    ...texts.map((text) => fromAnywhere(context, text)),
    ...(level === undefined ? [] : ['--level', level]),
    ...(keep === undefined ? [] : ['--keep', keep]),
  ];
  const sure = options.yes === true && options.dryRun !== true;
  let stays = '';
  const code = await runOperation<PrunePlan>(context, {
    root: workspace.root,
    command: ['image', 'prune', ...said, '--yes'],
    dryRun: !sure,
    limits: { jobs: 2, jobsPerHost: 1 },
    prepare: async () => {
      const plan = unwrap(await preparePrune(workspace, repositories, rules, context.now()));
      const spared = plan.details.repositories.flatMap((each) => each.spared);
      stays = spared.map(({ tag, because }) => `  stays: ${printable(`${tag}, ${because}`)}\n`).join('');
      return plan;
    },
    bind: async (plan) => ({ steps: bindPruneSteps(repositories, plan), cleanUp: async () => {} }),
    summary: (plan, result) => {
      if (!result) return `nothing to delete\n${stays}`;
      const bytes = plan.details.repositories.reduce((sum, each) => sum + each.bytes, 0);
      return `${count(result.done.length, 'manifest')} deleted, ${bytesText(bytes)} of content without a name now\n${stays}`;
    },
  });
  if (!sure && code === 0 && !context.json)
    context.err(`${stays}nothing was deleted; --yes deletes what the plan says\n`);
  return code;
};
