import type { ArgumentSpec, CommandSpec, OptionSpec } from '../../plugins/index.ts';

const names: ArgumentSpec = { name: 'name...', description: 'names; one a line on standard input without them' };
const nameOptions: OptionSpec[] = [
  { flags: '--form <form>', description: 'read them as docker, git or eups tags (docker, then git, without it)' },
  { flags: '--aliases <names>', description: 'image tags that are moved by hand, with commas between' },
];
const historyTimeout: OptionSpec = {
  flags: '--timeout <time>',
  description: 'how long one repository may take to tell its commits (30s without it)',
};

/** What is in releases, and what their names mean. */
export const releaseCommands: readonly CommandSpec[] = [
  {
    name: 'release parse',
    summary: 'what the names of releases say: kind, version, day, cycle, build',
    arguments: [names],
    options: nameOptions,
    examples: ['dmrel release parse w.2018.18 r21_0_1_c0020.002', 'dmrel release parse --form eups v15_0_rc2'],
    load: () => import('../commands/release-parse.ts'),
  },
  {
    name: 'release sort',
    summary: 'names in the order of a menu: kind by kind, the newest first',
    arguments: [names],
    options: [...nameOptions, { flags: '--reverse', description: 'the other way round' }],
    examples: ['git tag --list | dmrel release sort --form git'],
    load: () => import('../commands/release-sort.ts'),
  },
  {
    name: 'release list',
    summary: 'releases that have a record, the newest first: what they hold and where they stand',
    options: [
      { flags: '--kind <kind>', description: 'daily, weekly, candidate, release or milestone' },
      { flags: '--limit <n>', description: 'the newest n alone' },
    ],
    examples: ['dmrel release list --kind weekly --limit 10'],
    load: () => import('../commands/release-list.ts'),
  },
  {
    name: 'release show',
    summary: 'everything of a record: who, when, products, images, promotions, what changed',
    arguments: [{ name: 'release', description: 'a release that has a record', required: true }],
    examples: ['dmrel release show w.2018.18'],
    load: () => import('../commands/release-show.ts'),
  },
  {
    name: 'release diff',
    summary: 'products that were added, removed or moved from one release to another',
    arguments: [
      { name: 'from', description: 'a release', required: true },
      { name: 'to', description: 'another', required: true },
    ],
    options: [{ flags: '--commits', description: 'ask the remotes what lies between' }, historyTimeout],
    examples: ['dmrel release diff w.2018.17 w.2018.18 --commits'],
    load: () => import('../commands/release-diff.ts'),
  },
  {
    name: 'release notes',
    summary: 'a release note in Markdown, from records, manifests, commits and what you wrote',
    arguments: [{ name: 'release', description: 'a release that has a record', required: true }],
    options: [
      { flags: '--since <release>', description: 'tell changes since this one (the previous of its kind without it)' },
      { flags: '--format <format>', description: 'markdown or json' },
      { flags: '--no-commits', description: 'do not ask the remotes for commits and their tickets' },
      historyTimeout,
    ],
    examples: ['dmrel release notes 18.0 --since 17.0 > notes.md'],
    load: () => import('../commands/release-notes.ts'),
  },
];
