import { diagnose } from '../../diagnosis/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { exitCodeOf, printable } from '../../support/index.ts';
import { printJson } from '../json.ts';
import { createPaint } from '../output/paint.ts';
import { renderProblems } from '../output/problems.ts';
import { jobsPerHost } from '../tag-run.ts';

export const run: CommandRun = async (context, _args, options) => {
  const { findings } = await diagnose({
    cwd: context.cwd,
    env: context.env,
    nodeVersion: context.nodeVersion,
    push: options.push === true,
    now: context.now(),
    signal: context.interrupt,
    jobsPerHost,
  });
  const problems = findings.flatMap((each) => each.problems);
  if (context.json) {
    printJson(context, {
      schema: 'dmrel/diagnosis/v1',
      sound: findings.every(({ sound }) => sound),
      findings,
    } as never);
    return exitCodeOf(problems);
  }
  const paint = await createPaint(context.color);
  const width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, sound, says, problems: found } of findings) {
    const mark = !sound ? paint.bad('!!') : found.length > 0 ? paint.warn('--') : paint.good('ok');
    context.out(`${mark}  ${what.padEnd(width)}  ${printable(says)}\n`);
  }
  context.err(await renderProblems(problems, context));
  return exitCodeOf(problems);
};
