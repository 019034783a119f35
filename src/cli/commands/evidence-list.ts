import type { CommandRun } from '../../plugins/index.ts';
import { count, printable, unwrap } from '../../support/index.ts';
import { type ListedStatement, listedStatement, surveyEvidence } from '../../verifying/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { shortDigest } from '../output/bytes.ts';
import { renderTable } from '../output/table.ts';

export const run: CommandRun = async (context, _args, options) => {
  const release = options.release === undefined ? undefined : String(options.release);
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const surveyed = unwrap(await surveyEvidence(workspace, release, { remembered: true }));
  const releases = surveyed.map(({ release: name, files }) => ({
    release: name,
    statements: files.map(listedStatement).sort((left, right) => ((left.at ?? '') < (right.at ?? '') ? -1 : 1)),
  }));
  if (context.json) {
    printJson(context, {
      schema: 'dmrel/evidence-list/v1',
      trust: workspace.config.trust !== undefined,
      releases,
    } as never);
    return 0;
  }
  for (const { release: name, statements } of releases) {
    if (statements.length === 0 && release === undefined) continue;
    context.out(`${name}: ${count(statements.length, 'statement')}\n`);
    context.out(renderTable(statements.map(rowOf), '  '));
  }
  if (!workspace.config.trust) context.err('this workspace trusts no keys: statements count whoever made them\n');
  return 0;
};

function rowOf({ digest, file, kind, at, subjects, signed, signedBy, counts, why }: ListedStatement): string[] {
  const who = signedBy ?? (signed ? 'a stranger' : 'unsigned');
  const about = [...new Set(subjects.map((each) => each.name))].join(', ');
  const name = digest === null ? file.split('/').at(-1)! : shortDigest(digest);
  return [name, at ?? '-', kind ?? '?', about, who, counts ? 'counts' : `no: ${why}`].map(printable);
}
