/** What `dmrel build` was asked for. */
export interface BuildOptions {
  release: string | undefined;
  /** Images to build, with what they are built on; all without it. */
  only: readonly string[] | undefined;
  force: boolean;
  /** Instead of the engine that each image names. */
  engine: string | undefined;
  /** Keep the images in the workspace: nothing is written into the registry, nor into the record. */
  keepHere: boolean;
  moveAliasesBack: boolean;
  buildNumber: number | undefined;
  env: NodeJS.ProcessEnv;
}
