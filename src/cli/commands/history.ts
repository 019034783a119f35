import type { CommandRun } from '../../plugins/index.ts';
import { type HistoryEvent, readHistory } from '../../reporting/index.ts';
import { printable, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { textOption } from '../levels.ts';
import { renderTable } from '../output/table.ts';

export const run: CommandRun = async (context, _args, options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const request = { level: textOption(options.level), image: textOption(options.image) };
  const events = unwrap(await readHistory(workspace, request));
  if (context.json) printJson(context, { schema: 'dmrel/history/v1', events } as never);
  else if (events.length === 0) context.out('nothing was promoted, approved or waived yet\n');
  else context.out(renderTable([['WHEN', 'WHAT', 'LEVEL', 'RELEASE', 'WHO', 'MORE'], ...events.map(row)]));
  return 0;
};

function row(event: HistoryEvent): string[] {
  const { at, did, level, release = '-', by, key, why, ref, images, check, until, role, to } = event;
  const who = key === undefined ? by : `${key}, ${by}`;
  const more = [
    check === undefined ? undefined : `${check}${images ? ` of ${images.join(', ')}` : ''} until ${until}`,
    role === undefined ? undefined : `as ${role}`,
    check === undefined && images ? images.join(', ') : undefined,
    to === undefined ? undefined : `to ${to}`,
    ref === undefined ? undefined : `EMERGENCY ${ref}`,
    why,
  ].filter((each) => each !== undefined);
  return [at, did, level, release, who, more.join('; ')].map(printable);
}
