import { describe, expect, it } from '@jest/globals';
import { parseDocument } from '../../src/documents/index.ts';
import type { Problem } from '../../src/support/index.ts';
import { startWork } from '../support/work.ts';
import { brief, problemsOf } from '../support/workspace.ts';

const schemas = ['dmrel/milestones/v1', 'dmrel/features/v1', 'dmrel/externals/v1'];
const read = async (text: string): Promise<Problem[]> => problemsOf(await parseDocument('f.yaml', text, { schemas }));
const features = (body: string) => `schema: dmrel/features/v1\nfeatures:\n${body}`;
/** The character the caret stands under. */
const marked = ({ excerpt }: Problem): string | undefined => excerpt?.text[excerpt.caret];

describe('a file with a fault', () => {
  it('says where a key stands twice, and where it stood first', async () => {
    const [found, ...more] = await read(
      features('  DM-1:\n    title: a\n  DM-2:\n    title: b\n  DM-1:\n    title: c\n'),
    );
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      code: 'duplicate-key',
      message: "duplicate key 'DM-1'",
      hint: 'it stands in line 3 already; keep one of the two',
      at: { file: 'f.yaml', line: 7, column: 3 },
      excerpt: { text: '  DM-1:', caret: 2 },
    });
  });

  it('asks whether a key that is not known was meant to be one that is', async () => {
    const found = await read(features('  DM-1: {title: a, cycel: F18}\n'));
    expect(found).toMatchObject([{ code: 'unknown-key', hint: "did you mean 'cycle'?", at: { line: 3, column: 20 } }]);
    expect(marked(found[0]!)).toBe('c');
  });

  it('lists the keys that are known when none is near', async () => {
    const [found] = await read(`${features('  DM-1: {title: a}')}\nsomething: else\n`);
    expect(found).toMatchObject({
      code: 'unknown-key',
      hint: 'known here: schema, owner, features',
      at: { line: 4, column: 1 },
    });
  });

  it('asks for quotes around a number that must be text', async () => {
    const [found] = await read(features('  DM-1: {title: a, cycle: 18}\n'));
    expect(found).toMatchObject({
      code: 'wrong-type',
      message: "'cycle' must be text",
      hint: 'put it in quotes: "18"',
    });
    expect(found!.at).toEqual({ file: 'f.yaml', line: 3, column: 27 });
  });

  it('says once what a list item of the wrong type should have been', async () => {
    const text = 'schema: dmrel/milestones/v1\nmilestones:\n  M-1:\n    title: a\n    needs:\n      - 12\n';
    expect(brief(await read(text))).toEqual([
      expect.stringMatching(/^f\.yaml:6:9 wrong-type item 1 of 'needs' must be an id such as LDM-503-3/),
    ]);
  });

  it('says of what is no YAML 1.2, or merges nothing, what to do', async () => {
    const sound = features('  DM-1: {title: a}\n');
    for (const [text, line, hint] of [
      [`%YAML 1.1\n---\n${sound}`, 1, "take the line out: manifests are YAML 1.2, in which 'yes' is a word"],
      [features('  DM-1: {title: !!text a}\n'), 3, 'take the tag out: a value is what it looks like'],
      [features('  DM-1: &a {title: a}\n  DM-2: {<<: *a}\n'), 4, 'write the keys out'],
    ] as const)
      expect(await read(text)).toMatchObject([{ code: 'yaml-syntax', at: { line }, hint }]);
    expect(await read(`%YAML 1.2\n---\n${sound}`)).toEqual([]);
  });

  it('names a key that is missing', async () => {
    expect(brief(await read(features('  DM-1: {due: "2018-05-08"}\n')))).toEqual([
      "f.yaml:3:3 missing-key 'DM-1' lacks 'title'",
    ]);
    expect(brief(await read('# plan\nfeatures: {}\n'))).toEqual([
      "f.yaml:2:1 missing-key f.yaml has no 'schema:' line",
    ]);
  });

  it('says which schemas may stand here', async () => {
    const [near] = await read('schema: dmrel/feature/v1\nfeatures: {}\n');
    expect(near).toMatchObject({
      code: 'unknown-schema',
      hint: "did you mean 'dmrel/features/v1'?",
      at: { line: 1, column: 9 },
    });
    const [none] = await read('schema:\n');
    expect(none).toMatchObject({ code: 'unknown-schema', hint: expect.stringContaining('dmrel/milestones/v1') });
  });

  it('shows the form of a value that has another', async () => {
    const [found] = await read(features('  DM-1: {title: a, due: May 2018}\n'));
    expect(found).toMatchObject({ code: 'wrong-value', message: `'due' must be a date written "YYYY-MM-DD"` });
    const [id] = await read(features('  1-DM: {title: a}\n'));
    expect(id).toMatchObject({
      code: 'wrong-value',
      at: { line: 3, column: 3 },
      message: expect.stringMatching(/^'1-DM' cannot be a key/),
    });
  });

  it('says everything at once, in the order of the file', async () => {
    const found = await read(features('  DM-1: {titel: a}\n  DM-2: {title: b, due: 7}\n'));
    expect(found.map(({ code, at }) => [code, at!.line])).toEqual([
      ['missing-key', 3],
      ['unknown-key', 3],
      ['wrong-type', 4],
    ]);
  });

  it.each([
    ['nothing', ''],
    ['only comments', '# a\n\n# b\n'],
    ['a list', '- a\n'],
    ['a word', 'hello'],
  ])('holds no map when it has %s', async (_what, text) => {
    const found = await read(text);
    expect(found).toMatchObject([{ code: 'wrong-type', message: 'f.yaml holds no map of keys and values' }]);
    expect(found[0]!.hint).toContain('dmrel/features/v1');
  });

  it('points at the second document of a file that has several', async () => {
    const found = await read(`${features('  DM-1: {title: a}')}\n---\nschema: x\n`);
    expect(found).toMatchObject([
      { code: 'yaml-syntax', message: 'a second document begins here', at: { line: 4, column: 1 } },
    ]);
  });

  it.each([
    ['an unknown tag', 'features: !!js/function x', 'Unresolved tag'],
    ['a tab for indentation', 'features:\n\tDM-1: {title: a}', 'Tabs are not allowed'],
    ['a bracket that is not closed', 'features: [a, b', 'flow sequence'],
    ['a quote that is not closed', 'features: "a', 'Missing closing'],
    ['a key that is a list', '? [a]\n: b', 'keys must be strings'],
  ])('has %s: a finding, with its line', async (_what, text, message) => {
    const [found] = await read(`schema: dmrel/features/v1\n${text}\n`);
    expect(found).toMatchObject({
      code: 'yaml-syntax',
      message: expect.stringMatching(new RegExp(message, 'i')),
      excerpt: { text: expect.any(String) },
    });
    expect(found!.at!.line).toBeGreaterThanOrEqual(2);
  });

  it.each(['100%', 'a%zz', 'a/b', 'a~1b', '~', '%41'])('finds the place under the strange key %j', async (key) => {
    const found = await read(features(`  "${key}":\n    title: 3\n`));
    expect(found.find(({ code }) => code === 'wrong-type')).toMatchObject({
      at: { line: 4, column: 12 },
      hint: 'put it in quotes: "3"',
    });
  });

  it('refuses __proto__ as a key, and takes names of object methods for nothing else than keys', async () => {
    expect(brief(await read(features('  __proto__: {title: a}\n')))).toEqual([
      "f.yaml:3:3 unknown-key a key cannot be called '__proto__'",
    ]);
    expect(({} as { title?: unknown }).title).toBeUndefined();
    const found = await read(features('  DM-1: {title: a, constructor: 1, hasOwnProperty: 2}\n'));
    expect(found.map(({ code }) => code)).toEqual(['unknown-key', 'unknown-key']);
    expect(await read(features('  constructor: {title: a}\n  toString: {title: b}\n'))).toEqual([]);
  });

  it('never lets terminal escapes, bells or reversed text into an excerpt', async () => {
    const found = await read(features('  DM-1: {titel: "\u001b[31mred\u0007\u009b\u202egnp\u061c\u2066", title: x}\n'));
    const [{ excerpt }] = found as [Problem];
    expect(excerpt!.text).toBe('  DM-1: {titel: "\\x1b[31mred\\x07\\x9b\\u202egnp\\u061c\\u2066", title: x}');
    expect(marked(found[0]!)).toBe('t');
  });

  it('keeps the caret right behind characters that are written out', async () => {
    const found = await read(features('  DM-1: {"\u001b": 1,\ttitle: x}\n  DM-2: {title: "\u0007", dew: x}\n'));
    expect(found.map(marked)).toEqual(['"', 'd']);
    expect(found[1]!.excerpt!.text).toContain('\\x07');
  });

  it('shows a window of a very long line, with the caret in it', async () => {
    const found = await read(features(`  DM-1: {title: "${'x'.repeat(200_000)}", dew: y, cycle: F18}\n`));
    const unknown = found.find(({ code }) => code === 'unknown-key')!;
    expect(unknown.at!.column).toBe(200_021);
    expect(unknown.excerpt!.text.length).toBeLessThan(110);
    expect(unknown.excerpt!.text.slice(unknown.excerpt!.caret)).toMatch(/^dew: y/);
    expect(unknown.excerpt!.text[0]).toBe('…');
  });
});

