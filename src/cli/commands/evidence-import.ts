import { resolve } from 'node:path';
import type { CommandRun } from '../../plugins/index.ts';
import { count, Failure, problem, unwrap } from '../../support/index.ts';
import { bindImportSteps, type ImportPlan, prepareImport } from '../../verifying/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, files, options) => {
  if (typeof options.release !== 'string') {
    const hint = 'evidence is kept beside the release that it is about';
    throw new Failure(problem('usage', 'name the release: --release NAME', { hint }));
  }
  const { release } = options;
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  return runOperation<ImportPlan>(context, {
    root: workspace.root,
    // Resumed in the workspace's own directory.
    command: ['evidence', 'import', ...files.map((each) => resolve(context.cwd, each)), '--release', release],
    dryRun: options.dryRun === true,
    prepare: async () =>
      unwrap(await prepareImport(workspace, { files, release, cwd: context.cwd, now: context.now() })),
    bind: async (plan) => ({ steps: unwrap(await bindImportSteps(workspace, plan)), cleanUp: async () => {} }),
    summary: (plan, result) => {
      const all = plan.details.statements.length;
      if (!result) return `${plan.release}: nothing to do; ${count(all, 'statement')} there already\n`;
      return `${plan.release}: ${count(all, 'statement')} in releases/${plan.release}/evidence/\n`;
    },
  });
};
