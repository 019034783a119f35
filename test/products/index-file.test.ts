import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Transport } from '../../src/git/index.ts';
import { readBuildManifest, readProductIndex } from '../../src/products/index.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

const https = new Set<Transport>(['https']);

async function read(content: string | Uint8Array, transports: ReadonlySet<Transport> = https) {
  const root = aFolder();
  writeFileSync(join(root, 'repos.yaml'), content);
  return readProductIndex(root, 'repos.yaml', transports);
}

async function productsOf(content: string) {
  const found = await read(content);
  if (!found.ok) throw new Error(brief(found.problems).join('\n'));
  return [...found.value.products.values()];
}

const findings = async (content: string): Promise<string[]> => brief(problemsOf(await read(content)));

describe('an index of products', () => {
  it('maps names to URLs, or to a URL with a ref or lfs, in the order of the file', async () => {
    const found = await productsOf(
      `# Index of source repositories\nafw: https://github.com/lsst/afw.git\nafwdata:\n  url: https://github.com/lsst/afwdata\n  lfs: true\n` +
        `boost:\n  url: https://github.com/lsst/legacy-boost.git\n  ref: tickets/DM-1\n`,
    );
    expect(found.map(({ name, url, ref }) => [name, url.display, ref])).toEqual([
      ['afw', 'https://github.com/lsst/afw.git', undefined],
      ['afwdata', 'https://github.com/lsst/afwdata', undefined],
      ['boost', 'https://github.com/lsst/legacy-boost.git', 'tickets/DM-1'],
    ]);
  });

  it('may name products like the methods of objects, and like numbers', async () => {
    const found = await productsOf(
      ['constructor', 'toString', 'hasOwnProperty', 'null', '1.5', 'yes']
        .map((name) => `"${name}": https://host/${name}\n`)
        .join(''),
    );
    expect(found.map(({ name }) => name).sort()).toEqual([
      '1.5',
      'constructor',
      'hasOwnProperty',
      'null',
      'toString',
      'yes',
    ]);
  });

  it('tells all its faults at once, each at its place', async () => {
    const content = `afw: https://host/afw.git\nbad name: https://host/x\n-o: https://host/x\nnone: {ref: main, lfs: true}\nbare:\n  url: https://host/x\n`;
    expect((await findings(content)).map((each) => each.split(' ')[0])).toEqual([
      'repos.yaml:2:1',
      'repos.yaml:3:1',
      'repos.yaml:4:1',
      'repos.yaml:6:3',
    ]);
  });

  it('has no product twice', async () => {
    expect(await findings('afw: https://host/a\nboost: https://host/b\nafw: https://host/c\n')).toEqual([
      "repos.yaml:3:1 duplicate-key duplicate key 'afw'",
    ]);
  });

  it('tells every URL that git must not be given, at the URL, and whose it is', async () => {
    const content = `a: --upload-pack=touch /tmp/x\nb:\n  url: ext::sh\n  ref: main\nc: http://host/c\nd: https://user:hunter2@host/d\n`;
    const problems = problemsOf(await read(content));
    expect(problems.map(({ code, at, subject }) => [code, at!.line, at!.column, subject])).toEqual([
      ['unsafe-url', 1, 4, 'a'],
      ['unsafe-url', 3, 8, 'b'],
      ['unsafe-url', 5, 4, 'c'],
      ['unsafe-url', 6, 4, 'd'],
    ]);
    expect(problems[2]).toMatchObject({
      message: "'http://host/c' is reached by http, which this workspace does not allow",
      hint: "allow it in dmrel.yaml: 'products: {transports: [https, http]}'",
    });
    expect(JSON.stringify(problems.map(({ message, hint }) => [message, hint]))).not.toContain('hunter2');
  });

  it('takes no ref that git could take for an option, nor an lfs that is not true', async () => {
    for (const ref of ['--upload-pack=x', '-d', '"a\\nb"', '""', '"a b"'])
      expect([ref, (await findings(`a: {url: "https://host/a", ref: ${ref}}\n`)).length]).toEqual([ref, 1]);
    expect(await findings('a: {url: "https://host/a", lfs: false}\n')).toHaveLength(1);
    expect(await findings('a: {url: "https://host/a", ref: main, branch: x}\n')).toEqual([
      expect.stringContaining("unknown-key unknown key 'branch'"),
    ]);
  });

  it('that is not there, or no map, or no text, is told by its name', async () => {
    expect(brief(problemsOf(await readProductIndex(aFolder(), 'repos.yaml', https)))).toEqual([
      'repos.yaml file-not-found repos.yaml does not exist',
    ]);
    for (const content of ['- a\n- b\n', 'text\n', '[', '\tx: 1\n']) {
      const problems = problemsOf(await read(content));
      expect([content, problems.length > 0, problems.every(({ at }) => at?.file === 'repos.yaml')]).toEqual([
        content,
        true,
        true,
      ]);
    }
    expect(brief(problemsOf(await read(Buffer.from([0x61, 0x3a, 0xff]))))).toEqual([
      'repos.yaml:1:3 not-utf8 broken UTF-8: byte 0xff',
    ]);
  });

  it('takes a path from the root of the workspace where files are allowed', async () => {
    const root = aFolder();
    writeFileSync(join(root, 'repos.yaml'), 'a: ./remotes/a.git\n');
    const found = await readProductIndex(root, 'repos.yaml', new Set<Transport>(['file']));
    expect(found.ok && found.value.products.get('a')!.url).toMatchObject({
      text: join(root, 'remotes/a.git'),
      display: './remotes/a.git',
    });
  });
});

const corpus = process.env.DMREL_CORPUS;
(corpus ? describe : describe.skip)('the index of lsst/repos', () => {
  const indexOf = async (file: string) => {
    const found = await readProductIndex(join(corpus!, 'repos'), file, https);
    if (!found.ok) throw new Error(brief(found.problems).join('\n'));
    const { products, document } = found.value;
    const values = Object.values(document.value);
    return {
      products,
      strings: values.filter((each) => typeof each === 'string').length,
      refs: [...products.values()].filter(({ ref }) => ref !== undefined).length,
      lfs: values.filter((each) => typeof each === 'object' && each.lfs === true).length,
      bare: [...products.values()].filter(({ url }) => !url.text.endsWith('.git')).length,
    };
  };

  it('of today has 386 products', async () => {
    const { products, ...counts } = await indexOf('repos-HEAD-7fce10a.yaml');
    expect([products.size, counts]).toEqual([386, { strings: 345, refs: 18, lfs: 23, bare: 76 }]);
  });

  it('of May 2018 has 250 products, and every one of b3601 and b3595', async () => {
    const { products, bare } = await indexOf('repos-2018-05-08-7f82eaf.yaml');
    expect([products.size, bare]).toEqual([250, 21]);
    for (const id of ['b3595', 'b3601']) {
      const manifest = await readBuildManifest(corpus!, 'versiondb', id);
      if (!manifest.ok) throw new Error(brief(manifest.problems).join('\n'));
      expect(manifest.value.entries.filter(({ product }) => !products.has(product))).toEqual([]);
    }
  });
});
