import type { CommandRun } from '../../plugins/index.ts';
import { count, errorsOf, exitCodeOf } from '../../support/index.ts';
import { validateWorkspace } from '../../validation/index.ts';
import { printJson } from '../json.ts';
import { renderProblems } from '../output/problems.ts';

export const run: CommandRun = async (context) => {
  const { problems, counts } = await validateWorkspace(context.cwd, context.env);
  const code = exitCodeOf(problems);
  if (context.json) {
    printJson(context, {
      schema: 'dmrel/validation/v1',
      valid: errorsOf(problems).length === 0,
      counts,
      problems,
    } as never);
    return code;
  }
  context.err(await renderProblems(problems, context));
  const { milestones, features, externals, products, releases, levels } = counts;
  const read = [
    count(milestones, 'milestone'),
    count(features, 'feature'),
    count(externals, 'external'),
    count(products, 'product'),
    count(releases, 'release record'),
    count(levels, 'level'),
  ].join(', ');
  if (code === 0) context.out(`valid: ${read}\n`);
  else context.err(`not valid: ${read} read\n`);
  return code;
};
