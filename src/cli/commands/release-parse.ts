import type { CommandRun } from '../../plugins/index.ts';
import { clip, printable } from '../../support/index.ts';
import { printNames, type ReadName, readNames } from '../output/names.ts';
import { renderTable } from '../output/table.ts';

export const run: CommandRun = async (context, args, options) => {
  const names = await readNames(context, args, options);
  if (context.json) {
    printNames(context, names);
    return 0;
  }
  const rows = names.map((each) => [
    shown(each.name),
    each.kind,
    shown(each.version ?? '-'),
    each.date ?? '-',
    shown(meaningOf(each)),
  ]);
  if (rows.length > 0) context.out(renderTable([['NAME', 'KIND', 'VERSION', 'DATE', 'MEANING'], ...rows]));
  return 0;
};

const shown = (text: string): string => clip(printable(text), 100);

function meaningOf({ display, stack }: ReadName): string {
  if (!stack) return display;
  return stack.moves ? 'stack image, follows the newest' : `stack image of ${stack.eupsTag}`;
}
