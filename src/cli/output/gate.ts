import type { Condition, Explanation } from '../../promotion/index.ts';
import { count, printable } from '../../support/index.ts';
import type { Paint } from './paint.ts';

const marks: Record<Condition['state'], string> = {
  met: 'ok',
  unmet: '!!',
  wait: '..',
  waived: 'waived',
  owed: 'owed',
  advisory: 'advisory',
};
const headings: Record<Condition['kind'], string> = {
  trust: 'evidence',
  built: 'images',
  after: 'levels before',
  check: 'checks',
  ceiling: 'ceilings',
  soak: 'soak',
  approval: 'approvals',
  milestone: 'milestone',
  freeze: 'freeze',
  hold: 'hold',
  order: 'order',
};

/** A decision as a tree: what was asked, how it stands, what it rests on, and what to do next. */
export function renderExplanation(explanation: Explanation, paint: Paint): string {
  const { conditions, ignored, next, uncommitted, because, signed } = explanation;
  const lines = [paint.strong(headline(explanation)), `  as of ${explanation.asOf}`];
  if (because !== undefined) lines.push(`  ${because}`);
  if (!signed) lines.push('  evidence counts unsigned: this workspace trusts no keys');
  for (const kind of Object.keys(headings) as Condition['kind'][]) {
    const own = conditions.filter((each) => each.kind === kind);
    if (own.length > 0) lines.push('', headings[kind], ...own.flatMap((each) => conditionLines(each, paint, 1)));
  }
  if (ignored.length > 0) {
    lines.push('', 'does not count');
    for (const { file, by, at, why } of ignored) {
      lines.push(
        `  ${printable(file)}${by === undefined ? '' : `, by ${printable(by)}`}${at ? `, ${at}` : ''}: ${printable(why)}`,
      );
    }
  }
  for (const { message, hint } of uncommitted) {
    lines.push('', `${paint.bad('!!')} ${printable(message)}`, ...(hint ? [`   -> ${printable(hint)}`] : []));
  }
  if (next.length > 0) lines.push('', 'next', ...next.map((each) => `  ${printable(each)}`));
  return `${lines.join('\n')}\n`;
}

function headline({ verdict, until, release, level, stands, conditions, uncommitted }: Explanation): string {
  const open = conditions.filter(({ state }) => state === 'unmet').length;
  const there = stands === undefined ? '' : ` (it stands there since ${stands})`;
  switch (verdict) {
    case 'allow':
      if (uncommitted.length > 0)
        return `${release} may not go to ${level}: ${count(uncommitted.length, 'file')} not as committed${there}`;
      return `${release} may go to ${level}${there}`;
    case 'deny':
      return `${release} may not go to ${level}: ${count(open, 'condition')} not met${there}`;
    case 'defer':
      return `${release} may go to ${level} after ${until}${there}`;
    default:
      return verdict satisfies never;
  }
}

function conditionLines(
  { state, text, evidence, waiver, anyOf, hint }: Condition,
  paint: Paint,
  depth: number,
): string[] {
  const indent = '  '.repeat(depth);
  const mark = marks[state];
  const painted =
    state === 'met'
      ? paint.good(mark)
      : state === 'unmet'
        ? paint.bad(mark)
        : state === 'advisory'
          ? paint.faint(mark)
          : paint.warn(mark);
  const below = `${indent}   `;
  return [
    `${indent}${painted} ${printable(text)}`,
    ...(waiver
      ? [
          `${below}waived until ${waiver.until} by ${printable(waiver.by)}, ${waiver.at}: ${printable(waiver.reason)}`,
          `${below}${printable(waiver.file)}`,
        ]
      : []),
    ...(evidence ?? []).map(({ file, by, at }) => `${below}${printable(file)}, by ${printable(by)}, ${at}`),
    ...(anyOf ?? []).flatMap((each) => conditionLines(each, paint, depth + 2)),
    ...(hint !== undefined && state !== 'met' && state !== 'waived' ? [`${below}-> ${printable(hint)}`] : []),
  ];
}
