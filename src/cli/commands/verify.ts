import type { CommandRun } from '../../plugins/index.ts';
import { Failure, printable, problem, unwrap } from '../../support/index.ts';
import { verifyLevel } from '../../verifying/index.ts';
import { workspaceAround } from '../images.ts';
import { printJson } from '../json.ts';
import { levelOption } from '../levels.ts';
import { createPaint } from '../output/paint.ts';

export const run: CommandRun = async (context, [image], options) => {
  const level = levelOption(options);
  if (typeof options.key !== 'string') {
    const hint = 'the public key of who promotes to the level, in PEM';
    throw new Failure(problem('usage', 'say whom to believe: --key FILE', { hint }));
  }
  const offline = options.offline === undefined ? undefined : String(options.offline);
  const answer = unwrap(
    await verifyLevel({
      image: image!,
      level,
      key: options.key,
      offline,
      cwd: context.cwd,
      // Offline nothing but the directory is asked, whatever is around it.
      workspace: offline === undefined ? await workspaceAround(context) : undefined,
      now: context.now(),
    }),
  );
  const { verified, reasons } = answer;
  if (context.json) printJson(context, { schema: 'dmrel/level-verification/v1', ...answer } as never);
  else {
    const paint = await createPaint(context.color);
    const mark = verified ? paint.good('yes') : paint.bad('no ');
    context.out(`${mark}  ${printable(image!)} at ${printable(level)}\n`);
    for (const reason of reasons) context.out(`     ${printable(reason)}\n`);
  }
  return verified ? 0 : 1;
};
