import { byMenu } from '../../names/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { printable } from '../../support/index.ts';
import { printNames, readNames } from '../output/names.ts';

/** Names alone, one a line: for people, and for the next program of a pipe. */
export const run: CommandRun = async (context, args, options) => {
  const names = (await readNames(context, args, options)).sort(byMenu);
  if (options.reverse === true) names.reverse();
  if (context.json) printNames(context, names);
  else context.out(names.map(({ name }) => `${printable(name)}\n`).join(''));
  return 0;
};
