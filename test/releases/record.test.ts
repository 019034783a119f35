import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  formatRelease,
  type LevelRecord,
  listReleases,
  type ReleaseRecord,
  readAllReleases,
  readLevel,
  readRelease,
  requireRelease,
  writeLevel,
  writeRelease,
} from '../../src/releases/index.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

const sha = (digit: string): string => digit.repeat(40);
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const file = (name: string): string => `releases/${name}/release.yaml`;

/** A record with everything in it that one may have. */
function aRecord(name = 'w.2018.18', more: object = {}): ReleaseRecord {
  return {
    schema: 'dmrel/release/v1',
    name,
    kind: 'weekly',
    date: '2018-05-03',
    created: { at: '2018-05-03T12:00:00Z', by: 'Zoë <zoe@example.org>', operation: '01CE1ZB4W0000000000000000' },
    source: { manifest: 'b3595', contentId: sha('0') },
    previous: 'w.2018.17',
    products: {
      afw: {
        url: 'https://host/afw.git',
        commit: sha('a'),
        tag: name,
        object: sha('b'),
        version: '15.0-24-g02ed2a30c+1',
      },
      apr: { url: 'git@host:apr', commit: sha('c'), tag: name, object: sha('d') },
    },
    images: {
      stack: {
        repository: 'build/stack',
        digest: digest('1'),
        inputs: digest('2'),
        size: 0,
        platforms: ['linux/amd64'],
      },
    },
    promotions: [
      { level: 'dev', at: '2018-05-04T00:00:00Z', by: 'T', operation: '1', images: { stack: digest('1') } },
      { level: 'batch', at: '2018-05-05T00:00:00Z', by: 'T', operation: '2', images: {} },
    ],
    ...more,
  } as unknown as ReleaseRecord;
}

