import type { CommandRun } from '../../plugins/index.ts';
import { requireRelease } from '../../releases/index.ts';
import { changesBetween, readHistories } from '../../reporting/index.ts';
import { unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { historyOptions, stopIfInterrupted } from '../histories.ts';
import { printJson } from '../json.ts';
import { createPaint } from '../output/paint.ts';
import { changesJson, countsText, renderChanges } from '../output/release.ts';

export const run: CommandRun = async (context, [first, second], options) => {
  const asked = historyOptions(context, options);
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const from = unwrap(await requireRelease(workspace.root, first!));
  const to = unwrap(await requireRelease(workspace.root, second!));
  const changes = changesBetween(from, to);
  const histories = options.commits === true ? await readHistories(workspace, changes.moved, asked) : undefined;
  stopIfInterrupted(context);
  if (context.json) {
    const ends = [from, to].map(({ name, kind, date, source }) => ({ name, kind, date, contentId: source.contentId }));
    const document = { from: ends[0], to: ends[1], ...changesJson(changes, histories) };
    printJson(context, { schema: 'dmrel/release-diff/v1', ...document } as never);
    return 0;
  }
  const paint = await createPaint(context.color);
  context.out(`${from.name} -> ${to.name}: ${countsText(changes)}\n`);
  context.out(renderChanges(changes, histories, { paint, width: context.width }));
  return 0;
};
