import type { CommandRun } from '../../plugins/index.ts';
import { gatherNotes } from '../../reporting/index.ts';
import { Failure, printable, problem, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { historyOptions, stopIfInterrupted } from '../histories.ts';
import { printJson } from '../json.ts';
import { notesJson, renderNotes } from '../output/release-notes.ts';

export const run: CommandRun = async (context, [name], options) => {
  const format = String(options.format ?? 'markdown');
  if (format !== 'markdown' && format !== 'json') {
    const hint = 'markdown or json';
    throw new Failure(problem('usage', `--format: there is no format '${printable(format)}'`, { hint }));
  }
  const asked = historyOptions(context, options);
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const commits = options.commits === false ? undefined : asked;
  const since = options.since === undefined ? undefined : String(options.since);
  const notes = unwrap(await gatherNotes(workspace, { name: name!, since, commits }));
  stopIfInterrupted(context);
  if (context.json || format === 'json') printJson(context, notesJson(notes));
  else context.out(renderNotes(notes));
  return 0;
};
