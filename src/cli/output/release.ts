import type { History } from '../../git/index.ts';
import type { ReleaseRecord } from '../../releases/index.ts';
import type { ProductState, ReleaseChanges, ReleaseDetail } from '../../reporting/index.ts';
import { clip, count, printable } from '../../support/index.ts';
import type { Paint } from './paint.ts';
import { renderTable } from './table.ts';

type Histories = ReadonlyMap<string, History> | undefined;

const maxSubjects = 10;
const short = (id: string): string => id.replace(/^(sha256:)?([0-9a-f]{12})[0-9a-f]*$/, '$1$2');

/** Where a release's commits came from, in words. */
export function sourceText({ source: { manifest, eupsTag, from, refs } }: ReleaseRecord): string {
  if (manifest) return `build manifest ${manifest}${eupsTag === undefined ? '' : ` and EUPS list ${eupsTag}`}`;
  if (eupsTag !== undefined) return `EUPS list ${eupsTag}`;
  const parts = [...(refs ?? []).map((ref) => `ref ${ref}`), ...(from === undefined ? [] : [`release ${from}`])];
  return parts.length > 0 ? parts.join(', ') : 'the heads of branches';
}

/** `12 products: 3 moved, 1 added, 0 removed, 8 unchanged` */
export function countsText({ added, removed, moved, unchanged }: ReleaseChanges): string {
  const all = added.length + moved.length + unchanged;
  return `${count(all, 'product')}: ${moved.length} moved, ${added.length} added, ${removed.length} removed, ${unchanged} unchanged`;
}

/** A line a product that differs, with what its commits say where that is known. */
export function renderChanges(
  { added, removed, moved }: ReleaseChanges,
  histories: Histories,
  { paint, width }: { paint: Paint; width: number },
): string {
  const rows = [
    ...added.map(({ product, to }) => [product, 'added', short(to.commit), '']),
    ...removed.map(({ product, from }) => [product, 'removed', short(from.commit), '']),
    ...moved.map(({ product, from, to }) => [
      product,
      'moved',
      `${short(from.commit)} -> ${short(to.commit)}`,
      historyText(histories?.get(product)),
    ]),
  ];
  const lines = renderTable(rows, '  ').split('\n').slice(0, -1);
  return rows
    .flatMap(([product], index) => [
      clip(lines[index]!, width + 100),
      ...subjects(histories?.get(product!), paint, width),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function historyText(history: History | undefined): string {
  if (!history) return '';
  if (history.status === 'unavailable') return `commits not available: ${printable(history.reason)}`;
  const { ahead, behind } = history;
  return behind > 0 ? `${count(ahead, 'commit')}, ${behind} left behind` : count(ahead, 'commit');
}

function subjects(history: History | undefined, paint: Paint, width: number): string[] {
  if (history?.status !== 'known') return [];
  const shown = history.commits.slice(0, maxSubjects);
  const lines = shown.map(
    ({ id, subject }) => `    ${paint.faint(short(id))}  ${clip(printable(subject), width - 18)}`,
  );
  const rest = history.ahead - shown.length;
  return rest > 0 ? [...lines, `    and ${rest} more`] : lines;
}

export function historyJson(history: History | undefined): object | null {
  if (!history) return null;
  if (history.status === 'unavailable') return { status: 'unavailable', reason: history.reason };
  const { status, ahead, behind, commits } = history;
  const told = commits.map(({ id, merge, subject }) => ({ id, merge, subject: clip(subject, 500) }));
  return { status, ahead, behind, commits: told };
}

const stateJson = ({ url, commit, tag, version }: ProductState) => ({ url, commit, tag, version: version ?? null });

export function changesJson({ added, removed, moved, unchanged }: ReleaseChanges, histories?: Histories): object {
  return {
    added: added.map(({ product, to }) => ({ product, to: stateJson(to) })),
    removed: removed.map(({ product, from }) => ({ product, from: stateJson(from) })),
    moved: moved.map(({ product, from, to }) => ({
      product,
      from: stateJson(from),
      to: stateJson(to),
      history: historyJson(histories?.get(product)),
    })),
    unchanged,
  };
}

/** What all say of a release that tell more than its name. */
export function detailJson({ record, standsAt, stoodAt, images, previous, changes }: ReleaseDetail): object {
  const { name, kind, date, created, source, products, promotions = [], aliases = [], milestone } = record;
  return {
    name,
    kind,
    date,
    created,
    source: { manifest: null, ...source },
    aliases,
    milestone: milestone ?? null,
    products: Object.entries(products).map(([product, state]) => ({
      product,
      ...stateJson(state),
      object: state.object,
    })),
    images,
    promotions,
    stoodAt,
    standsAt,
    previous: previous?.name ?? null,
    changes: changes ? changesJson(changes) : null,
  };
}

/** Everything of a record, for people. */
export function renderDetail(detail: ReleaseDetail, { paint, width }: { paint: Paint; width: number }): string {
  const { record, standsAt, stoodAt, images, previous, changes } = detail;
  const facts = [
    ['date', record.date],
    ['made', `${record.created.at} by ${record.created.by}`],
    ['operation', record.created.operation],
    ['commits', `from ${sourceText(record)}`],
    ['content id', record.source.contentId],
    ['aliases', (record.aliases ?? []).join(', ')],
    ['milestone', milestoneText(record)],
    ['stands at', standsAt.join(', ') || (stoodAt.length > 0 ? 'no level any more' : 'no level')],
  ].filter(([, value]) => value !== '') as string[][];
  const table = (title: string, rows: string[][]) =>
    rows.length === 0
      ? ''
      : `\n${title}\n${renderTable(
          rows.map((row) => row.map(printable)),
          '  ',
        )}`;
  const products = Object.entries(record.products).map(([product, { commit, tag, object, version = '' }]) => [
    product,
    short(commit),
    tag,
    short(object),
    version,
  ]);
  const told = images.flatMap(({ name, platforms, at }) =>
    at.map(({ level, reference }) => [name, level ?? 'built', platforms.join(' '), reference]),
  );
  const promotions = (record.promotions ?? []).map(({ level, at, by, images: moved }) => [
    level,
    at,
    Object.keys(moved).join(', '),
    by,
  ]);
  const since = previous && changes ? `\nSince ${previous.name}: ${countsText(changes)}\n` : '';
  return [
    `${paint.strong(record.name)}  ${record.kind}\n`,
    renderTable(
      facts.map((row) => row.map(printable)),
      '  ',
    ),
    table('Products (commit, tag, tag object)', products),
    table('Images', told),
    table('Promotions', promotions),
    since,
    since && changes ? renderChanges(changes, undefined, { paint, width }) : '',
  ].join('');
}

function milestoneText({ milestone }: ReleaseRecord): string {
  if (!milestone) return '';
  const { id, delivered, missing, acceptedMissing } = milestone;
  const lacks = missing.length > 0 ? `, missing ${missing.join(', ')}` : '';
  return `${id}: ${delivered.length} delivered${lacks}${acceptedMissing === undefined ? '' : ` (${acceptedMissing})`}`;
}
