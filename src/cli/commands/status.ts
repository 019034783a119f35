import type { CommandRun } from '../../plugins/index.ts';
import { gateAsker } from '../../promotion/index.ts';
import { type BoardEntry, type BoardLevel, readBoard } from '../../reporting/index.ts';
import { formatDuration, printable, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { textOption } from '../levels.ts';
import { renderTable } from '../output/table.ts';

export const run: CommandRun = async (context, _args, options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const board = unwrap(await readBoard(workspace, textOption(options.level), gateAsker(workspace, context.now())));
  if (context.json) {
    printJson(context, { schema: 'dmrel/board/v1', ...board } as never);
    return 0;
  }
  const rows = board.levels.flatMap(levelRows);
  context.out(renderTable([['LEVEL', 'RELEASE', 'SINCE', 'BY', 'IMAGES', 'NOTES'], ...rows]));
  for (const level of board.levels) context.out(nextLines(level));
  const newest = board.releases.at(-1);
  if (!newest) context.out("\nno releases yet; 'dmrel tag weekly' makes one\n");
  else {
    const where = newest.levels.length > 0 ? `stood at ${newest.levels.join(', ')}` : 'not promoted yet';
    context.out(`\nnewest release: ${newest.name} (${newest.products} products, ${newest.images} images), ${where}\n`);
  }
  return 0;
};

function levelRows({ level, current, held, withheld = [], waiting, recommended }: BoardLevel): string[][] {
  const notes = [
    ...(held ? [printable(`held by ${held.by}: ${held.reason}`)] : []),
    ...withheld.map(({ release, by, reason }) => printable(`${release} withheld by ${by}: ${reason}`)),
    ...(waiting.length > 0 ? [`waiting: ${waiting.join(', ')}`] : []),
  ];
  if (current.length === 0) return [[level, '-', '-', '-', '-', notes.join('; ')]];
  return current.map((entry, index) => {
    const all = [...entryNotes(entry, recommended), ...(index === 0 ? notes : [])];
    const by = entry.by === undefined ? '-' : printable(entry.by.replace(/ *<.*>$/, ''));
    const images = Object.keys(entry.images).join(', ');
    return [index === 0 ? level : '', entry.release, entry.since, by, images, all.join('; ')];
  });
}

function entryNotes(entry: BoardEntry, recommended: string | undefined): string[] {
  const { release, took, lateBySeconds, waived = [], emergency, owed = [] } = entry;
  return [
    ...(release === recommended ? ['recommended'] : []),
    ...(took === undefined
      ? []
      : [`after ${formatDuration(took)}${lateBySeconds ? `, LATE by ${formatDuration(lateBySeconds)}` : ''}`]),
    ...(emergency ? [`EMERGENCY ${emergency.ref}: ${emergency.reason}`] : []),
    ...owed.map((each) => `OWED: ${each}`),
    ...waived.map(({ subject, by, until, reason }) => `WAIVED until ${until} by ${by}: ${subject} (${reason})`),
  ].map(printable);
}

/** What the newest release that waits for a level lacks. */
function nextLines({ level, next }: BoardLevel): string {
  if (!next) return '';
  const { release, verdict, until, missing } = next;
  const answer =
    verdict === 'allow' ? 'may go up' : verdict === 'defer' ? `may go up after ${until}` : 'may not go up yet';
  const lines = missing.map((each) => `  ${printable(each)}\n`).join('');
  const more = verdict === 'allow' ? `  dmrel promote --level ${level} --release ${release}\n` : lines;
  return `\nnext for ${level}: ${release} ${answer}\n${more}`;
}
