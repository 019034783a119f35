import type { Document } from '../documents/index.ts';
import type { ReleaseKind } from '../names/index.ts';

/** Something of an image that may not be in it: it is mounted while the image is built. */
export type SecretConfig = { env: string } | { file: string };

export type EngineName = 'auto' | 'assemble' | 'docker' | 'buildah' | 'podman';

/** An image as it is written; schemas/workspace.schema.json and schemas/images.schema.json are the contract. */
export interface ImageConfig {
  context: string;
  dockerfile?: string;
  /** The stage to build, where it is not the last. */
  target?: string;
  from?: string[];
  /** What it contains; its commits decide whether the image is built anew. */
  products?: string[];
  engine?: EngineName;
  /** Templates over the release, its products and the parents. */
  args?: Record<string, string>;
  platform?: string;
  platforms?: string[];
  levels?: string[];
  /** Templates of tags, besides the release's name. */
  tags?: string[];
  /** Tags that follow the newest release of some kinds. */
  aliases?: Record<string, ReleaseKind[]>;
  secrets?: Record<string, SecretConfig>;
  /** Values for each of which there is an image: `{compiler: [gcc, clang]}` of stack gives stack-gcc and stack-clang. */
  matrix?: Record<string, string[]>;
  /** Its RUN steps reach nothing. */
  network?: 'none';
  timeout?: string;
  retries?: number;
  resources?: { memory?: string; cpus?: number };
}

/** images/*.yaml, and the section of dmrel.yaml. */
export interface ImagesFile {
  images?: Record<string, ImageConfig>;
}

/** One image that is built: of a matrix, one of its values. */
export interface ImageDefinition {
  name: string;
  /** What it is called in its file. */
  family: string;
  /** Its values of the matrix. */
  variant: Record<string, string>;
  /** Images it is built on, by the name that its Dockerfile calls them. */
  parents: Record<string, string>;
  config: Omit<ImageConfig, 'matrix'>;
  document: Document<ImagesFile>;
}
