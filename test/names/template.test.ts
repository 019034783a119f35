import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fillTemplate, labTagOf, parseImageTag, parseTemplate, type ReleaseName } from '../../src/names/index.ts';

const values: Record<string, string> = {
  release: 'w.2018.18',
  'release.eups': 'w_2018_18',
  'product.afw.commit': 'c0',
};
const fill = (text: string) => fillTemplate(text, (name) => values[name]);

describe('texts with variables', () => {
  it('take the values of a release', () => {
    expect(fill('7-stack-lsst_distrib-{release.eups}')).toBe('7-stack-lsst_distrib-w_2018_18');
    expect(fill('{release}{release}')).toBe('w.2018.18w.2018.18');
    expect(fill('afw={product.afw.commit};')).toBe('afw=c0;');
    expect(fill('')).toBe('');
  });

  it('have braces of their own when those are written twice', () => {
    expect(fill('{{release}}')).toBe('{release}');
    expect(fill('{{{release}}}')).toBe('{w.2018.18}');
  });

  it('tell where each variable stands, and what is no variable', () => {
    expect(parseTemplate('a-{release.x}-{')).toEqual({
      parts: ['a-', { name: 'release.x', offset: 2 }, '-'],
      faults: [{ offset: 14, message: "a '{' alone" }],
    });
    expect(parseTemplate('{}').faults).toEqual([{ offset: 0, message: 'braces without a name' }]);
    expect(parseTemplate('a}').faults).toEqual([{ offset: 1, message: "a '}' alone" }]);
  });

  it('leave any other text as it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(fill(text.replaceAll('{', '{{').replaceAll('}', '}}'))).toBe(text);
      }),
    );
  });

  it('are read once, whatever somebody writes', () => {
    const text = '{'.repeat(200_000);
    expect(parseTemplate(text).parts).toEqual(['{'.repeat(100_000)]);
  });
});

describe("tags of the lab's images", () => {
  it.each([
    ['w.2026.31', 'w_2026_31'],
    ['d.2026.07.30', 'd_2026_07_30'],
    ['29.2.0', 'r29_2_0'],
    ['v29.2.0', 'r29_2_0'],
    ['v29.2.0.rc1', 'r29_2_0_rc1'],
    ['15.0', 'r15_0_0'],
    ['m.ldm.503.3', 'm_ldm_503_3'],
  ])('of %s is %s', (release, tag) => {
    expect(labTagOf(release as ReleaseName)).toBe(tag);
  });

  it('are what the platform reads them as', () => {
    expect(parseImageTag(`${labTagOf('29.2.0' as ReleaseName)}_rsp45`)).toMatchObject({
      kind: 'release',
      version: '29.2.0',
      rspBuild: 45,
    });
    expect(parseImageTag(labTagOf('v29.2.0.rc1' as ReleaseName)).kind).toBe('release-candidate');
  });
});
