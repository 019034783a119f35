import type { CommandRun } from '../../plugins/index.ts';
import { releaseDetail } from '../../reporting/index.ts';
import { unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { createPaint } from '../output/paint.ts';
import { detailJson, renderDetail } from '../output/release.ts';

export const run: CommandRun = async (context, [name]) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const detail = unwrap(await releaseDetail(workspace, name!));
  if (context.json) printJson(context, { schema: 'dmrel/release-show/v1', ...detailJson(detail) } as never);
  else context.out(renderDetail(detail, { paint: await createPaint(context.color), width: context.width }));
  return 0;
};
