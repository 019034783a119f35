import type { ArgumentSpec, CommandSpec } from '../../plugins/index.ts';
import { dryRun, yes } from './options.ts';

const image: ArgumentSpec = {
  name: 'image',
  description: 'REGISTRY/REPOSITORY:TAG, HOST/REPOSITORY:TAG, layout:DIR:REPOSITORY:TAG; or @DIGEST',
  required: true,
};

/** Images in registries, whoever made them. */
export const imageCommands: readonly CommandSpec[] = [
  {
    name: 'image ls',
    summary: 'what is in a repository, in a registry, or in all registries of the workspace',
    arguments: [{ name: 'where', description: 'a registry or a repository: batch, batch/stack, ghcr.io/lsst/stack' }],
    options: [{ flags: '--all', description: 'tags that programs make for programs too, such as sha256-….sig' }],
    examples: ['dmrel image ls', 'dmrel image ls batch/stack --json'],
    load: () => import('../commands/image-ls.ts'),
  },
  {
    name: 'image inspect',
    summary: 'platforms, labels, size, signatures; which releases and levels name it',
    arguments: [image],
    load: () => import('../commands/image-inspect.ts'),
  },
  {
    name: 'image digest',
    summary: 'the digest that a tag names',
    arguments: [image],
    load: () => import('../commands/image-digest.ts'),
  },
  {
    name: 'image copy',
    summary: 'copy an image by digest with all platforms, signatures and referrers; its tag last',
    arguments: [
      { name: 'source', description: 'an image; with --all-tags a repository', required: true },
      { name: 'destination', description: 'a repository, with a tag where it gets another one', required: true },
    ],
    options: [
      { flags: '--all-tags', description: 'every tag of the repository' },
      { flags: '--repair', description: 'look at every part of what is there already' },
      yes,
      dryRun,
    ],
    examples: ['dmrel image copy build/stack:w.2018.18 registry.example.org/dm/stack'],
    load: () => import('../commands/image-copy.ts'),
  },
  {
    name: 'image verify',
    summary: 'read every byte of an image and what belongs to it, and compare it with its digest',
    arguments: [image],
    load: () => import('../commands/image-verify.ts'),
  },
  {
    name: 'image diff',
    summary: 'layers, configuration, environment and labels that are different',
    arguments: [
      { name: 'from', description: 'an image', required: true },
      { name: 'to', description: 'another', required: true },
    ],
    examples: ['dmrel image diff batch/stack:w.2018.17 batch/stack:w.2018.18'],
    load: () => import('../commands/image-diff.ts'),
  },
  {
    name: 'image prune',
    summary: 'delete images that rules let go and no record, level or kept tag names; prints the plan without --yes',
    arguments: [{ name: 'repository...', description: 'repositories, without --level' }],
    options: [
      { flags: '--level <level>', description: "the level's repositories, by its own rules" },
      { flags: '--keep <rules>', description: 'what stays, by kind: weekly=4,daily=10+30d,release=17.0.0' },
      { flags: '--yes', description: 'delete what the plan says' },
      dryRun,
    ],
    examples: ['dmrel image prune --level jupyterlab', 'dmrel image prune build/stack --keep weekly=8,daily=30d'],
    load: () => import('../commands/image-prune.ts'),
  },
];
