import { isAbsolute, resolve, sep } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRepositoryName, isTagName, openLayout, parseRegistryAddress } from '../../src/registry/index.ts';
import { digestOf } from '../../src/support/index.ts';

const hostile = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc
    .array(fc.constantFrom('.', '..', '/', '\\', 'a', 'A', '_', '-', '\0', '%2e', ' ', '\n', ':', '@', 'é'), {
      maxLength: 12,
    })
    .map((each) => each.join('')),
);

describe('names of images', () => {
  it('takes the names of the distribution-spec and no others', () => {
    for (const name of ['a', 'dm/stack', 'a.b_c__d---e/f9', '0'])
      expect([name, isRepositoryName(name)]).toEqual([name, true]);
    for (const name of [
      '',
      'A',
      '/a',
      'a/',
      'a//b',
      'a..b',
      '.a',
      'a_',
      'a___b',
      '..',
      'a/../b',
      'a\n',
      'a'.repeat(256),
    ]) {
      expect([name, isRepositoryName(name)]).toEqual([name, false]);
    }
    for (const tag of ['w_2018_18', 'A', '_', 'a'.repeat(128)]) expect([tag, isTagName(tag)]).toEqual([tag, true]);
    for (const tag of ['', '.a', '-a', 'a/b', 'a:b', 'a\n', 'a'.repeat(129)])
      expect([tag, isTagName(tag)]).toEqual([tag, false]);
  });

  it('never makes a path outside the directory of a name it takes', () => {
    const root = resolve('/registry');
    const stays = (name: string) => {
      if (!isRepositoryName(name) && !isTagName(name)) return;
      expect(isAbsolute(name)).toBe(false);
      if (isRepositoryName(name)) expect(resolve(root, name).startsWith(root + sep)).toBe(true);
    };
    fc.assert(fc.property(hostile, stays), { numRuns: 5000 });
  });

  it('refuses to write under any other name', async () => {
    const registry = openLayout('/nonexistent/dmrel');
    const digest = digestOf('x');
    await fc.assert(
      fc.asyncProperty(hostile, async (name) => {
        if (isRepositoryName(name)) return;
        const outcome = await registry
          .tag(name, 'a', digest)
          .catch((error) => error.problems && { ok: false, problems: error.problems });
        expect(outcome).toMatchObject({ ok: false, problems: [{ code: 'invalid-name' }] });
      }),
    );
  });

  it('reads the address of a layout', () => {
    expect(parseRegistryAddress('layout:.dmrel/registry')).toEqual({
      ok: true,
      value: { kind: 'layout', directory: '.dmrel/registry' },
    });
    for (const text of ['', 'layout:', 'https://x', 'layout:a\0b'])
      expect(parseRegistryAddress(text)).toMatchObject({ ok: false });
  });
});
