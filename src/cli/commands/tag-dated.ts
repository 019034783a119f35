import { explainWeek } from '../../names/index.ts';
import type { CommandContext, CommandRun, OptionValues } from '../../plugins/index.ts';
import { unwrap } from '../../support/index.ts';
import { datedName } from '../../tagging/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { dayOption } from '../dates.ts';
import { runTags } from '../tag-run.ts';

async function runDated(context: CommandContext, kind: 'daily' | 'weekly', options: OptionValues): Promise<number> {
  const date = dayOption(context, options.date, '--date');
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const rule = workspace.config.tags?.weekRule;
  // Whoever chose a rule by hand shall see what it does.
  if (kind === 'weekly' && rule === 'us' && !context.json) context.err(`${explainWeek(date, rule)}\n`);
  const tag = datedName(workspace, kind, date);
  return runTags(context, workspace, { kind, tag, date, again: ['tag', kind, '--date', date] }, options);
}

export const weekly: CommandRun = (context, _args, options) => runDated(context, 'weekly', options);
export const daily: CommandRun = (context, _args, options) => runDated(context, 'daily', options);
