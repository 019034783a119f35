import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crossCheck, type EupsList } from '../../src/products/index.ts';
import { brief } from '../support/workspace.ts';

const commit = 'a'.repeat(40) as never;
const manifestOf = (versions: Record<string, string>, id = 'b3595') => ({
  id,
  entries: Object.entries(versions).map(([product, version]) => ({ product, version, commit, dependencies: [] })),
});
const listOf = (versions: Record<string, string>, build?: string): EupsList => ({
  tag: 'w_2018_18',
  file: 'tags/w_2018_18.list',
  ...(build === undefined ? {} : { build }),
  entries: Object.entries(versions).map(([product, version], index) => ({
    product,
    version,
    flavor: 'generic',
    line: index + 5,
  })),
});

describe('a manifest and the list of what was distributed', () => {
  it('that belong together give the products of the list, in its order', () => {
    const list = listOf({ utils: '1.0', afw: '15.0+1' }, 'b3595');
    expect(crossCheck(manifestOf({ afw: '15.0+1', utils: '1.0' }), list)).toEqual({
      products: ['utils', 'afw'],
      versions: new Map([
        ['utils', '1.0'],
        ['afw', '15.0+1'],
      ]),
      problems: [],
    });
  });

  it('that do not are told all that differs at once, each at its line', () => {
    const manifest = manifestOf({ afw: '15.0+2', utils: '1.0', extra: '1', more: '2' });
    const list = listOf({ afw: '15.0+1', missing: '1.0', utils: '1.0' }, 'b3601');
    const { products, problems } = crossCheck(manifest, list);
    expect(products).toEqual(['afw', 'utils']);
    expect(brief(problems)).toEqual([
      'tags/w_2018_18.list manifest-mismatch w_2018_18 was published from b3601, not from b3595',
      'tags/w_2018_18.list:5 manifest-mismatch afw is 15.0+1 in w_2018_18 and 15.0+2 in b3595',
      'tags/w_2018_18.list:6 manifest-mismatch w_2018_18 has missing, which b3595 does not have',
      'tags/w_2018_18.list manifest-mismatch b3595 has 2 products that w_2018_18 does not have: extra, more',
    ]);
    expect(problems.map(({ severity, subject }) => [severity, subject])).toEqual([
      ['error', undefined],
      ['error', 'afw'],
      ['error', 'missing'],
      ['warning', undefined],
    ]);
    for (const { hint } of problems) expect(hint).toBeTruthy();
  });

  it('may differ in versions on purpose, and in nothing else; the version of the list stands', () => {
    const list = listOf({ afw: '15.0+1', missing: '1.0' }, 'b3601');
    const { versions, problems } = crossCheck(manifestOf({ afw: '15.0+2' }), list, { ignoreVersions: true });
    expect(versions).toEqual(new Map([['afw', '15.0+1']]));
    expect(problems).toHaveLength(2);
  });

  it('need not name a build', () => {
    expect(crossCheck(manifestOf({ afw: '1' }), listOf({ afw: '1' })).problems).toEqual([]);
  });

  it('compares versions as texts: 15.0 is not 15.00, nor 15.0+1 with another rebuild', () => {
    for (const version of ['15.00', '15.0+1', '15.0 ', 'v15.0', '15.0-1'])
      expect(crossCheck(manifestOf({ afw: '15.0' }), listOf({ afw: version })).problems).toHaveLength(1);
  });

  it('names in one warning what only the manifest has, however much it is', () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`p${index}`, '1']));
    const { problems } = crossCheck(manifestOf({ afw: '1', ...many }), listOf({ afw: '1' }));
    expect(problems).toMatchObject([{ severity: 'warning', hint: 'they are not tagged' }]);
    expect(problems[0]!.message).toMatch(/^b3595 has 300 products .*p49, …$/);
  });

  const versions = fc.dictionary(
    fc.constantFrom('afw', 'apr', 'utils', 'base', 'constructor', 'toString'),
    fc.constantFrom('1', '2'),
  );
  it('whatever they hold: nothing is tagged that one of them lacks, and each difference is one problem', () => {
    fc.assert(
      fc.property(versions, versions, fc.boolean(), (built, listed, ignoreVersions) => {
        const { products, problems } = crossCheck(manifestOf(built), listOf(listed), { ignoreVersions });
        const both = Object.keys(listed).filter((name) => Object.hasOwn(built, name));
        expect(products).toEqual(both);
        const missing = Object.keys(listed).length - both.length;
        const differing = ignoreVersions ? 0 : both.filter((name) => built[name] !== listed[name]).length;
        const errors = problems.filter(({ severity }) => severity === 'error');
        expect(errors.length).toBe(missing + differing);
        expect(problems.length - errors.length).toBe(Object.keys(built).length > both.length ? 1 : 0);
      }),
    );
  });
});
