import type { CommandRun } from '../../plugins/index.ts';
import {
  bindStatementSteps,
  type PreparedStatement,
  prepareWaiver,
  type StatementPlan,
} from '../../promotion/index.ts';
import { Failure, problem, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { dayOption } from '../dates.ts';
import { levelOption, releaseOption, textOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, [check], options) => {
  const level = levelOption(options);
  const release = releaseOption(options);
  const reason = needed(textOption(options.reason), 'say why: --reason TEXT');
  needed(textOption(options.until), 'say until when: --until YYYY-MM-DD');
  const until = dayOption(context, options.until, '--until');
  const [image, key] = [textOption(options.image), textOption(options.key)];
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const words = (name: string, value: string | undefined) => (value === undefined ? [] : [`--${name}`, value]);
  let prepared: PreparedStatement | undefined;
  return runOperation<StatementPlan>(context, {
    root: workspace.root,
    command: [
      ...['waive', check!, '--level', level, '--release', release],
      ...words('image', image),
      ...words('key', key),
      ...['--reason', reason, '--until', until],
    ],
    dryRun: options.dryRun === true,
    prepare: async () => {
      const request = {
        check: check!,
        level,
        release,
        image,
        reason,
        until,
        key,
        now: context.now(),
        env: context.env,
      };
      prepared = unwrap(await prepareWaiver(workspace, request));
      return prepared.plan;
    },
    bind: async () => ({ steps: unwrap(await bindStatementSteps(workspace, prepared!)), cleanUp: async () => {} }),
    summary: ({ release: name }, result) => {
      if (!result) return `${name}: nothing to do; ${check} is waived at ${level} until ${until} already\n`;
      const how = prepared!.signer ? `signed by ${prepared!.signer.key}` : 'not signed: this workspace trusts no keys';
      return `${check} of ${name} is waived at ${level} until ${until} (${how}): ${reason}\n`;
    },
  });
};

function needed(value: string | undefined, message: string): string {
  if (value !== undefined && value.trim() !== '') return value;
  throw new Failure(problem('usage', message, { hint: 'see dmrel waive --help' }));
}
