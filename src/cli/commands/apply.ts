import { resolve } from 'node:path';
import type { CommandRun } from '../../plugins/index.ts';
import { readFileBounded, unwrap } from '../../support/index.ts';
import { parseSavedPlan } from '../../tagging/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { runTags } from '../tag-run.ts';

const maxPlanBytes = 64 * 2 ** 20;

export const run: CommandRun = async (context, [file], options) => {
  const bytes = unwrap(await readFileBounded(resolve(context.cwd, file!), file!, maxPlanBytes));
  const saved = unwrap(await parseSavedPlan(bytes.toString('utf8'), file!));
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const { tag, kind, date } = saved.details;
  return runTags(
    context,
    workspace,
    { kind, tag, date, again: ['apply', resolve(context.cwd, file!)], saved },
    options,
  );
};
