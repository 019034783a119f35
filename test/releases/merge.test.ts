import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { merged, mergeRecords } from '../../src/releases/merge.ts';

const value = fc.jsonValue({ maxDepth: 3 });
const map = fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), value, { maxKeys: 4 });
const list = fc.array(value, { maxLength: 3 });

describe('what two sides made of one value', () => {
  it('is what one made of it, where the other left it', () => {
    fc.assert(
      fc.property(value, value, (base, changed) => {
        expect(merged(base, changed, base)).toEqual({ value: changed });
        expect(merged(base, base, changed)).toEqual({ value: changed });
        expect(merged(base, changed, changed)).toEqual({ value: changed });
      }),
    );
  });

  it('of a map is both, whoever comes first, where they changed different keys', () => {
    fc.assert(
      fc.property(map, map, map, (base, ours, theirs) => {
        const named = (prefix: string, changes: object) =>
          Object.fromEntries(Object.entries(changes).map(([key, each]) => [`${prefix}-${key}`, each]));
        const [mine, others] = [named('mine', ours), named('theirs', theirs)];
        const both = { value: { ...base, ...mine, ...others } };
        expect(merged(base, { ...base, ...mine }, { ...base, ...others })).toEqual(both);
        expect(merged(base, { ...base, ...others }, { ...base, ...mine })).toEqual(both);
      }),
    );
  });

  it('of a list is what each has added, once', () => {
    fc.assert(
      fc.property(list, list, list, (base, ours, theirs) => {
        const both = merged({ list: base }, { list: [...base, ...ours] }, { list: [...base, ...theirs] })?.value;
        const { list } = both as { list: unknown[] };
        expect(list.slice(0, base.length)).toEqual(base);
        for (const each of [...ours, ...theirs]) expect(list).toContainEqual(each);
        expect(list.length).toBeLessThanOrEqual(base.length + ours.length + theirs.length);
      }),
    );
  });

  it.each([
    [1, 2, 3],
    [{ a: 1 }, { a: 2 }, { a: 3 }],
    [{ a: 1 }, {}, { a: 3 }],
    [[1, 2], [1], [1, 2, 3]],
    [[1], [1, 2], [2, 1]],
    [undefined, 'one', 'another'],
    [{}, { a: [1] }, { a: { b: 1 } }],
  ])('is undefined where they contradict each other: of %j, %j and %j', (base, ours, theirs) => {
    expect(merged(base, ours, theirs)).toBeUndefined();
  });

  it('is nothing that can be told of a file that is no record', async () => {
    const sides = { base: 'a: 1\n', ours: 'a: 2\n', theirs: 'a: 1\nb: 1\n' };
    expect(await mergeRecords('dmrel.yaml', sides)).toBeUndefined();
    expect(await mergeRecords('releases/w.2018.18/release.yaml', sides)).toBeUndefined();
    expect(await mergeRecords('releases/w.2018.18/release.yaml', { ...sides, base: undefined })).toBeUndefined();
  });
});
