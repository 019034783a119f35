import { statusBoard } from '../../levels/index.ts';
import { byDueDate, milestonesOf } from '../../milestones/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { clip, printable, unwrap } from '../../support/index.ts';
import { openWorkspace, soundRoadmap } from '../../workspace/index.ts';
import { dayOption } from '../dates.ts';
import { printJson } from '../json.ts';
import { countsOf } from '../output/milestone.ts';
import { renderTable } from '../output/table.ts';

export const run: CommandRun = async (context, _args, options) => {
  const asOf = dayOption(context, options.asOf, '--as-of');
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const roadmap = unwrap(await soundRoadmap(workspace));
  const board = await statusBoard(workspace, roadmap, asOf);
  const statuses = milestonesOf(roadmap)
    .sort(byDueDate)
    .map((milestone) => board.milestone(milestone.key));

  if (context.json) {
    printJson(context, {
      schema: 'dmrel/milestone-list/v1',
      asOf,
      milestones: statuses.map(({ milestone, state, flags, features }) => ({
        id: milestone.id,
        title: milestone.title,
        due: milestone.due ?? null,
        cycle: milestone.cycle ?? null,
        status: state,
        flags,
        counts: countsOf(features),
      })),
    } as never);
    return 0;
  }
  if (statuses.length === 0) {
    context.out('no milestones: put them in files under milestones/\n');
    return 0;
  }
  const rows = statuses.map(({ milestone, state, flags, features }) => {
    const { delivered, features: all } = countsOf(features);
    const words = [state, ...flags].join(' ');
    return [
      milestone.id,
      milestone.due ?? '-',
      `${delivered}/${all}`,
      words,
      clip(printable(milestone.title ?? ''), 60),
    ];
  });
  context.out(renderTable([['MILESTONE', 'DUE', 'FEATURES', 'STATUS', 'TITLE'], ...rows]));
  return 0;
};
