import { requireImage } from '../../levels/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { unwrap } from '../../support/index.ts';
import { referenceGiven, workspaceAround } from '../images.ts';
import { printJson } from '../json.ts';

export const run: CommandRun = async (context, [text]) => {
  const reference = referenceGiven(context, await workspaceAround(context), text!);
  const digest = unwrap(await requireImage(reference));
  if (context.json) printJson(context, { schema: 'dmrel/image-digest/v1', image: reference.name, digest } as never);
  else context.out(`${digest}\n`);
  return 0;
};
