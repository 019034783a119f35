import { clip, printable } from '../../support/index.ts';

/**
 * Text of others as Markdown that shows it and does nothing else: no markup, no HTML, no links that nobody wrote, nobody
 * called by name, no control characters, bounded. For a place inside a line.
 */
export function markdownText(text: string, max = 200): string {
  const plain = oneLine(text, max);
  // Renderers make links and mentions of what is in plain text, whatever is escaped; not of code.
  if (/@|:\/\/|www\.|mailto:/i.test(plain)) return markdownCode(plain, max);
  return plain.replace(/[\\`*_[\]~|$&<>#!]/g, (char) => entities[char] ?? `\\${char}`);
}

/** HTML and table cells end at these, escaped by a backslash or not, in one renderer or another. */
const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '|': '&#124;', $: '&#36;' };

/** A code span of any text: its fence is longer than every run of backticks in it. */
export function markdownCode(text: string, max = 2000): string {
  // A table's cell ends at a bar, in code too.
  const plain = oneLine(text, max).replaceAll('|', '¦');
  const longest = Math.max(0, ...(plain.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest > 0 || plain === '' ? `${fence} ${plain || '-'} ${fence}` : `${fence}${plain}${fence}`;
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** Lines that a reader copies into a shell, as an indented block: nothing in them can end it. */
export const markdownBlock = (lines: readonly string[]): string[] =>
  lines.map((line) => `    ${clip(printable(line), 2000)}`);

/** Halves of characters, which a cut may leave too, are none. */
const oneLine = (text: string, max: number): string =>
  clip(
    printable(
      text
        .slice(0, max * 4)
        .replace(/\s+/g, ' ')
        .trim(),
    ),
    max,
  ).replace(/\p{Cs}/gu, '\ufffd');
