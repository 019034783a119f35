import type { CommandRun } from '../../plugins/index.ts';
import { unwrap } from '../../support/index.ts';
import { candidateFor } from '../../tagging/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { dayOption } from '../dates.ts';
import { runTags } from '../tag-run.ts';

export const run: CommandRun = async (context, [version], options) => {
  const date = dayOption(context, options.date, '--date');
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const { tag, last } = unwrap(await candidateFor(workspace, version!));
  const again = ['tag', 'candidate', tag.slice(1), '--date', date];
  return runTags(context, workspace, { kind: 'candidate', tag, date, again, ...(last ? { last } : {}) }, options);
};
