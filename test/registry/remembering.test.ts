import { beforeEach, describe, expect, it } from '@jest/globals';
import { type ImageRegistry, rememberingPlaces } from '../../src/registry/index.ts';
import { type Digest, failed, ok, problem } from '../../src/support/index.ts';

const digest = `sha256:${'a'.repeat(64)}` as Digest;
const manifest = { mediaType: 'x', bytes: Buffer.from('{}') };

describe('a registry that is asked each thing once', () => {
  let asked: string[];
  let reading: () => ReturnType<ImageRegistry['readManifest']>;
  let place: { registry: ImageRegistry; repository: string };
  beforeEach(() => {
    asked = [];
    reading = async () => ok(manifest);
    const note = <T>(name: string, answer: () => T): T => {
      asked.push(name);
      return answer();
    };
    const registry = {
      address: 'registry.example.org',
      resolve: async () => note('resolve', () => digest),
      listTagNames: async () => note('tags', () => ['a']),
      hasManifest: async () => note('has', () => false),
      readManifest: () => note('read', () => reading()),
      listReferrers: async () => note('referrers', () => ok([])),
      writeManifest: async () => note('write', () => ok(digest)),
      tag: async () => note('tag', () => ok(undefined)),
    } as unknown as ImageRegistry;
    place = rememberingPlaces({ registry, repository: 'r' }, { registry, repository: 'r' }).from;
  });

  it('gives the same answer again without asking', async () => {
    for (let time = 0; time < 2; time += 1) {
      expect(await place.registry.resolve('r', 'a')).toBe(digest);
      expect(await place.registry.hasManifest('r', digest)).toBe(false);
      expect(await place.registry.listTags('r')).toEqual([{ tag: 'a', digest }]);
    }
    expect(asked).toEqual(['resolve', 'has', 'tags']);
  });

  it('knows what it has written itself', async () => {
    await place.registry.hasManifest('r', digest);
    await place.registry.resolve('r', 'a');
    await place.registry.writeManifest('r', manifest);
    await place.registry.tag('r', 'a', digest);
    await place.registry.hasManifest('r', digest);
    await place.registry.resolve('r', 'a');
    expect(asked).toEqual(['has', 'resolve', 'write', 'tag', 'has', 'resolve']);
  });

  it('asks again what could not be answered', async () => {
    reading = async () => failed(problem('registry-io', 'cut off'));
    expect((await place.registry.readManifest('r', digest)).ok).toBe(false);
    reading = async () => ok(manifest);
    expect((await place.registry.readManifest('r', digest)).ok).toBe(true);
    expect(asked).toEqual(['read', 'read']);
  });
});
