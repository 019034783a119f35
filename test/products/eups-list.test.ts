import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crossCheck, type EupsList, parseEupsList, readBuildManifest, readEupsList } from '../../src/products/index.ts';
import { errorsOf, unwrap } from '../../src/support/index.ts';
import { startWork } from '../support/work.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

const tag = 'w_2018_18';
const title = `EUPS distribution ${tag} version list. Version 1.0\n`;
const header = `${title}#BUILD=b3595\n#product             flavor     version\n#--------------------------------------\n`;
const sound = `${header}afw                  generic    15.0-24-g02ed2a30c+1\napr                  Linux64    1.5.2\n`;

const parse = (text: string) => parseEupsList(text, 'w.list', tag);
const value = (text: string): EupsList => unwrap(parse(text));
const findings = (text: string): string[] => brief(problemsOf(parse(text)));

describe('an EUPS list', () => {
  it('has the build it was published from, and the products with their versions as they stand', () => {
    expect(value(sound)).toEqual({
      tag,
      file: 'w.list',
      build: 'b3595',
      entries: [
        { product: 'afw', flavor: 'generic', version: '15.0-24-g02ed2a30c+1', line: 5 },
        { product: 'apr', flavor: 'Linux64', version: '1.5.2', line: 6 },
      ],
    });
  });

  it('may say nothing of a build, end lines with CR LF, be parted by tabs, and have comments and empty lines', () => {
    const wanted = value(sound);
    expect(value(sound.replace('#BUILD=b3595\n', '# BUILD\n'))).toEqual({ ...wanted, build: undefined });
    expect(value(sound.replaceAll('\n', '\r\n'))).toEqual(wanted);
    expect(value(sound.replaceAll(/ {2,}/g, '\t'))).toEqual(wanted);
    expect(value(sound.trimEnd())).toEqual(wanted);
    expect(value(`${sound}\n \t\n# end\n`)).toEqual(wanted);
  });

  it.each(['b1', 'b42', 'b999', 'b3595', 'b10000', 'b99999999'])('may be of the build %s', (build) => {
    expect(value(sound.replace('b3595', build)).build).toBe(build);
    expect(value(sound.replace('b3595', `${build} \t`)).build).toBe(build);
  });

  it.each([
    ['', 'w.list:1:1 manifest-syntax does not begin as an EUPS distribution list'],
    [`\n${title}`, 'w.list:1:1 manifest-syntax does not begin as an EUPS distribution list'],
    [
      'EUPS distribution w_2018_18 version list.\n',
      'w.list:1:1 manifest-syntax does not begin as an EUPS distribution list',
    ],
    [`${title.trimEnd()} \n`, 'w.list:1:1 manifest-syntax does not begin as an EUPS distribution list'],
    [title.replace('18_18', '18_19'), "w.list:1:19 manifest-syntax 'w_2018_19' in the list of w_2018_18"],
    [title.replace('1.0', '2.0'), "w.list:1:51 manifest-syntax '2.0' is no known version"],
  ])('begins with its title, not with %j', (text, message) => {
    expect(findings(`${text}afw generic 1\n`)[0]).toBe(message);
  });

  it.each([
    ['afw generic', "1 manifest-syntax expected 'product flavor version', found 2 fields"],
    ['afw generic 1.0 extra', "1 manifest-syntax expected 'product flavor version', found 4 fields"],
    ['hello', "1 manifest-syntax expected 'product flavor version', found 1 fields"],
    ['../afw generic 1.0', "1 manifest-syntax '../afw' is no product name"],
    ['  -afw generic 1.0', "3 manifest-syntax '-afw' is no product name"],
    [`${'a'.repeat(101)} generic 1.0`, `1 manifest-syntax '${'a'.repeat(99)}…' is no product name`],
    ['afw gen/eric 1.0', "5 manifest-syntax 'gen/eric' is no flavor"],
    ['afw generic 1.0\x1b[31m', "13 manifest-syntax '1.0\\x1b[31m' is no version"],
    ['afw generic 1.0\u00a02', "13 manifest-syntax '1.0\u00a02' is no version"],
    [`afw generic ${'1'.repeat(201)}`, `13 manifest-syntax '${'1'.repeat(99)}…' is no version`],
    ['#BUILD=b1', '1 manifest-syntax a second BUILD line; the first is line 2'],
    ['BUILD=b3595', "1 manifest-syntax expected 'product flavor version', found 1 fields"],
    ['utils generic 2.0', '1 manifest-syntax utils stands in line 6 already'],
  ])('with the line %j is told its place', (line, message) => {
    const text = `${header}${line}\n${line.startsWith('utils') ? line : 'utils generic 1.0'}\n`;
    const wanted = [`w.list:${line.startsWith('utils') ? 6 : 5}:${message.replace('line 6', 'line 5')}`];
    expect(findings(text)).toEqual(wanted);
    expect(findings(text.replaceAll('\n', '\r\n'))).toEqual(wanted);
  });

  it.each(['', '3595', 'b', 'b0', 'b01', 'B1', 'b1x', 'b 1', 'b123456789'])('is of no build %j', (build) => {
    expect(findings(sound.replace('b3595', build))).toEqual([`w.list:2:8 manifest-syntax '${build}' is no build`]);
  });

  it('tells all its faults at once, each with the line as it stands, up to fifty', () => {
    const problems = problemsOf(parse(`${header.replace('b3595', 'x')}afw\nutils generic 1\nutils generic 1\n`));
    expect(brief(problems)).toEqual([
      "w.list:2:8 manifest-syntax 'x' is no build",
      "w.list:5:1 manifest-syntax expected 'product flavor version', found 1 fields",
      'w.list:7:1 manifest-syntax utils stands in line 6 already',
    ]);
    expect(problems.map(({ excerpt }) => excerpt?.text)).toEqual(['#BUILD=x', 'afw', 'utils generic 1']);
    const worked = startWork();
    expect(problemsOf(parse(header + 'x\n'.repeat(200_000)))).toHaveLength(50);
    expect(worked()).toBeLessThan(2);
  });

  it('names at least one product, and no more than any distribution has', () => {
    expect(findings(header)).toEqual(['w.list:1:1 manifest-syntax names no product']);
    const endless = header + Array.from({ length: 30_000 }, (_, index) => `p${index} generic 1\n`).join('');
    expect(findings(endless)).toEqual(['w.list:20005:1 manifest-syntax more than 20000 products']);
  });

  it('may name products like the methods of objects, once', () => {
    for (const product of ['constructor', '__proto__', 'toString', '0']) {
      expect(value(`${title}${product} generic 1\n`).entries).toMatchObject([{ product }]);
      expect(findings(`${title}${product} generic 1\n${product} generic 1\n`)).toHaveLength(1);
    }
  });

  const piece = fc.constantFrom(
    ...[
      title,
      '#BUILD=',
      'b3595',
      '#',
      ' ',
      '\t',
      '\n',
      '\r\n',
      '\r',
      'afw',
      'generic',
      '1.0+1',
      '-',
      '\0',
      '\u2028',
      'é',
    ],
  );
  const text = fc.oneof(
    fc.string({ maxLength: 200, unit: 'binary' }),
    fc.array(piece, { maxLength: 40 }).map((each) => each.join('')),
    fc.array(piece, { maxLength: 12 }).map((each) => title + each.join(' ')),
    fc
      .array(fc.tuple(fc.constantFrom('afw', 'apr', '#', '-x'), fc.constantFrom('generic', ''), piece), {
        maxLength: 4,
      })
      .map((lines) => title + lines.map((line) => line.join(' ')).join('\n')),
  );
  it('of any text is a value or findings with places in it, and never thrown', () => {
    let taken = 0;
    fc.assert(
      fc.property(text, (each) => {
        const parsed = parse(each);
        if (parsed.ok) {
          taken++;
          for (const { product, flavor, version, line } of parsed.value.entries) {
            expect(`${product} ${flavor} ${version}`).toMatch(/^[A-Za-z0-9_.+-]+ [A-Za-z0-9_.+-]+ [^\s\p{Cc}]+$/u);
            expect(each.split('\n')[line - 1]).toContain(product);
          }
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

describe('an EUPS list of the workspace', () => {
  it('is read by its tag; without a file there is none, without the directory something is wrong', async () => {
    const root = aFolder();
    mkdirSync(join(root, 'tags'));
    writeFileSync(join(root, 'tags', `${tag}.list`), `\ufeff${sound}`);
    for (const source of ['tags', './tags', 'tags/', 'x/../tags'])
      expect(await readEupsList(root, source, tag)).toMatchObject({ ok: true, value: { build: 'b3595' } });
    expect(await readEupsList(root, 'tags', 'w_2018_19')).toEqual({ ok: true, value: undefined });
    expect(brief(problemsOf(await readEupsList(root, 'tagz', tag)))).toEqual([
      'tagz file-not-found there is no directory tagz',
    ]);
    writeFileSync(join(root, 'file'), '');
    expect(brief(problemsOf(await readEupsList(root, 'file', tag)))).toEqual([
      'file file-unreadable file is no directory',
    ]);
    mkdirSync(join(root, 'tags', 'd_2018_05_08.list'));
    expect(brief(problemsOf(await readEupsList(root, 'tags', 'd_2018_05_08')))).toEqual([
      'tags/d_2018_05_08.list not-a-file tags/d_2018_05_08.list is a directory',
    ]);
  });

  it('has the name of an EUPS tag, and no other name reaches a file', async () => {
    for (const name of ['', '123', 'd.9999.01.02', 'v888_0-rc99', 'foo/bar', '../x', 'V1', 'a\0', 'a\n', 'ä', 'a b']) {
      expect([name, problemsOf(await readEupsList('/nowhere', 'tags', name))]).toMatchObject([
        name,
        [{ code: 'invalid-name' }],
      ]);
    }
  });
});

const corpus = process.env.DMREL_CORPUS;
(corpus ? describe : describe.skip)('the list d_2018_05_08', () => {
  const d = 'd_2018_05_08';
  const read = async (id: string) => ({
    list: unwrap(await readEupsList(corpus!, 'eups', d))!,
    manifest: unwrap(await readBuildManifest(corpus!, 'versiondb', id)),
  });

  it('belongs to b3601, 126 of 126', async () => {
    const { list, manifest } = await read('b3601');
    expect([list.build, list.entries.length]).toEqual(['b3601', 126]);
    expect(new Set(list.entries.map(({ flavor }) => flavor))).toEqual(new Set(['generic']));
    const { products, problems } = crossCheck(manifest, list);
    expect([products.length, problems]).toEqual([126, []]);
    expect(new Set(products)).toEqual(new Set(manifest.entries.map(({ product }) => product)));
  });

  it('does not belong to b3595, though that build has the same commits and versions in another order', async () => {
    const { list, manifest } = await read('b3595');
    expect(crossCheck(manifest, list).problems.map(({ message }) => message)).toEqual([
      'd_2018_05_08 was published from b3601, not from b3595',
    ]);
  });

  it('does not belong to b3504: each version that differs and each product without a commit are told', async () => {
    const { list, manifest } = await read('b3504');
    const built = new Map(manifest.entries.map(({ product, version }) => [product, version]));
    const differing = list.entries.filter(({ product, version }) => built.get(product) !== version);
    const extra = manifest.entries.length - list.entries.filter(({ product }) => built.has(product)).length;
    expect([manifest.entries.length, differing.length, extra]).toEqual([131, 109, 8]);
    const { problems } = crossCheck(manifest, list);
    expect(errorsOf(problems).map(({ subject }) => subject)).toEqual([
      undefined,
      ...differing.map(({ product }) => product),
    ]);
    expect(problems.at(-1)).toMatchObject({
      severity: 'warning',
      message: expect.stringContaining(`${extra} products`),
    });
  });

  it('is read byte for byte: every line that is no comment is a product', () => {
    const text = readFileSync(join(corpus!, 'eups', `${d}.list`), 'utf8');
    const lines = text.split('\n').slice(1);
    const entries = unwrap(parseEupsList(text, 'x', d)).entries;
    expect(entries.length).toBe(lines.filter((line) => line !== '' && !line.startsWith('#')).length);
  });
});
