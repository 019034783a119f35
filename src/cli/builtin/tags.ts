import type { CommandSpec, OptionSpec } from '../../plugins/index.ts';
import { dryRun, yes } from './options.ts';

const signatures: OptionSpec = { flags: '--signatures', description: 'verify the signatures of the tags too' };
const recordDate: OptionSpec = { flags: '--date <date>', description: 'the date of its record (today without it)' };
const tagOptions: readonly OptionSpec[] = [
  { flags: '--manifest <id>', description: 'take commits from a build manifest, such as b3595' },
  { flags: '--from <release>', description: 'take the commits of another release' },
  { flags: '--ref <refs>', description: 'take commits from branches or tags, the first that a repository has' },
  { flags: '--only <products>', description: 'these products alone' },
  { flags: '--except <products>', description: 'all but these products' },
  { flags: '--limit <n>', description: 'the first n products alone' },
  { flags: '--ignore-manifest-versions', description: 'let versions of the manifest and the EUPS list differ' },
  { flags: '--ignore-message', description: 'let a tag that is there have another message' },
  { flags: '--ignore-tagger', description: 'let a tag that is there have another tagger' },
  { flags: '--ignore-lightweight', description: 'let a tag that is there be a lightweight one' },
  { flags: '--force <difference>', description: 'move tags with this one: conflict, lightweight, message or tagger' },
  yes,
  { flags: '--sign [form]', description: 'sign tags as git is configured: ssh or gpg' },
  { flags: '--no-sign', description: 'do not sign, whatever dmrel.yaml says' },
  { flags: '--plan-out <file>', description: 'save the plan instead of applying it' },
  dryRun,
];

/** Tags over many repositories, and how they are verified, taken back and finished. */
export const tagCommands: readonly CommandSpec[] = [
  {
    name: 'tag weekly',
    summary: 'tag every product repository with the weekly of a day, and record it',
    options: [
      { flags: '--date <date>', description: 'the day whose week names the tag (today without it)' },
      ...tagOptions,
    ],
    examples: ['dmrel tag weekly --dry-run', 'dmrel tag weekly --date 2018-05-03 --manifest b3595'],
    load: async () => ({ run: (await import('../commands/tag-dated.ts')).weekly }),
  },
  {
    name: 'tag daily',
    summary: 'the same with the tag of a day',
    options: [{ flags: '--date <date>', description: 'the day (today without it)' }, ...tagOptions],
    load: async () => ({ run: (await import('../commands/tag-dated.ts')).daily }),
  },
  {
    name: 'tag candidate',
    summary: 'make the next release candidate of a version',
    arguments: [{ name: 'version', description: '18.1.0; the number of the candidate is found', required: true }],
    options: [recordDate, ...tagOptions],
    examples: [
      'dmrel tag candidate 18.1.0 --from w.2018.18',
      'dmrel tag candidate 18.1.0 --ref 18.1.x --from v18.1.0.rc1',
    ],
    load: () => import('../commands/tag-candidate.ts'),
  },
  {
    name: 'tag release',
    summary: 'make an official release of the commits of its last candidate',
    arguments: [{ name: 'version', description: '18.1.0', required: true }],
    options: [recordDate, ...tagOptions],
    examples: ['dmrel tag release 18.1.0 --from v18.1.0.rc2'],
    load: () => import('../commands/tag-release.ts'),
  },
  {
    name: 'tag milestone',
    summary: "make the release that a milestone's test campaign uses",
    arguments: [{ name: 'id', description: 'a milestone', required: true }],
    options: [
      { flags: '--accept-missing <reason>', description: 'make it though features of the milestone are missing' },
      recordDate,
      ...tagOptions,
    ],
    examples: ['dmrel tag milestone LDM-503-3 --from w.2018.18'],
    load: () => import('../commands/tag-milestone.ts'),
  },
  {
    name: 'tag verify',
    summary: 'compare all remotes with the record of a release',
    arguments: [{ name: 'release', description: 'a release that has a record', required: true }],
    options: [signatures],
    load: async () => ({ run: (await import('../commands/tag-verify.ts')).verify }),
  },
  {
    name: 'tag undo',
    summary: 'take away exactly the tags that making a release has created',
    arguments: [{ name: 'release', description: 'a release, finished or not', required: true }],
    options: [{ flags: '--force <reason>', description: 'though it is in use; the reason is recorded' }, yes, dryRun],
    load: () => import('../commands/tag-undo.ts'),
  },
  {
    name: 'audit',
    summary: 'compare all remotes with the records of all releases',
    options: [signatures],
    load: async () => ({ run: (await import('../commands/tag-verify.ts')).audit }),
  },
  {
    name: 'apply',
    summary: 'apply a plan that was saved with --plan-out, if nothing has changed since',
    arguments: [{ name: 'file', description: 'the saved plan', required: true }],
    options: [yes, dryRun],
    load: () => import('../commands/apply.ts'),
  },
  {
    name: 'resume',
    summary: 'finish what was begun and never came to its end',
    options: [
      { flags: '--undo', description: 'take back tags that were begun, instead' },
      { flags: '--take-over <release>', description: 'finish here what another machine began' },
      yes,
      { flags: '--dry-run', description: 'say what would be run' },
    ],
    load: () => import('../commands/resume.ts'),
  },
];
