import { statusBoard } from '../../levels/index.ts';
import { requireMilestone } from '../../milestones/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { exitCodeOf, unwrap } from '../../support/index.ts';
import { openWorkspace, soundRoadmap } from '../../workspace/index.ts';
import { dayOption } from '../dates.ts';
import { printJson } from '../json.ts';
import { renderStatus, statusJson } from '../output/milestone.ts';
import { createPaint } from '../output/paint.ts';

export const run: CommandRun = async (context, [id], options) => {
  const asOf = dayOption(context, options.asOf, '--as-of');
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const roadmap = unwrap(await soundRoadmap(workspace));
  const milestone = unwrap(requireMilestone(roadmap, id!));
  const board = await statusBoard(workspace, roadmap, asOf);
  const status = board.milestone(milestone.key);
  if (context.json) printJson(context, statusJson(board, status));
  else {
    const paint = await createPaint(context.color);
    context.out(renderStatus(board, status, { paint, width: Math.min(context.width, 120), all: options.all === true }));
  }
  return exitCodeOf(status.findings);
};