describe('a text made to do harm', () => {
  const quickly = async (text: string, milliseconds = 900): Promise<Problem[]> => {
    const worked = startWork();
    const found = await read(text);
    expect(worked() * 1000).toBeLessThan(milliseconds * (process.env.CI ? 5 : 2));
    return found;
  };

  it('aliases that multiply end at once', async () => {
    let text = 'schema: dmrel/features/v1\na: &a [x, x, x, x, x, x, x, x, x, x]\n';
    for (let level = 1; level < 60; level++) {
      const name = (number: number) => (number === 0 ? 'a' : `a${number}`);
      text += `b${level}: &${name(level)} [${Array(10)
        .fill(`*${name(level - 1)}`)
        .join(', ')}]\n`;
    }
    expect((await quickly(text)).map(({ code }) => code)).toEqual(['yaml-aliases']);
  });

  it('an alias of itself is a finding', async () => {
    expect(brief(await quickly('schema: dmrel/features/v1\nfeatures: &a [*a]\n'))).toEqual([
      "f.yaml:2:15 yaml-aliases alias '*a' has no anchor before it",
    ]);
  });

  const indented = (depth: number) => Array.from({ length: depth }, (_, level) => `${' '.repeat(level)}a:\n`).join('');
  it.each([
    ['100,000 open brackets', '['.repeat(100_000)],
    ['100,000 brackets, closed', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['50,000 maps in each other', `${'{a: '.repeat(50_000)}${'}'.repeat(50_000)}`],
    ['100,000 dashes', `\n${'- '.repeat(100_000)}x`],
    ['1,000 indented maps', `\n ${indented(1000).replaceAll('\n', '\n ')}`],
    ['70 brackets', `${'['.repeat(70)}${']'.repeat(70)}`],
  ])('%s are one finding: nested too deeply', async (_what, value) => {
    const found = await quickly(`schema: dmrel/features/v1\nfeatures: ${value}\n`, 3000);
    expect(found).toMatchObject([{ code: 'yaml-too-deep', hint: 'manifests nest at most 64 levels' }]);
    expect(found[0]!.at!.line).toBeGreaterThanOrEqual(2);
  });

  it('5,000 wrong features take no longer than 5,000 right ones need', async () => {
    const text = features(Array.from({ length: 5000 }, (_, number) => `  DM-${number}: {titel: x}\n`).join(''));
    const found = await quickly(text, 3000);
    expect(found).toHaveLength(10_000);
    expect(found.at(-1)!.at).toEqual({ file: 'f.yaml', line: 5002, column: 13 });
  });

  it('more wrong things than anybody reads are shown in part', async () => {
    const items = features(`  DM-1:\n    title: x\n    aka:\n${'    - 1\n'.repeat(130_000)}`);
    const found = await quickly(items, 10_000);
    expect(found.length).toBeLessThanOrEqual(10_001);
    expect(brief(found)).toContain('f.yaml:1:1 wrong-value there are more findings than are shown');
  });

  it.each([
    ['values', '[', '1,'],
    ['brackets', '', '['],
    ['dashes', '', '- '],
    ['quotes', '[', '"" '],
  ])('nothing but %s is not given to the parser', async (_what, begin, mark) => {
    const text = `schema: dmrel/features/v1\nfeatures: ${begin}${mark.repeat(4_000_000 / mark.length)}\n`;
    expect(await quickly(text, 1500)).toMatchObject([{ code: 'file-too-large', at: { line: 2 } }]);
  });

  it('a list of 20,000 that must not repeat itself is compared in linear time', async () => {
    const list = Array.from({ length: 20_000 }, (_, number) => `DM-${number}`);
    const milestone = (needs: string[]) =>
      `schema: dmrel/milestones/v1\nmilestones:\n  M-1: {title: x, needs: [${needs.join(', ')}]}\n`;
    expect(await quickly(milestone(list), 1500)).toEqual([]);
    expect((await quickly(milestone([...list, 'DM-7']), 1500)).map(({ code }) => code)).toEqual(['wrong-value']);
  });
});
