import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandRun } from '../../plugins/index.ts';
import { count, Failure, printable, problem, unwrap } from '../../support/index.ts';
import { bindUndoSteps, prepareUndo, type UndoPlan } from '../../tagging/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { type Operation, runOperation } from '../operation.ts';
import { jobsPerHost, lookingAt } from '../tag-run.ts';

export const run: CommandRun = async (context, [release], options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const force = typeof options.force === 'string' ? reasonOf(options.force) : undefined;
  const operation: Operation<UndoPlan> = {
    root: workspace.root,
    command: ['tag', 'undo', release!, ...(force === undefined ? [] : ['--force', force])],
    dryRun: options.dryRun === true,
    limits: { jobs: 128, jobsPerHost },
    confirm: options.yes === true ? undefined : 'when-possible',
    prepare: async () => {
      const request = { release: release!, ...(force === undefined ? {} : { force }) };
      const rest = { now: context.now(), signal: context.interrupt, jobsPerHost, looking: lookingAt(context) };
      return unwrap(await prepareUndo(workspace, { ...request, ...rest }));
    },
    bind: async (plan) => {
      const scratch = await mkdtemp(join(tmpdir(), 'dmrel-undo-'));
      return unwrap(await bindUndoSteps(workspace, plan, { scratch }));
    },
    summary: (plan, result) => {
      const name = printable(plan.release);
      if (!result) return `${name}: nothing is left to be undone\n`;
      const taken = result.done.filter((id) => id.startsWith('untag:')).length;
      return `${name}: taken away from ${count(taken, 'repository', 'repositories')}, and its record\n`;
    },
  };
  return runOperation(context, operation);
};

/** It becomes the subject of a commit: one line that says something. */
function reasonOf(text: string): string {
  const reason = text.replace(/[\s\p{C}]+/gu, ' ').trim();
  if (reason !== '' && reason.length <= 200) return reason;
  throw new Failure(problem('usage', '--force wants a reason', { hint: 'a line of at most 200 characters' }));
}
