import type { CommandRun } from '../../plugins/index.ts';
import { explainGate } from '../../promotion/index.ts';
import { unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { momentOption } from '../dates.ts';
import { printJson } from '../json.ts';
import { levelOption, textOption } from '../levels.ts';
import { renderExplanation } from '../output/gate.ts';
import { createPaint } from '../output/paint.ts';

export const run: CommandRun = async (context, _args, options) => {
  const level = levelOption(options);
  const { now, past } = momentOption(context, options.asOf, '--as-of');
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const request = { level, release: textOption(options.release), now, past };
  const explanation = unwrap(await explainGate(workspace, request));
  if (context.json) printJson(context, { schema: 'dmrel/explanation/v1', ...explanation } as never);
  else context.out(renderExplanation(explanation, await createPaint(context.color)));
  return explanation.verdict === 'allow' && explanation.uncommitted.length === 0 ? 0 : 1;
};
