import { engineNames } from '../containers/index.ts';

/** What `--engine` takes. */
export const engineChoices = ['auto', 'assemble', ...engineNames] as const;

/** What `dmrel build` was asked for. */
export interface BuildOptions {
  release: string | undefined;
  /** Images to build, with what they are built on; all without it. */
  only: readonly string[] | undefined;
  force: boolean;
  /** Instead of the engine that each image names. */
  engine: (typeof engineChoices)[number] | undefined;
  /** Keep the images in the workspace: nothing is written into the registry, nor into the record. */
  keepHere: boolean;
  moveAliasesBack: boolean;
  /** Build anew what stood at a level already. */
  changePromoted: boolean;
  buildNumber: number | undefined;
  env: NodeJS.ProcessEnv;
}
