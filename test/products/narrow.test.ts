import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { narrow } from '../../src/products/index.ts';
import { unwrap } from '../../src/support/index.ts';
import { problemsOf } from '../support/workspace.ts';

const all = ['afw', 'apr', 'base', 'utils'];
const left = (request: Parameters<typeof narrow>[1]) => unwrap(narrow(all, request));
const told = (request: Parameters<typeof narrow>[1]) =>
  problemsOf(narrow(all, request)).map(({ code, message, hint }) => [code, message, hint]);

describe('a part of the products', () => {
  it('is all of them when nothing is said', () => {
    expect(left({})).toEqual(all);
    expect(left({ except: [] })).toEqual(all);
    expect(narrow([], {})).toEqual({ ok: true, value: [] });
  });

  it('is what --only names, without what --except names, in the order of the run', () => {
    expect(left({ only: ['utils', 'afw', 'utils'] })).toEqual(['afw', 'utils']);
    expect(left({ except: ['apr'] })).toEqual(['afw', 'base', 'utils']);
    expect(left({ only: ['utils', 'base', 'afw'], except: ['base', 'apr'] })).toEqual(['afw', 'utils']);
  });

  it('is the first --limit of what the others leave', () => {
    expect(left({ limit: 2 })).toEqual(['afw', 'apr']);
    expect(left({ limit: 2, except: ['afw'] })).toEqual(['apr', 'base']);
    expect(left({ limit: 100 })).toEqual(all);
  });

  it('names no product that is none, not even to leave it out; all such names are told at once', () => {
    expect(told({ only: ['afv', 'x'], except: ['util', 'constructor'], limit: 0 })).toEqual([
      ['usage', "--only names 'afv', which is none of the products of this run", "did you mean 'afw'?"],
      ['usage', "--only names 'x', which is none of the products of this run", expect.any(String)],
      ['usage', "--except names 'util', which is none of the products of this run", "did you mean 'utils'?"],
      ['usage', "--except names 'constructor', which is none of the products of this run", expect.any(String)],
      ['usage', '--limit 0 is no number of products', 'expected 1 or more'],
    ]);
    for (const limit of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) expect(told({ limit })).toHaveLength(1);
  });

  it('is not empty', () => {
    for (const request of [{ only: [] }, { except: all }, { only: ['afw'], except: ['afw'] }])
      expect(told(request)).toEqual([['usage', '--only and --except leave no product', expect.any(String)]]);
  });

  const some = fc.option(fc.subarray(all), { nil: undefined });
  it('whatever is said, has no product that was not asked for, and keeps their order', () => {
    fc.assert(
      fc.property(some, some, fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }), (only, except, limit) => {
        const found = narrow(all, { only, except, limit });
        const meant = all.filter((name) => (only ?? all).includes(name) && !(except ?? []).includes(name));
        expect(found.ok).toBe(meant.length > 0);
        if (found.ok) expect(found.value).toEqual(meant.slice(0, limit));
      }),
    );
  });
});
