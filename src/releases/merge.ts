import { fitsSchema, parseDocument } from '../documents/index.ts';
import type { Sides } from '../git/index.ts';
import { canonicalJson } from '../support/index.ts';
import type { ReleaseRecord } from './record.ts';
import { formatRelease } from './store.ts';

/**
 * The record of a release that two machines have changed, for two levels perhaps: both changes, where they do not
 * contradict each other. Undefined where they do, or where the file is no record.
 */
export async function mergeRecords(path: string, { base, ours, theirs }: Sides): Promise<string | undefined> {
  if (base === undefined || !/(?:^|\/)releases\/[^/]+\/release\.yaml$/.test(path)) return undefined;
  const read = async (text: string) => {
    const document = await parseDocument<ReleaseRecord>(path, text, { schemas: ['dmrel/release/v1'] });
    return document.ok ? document.value.value : undefined;
  };
  const [before, mine, others] = [await read(base), await read(ours), await read(theirs)];
  if (!before || !mine || !others) return undefined;
  const both = merged(before, mine, others);
  if (!both || !(await fitsSchema('dmrel/release/v1', both.value))) return undefined;
  return formatRelease(both.value as ReleaseRecord);
}

/** What two sides made of a value: of a map each key, of a list what each has added at its end. */
export function merged(base: unknown, ours: unknown, theirs: unknown): { value: unknown } | undefined {
  if (same(ours, theirs) || same(base, theirs)) return { value: ours };
  if (same(base, ours)) return { value: theirs };
  if (isMap(ours) && isMap(theirs) && (base === undefined || isMap(base))) {
    const value: Record<string, unknown> = {};
    for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      const each = merged(base?.[key], ours[key], theirs[key]);
      if (!each) return undefined;
      if (each.value !== undefined) value[key] = each.value;
    }
    return { value };
  }
  if (!Array.isArray(ours) || !Array.isArray(theirs) || !(base === undefined || Array.isArray(base))) return undefined;
  const length = base?.length ?? 0;
  const begin = (list: unknown[]) => same(list.slice(0, length), base ?? []);
  if (!begin(ours) || !begin(theirs)) return undefined;
  return { value: [...theirs, ...ours.slice(length).filter((each) => !theirs.some((other) => same(each, other)))] };
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const same = (left: unknown, right: unknown): boolean =>
  left === right || (left !== undefined && right !== undefined && canonicalJson(left) === canonicalJson(right));
