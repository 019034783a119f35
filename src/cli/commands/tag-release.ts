import type { CommandRun } from '../../plugins/index.ts';
import { Failure, problem, unwrap } from '../../support/index.ts';
import { officialFor } from '../../tagging/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { dayOption } from '../dates.ts';
import { runTags } from '../tag-run.ts';

export const run: CommandRun = async (context, [version], options) => {
  const date = dayOption(context, options.date, '--date');
  for (const option of ['manifest', 'ref', 'only', 'except', 'limit']) {
    if (options[option] === undefined) continue;
    const hint = `leave --${option} away, or make another candidate with it`;
    throw new Failure(
      problem('not-the-candidate', 'a release takes all commits of its last candidate, and no others', { hint }),
    );
  }
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const given = typeof options.from === 'string' ? options.from : undefined;
  const { tag, from } = unwrap(await officialFor(workspace, version!, given));
  const again = ['tag', 'release', tag, '--date', date];
  return runTags(context, workspace, { kind: 'release', tag, date, again }, { ...options, from });
};
