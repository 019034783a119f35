import type { CommandContext } from '../../plugins/index.ts';
import { count, errorsOf, type Problem, printable } from '../../support/index.ts';
import { createPaint } from './paint.ts';

/** Findings as text for standard error: `path:line:col  severity  code  message`, the offending line with a caret, and what to do. */
export async function renderProblems(
  problems: readonly Problem[],
  context: Pick<CommandContext, 'errColor'>,
): Promise<string> {
  if (problems.length === 0) return '';
  const paint = await createPaint(context.errColor);
  const blocks = problems.map((each) => {
    const { at, code, severity, message, hint, excerpt, output = [] } = each;
    const place = at ? [at.file, at.line, at.column].filter((part) => part !== undefined).join(':') : undefined;
    const mark = severity === 'error' ? paint.bad('error') : paint.warn('warning');
    const head = [place === undefined ? undefined : paint.strong(printable(place)), mark, code, printable(message)];
    const lines = [head.filter((part) => part !== undefined).join('  ')];
    if (excerpt && at?.line !== undefined) {
      const number = String(at.line);
      lines.push(
        `  ${number} | ${excerpt.text}`,
        `  ${' '.repeat(number.length)} | ${' '.repeat(excerpt.caret)}${paint.bad('^')}`,
      );
    }
    lines.push(...output.map((line) => `  | ${printable(line)}`));
    if (hint) lines.push(`  = ${printable(hint)}`);
    return lines.join('\n');
  });
  if (problems.length > 1) {
    const errors = errorsOf(problems).length;
    blocks.push(`${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`);
  }
  return `${blocks.join('\n')}\n`;
}
