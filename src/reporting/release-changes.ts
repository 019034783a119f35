import { byDate, type ReleasedProduct, type ReleaseRecord } from '../releases/index.ts';

/** A product as one release has it. */
export type ProductState = Pick<ReleasedProduct, 'url' | 'commit' | 'tag' | 'version'>;

/** What differs between the products of two releases, by name of product. */
export interface ReleaseChanges {
  added: { product: string; to: ProductState }[];
  removed: { product: string; from: ProductState }[];
  moved: { product: string; from: ProductState; to: ProductState }[];
  unchanged: number;
}

/** What somebody who has `from` gets with `to`. A product has moved when its commit is another. */
export function changesBetween(
  from: Pick<ReleaseRecord, 'products'>,
  to: Pick<ReleaseRecord, 'products'>,
): ReleaseChanges {
  const changes: ReleaseChanges = { added: [], removed: [], moved: [], unchanged: 0 };
  const names = [...new Set([...Object.keys(from.products), ...Object.keys(to.products)])].sort();
  for (const product of names) {
    const before = stateOf(from, product);
    const after = stateOf(to, product);
    if (!before) changes.added.push({ product, to: after! });
    else if (!after) changes.removed.push({ product, from: before });
    else if (before.commit !== after.commit) changes.moved.push({ product, from: before, to: after });
    else changes.unchanged += 1;
  }
  return changes;
}

function stateOf({ products }: Pick<ReleaseRecord, 'products'>, product: string): ProductState | undefined {
  if (!Object.hasOwn(products, product)) return undefined;
  const { url, commit, tag, version } = products[product]!;
  return { url, commit, tag, ...(version === undefined ? {} : { version }) };
}

/** The release of its kind before a release: what its record says, or, if that one is gone, the newest that is older. */
export function previousOf(record: ReleaseRecord, records: readonly ReleaseRecord[]): ReleaseRecord | undefined {
  const named = records.find(({ name }) => name === record.previous);
  if (named && named.name !== record.name) return named;
  return records
    .filter((each) => each.kind === record.kind && byDate(each, record) < 0)
    .sort(byDate)
    .at(-1);
}
