import type { Plan } from '../../operation/index.ts';
import { clip, count, printable } from '../../support/index.ts';
import { renderTable } from './table.ts';

/** A plan as text: a line a step with what it does, and how many there are of each kind. */
export function renderPlan(plan: Plan, width: number): string {
  const rows = plan.steps.map(({ action, title, from, to }) => {
    const change = from && action !== 'skip' ? `${short(from)} -> ${short(to)}` : short(to);
    return [action, printable(title), clip(printable(change), Math.max(44, width - 60))];
  });
  const counts = (['create', 'move', 'delete', 'skip', 'conflict'] as const)
    .map((action) => [action, plan.steps.filter((step) => step.action === action).length] as const)
    .filter(([, number]) => number > 0)
    .map(([action, number]) => `${number} to ${action}`.replace('to conflict', 'in conflict'));
  const steps = plan.steps.length === 0 ? 'no steps' : `${count(plan.steps.length, 'step')} (${counts.join(', ')})`;
  return `${renderTable(rows, '  ')}plan: ${plan.command} ${plan.release}: ${steps}\n`;
}

/** Ids are shown as git shows them; whatever is no id is shown whole. */
function short(id: string | null | undefined): string {
  if (!id) return '';
  return /^[0-9a-f]{40}$/.test(id) ? id.slice(0, 12) : id.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1');
}
