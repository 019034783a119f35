import { describe, expect, it } from '@jest/globals';
import { checkStructure, type ImageFacts, parseSize } from '../../src/checking/structure.ts';
import type { StructureCheck } from '../../src/workspace/index.ts';

const image: ImageFacts = {
  labels: { maintainer: 'SQuaRE', empty: '' },
  user: 'lsst',
  entrypoint: ['/bin/sh', '-c'],
  size: 2048,
  files: new Set(['/etc/release.json', '/opt/lsst']),
};
const look = (check: Omit<StructureCheck, 'kind'>, facts: Partial<ImageFacts> = {}) =>
  checkStructure({ kind: 'structure', ...check }, { ...image, ...facts });

describe('what an image is made of', () => {
  it('is told thing by thing, what holds and what does not', () => {
    const found = look({
      labels: { maintainer: 'SQuaRE', 'org.lsst.release': null },
      user: 'lsst',
      present: ['/etc/release.json', '/opt/lsst/bin'],
      absent: ['/root/.ssh', '/opt/lsst'],
    });
    expect(found).toEqual({
      passed: ['label maintainer=SQuaRE', 'user lsst', '/etc/release.json is there', '/root/.ssh is not there'],
      failed: [
        'label org.lsst.release: not there',
        '/opt/lsst/bin is there: it is not',
        '/opt/lsst is not there: it is',
      ],
    });
  });

  it('asked for nothing passes without a word', () => {
    expect(look({})).toEqual({ passed: [], failed: [] });
  });

  it.each<[string, Omit<StructureCheck, 'kind'>, string]>([
    ['a label of another text', { labels: { maintainer: 'DM' } }, "label maintainer=DM: is 'SQuaRE'"],
    ['a label that is empty where a text is asked for', { labels: { empty: 'x' } }, "label empty=x: is ''"],
    ['a label that every object has', { labels: { constructor: null } }, 'label constructor: not there'],
    ['another user', { user: 'root' }, "user root: is 'lsst'"],
    ['a user where none is wanted', { user: '' }, "user (none): is 'lsst'"],
    ['an entrypoint with less', { entrypoint: ['/bin/sh'] }, 'entrypoint ["/bin/sh"]: is ["/bin/sh","-c"]'],
    ['an entrypoint in one word', { entrypoint: ['/bin/sh -c'] }, 'entrypoint ["/bin/sh -c"]: is ["/bin/sh","-c"]'],
    ['an entrypoint where none is wanted', { entrypoint: [] }, 'entrypoint []: is ["/bin/sh","-c"]'],
    ['a path that is only the beginning of one', { present: ['/etc/release'] }, '/etc/release is there: it is not'],
    ['one byte too many', { maxSize: '2047B' }, 'at most 2047B: has 2048 bytes'],
  ])('fails with %s', (_what, check, failure) => {
    expect(look(check)).toEqual({ passed: [], failed: [failure] });
  });

  it.each<[string, Omit<StructureCheck, 'kind'>]>([
    ['a label of any text, an empty one too', { labels: { maintainer: null, empty: null } }],
    ['a label of exactly that text', { labels: { maintainer: 'SQuaRE', empty: '' } }],
    ['its entrypoint word by word', { entrypoint: ['/bin/sh', '-c'] }],
    ['a size that is the limit itself', { maxSize: '2KiB' }],
  ])('passes with %s', (_what, check) => {
    const found = look(check);
    expect(found.failed).toEqual([]);
    expect(found.passed).not.toEqual([]);
  });

  it('is measured in units of 1024', () => {
    expect(['100B', '512KiB', '20MiB', '8GiB', '1TiB'].map(parseSize)).toEqual([
      100,
      512 * 1024,
      20 * 1024 ** 2,
      8 * 1024 ** 3,
      1024 ** 4,
    ]);
  });
});
