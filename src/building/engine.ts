import type { ImageRegistry } from '../registry/index.ts';
import type { Digest, Problem, Result } from '../support/index.ts';

/** What the build may read without its being part of the image: it is mounted, never an argument. */
export interface BuildSecret {
  id: string;
  /** The environment variable, or the file (an absolute path), that holds it. */
  source: { env: string } | { file: string };
}

/** How much of the machine one build may take. */
export interface BuildResources {
  memoryBytes?: number;
  cpus?: number;
}

/**
 * One image for one platform, with everything filled in: what two engines are given to make the same image. An
 * for several platforms is several requests; `index.ts` of the room puts them together.
 */
export interface BuildRequest {
  name: string;
  /** Absolute path of the context. */
  context: string;
  /** Its text, and its name for messages: relative to the workspace. It need not lie in the context. */
  dockerfile: { file: string; text: string };
  /** The stage to build, where it is not the last. */
  target?: string;
  args: Record<string, string>;
  /** Names that FROM and COPY --from may use besides `scratch` and stages: the keys of the parents that are handed to build. */
  from: string[];
  /** Files laid over the context, by path relative to it. */
  extraFiles: Record<string, Uint8Array>;
  /** What the context and these files were when the build was decided on: anything else is not built. */
  contextDigest?: Digest;
  /** Into the configuration of the image. */
  labels: Record<string, string>;
  /** Into its manifest. */
  annotations?: Record<string, string>;
  /** Seconds since 1970: the time of everything in the image (SOURCE_DATE_EPOCH). */
  created: number;
  /** `linux/amd64`. */
  platform: string;
  secrets?: BuildSecret[];
  resources?: BuildResources;
  /** What RUN may reach: what the engine has it reach, without it. */
  network?: 'none';
  /** Of this one attempt; the engine ends what it started and says `build-timeout`. */
  timeoutSeconds?: number;
  /** Build every step anew, whatever the engine remembers. */
  noCache?: boolean;
  /** Where the engine's output goes, line by line, without secrets. The file is begun by the caller and appended to. */
  log?: { file: string; follow?: (line: string) => void };
  /** Ends what the engine started. */
  signal?: AbortSignal;
}

export interface ImagePlace {
  registry: ImageRegistry;
  repository: string;
}

/** Images to build on, by the name that the Dockerfile calls them. Each is one manifest for the request's platform, no index. */
export type BuildParents = Record<string, ImagePlace & { digest: Digest }>;

export interface BuiltImage {
  digest: Digest;
  /** Bytes of the configuration and all layers. */
  size: number;
}

/** What builds images. */
export interface Engine {
  /** As dmrel.yaml names it: `assemble`, `docker`, `buildah`, `podman`. */
  name: string;
  /** The class of versions that make the same of the same, such as `buildah/1`: a part of every image's inputs. */
  version: string;
  /** The very program, for provenance: `buildah 1.28.2`. Not a part of the inputs. */
  exactVersion?: string;
  /** Whether the same request gives the same digest. */
  reproducible: boolean;
  /** What can be said of a request without building: a Dockerfile that it cannot read, an instruction that it has not. */
  check?(request: BuildRequest): Problem[];
  /** What its context tells besides: a file that is to be copied and is not there. */
  look?(request: BuildRequest): Promise<Problem[]>;
  /**
   * Build, and store the image in the destination without a tag. Problems: those of `check`; `build-failed` with the step
   * of the Dockerfile as `at` (file and line) and the last lines of the log in its message; `build-timeout`;
   * `engine-unavailable`; those of the registry.
   */
  build(request: BuildRequest, parents: BuildParents, destination: ImagePlace): Promise<Result<BuiltImage>>;
  /** Take away what was kept for further builds, when there are none. Else the next run does. */
  close?(): Promise<void>;
}
