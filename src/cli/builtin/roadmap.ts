import type { CommandSpec, OptionSpec } from '../../plugins/index.ts';

const asOf: OptionSpec = {
  flags: '--as-of <date>',
  description: 'what was true on that day (YYYY-MM-DD; today without it)',
};

/** What people wrote, and how far it is. */
export const roadmapCommands: readonly CommandSpec[] = [
  {
    name: 'validate',
    summary: 'check every manifest and record of the workspace; all findings at once',
    examples: ['dmrel validate', 'dmrel validate --json'],
    load: () => import('../commands/validate.ts'),
  },
  {
    name: 'milestone list',
    summary: 'all milestones by due date, with their status',
    options: [asOf],
    load: () => import('../commands/milestone-list.ts'),
  },
  {
    name: 'milestone show',
    summary: 'what a milestone needs, as its document lists it',
    arguments: [{ name: 'id', description: 'LDM-503-3, LDM-503-03 and ldm-503-3 are one', required: true }],
    examples: ['dmrel milestone show LDM-503-3'],
    load: () => import('../commands/milestone-show.ts'),
  },
  {
    name: 'milestone status',
    summary: 'how far a milestone is, derived from releases and their records',
    arguments: [{ name: 'id', description: 'a milestone', required: true }],
    options: [asOf, { flags: '--all', description: 'list every feature' }],
    examples: ['dmrel milestone status LDM-503-3', 'dmrel milestone status LDM-503-8 --as-of 2018-12-01 --json'],
    load: () => import('../commands/milestone-status.ts'),
  },
];