function put(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

async function read(root: string, name = 'w.2018.18'): Promise<ReleaseRecord> {
  const found = await requireRelease(root, name);
  if (!found.ok) throw new Error(brief(found.problems).join('\n'));
  return found.value;
}

async function findings(text: string): Promise<string[]> {
  const root = aFolder();
  put(root, file('w.2018.18'), text);
  return brief(problemsOf(await readRelease(root, 'w.2018.18')));
}

describe('the record of a release', () => {
  it('is read as it was written, with everything in it', async () => {
    const root = aFolder();
    await writeRelease(root, aRecord());
    expect(await read(root)).toEqual(aRecord());
    expect(readdirSync(join(root, 'releases/w.2018.18'))).toEqual(['release.yaml']);
  });

  it('does not change a byte when it is read and written again', async () => {
    const root = aFolder();
    await writeRelease(root, aRecord());
    const before = readFileSync(join(root, file('w.2018.18')), 'utf8');
    await writeRelease(root, await read(root));
    expect(readFileSync(join(root, file('w.2018.18')), 'utf8')).toBe(before);
  });

  it('has the same bytes whatever the order in which its parts came together', async () => {
    const { products, images, promotions, ...rest } = aRecord();
    const turned = Object.fromEntries(Object.entries({ ...rest, promotions, images, products }).reverse());
    turned.products = Object.fromEntries(Object.entries(products).reverse());
    expect(await formatRelease(turned as unknown as ReleaseRecord)).toBe(await formatRelease(aRecord()));
  });

  it('has one fact a line, and tells an editor its schema', async () => {
    const text = await formatRelease(aRecord());
    expect(text).toMatch(
      /^# yaml-language-server: \$schema=\.\.\/\.\.\/schemas\/release\.schema\.json\nschema: dmrel\/release\/v1\n/,
    );
    expect(text).toContain('\n  afw:\n    url: https://host/afw.git\n');
    const newVersion = await formatRelease(aRecord('w.2018.18', { previous: 'w.2018.16' }));
    const lines = text.split('\n');
    expect(newVersion.split('\n').filter((line, index) => line !== lines[index])).toEqual(['previous: w.2018.16']);
  });

  it('keeps what YAML would take for something else', async () => {
    const root = aFolder();
    const names = [
      'null',
      'true',
      'yes',
      'no',
      'y',
      '1.0',
      '1e3',
      '0x1f',
      '017',
      '1_000',
      '12:30',
      '2018-05-08',
      '10',
      '9',
      'constructor',
      'toString',
    ].filter((each) => !each.includes(':'));
    const products = Object.fromEntries(
      names.map((name, index) => [
        name,
        {
          url: name,
          commit: '1'.repeat(40),
          tag: 'w.2018.18',
          object: `${'2'.repeat(38)}e${index % 10}`,
          version: name,
        },
      ]),
    );
    await writeRelease(
      root,
      aRecord('w.2018.18', { products, previous: null, source: { manifest: null, contentId: '0'.repeat(40) } }),
    );
    const found = await read(root);
    expect(found.products).toEqual(products);
    expect([found.previous, found.source.manifest, found.source.contentId]).toEqual([null, null, '0'.repeat(40)]);
  });

  const text = fc.oneof(
    fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }),
    fc
      .array(
        fc.constantFrom(
          ' ',
          '\n',
          ': ',
          '#',
          ' #',
          '- ',
          '"',
          "'",
          '\\',
          '|',
          '>',
          '%',
          '@',
          '`',
          '&a',
          '*a',
          '!!x',
          '---',
          '...',
          '~',
          'null',
          '1e3',
          '\t',
          'é',
          '🔭',
          ',',
        ),
        { minLength: 1, maxLength: 8 },
      )
      .map((each) => each.join('')),
  );
  const name = fc
    .stringMatching(/^[A-Za-z0-9_]{1,4}(?:[.+-][A-Za-z0-9_]{1,4}){0,2}$/)
    .filter((each) => each !== '__proto__');
  const id = fc.stringMatching(/^[0-9a-f]{40}$/);
  const product = fc.record(
    { url: text, commit: id, tag: fc.constant('w.2018.18'), object: id, version: text },
    { requiredKeys: ['url', 'commit', 'tag', 'object'] },
  );
  it('keeps any text and any names', async () => {
    const root = aFolder();
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, product, { maxKeys: 5, noNullPrototype: true }),
        text,
        text,
        async (products, by, manifest) => {
          const record = aRecord('w.2018.18', {
            products,
            created: { at: '2018-05-03T12:00:00Z', by, operation: by },
            source: { manifest, contentId: sha('0') },
          });
          await writeRelease(root, record);
          expect(await read(root)).toEqual(record);
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each([
    ['no YAML', 'schema: dmrel/release/v1\nname: [\n', 'releases/w.2018.18/release.yaml:'],
    ['empty', '', 'releases/w.2018.18/release.yaml'],
    ['a list', '- a\n', 'releases/w.2018.18/release.yaml:1:1 wrong-type'],
    ['without a schema', 'name: w.2018.18\n', 'releases/w.2018.18/release.yaml:1:1 missing-key'],
    ['of another schema', 'schema: dmrel/release/v2\n', 'releases/w.2018.18/release.yaml:1:9 unknown-schema'],
  ])('that is %s is refused where it is wrong', async (_what, content, place) => {
    expect((await findings(content))[0]).toMatch(new RegExp(`^${place.replaceAll('.', '\\.')}`));
  });

  it.each([
    ['a commit cut off', `commit: ${sha('a')}`, `commit: ${sha('a').slice(1)}`, 17, 13, 'wrong-value'],
    ['a commit that is a number', `commit: ${sha('c')}`, 'commit: 12', 23, 13, 'wrong-type'],
    ['a digest of another kind', `digest: ${digest('1')}`, `digest: md5:${'1'.repeat(32)}`, 29, 13, 'wrong-value'],
    ['a digest in capitals', `inputs: ${digest('2')}`, `inputs: ${digest('A')}`, 30, 13, 'wrong-value'],
    ['a day that does not exist', 'date: "2018-05-03"', 'date: "2018-02-30"', 5, 7, 'no-such-date'],
    ['another kind', 'kind: weekly', 'kind: monthly', 4, 7, 'wrong-value'],
    ['a size below zero', 'size: 0', 'size: -1', 31, 11, 'wrong-value'],
    ['a key that is not known', 'previous: w.2018.17', 'previous: w.2018.17\nsigned: true', 14, 1, 'unknown-key'],
    ['a key twice', 'kind: weekly', 'kind: weekly\nkind: weekly', 5, 1, 'duplicate-key'],
    ['a product that is an option', '  afw:', '  --afw:', 15, 3, 'wrong-value'],
  ])('with %s is refused at that place', async (_what, right, wrong, line, column, code) => {
    const sound = await formatRelease(aRecord());
    const spoilt = sound.replace(
      new RegExp(`(^|\\n)( *)${right.trimStart().replace(/[.*+?^$()|[\]\\]/g, '\\$&')}`),
      (_all, start, indent) => `${start}${indent}${wrong.trimStart()}`,
    );
    expect(spoilt).not.toBe(sound);
    const found = await findings(spoilt);
    expect(found[0]).toMatch(new RegExp(`^releases/w\\.2018\\.18/release\\.yaml:${line}:${column} ${code} `));
  });

  it('with moments that do not exist is refused, for a promotion waits from such a moment on', async () => {
    const sound = await formatRelease(aRecord());
    const spoilt = sound
      .replace('2018-05-03T12:00:00Z', '2018-02-30T12:00:00Z')
      .replace('2018-05-05T00:00:00Z', '2018-05-05T24:00:00Z');
    expect(await findings(spoilt)).toEqual([
      'releases/w.2018.18/release.yaml:7:7 no-such-date there is no 2018-02-30T12:00:00Z',
      expect.stringMatching(/release\.yaml:\d+:9 no-such-date there is no 2018-05-05T24:00:00Z$/),
    ]);
  });

  it('has every key that its schema knows written', async () => {
    const { properties } = JSON.parse(readFileSync('schemas/release.schema.json', 'utf8'));
    const value = (key: string) => (['products', 'images'].includes(key) ? {} : key);
    const keys = Object.keys(properties);
    const full = Object.fromEntries(keys.map((key) => [key, value(key)]));
    const written = await formatRelease(full as unknown as ReleaseRecord);
    expect(keys.filter((key) => !new RegExp(`^${key}:`, 'm').test(written))).toEqual([]);
  });

  it('of another release in its place is refused', async () => {
    const root = aFolder();
    put(root, file('w.2018.18'), await formatRelease(aRecord('w.2018.19')));
    expect(brief(problemsOf(await readRelease(root, 'w.2018.18')))).toEqual([
      "releases/w.2018.18/release.yaml:3:7 wrong-value the record of 'w.2018.19' stands in releases/w.2018.18/release.yaml",
    ]);
  });

  it('is replaced as a whole: its old text stays when a new one cannot be written', async () => {
    const root = aFolder();
    await writeRelease(root, aRecord());
    mkdirSync(join(root, 'releases/w.2018.19/release.yaml/x'), { recursive: true });
    await expect(writeRelease(root, aRecord('w.2018.19'))).rejects.toThrow();
    expect(readdirSync(join(root, 'releases/w.2018.19'))).toEqual(['release.yaml']);
    expect(await read(root)).toEqual(aRecord());
  });
});

describe('the records of a workspace', () => {
  it('are listed oldest first; what is no release among them is left out', async () => {
    const root = aFolder();
    for (const name of ['w.2018.18', 'w.2018.02', 'w.2017.52', '.tmp', 'notes', 'w.2018.99'])
      mkdirSync(join(root, 'releases', name), { recursive: true });
    put(root, 'releases/README.md', 'x');
    expect(await listReleases(root)).toEqual(['w.2017.52', 'w.2018.02', 'w.2018.18']);
    expect(await listReleases(aFolder())).toEqual([]);
  });

  it('are all read, by date, with the findings of the bad ones beside them', async () => {
    const root = aFolder();
    await writeRelease(root, aRecord('w.2018.18'));
    await writeRelease(root, aRecord('w.2018.02', { date: '2018-05-04' }));
    await writeRelease(root, aRecord('w.2018.17'));
    put(root, file('w.2018.03'), 'schema: dmrel/release/v1\n');
    mkdirSync(join(root, 'releases/w.2018.04'), { recursive: true });
    const { records, problems } = await readAllReleases(root);
    expect(records.map(({ name }) => name)).toEqual(['w.2018.17', 'w.2018.18', 'w.2018.02']);
    expect(new Set(problems.map(({ at }) => at!.file))).toEqual(new Set([file('w.2018.03')]));
  });

  it('that are asked for and not there: the newest that are there are named', async () => {
    const root = aFolder();
    expect(problemsOf(await requireRelease(root, 'w.2018.18'))).toMatchObject([
      { code: 'unknown-release', hint: "make one with 'dmrel tag weekly'" },
    ]);
    for (let week = 10; week < 18; week++) await writeRelease(root, aRecord(`w.2018.${week}`));
    expect(problemsOf(await requireRelease(root, 'w.2018.18'))).toMatchObject([
      {
        code: 'unknown-release',
        message: "there is no release 'w.2018.18' in this workspace",
        hint: 'known: w.2018.13, w.2018.14, w.2018.15, w.2018.16, w.2018.17',
      },
    ]);
    for (const name of ['../../etc', 'w.2018.99', ''])
      expect(problemsOf(await requireRelease(root, name))).toMatchObject([{ code: 'unknown-release' }]);
  });
});

describe('what stands at a level', () => {
  const level = {
    schema: 'dmrel/level/v1',
    level: 'batch',
    current: [
      { release: 'w.2018.18', since: '2018-05-05T00:00:00Z', images: { stack: `layout:x/stack@${digest('1')}` } },
    ],
    held: { by: 'Zoë', at: '2018-05-06T00:00:00Z', reason: 'DM-1: waits\nfor review' },
  } as unknown as LevelRecord;

  it('is nothing before the first promotion', async () => {
    expect(await readLevel(aFolder(), 'batch')).toEqual({
      ok: true,
      value: { schema: 'dmrel/level/v1', level: 'batch', current: [], held: null },
    });
  });

  it('is read as it was written', async () => {
    const root = aFolder();
    await writeLevel(root, level);
    expect(await readLevel(root, 'batch')).toEqual({ ok: true, value: level });
    expect(readFileSync(join(root, 'levels/batch.yaml'), 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=\.\.\/schemas\//,
    );
  });

  it('is not what another level has in its file, nor half a file', async () => {
    const root = aFolder();
    await writeLevel(root, level);
    put(root, 'levels/dev.yaml', readFileSync(join(root, 'levels/batch.yaml'), 'utf8'));
    expect(brief(problemsOf(await readLevel(root, 'dev')))).toEqual([
      "levels/dev.yaml:3:8 wrong-value the record of level 'batch' stands in levels/dev.yaml",
    ]);
    put(
      root,
      'levels/dev.yaml',
      readFileSync(join(root, 'levels/batch.yaml'), 'utf8')
        .replace('level: batch', 'level: dev')
        .replace('05-05T00', '05-05T24')
        .replace('05-06T', '05-36T'),
    );
    expect(brief(problemsOf(await readLevel(root, 'dev')))).toEqual([
      expect.stringMatching(/^levels\/dev\.yaml:6:12 no-such-date there is no 2018-05-05T24:00:00Z$/),
      expect.stringMatching(/^levels\/dev\.yaml:\d+:7 no-such-date there is no 2018-05-36T00:00:00Z$/),
    ]);
    put(root, 'levels/dev.yaml', 'schema: dmrel/level/v1\nlevel: dev\n');
    expect(brief(problemsOf(await readLevel(root, 'dev'))).join('\n')).toMatch(/^levels\/dev\.yaml:\S+ missing-key/);
  });
});
