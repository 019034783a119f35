import type { CommandRun } from '../../plugins/index.ts';
import { Failure, problem, unwrap } from '../../support/index.ts';
import { milestoneFor } from '../../tagging/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { dayOption } from '../dates.ts';
import { runTags } from '../tag-run.ts';

export const run: CommandRun = async (context, [given], options) => {
  const date = dayOption(context, options.date, '--date');
  if (typeof options.from !== 'string') {
    const hint = 'name the weekly or candidate that is to be tested: --from w.2018.18';
    throw new Failure(problem('usage', "a milestone's release is made from another one", { hint }));
  }
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const { tag, id, last } = unwrap(await milestoneFor(workspace, given!));
  const accepted = typeof options.acceptMissing === 'string' ? options.acceptMissing : undefined;
  const milestone = accepted === undefined ? { id } : { id, acceptMissing: accepted };
  const reason = accepted === undefined ? [] : ['--accept-missing', accepted];
  const again = ['tag', 'milestone', id, '--date', date, '--from', options.from, ...reason];
  const target = { kind: 'milestone', tag, date, again, milestone, ...(last ? { last } : {}) } as const;
  return runTags(context, workspace, target, options);
};
