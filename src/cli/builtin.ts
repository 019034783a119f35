import type { Plugin } from '../plugins/index.ts';
import { evidenceCommands } from './builtin/evidence.ts';
import { imageCommands } from './builtin/images.ts';
import { levelCommands } from './builtin/levels.ts';
import { releaseCommands } from './builtin/releases.ts';
import { roadmapCommands } from './builtin/roadmap.ts';
import { tagCommands } from './builtin/tags.ts';
/** The subcommands dmrel comes with. */
export const builtin: Plugin = {
  name: 'dmrel',
  groups: [
    { name: 'milestone', summary: 'milestones of the release plan and their derived status' },
    { name: 'tag', summary: 'one tag over many repositories' },
    { name: 'image', summary: 'images in registries, by digest' },
    { name: 'evidence', summary: 'what was signed about releases: test results, approvals, and whether they count' },
    { name: 'release', summary: 'releases: what is in them, what changed, what their names mean' },
  ],
  commands: [
    ...roadmapCommands,
    ...tagCommands,
    ...releaseCommands,
    ...levelCommands,
    ...imageCommands,
    ...evidenceCommands,
    {
      name: 'doctor',
      summary: 'look at everything a release needs: programs, identity, workspace, upstream, every remote',
      options: [
        { flags: '--push', description: 'try whether tags may be pushed: make one everywhere and take it away' },
      ],
      load: () => import('./commands/doctor.ts'),
    },
    {
      name: 'demo',
      summary: 'make a workspace with twelve repositories and take a weekly all the way up',
      arguments: [
        { name: 'dir', description: 'where (dmrel-demo without it); again in the same one for the next week' },
      ],
      load: () => import('./commands/demo.ts'),
    },
  ],
};
