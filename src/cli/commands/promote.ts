import type { CommandRun, OptionValues } from '../../plugins/index.ts';
import {
  bindPromotionSteps,
  type PreparedPromotion,
  type PromotionPlan,
  preparePromotion,
} from '../../promotion/index.ts';
import { Failure, printable, problem, unwrap } from '../../support/index.ts';
import { openWorkspace, type Workspace } from '../../workspace/index.ts';
import { levelOption, namesOption, reasonOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, _args, options) => {
  const level = levelOption(options);
  const release = options.release === undefined ? undefined : String(options.release);
  const images = namesOption(options, 'image');
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const emergency = emergencyOption(workspace, options);
  let prepared: PreparedPromotion | undefined;
  return runOperation<PromotionPlan>(context, {
    root: workspace.root,
    command: [
      ...['promote', '--level', level],
      ...(release === undefined ? [] : ['--release', release]),
      ...images.flatMap((image) => ['--image', image]),
      ...(emergency ? ['--emergency', '--reason', emergency.reason, '--ref', emergency.ref] : []),
      ...(emergency && options.yes === true ? ['--yes'] : []),
      ...(options.takeOver === true ? ['--take-over'] : []),
    ],
    dryRun: options.dryRun === true,
    prepare: async () => {
      const request = {
        ...{ level, release, now: context.now(), takeOver: options.takeOver === true, env: context.env },
        ...(images.length > 0 ? { images } : {}),
        ...(emergency ? { emergency } : {}),
      };
      prepared = unwrap(await preparePromotion(workspace, request));
      const { plan, because } = prepared;
      if (because !== undefined && !context.json) context.err(`${plan.release}: ${because}\n`);
      return plan;
    },
    bind: async () => ({ steps: unwrap(await bindPromotionSteps(workspace, prepared!)), cleanUp: async () => {} }),
    summary: ({ release: name, details }, result) => {
      const left = details.left.map((image) => `  ${image} is not there yet\n`).join('');
      if (!result) return `${name}: nothing to do; it stands at ${level} already\n${left}`;
      const lines = details.images.map(({ reference }) => `  ${printable(reference)}\n`).join('');
      const owed = details.owed.map(({ text }) => `  owed: ${printable(text)}\n`).join('');
      return `${name} stands at ${level}, recorded in levels/${level}.yaml\n${lines}${left}${owed}`;
    },
  });
};

/** --emergency with why and what for. Who may say so is decided by a key; where no keys are trusted, somebody says --yes. */
function emergencyOption(workspace: Workspace, options: OptionValues): { reason: string; ref: string } | undefined {
  if (options.emergency !== true) return undefined;
  const reason = reasonOption(options, '--emergency');
  const ref = typeof options.ref === 'string' ? options.ref : '';
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,39}$/.test(ref)) {
    const hint = 'the request for change it is done under: --ref RFC-373';
    throw new Failure(problem('usage', '--emergency wants a reference', { hint }));
  }
  if (workspace.config.trust || options.yes === true) return { reason, ref };
  const hint = `name keys for the role 'emergency' under 'trust:', or say --yes`;
  throw new Failure(problem('usage', 'no keys are trusted here, so anybody could do this', { hint }));
}
