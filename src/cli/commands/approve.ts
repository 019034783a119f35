import type { CommandRun } from '../../plugins/index.ts';
import {
  bindStatementSteps,
  type PreparedStatement,
  prepareApproval,
  type StatementPlan,
} from '../../promotion/index.ts';
import { unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { levelOption, releaseOption, textOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, _args, options) => {
  const level = levelOption(options);
  const release = releaseOption(options);
  const [role, key, message] = [textOption(options.role), textOption(options.key), textOption(options.message)];
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const words = (name: string, value: string | undefined) => (value === undefined ? [] : [`--${name}`, value]);
  let prepared: PreparedStatement | undefined;
  return runOperation<StatementPlan>(context, {
    root: workspace.root,
    command: [
      ...['approve', '--level', level, '--release', release],
      ...words('role', role),
      ...words('key', key),
      ...words('message', message),
    ],
    dryRun: options.dryRun === true,
    prepare: async () => {
      const request = { level, release, role, key, message, now: context.now(), env: context.env };
      prepared = unwrap(await prepareApproval(workspace, request));
      return prepared.plan;
    },
    bind: async () => ({ steps: unwrap(await bindStatementSteps(workspace, prepared!)), cleanUp: async () => {} }),
    summary: ({ release: name }, result) => {
      if (!result) return `${name}: nothing to do; you approved it for ${level} already\n`;
      const how = prepared!.signer ? `signed by ${prepared!.signer.key}` : 'not signed: this workspace trusts no keys';
      return `${name} is approved for ${level} (${how}); see what it lacks with: dmrel explain --level ${level} --release ${name}\n`;
    },
  });
};
