import { listImages } from '../../imaging/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { count, printable, unwrap } from '../../support/index.ts';
import { workspaceAround } from '../images.ts';
import { printJson } from '../json.ts';
import { renderProblems } from '../output/problems.ts';
import { renderTable } from '../output/table.ts';

const fewTags = 4;

export const run: CommandRun = async (context, [text], options) => {
  const workspace = await workspaceAround(context);
  const all = options.all === true;
  const { repositories, warnings } = unwrap(await listImages(workspace, text, { cwd: context.cwd, all }));
  context.err(await renderProblems(warnings, context));
  if (context.json) {
    printJson(context, { schema: 'dmrel/image-list/v1', repositories } as never);
    return 0;
  }
  const one = repositories.length === 1 && repositories[0]!.name === text ? repositories[0] : undefined;
  if (repositories.every(({ tags }) => tags.length === 0)) context.out('no images\n');
  else if (one || repositories.every(({ tags }) => tags.every(({ digest }) => digest !== null))) {
    const rows = repositories.flatMap(({ tags }) => tags.map(({ tag, digest }) => [tag, digest ?? '-']));
    context.out(renderTable([['TAG', 'DIGEST'], ...rows.map((row) => row.map(printable))]));
  } else {
    const rows = repositories.map(({ name, tags }) => {
      const shown = tags.slice(0, fewTags).map(({ tag }) => tag);
      const rest = tags.length - shown.length;
      return [name, count(tags.length, 'tag'), shown.join(' ') + (rest > 0 ? ` and ${rest} more` : '')].map(printable);
    });
    context.out(renderTable([['REPOSITORY', 'TAGS', 'THE FIRST OF THEM'], ...rows]));
  }
  return 0;
};
