import type { CommandContext, CommandRun, OptionValues } from '../../plugins/index.ts';
import type { ReleaseRecord } from '../../releases/index.ts';
import { levelsOf, readReleases } from '../../reporting/index.ts';
import { didYouMean, Failure, printable, problem, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { renderTable } from '../output/table.ts';

const kinds: ReleaseRecord['kind'][] = ['daily', 'weekly', 'candidate', 'release', 'milestone'];

export const run: CommandRun = async (context, _args, options) => {
  const { kind, limit } = readOptions(options);
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const { records, standing } = unwrap(await readReleases(workspace));
  const all = records.filter((record) => kind === undefined || record.kind === kind).reverse();
  const shown = all.slice(0, limit).map((record) => ({
    name: record.name,
    kind: record.kind,
    date: record.date,
    products: Object.keys(record.products).length,
    images: Object.keys(record.images ?? {}),
    ...levelsOf(record, standing),
    aliases: record.aliases ?? [],
  }));
  if (context.json) printJson(context, { schema: 'dmrel/release-list/v1', releases: shown, of: all.length } as never);
  else print(context, shown, all.length, kind);
  return 0;
};

type Row = { name: string; kind: string; date: string; products: number; images: string[] } & {
  stoodAt: string[];
  standsAt: string[];
  aliases: string[];
};

function print(context: CommandContext, releases: Row[], all: number, kind: string | undefined): void {
  if (all === 0) {
    const what = kind === undefined ? 'no releases yet' : `no release of the kind ${kind} yet`;
    context.out(`${what}; 'dmrel tag --help' shows how to make one\n`);
    return;
  }
  const rows = releases.map(({ stoodAt, standsAt, aliases, ...each }) => {
    // Where it stands now first; in brackets where it once stood.
    const past = stoodAt.filter((level) => !standsAt.includes(level));
    const levels = [...standsAt, ...past.map((level) => `(${level})`)].join(' ');
    return [each.name, each.kind, each.date, String(each.products), each.images.join(', ') || '-', levels || '-']
      .concat(aliases.join(', '))
      .map(printable);
  });
  context.out(renderTable([['RELEASE', 'KIND', 'DATE', 'PRODUCTS', 'IMAGES', 'LEVELS', 'ALIASES'], ...rows]));
  if (releases.length < all) context.out(`\n${releases.length} of ${all}\n`);
}

function readOptions({ kind, limit }: OptionValues): { kind: string | undefined; limit: number | undefined } {
  if (kind !== undefined && !kinds.some((each) => each === kind)) {
    const hint = didYouMean(String(kind), kinds) ?? `there are: ${kinds.join(', ')}`;
    throw new Failure(problem('usage', `there is no kind of release '${printable(String(kind))}'`, { hint }));
  }
  if (limit !== undefined && !/^[1-9][0-9]{0,5}$/.test(String(limit))) {
    const hint = 'a whole number from 1';
    throw new Failure(problem('usage', `--limit: '${printable(String(limit))}' is no number of releases`, { hint }));
  }
  return {
    kind: kind === undefined ? undefined : String(kind),
    limit: limit === undefined ? undefined : Number(limit),
  };
}
