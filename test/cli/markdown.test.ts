import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { markdownBlock, markdownCode, markdownTable, markdownText } from '../../src/cli/output/markdown.ts';

const pieces = ['`', '``', '<b>', '</td>', '[a](b)', '![x](y)', '*', '_', '~~', '|', '\\', '&lt;', '&', '#', '$x$'];
const dangerous = ['\n\n# h', '\r', '\x1b[2J', '\u202e', '\x9b', '<!--', '-->', '\ud800', 'http://e.x', 'a@b', '@all'];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...pieces, ...dangerous), fc.string({ maxLength: 6 })), { maxLength: 15 })
  .map((parts) => parts.join(''));

/**
 * Without code spans, escapes and the entities we write, nothing may be left that Markdown or HTML acts on. Each escape is
 * a character of text, so that what stands before and after it never touches.
 */
const bare = (markdown: string): string =>
  markdown
    .replace(/^(`+)(?:(?!`).|(?<!`)(?!\1(?!`))`+)*\1$/s, '')
    .replace(/\\[\\`*_[\]~#!]|&(?:amp|lt|gt|#124|#36);/g, '.');

describe('text of others in Markdown', () => {
  it('is shown, and does nothing', () => {
    expect(markdownText('fix <script>alert(1)</script> in a_b | `x` [y](z) & *more*')).toBe(
      'fix &lt;script&gt;alert(1)&lt;/script&gt; in a\\_b &#124; \\`x\\` \\[y\\](z) &amp; \\*more\\*',
    );
    expect(markdownText('see http://evil.example and @everyone')).toBe('`see http://evil.example and @everyone`');
    expect(markdownText('a\n\n# b\x1b[31m')).toBe('a \\# b\\\\x1b\\[31m');
  });

  it('takes an escape for a character, not for nothing', () => {
    expect(markdownText(':/</td>')).toBe(':/&lt;/td&gt;');
    expect(bare(':/&lt;/td&gt;')).toBe(':/./td.');
  });

  it('leaves nothing that a renderer or a terminal acts on, whatever it is', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = markdownText(text);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\u2028\u2029]/u);
        if (!shown.startsWith('`')) expect(bare(shown)).not.toMatch(/[\\`*_[\]~|<>&#$]|@|:\/\/|www\./);
      }),
      { numRuns: 2000 },
    );
  });

  it('is code that its own backticks do not end', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [, fence, inside] = /^(`+)(.*?)\1$/s.exec(markdownCode(text))!;
        expect((inside!.match(/`+/g) ?? []).every((run) => run.length < fence!.length)).toBe(true);
        expect(inside).not.toMatch(/[|\n]/);
      }),
      { numRuns: 2000 },
    );
  });

  it('is as long as it may be', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 100, maxLength: 3000 }), (text) => {
        expect(markdownText(text, 50).length).toBeLessThanOrEqual(50 * 5);
        expect(markdownCode(text, 50).length).toBeLessThanOrEqual(3 * 52);
      }),
    );
  });

  it('stays in its cell and in its block', () => {
    const rows = markdownTable(['a', 'b'], [[markdownText('x | y'), markdownCode('x | y')]]);
    expect(rows.map((row) => row.split('|').length)).toEqual([4, 4, 4]);
    expect(markdownBlock(['git clone x\n# gone', '```'])).toEqual(['    git clone x\\n# gone', '    ```']);
  });
});
