import { describe, expect, it } from '@jest/globals';
import { verdict } from '../../src/building/reproducible.ts';
import { digestOf } from '../../src/support/index.ts';

describe('an image that was built twice', () => {
  const [one, two] = [digestOf('one'), digestOf('two')];
  const proof = { image: 'stack', engine: 'buildah', first: one, second: one, same: true };

  it('is no finding when it came out the same', () => {
    expect(verdict(proof)).toEqual([]);
  });

  it('is one when it came out as two, and when its engine does not claim better', () => {
    expect(verdict({ ...proof, second: two, same: false })).toMatchObject([
      { code: 'not-reproducible', message: `stack came out as two images: ${one} and ${two}`, subject: 'stack' },
    ]);
    expect(verdict({ image: 'stack', engine: 'docker', same: false })).toMatchObject([
      { code: 'not-reproducible', message: 'stack is built by docker, which makes another image each time' },
    ]);
  });
});
