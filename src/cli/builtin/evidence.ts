import type { ArgumentSpec, CommandSpec, OptionSpec } from '../../plugins/index.ts';

const release: OptionSpec = { flags: '--release <name>', description: 'the release' };
const statement: ArgumentSpec = {
  name: 'statement',
  description: 'a file, or the digest that names it or begins so',
  required: true,
};

/** What is signed, by whom, and whether it counts; and the one question of operators. */
export const evidenceCommands: readonly CommandSpec[] = [
  {
    name: 'evidence list',
    summary: 'statements of releases: what kind, about what, by whom, and whether they count',
    options: [{ ...release, description: 'one release (all without it)' }],
    examples: ['dmrel evidence list --release w.2018.18'],
    load: () => import('../commands/evidence-list.ts'),
  },
  {
    name: 'evidence show',
    summary: 'one statement in plain text, with who signed it',
    arguments: [statement],
    load: () => import('../commands/evidence-show.ts'),
  },
  {
    name: 'evidence import',
    summary: 'bring in statements that were signed elsewhere: envelopes or Sigstore bundles',
    arguments: [{ name: 'file...', description: 'files with one each', required: true }],
    options: [release, { flags: '--dry-run', description: 'print the plan and write nothing' }],
    examples: ['dmrel evidence import smoke.sigstore.json --release w.2018.18'],
    load: () => import('../commands/evidence-import.ts'),
  },
  {
    name: 'evidence verify',
    summary: 'verify every signature and every name afresh; nothing that is remembered counts',
    options: [{ ...release, description: 'one release (all without it)' }],
    examples: ['dmrel evidence verify', 'dmrel evidence verify --release w.2018.18 --json'],
    load: () => import('../commands/evidence-verify.ts'),
  },
  {
    name: 'verify',
    summary: 'whether an image stands at a level, by what a key signed: from the registry alone',
    arguments: [{ name: 'image', description: 'IMAGE@DIGEST', required: true }],
    options: [
      { flags: '--level <level>', description: 'the level' },
      { flags: '--key <file>', description: 'the public key of who promotes there, in PEM' },
      { flags: '--offline <dir>', description: 'an OCI layout or a directory of bundles, in place of the registry' },
    ],
    examples: ['dmrel verify registry.example.org/batch/stack@sha256:0123… --level batch --key batch.pub'],
    load: () => import('../commands/verify.ts'),
  },
];
