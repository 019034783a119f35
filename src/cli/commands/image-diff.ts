import { diffReferences, type ReferenceDiff } from '../../imaging/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import type { Change, Descriptor } from '../../registry/index.ts';
import { clip, count, printable, unwrap } from '../../support/index.ts';
import { referenceGiven, workspaceAround } from '../images.ts';
import { printJson } from '../json.ts';
import { bytesText, shortDigest } from '../output/bytes.ts';
import { renderTable } from '../output/table.ts';

export const run: CommandRun = async (context, [first, second]) => {
  const workspace = await workspaceAround(context);
  const [from, to] = [first!, second!].map((text) => referenceGiven(context, workspace, text));
  const diff = unwrap(await diffReferences(from!, to!));
  if (context.json) printJson(context, { schema: 'dmrel/image-diff/v1', ...diff } as never);
  else context.out(render(diff, context.width));
  return 0;
};

function render({ from, to, platforms, onlyIn }: ReferenceDiff, width: number): string {
  if (from === to) return `the same image: ${to}\n`;
  const parts = platforms.map((each) => {
    const { platform, shared, added, removed, config, env, labels } = each;
    const lines = [
      ...added.map((layer) => ['+ layer', `${shortDigest(layer.digest)}  ${bytesText(layer.size)}`]),
      ...removed.map((layer) => ['- layer', `${shortDigest(layer.digest)}  ${bytesText(layer.size)}`]),
      ...changeRows('', config),
      ...changeRows('env ', env),
      ...changeRows('label ', labels),
    ];
    const summary = `${count(shared.length, 'layer')} shared (${sizeOf(shared)}), ${added.length} added (${sizeOf(added)}), ${removed.length} removed (${sizeOf(removed)})`;
    return `${printable(platform ?? 'image')}: ${summary}\n${renderTable(
      lines.map((row) => row.map((cell) => clip(printable(cell), width))),
      '  ',
    )}`;
  });
  const alone = [
    ...onlyIn.from.map((platform) => `only in the first: ${printable(platform)}\n`),
    ...onlyIn.to.map((platform) => `only in the second: ${printable(platform)}\n`),
  ];
  return parts.join('') + alone.join('');
}

const sizeOf = (layers: Descriptor[]): string => bytesText(layers.reduce((sum, { size }) => sum + size, 0));

const changeRows = (what: string, changes: Change[]): string[][] =>
  changes.map(({ name, from, to }) => {
    const mark = from === null ? '+' : to === null ? '-' : '~';
    return [`${mark} ${what}${name}`, from === null || to === null ? (to ?? from)! : `${from} -> ${to}`];
  });
