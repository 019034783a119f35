import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readDocument } from '../../src/documents/index.ts';
import type { Problem } from '../../src/support/index.ts';
import { startWork } from '../support/work.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

const schemas = ['dmrel/features/v1'];
const sound = 'schema: dmrel/features/v1\nfeatures:\n  DM-1:\n    title: näher\n';

async function read(content: string | Uint8Array): Promise<Problem[]> {
  const folder = aFolder();
  writeFileSync(join(folder, 'f.yaml'), content);
  return problemsOf(await readDocument(folder, 'f.yaml', { schemas }));
}

describe('the bytes of a file', () => {
  it('may begin with a byte order mark', async () => {
    expect(await read(`\ufeff${sound}`)).toEqual([]);
    expect(brief(await read(`\ufeffschema: x\n`))).toEqual(["f.yaml:1:9 unknown-schema unknown schema 'x'"]);
  });

  it('may end lines with CR LF; lines and columns stay right', async () => {
    expect(await read(sound.replaceAll('\n', '\r\n'))).toEqual([]);
    const [found] = await read(sound.replace('title', 'titel').replaceAll('\n', '\r\n'));
    expect(found).toMatchObject({
      code: 'missing-key',
      at: { line: 3, column: 3 },
      excerpt: { text: '  DM-1:', caret: 2 },
    });
  });

  it('in Latin-1 are a finding at the letter itself', async () => {
    const [found] = await read(Buffer.from(sound, 'latin1'));
    expect(found).toMatchObject({
      code: 'not-utf8',
      message: 'broken UTF-8: byte 0xe4',
      hint: 'save the file as UTF-8',
    });
    expect(found!.at).toEqual({ file: 'f.yaml', line: 4, column: 13 });
    expect(found!.excerpt!.text.slice(0, found!.excerpt!.caret)).toBe('    title: n'.slice(0, 12));
  });

  it.each([
    ['a byte that begins nothing', [0xff], 2, 0xff],
    ['a character cut off at the end', [0xe2, 0x82], 2, 0xe2],
    ['a character cut off before another', [0xf0, 0x9f, 0x98, 0x61], 2, 0xf0],
    ['a character written too long', [0xc0, 0xaf], 2, 0xc0],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80], 2, 0xed],
    ['a fault behind a character of three bytes', [0xe2, 0x82, 0xac, 0x80], 3, 0x80],
  ])('have %s: its place is named', async (_what, bytes, column, byte) => {
    for (const mark of [[], [0xef, 0xbb, 0xbf]]) {
      const found = await read(Buffer.from([...mark, 0x23, 0x0a, 0x23, ...bytes]));
      expect(brief(found)).toEqual([`f.yaml:2:${column} not-utf8 broken UTF-8: byte 0x${byte.toString(16)}`]);
    }
  });

  it.each([
    ['little', 'utf16le', [0xff, 0xfe]],
    ['big', 'utf16be', [0xfe, 0xff]],
  ])('in UTF-16 (%s end first) are called that', async (_end, encoding, mark) => {
    const little = Buffer.from(sound, 'utf16le');
    const bytes = Buffer.from([...mark, ...(encoding === 'utf16be' ? little.swap16() : little)]);
    expect(brief(await read(bytes))).toEqual(['f.yaml not-utf8 f.yaml is UTF-16']);
  });

  it('in UTF-16 without a mark, or none that are text, are a finding all the same', async () => {
    expect(await read(Buffer.from(sound, 'utf16le'))).not.toEqual([]);
    expect(await read(Buffer.alloc(1000))).not.toEqual([]);
    expect(await read(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0x02, 0x01, 0x01, 0x00]))).not.toEqual([]);
  });
});

describe('what stands in place of a file', () => {
  const found = async (make: (path: string) => void): Promise<string[]> => {
    const folder = aFolder();
    make(join(folder, 'f.yaml'));
    return brief(problemsOf(await readDocument(folder, 'f.yaml', { schemas })));
  };

  it('nothing', async () => {
    expect(await found(() => {})).toEqual(['f.yaml file-not-found f.yaml does not exist']);
  });
  it('a directory', async () => {
    expect(await found((path) => mkdirSync(path))).toEqual(['f.yaml not-a-file f.yaml is a directory']);
  });
  it('a named pipe nobody writes to: no waiting', async () => {
    expect(await found((path) => void execFileSync('mkfifo', [path]))).toEqual([
      'f.yaml not-a-file f.yaml is not a regular file',
    ]);
  });
  it('an endless device', async () => {
    expect(await found((path) => symlinkSync('/dev/zero', path))).toEqual([
      'f.yaml not-a-file f.yaml is not a regular file',
    ]);
  });
  it('a link to itself', async () => {
    expect(await found((path) => symlinkSync(path, path))).toEqual([
      'f.yaml file-unreadable cannot read f.yaml: ELOOP',
    ]);
  });
  it('a file of 100 MB', async () => {
    const worked = startWork();
    const large = (path: string) => {
      writeFileSync(path, '');
      truncateSync(path, 100 * 2 ** 20);
    };
    expect(await found(large)).toEqual(['f.yaml file-too-large f.yaml has 100.0 MiB']);
    expect(worked()).toBeLessThan(0.5);
  });
  const asRoot = process.getuid?.() === 0;
  (asRoot ? it.skip : it)('a file that may not be read', async () => {
    const closed = (path: string) => {
      writeFileSync(path, sound);
      chmodSync(path, 0);
    };
    expect(await found(closed)).toEqual(['f.yaml file-unreadable cannot read f.yaml: EACCES']);
  });
});
