import type { Problem } from '../support/index.ts';

export const engineNames = ['docker', 'buildah', 'podman'] as const;
export type ContainerEngineName = (typeof engineNames)[number];

/** A program of this machine that keeps images, builds them or runs them, and was seen to work. */
export interface ContainerEngine {
  name: ContainerEngineName;
  /** Its absolute path: another of the same name may stand first on PATH. */
  program: string;
  version: string;
  /** What it runs without emulation: `linux/amd64`. */
  platform: string;
  /** In which it finds its daemon, its storage, its credentials. */
  env: NodeJS.ProcessEnv;
  docker?: DockerAbilities;
  /** The program that starts it in a network of its own, where it isolates by chroot, which makes none, and this user may do that. */
  unshare?: string;
}

export interface DockerAbilities {
  /** Of the daemon, which does the work. */
  serverVersion: string;
  /** How the client reaches BuildKit; without it only the classic builder is there. */
  buildkit: 'buildx' | 'built-in' | undefined;
  /** Of the builder that buildx uses; `docker` is the daemon itself. */
  driver?: string;
}

/** What was found out about an engine. */
export interface EngineProbe {
  name: ContainerEngineName;
  /** Only when it works. */
  engine?: ContainerEngine;
  /** One sentence: what it is, or what it lacks. */
  says: string;
  /** Set when it is there and does not work. */
  problem?: Problem;
}
