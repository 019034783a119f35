import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { makeFolder, removeFile, writeFileAtomic } from '../../src/support/index.ts';
import { aFolder } from '../support/workspace.ts';

describe('directories', () => {
  it('are made with those above them, and may be there', () => {
    const path = join(aFolder(), 'a/b/c');
    makeFolder(path);
    makeFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  it('may be links to directories', () => {
    const folder = aFolder();
    mkdirSync(join(folder, 'there'));
    symlinkSync('there', join(folder, 'link'));
    makeFolder(join(folder, 'link/below'));
    makeFolder(join(folder, 'link'));
    expect(existsSync(join(folder, 'there/below'))).toBe(true);
  });

  it.each(['file', 'file/below'])('are not made in the place of a file: %s', (name) => {
    const folder = aFolder();
    writeFileSync(join(folder, 'file'), 'kept');
    expect(() => makeFolder(join(folder, name))).toThrow(/EEXIST|ENOTDIR/);
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('kept');
  });

  // Node's own `recursive` asks for ever there.
  (existsSync('/proc/self') ? it : it.skip)('come to an end where none can be made', () => {
    expect(() => makeFolder('/proc/dmrel/below')).toThrow(/ENOENT/);
  });
});

describe('files', () => {
  it('are removed, if they are there', () => {
    const path = join(aFolder(), 'file');
    writeFileSync(path, '');
    removeFile(path);
    removeFile(path);
    expect(existsSync(path)).toBe(false);
  });

  it.each(['others', 'nothing'] as const)(
    'are written whole, whatever is under way meanwhile: %s',
    async (meanwhile) => {
      const path = join(aFolder(), 'a/file');
      await writeFileAtomic(path, 'one', undefined, meanwhile);
      const written = await writeFileAtomic(path, 'three', undefined, meanwhile);
      expect(readFileSync(path, 'utf8')).toBe('three');
      expect(written.size).toBe(5n);
    },
  );
});
