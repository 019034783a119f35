import { describe, expect, it } from '@jest/globals';
import { diffImages, type Image } from '../../src/registry/index.ts';
import { digestOf } from '../../src/support/index.ts';

const anImage = (layers: string[], config: object, architecture = 'amd64'): Omit<Image, 'configuration'> => ({
  config: { os: 'linux', architecture, config },
  layers: layers.map((name) => ({ mediaType: 'layer', digest: digestOf(name), size: name.length })),
  size: 0,
});

describe('what is different between two images', () => {
  it('is nothing between an image and itself', () => {
    const image = anImage(['a', 'b'], { Env: ['A=1'], User: '1000', Labels: { x: 'y' } });
    expect(diffImages(image, image)).toMatchObject({ added: [], removed: [], config: [], env: [], labels: [] });
  });

  it('is layers by digest, settings, variables and labels by name', () => {
    const from = anImage(['a', 'b'], {
      Env: ['A=1', 'B=x=y', 'C'],
      User: '0',
      Entrypoint: [],
      Labels: { old: '1', both: '1' },
    });
    const to = anImage(
      ['a', 'c', 'd'],
      { Env: ['A=2', 'B=x=y'], Entrypoint: ['run', '-x'], Labels: { both: '2', new: '1' } },
      'arm64',
    );
    const { shared, added, removed, config, env, labels } = diffImages(from, to);
    expect([shared.length, added.length, removed.length]).toEqual([1, 2, 1]);
    expect(config).toEqual([
      { name: 'Entrypoint', from: null, to: '["run","-x"]' },
      { name: 'Platform', from: 'linux/amd64', to: 'linux/arm64' },
      { name: 'User', from: '0', to: null },
    ]);
    expect(env).toEqual([
      { name: 'A', from: '1', to: '2' },
      { name: 'C', from: '', to: null },
    ]);
    expect(labels).toEqual([
      { name: 'both', from: '1', to: '2' },
      { name: 'new', from: null, to: '1' },
      { name: 'old', from: '1', to: null },
    ]);
  });

  it('counts a layer as often as an image has it', () => {
    const [once, twice] = [anImage(['a', 'b'], {}), anImage(['a', 'b', 'a'], {})];
    const counts = (from: typeof once, to: typeof once) => {
      const { shared, added, removed } = diffImages(from, to);
      return [shared.length, added.length, removed.length];
    };
    expect(counts(once, twice)).toEqual([2, 1, 0]);
    expect(counts(twice, once)).toEqual([2, 0, 1]);
    expect(counts(twice, twice)).toEqual([3, 0, 0]);
  });

  it('reads configurations that are none without falling over', () => {
    for (const config of [null, { Env: 'A=1', Labels: ['x'], Entrypoint: 5 }, { Env: [1, null], Labels: null }])
      expect(() => diffImages(anImage([], config as object), anImage([], {}))).not.toThrow();
  });
});
