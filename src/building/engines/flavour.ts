import type { Problem } from '../../support/index.ts';
import type { BuildRequest } from '../engine.ts';

/** What a build has in its workplace. */
export interface BuildJob {
  /** A file there, whose path is only in use by this build. */
  marker: string;
  /** Layouts on disk of parents that a builder of its own cannot find in the engine: `DIRECTORY:TAG` by name. */
  layouts: ReadonlyMap<string, string>;
}

/** In what engines differ when they are asked to build; the rest is the same for all (container-build.ts). */
export interface Flavour {
  version: string;
  exactVersion: string;
  reproducible: boolean;
  env: NodeJS.ProcessEnv;
  check(request: BuildRequest): Problem[];
  /** How the Dockerfile is to call its parents: by their ids in the engine, by names, or by names of layouts on disk. */
  parents: 'by-id' | 'by-name' | 'in-layouts';
  /** A program with arguments of its own that starts the engine's; none as a rule. */
  startedBy(request: BuildRequest): string[];
  /** The first ones of the command line; context, Dockerfile, arguments and labels follow. */
  arguments(request: BuildRequest, job: BuildJob): string[];
}
