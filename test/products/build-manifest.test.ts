import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { contentIdOf, parseBuildManifest, parseManifestId, readBuildManifest } from '../../src/products/index.ts';
import { startWork } from '../support/work.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

const sha = (digit: string): string => digit.repeat(40);
const header =
  '# product                 SHA1                                      Version                       \nBUILD=b3595\n';
const sound = `${header}apr        ${sha('a')}  1.5.2        
afw        ${sha('b')}  15.0-24-g02ed2a30c+1  apr,utils
utils      ${sha('c')}  3.2.5.lsst3\n`;

const parse = (text: string, id = 'b3595') => parseBuildManifest(text, 'b3595.txt', id);
const findings = (text: string): string[] => brief(problemsOf(parse(text)));
function value(text: string) {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(brief(parsed.problems).join('\n'));
  return parsed.value;
}

describe('a build manifest', () => {
  it('gives each product its commit, its version as it stands, and its dependencies, in the order of the file', () => {
    expect(value(sound)).toEqual({
      id: 'b3595',
      contentId: expect.stringMatching(/^[0-9a-f]{40}$/),
      entries: [
        { product: 'apr', commit: sha('a'), version: '1.5.2', dependencies: [] },
        { product: 'afw', commit: sha('b'), version: '15.0-24-g02ed2a30c+1', dependencies: ['apr', 'utils'] },
        { product: 'utils', commit: sha('c'), version: '3.2.5.lsst3', dependencies: [] },
      ],
    });
  });

  it('may end lines with CR LF, be parted by tabs, have empty lines and comments, and end without a line end', () => {
    const wanted = value(sound);
    expect(value(sound.replaceAll('\n', '\r\n'))).toEqual(wanted);
    expect(value(sound.replaceAll(/ +/g, '\t'))).toEqual(wanted);
    expect(value(sound.replace('utils  ', '\n \n# a comment\n#BUILD=b1\nutils  '))).toEqual(wanted);
    expect(value(sound.trimEnd())).toEqual(wanted);
    expect(value(sound.replace('BUILD=b3595', 'BUILD=b3595  '))).toEqual(wanted);
  });

  it.each([
    ['1.5.2'],
    ['3.2.5.lsst3'],
    ['15.0-24-g02ed2a30c+1'],
    ['master-gcaa6d4af1f+10'],
    ['tickets.DM-2306-g0123456789'],
    ['g0123456789+abcdef0123'],
    ['0.67.123ff3e.lsst1'],
    ['2.0b1'],
    ['11.0.rc2+1'],
  ])('takes the version %s as it stands', (version) => {
    expect(value(`${header}p ${sha('a')} ${version}\n`).entries[0]!.version).toBe(version);
  });

  it.each([
    [
      'a line of two fields',
      `apr ${sha('a')}`,
      "b3595.txt:3:1 manifest-syntax expected 'product commit version [dependencies]', found 2 fields",
    ],
    [
      'a line of five fields',
      `apr ${sha('a')} 1 a,b c`,
      "b3595.txt:3:1 manifest-syntax expected 'product commit version [dependencies]', found 5 fields",
    ],
    [
      'a word',
      'hello',
      "b3595.txt:3:1 manifest-syntax expected 'product commit version [dependencies]', found 1 fields",
    ],
    [
      'a commit cut off',
      `apr  ${sha('a').slice(1)}  1.0`,
      `b3595.txt:3:6 manifest-syntax '${sha('a').slice(1)}' is no commit id (40 lower-case hex digits)`,
    ],
    [
      'a commit in capitals',
      `apr ${sha('A')} 1.0`,
      `b3595.txt:3:5 manifest-syntax '${sha('A')}' is no commit id (40 lower-case hex digits)`,
    ],
    [
      'a branch for a commit',
      'apr main 1.0',
      "b3595.txt:3:5 manifest-syntax 'main' is no commit id (40 lower-case hex digits)",
    ],
    [
      'an option for a commit',
      'apr --upload-pack=x 1.0',
      "b3595.txt:3:5 manifest-syntax '--upload-pack=x' is no commit id (40 lower-case hex digits)",
    ],
    ['an option for a product', `  -apr ${sha('a')} 1.0`, "b3595.txt:3:3 manifest-syntax '-apr' is no product name"],
    ['a path for a product', `../apr ${sha('a')} 1.0`, "b3595.txt:3:1 manifest-syntax '../apr' is no product name"],
    [
      'an absolute path for a product',
      `/etc/passwd ${sha('a')} 1.0`,
      "b3595.txt:3:1 manifest-syntax '/etc/passwd' is no product name",
    ],
    [
      'letters that are not ASCII in a product',
      `ärp ${sha('a')} 1.0`,
      "b3595.txt:3:1 manifest-syntax 'ärp' is no product name",
    ],
  ])('with %s: the line and the column are told', (_what, line, message) => {
    expect(findings(`${header}${line}\nutils ${sha('c')} 1.0\n`)).toEqual([message]);
    expect(findings(`${header}${line}\nutils ${sha('c')} 1.0\n`.replaceAll('\n', '\r\n'))).toEqual([message]);
  });

  it('tells all its faults at once, each with the line as it stands', () => {
    const problems = problemsOf(
      parse(`${header}apr main 1.0\n\nhello\nutils ${sha('c')} 1.0\nutils ${sha('c')} 1.0\n`),
    );
    expect(brief(problems)).toEqual([
      "b3595.txt:3:5 manifest-syntax 'main' is no commit id (40 lower-case hex digits)",
      "b3595.txt:5:1 manifest-syntax expected 'product commit version [dependencies]', found 1 fields",
      'b3595.txt:7:1 manifest-syntax utils stands in line 6 already',
    ]);
    expect(problems.map(({ excerpt }) => excerpt)).toEqual([
      { text: 'apr main 1.0', caret: 4 },
      { text: 'hello', caret: 0 },
      { text: `utils ${sha('c')} 1.0`, caret: 0 },
    ]);
  });

  it('tells that a product stands twice, even where its first line has another fault', () => {
    expect(findings(`${header}apr main 1\napr ${sha('a')} 1\n`)).toContain(
      'b3595.txt:4:1 manifest-syntax apr stands in line 3 already',
    );
  });

  it('is of the build that its name says', () => {
    expect(findings(sound.replace('b3595', 'b3596'))).toEqual([
      "b3595.txt:2:7 manifest-syntax 'b3596' in the manifest of b3595",
    ]);
    expect(findings(sound.replace('BUILD=b3595\n', ''))).toEqual(['b3595.txt:1:1 manifest-syntax no BUILD line']);
    expect(findings(`${sound}BUILD=b3595\n`)).toEqual(['b3595.txt:6:1 manifest-syntax a second BUILD line']);
  });

  it('names at least one product', () => {
    expect(findings(header)).toEqual(['b3595.txt:1:1 manifest-syntax names no product']);
    for (const text of ['', '\n', '# nothing\n'])
      expect(findings(text)).toEqual(['b3595.txt:1:1 manifest-syntax no BUILD line']);
  });

  it.each(['constructor', '__proto__', 'hasOwnProperty', 'toString', '0', '10', 'BUILD', 'null'])(
    'may name a product %s, once',
    (product) => {
      const line = `${product} ${sha('a')} 1.0\n`;
      expect(value(header + line).entries).toMatchObject([{ product }]);
      expect(findings(header + line + line)).toEqual([
        `b3595.txt:4:1 manifest-syntax ${product} stands in line 3 already`,
      ]);
    },
  );

  it.each([
    ['an escape', '1.0\x1b[31m'],
    ['a NUL', '1.0\0'],
    ['a backspace', '1.0\b\b'],
    ['what turns text around', '1.0\u202e0.51'],
    ['a space that is none', '1.0\u00a02'],
    ['a form feed', '1.0\f'],
    ['a carriage return within', '1.0\r2'],
    ['more than a record holds', '1'.repeat(3000)],
  ])('has no version with %s, for it goes into tags and records', (_what, version) => {
    const problems = problemsOf(parse(`${header}apr ${sha('a')} ${version} utils\n`));
    expect(problems).toMatchObject([{ code: 'manifest-syntax', at: { line: 3, column: 46 } }]);
    expect(problems[0]!.message.length).toBeLessThan(300);
    expect(problems[0]!.message + problems[0]!.excerpt!.text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('does not show what would reach the terminal', () => {
    for (const text of [`a\x1b[31m ${sha('a')} 1`, `apr \x1b]0;x\x07 1`, 'BUILD=\x1b[2J']) {
      const problems = problemsOf(parse(`${header.replace(/BUILD.*\n/, '')}${text}\n`));
      expect(problems.map(({ message, excerpt }) => message + excerpt!.text).join('')).not.toMatch(/\p{Cc}/u);
      expect(problems.length).toBeGreaterThan(0);
    }
  });

  it('with a hundred thousand faults is told of the first, in a moment', () => {
    const worked = startWork();
    expect(problemsOf(parse(header + 'x\n'.repeat(100_000)))).toHaveLength(50);
    expect(problemsOf(parse(header + 'x'.repeat(1_000_000)))[0]!.excerpt!.text.length).toBeLessThan(200);
    expect(worked()).toBeLessThan(2);
  });

  const piece = fc.constantFrom(
    'BUILD=',
    'b3595',
    'b1',
    '#',
    ' ',
    '\t',
    '\n',
    '\r\n',
    '\r',
    sha('a'),
    sha('B'),
    'afw',
    '1.0+1',
    ',',
    '-',
    '\0',
    '\u2028',
    'é',
  );
  const text = fc.oneof(
    fc.string({ maxLength: 200, unit: 'binary' }),
    fc.array(piece, { maxLength: 40 }).map((each) => each.join('')),
    fc
      .array(
        fc.tuple(fc.constantFrom('afw', 'apr', '-x', ''), fc.constantFrom(sha('a'), 'x'), fc.constantFrom('1.0', '')),
        { maxLength: 5 },
      )
      .map((lines) => `BUILD=b3595\n${lines.map((line) => line.join(' ')).join('\n')}`),
  );
  it('of any text is a value or findings with places in it, and never thrown', () => {
    let taken = 0;
    fc.assert(
      fc.property(text, (each) => {
        const parsed = parse(each);
        if (parsed.ok) {
          taken++;
          for (const { product, commit, version } of parsed.value.entries)
            expect([product, commit, version].join(' ')).toMatch(/^[A-Za-z0-9_.+-]+ [0-9a-f]{40} [^\s\p{Cc}]+$/u);
          return;
        }
        expect(parsed.problems.length).toBeGreaterThan(0);
        const lines = each.split('\n');
        for (const { code, at } of parsed.problems) {
          expect(code).toBe('manifest-syntax');
          expect(at!.column).toBeLessThanOrEqual(lines[at!.line! - 1]!.length + 1);
        }
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(5);
  });
});

describe('the content of a build manifest', () => {
  it('has an id that other builds of the same commits and versions share', () => {
    const { contentId } = value(sound);
    expect(parseBuildManifest(sound.replace('b3595', 'b3596'), 'x', 'b3596')).toMatchObject({ value: { contentId } });
    expect(value(sound.replace('apr,utils', '')).contentId).toBe(contentId);
    expect(value(sound.replaceAll('\n', '\r\n')).contentId).toBe(contentId);
  });

  it('has another id when a product, a commit, a version or the order differs', () => {
    const ids = [
      sound,
      sound.replace('utils ', 'utilz '),
      sound.replace(sha('c'), sha('d')),
      sound.replace('1.5.2', '1.5.3'),
      sound.replace('utils ', 'other ').replace('apr ', 'utils ').replace('other ', 'apr '),
    ].map((each) => value(each).contentId);
    expect(new Set(ids).size).toBe(5);
  });

  it('has the id of versiondb: SHA-1 over name, commit and version', () => {
    // printf 'apr\taaaa…\t1.5.2\n' | sha1sum
    expect(contentIdOf([{ product: 'apr', commit: sha('a') as never, version: '1.5.2' }])).toBe(
      'd273fbdb02e2139ca14d1d85f27ba4dbaeeb5080',
    );
  });
});

describe('a build manifest of the workspace', () => {
  const inFolder = (name: string, bytes: string | Uint8Array) => {
    const root = aFolder();
    mkdirSync(join(root, 'manifests'));
    writeFileSync(join(root, 'manifests', name), bytes);
    return root;
  };

  it('is read by its id, and may begin with a byte order mark', async () => {
    const found = await readBuildManifest(inFolder('b3595.txt', `\ufeff${sound}`), 'manifests', 'b3595');
    expect(found).toEqual({ ok: true, value: value(sound) });
  });

  it('that is not there, or is no text, is told by the name of its file', async () => {
    const root = inFolder('b1.txt', Buffer.from([0x42, 0xff]));
    expect(brief(problemsOf(await readBuildManifest(root, 'manifests', 'b1')))).toEqual([
      'manifests/b1.txt:1:2 not-utf8 broken UTF-8: byte 0xff',
    ]);
    expect(brief(problemsOf(await readBuildManifest(root, 'manifests', 'b2')))).toEqual([
      'manifests/b2.txt file-not-found manifests/b2.txt does not exist',
    ]);
  });

  it('has an id of any number of digits, and no other name reaches a file', async () => {
    for (const id of ['b1', 'b42', 'b3595', 'b10000', 'b99999999']) expect(parseManifestId(id)).toBe(id);
    for (const name of [
      '',
      'b',
      'b0',
      'b01',
      'B1',
      'b-1',
      'b1.txt',
      '../b1',
      'b1/../b1',
      'b1\n',
      ' b1',
      'b1\0',
      'b١',
      'b123456789',
      '3595',
    ]) {
      expect([name, parseManifestId(name)]).toEqual([name, undefined]);
      const found = problemsOf(await readBuildManifest(inFolder('b1.txt', ''), 'manifests', name));
      expect(found).toMatchObject([{ code: 'invalid-name', hint: 'expected b and a number, such as b3595' }]);
    }
  });
});

const corpus = process.env.DMREL_CORPUS;
(corpus ? describe : describe.skip)('the manifests of versiondb', () => {
  const read = (file: string): string => readFileSync(join(corpus!, file), 'utf8');
  const manifestOf = (id: string) => {
    const parsed = parseBuildManifest(read(`versiondb/${id}.txt`), `${id}.txt`, id);
    if (!parsed.ok) throw new Error(brief(parsed.problems).join('\n'));
    return parsed.value;
  };
  /** Ids from upstream's manifests/content_sha.db.txt. */
  const known: [string, number, string][] = [
    ['b1', 74, '536487cdc1823f7c8eda73c7171dce5b252e10be'],
    ['b3504', 131, '57e6545e620809d964dc4388ca78898587747219'],
    ['b3595', 126, '37654d1c99888d8bc0c582de1101dd458087e5ee'],
    ['b3601', 126, '914c654b92d5c3a9c81fd7b63424d932ac944c74'],
  ];

  it('are all known here', () => {
    expect(readdirSync(join(corpus!, 'versiondb')).sort()).toEqual(known.map(([id]) => `${id}.txt`).sort());
  });

  it.each(known)('%s has %i products and the content id of upstream', (id, products, contentId) => {
    const manifest = manifestOf(id);
    expect([manifest.entries.length, manifest.contentId]).toEqual([products, contentId]);
    const seen = new Set<string>();
    for (const { product, dependencies } of manifest.entries) {
      for (const each of dependencies) expect(seen).toContain(each);
      seen.add(product);
    }
  });

  it('b3601 has the products and versions of the EUPS tag d_2018_05_08, 126 of 126', () => {
    const lines = read('eups/d_2018_05_08.list').split('\n').slice(1);
    const released = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(/\s+/));
    const listed = new Map(released.map(([product, , version]) => [product!, version!]));
    const built = new Map(manifestOf('b3601').entries.map(({ product, version }) => [product, version]));
    expect(listed.size).toBe(126);
    expect(built).toEqual(listed);
  });
});
