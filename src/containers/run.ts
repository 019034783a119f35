import type { Digest } from '../support/index.ts';
import { run } from '../support/index.ts';
import type { ContainerEngine } from './engine.ts';

/** A container as it is run: an image by content, and everything it may use. */
export interface ContainerSpec {
  /** As the engine calls it. */
  image: Digest;
  /** Of the container, which only this one has. */
  name: string;
  /** Who started it, for whoever looks for what a killed dmrel left. */
  owner: string;
  /** Without it, what the image says. */
  argv: readonly string[];
  entrypoint?: string;
  user?: string;
  env: Readonly<Record<string, string>>;
  network: 'none' | 'bridge';
  memoryBytes: number;
  cpus: number;
  pids: number;
  tmpBytes: number;
  /** Of this machine, absolute, by path inside. */
  readable: Readonly<Record<string, string>>;
  /** The one directory that it may fill. */
  writable: { from: string; to: string };
}

const ownerLabel = 'org.lsst.dmrel.owner';

/**
 * Arguments that run a container which can do little: no network, nothing writable but one directory and a small /tmp, no
 * capabilities, no new privileges, bounded memory without swap, processors and processes; its output is kept by us alone.
 */
export function containerArguments(spec: ContainerSpec): string[] {
  const mount = (from: string, to: string, more: string) => ['--mount', `type=bind,source=${from},target=${to}${more}`];
  return [
    'run',
    `--name=${spec.name}`,
    `--label=${ownerLabel}=${spec.owner}`,
    '--pull=never',
    `--network=${spec.network}`,
    '--read-only',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    `--memory=${spec.memoryBytes}`,
    `--memory-swap=${spec.memoryBytes}`,
    `--cpus=${spec.cpus}`,
    `--pids-limit=${spec.pids}`,
    `--tmpfs=/tmp:rw,nosuid,nodev,size=${spec.tmpBytes},mode=1777`,
    '--log-driver=none',
    ...(spec.user === undefined ? [] : [`--user=${spec.user}`]),
    ...(spec.entrypoint === undefined ? [] : [`--entrypoint=${spec.entrypoint}`]),
    ...Object.entries(spec.env).map(([name, value]) => `--env=${name}=${value}`),
    ...Object.entries(spec.readable).flatMap(([to, from]) => mount(from, to, ',readonly')),
    ...mount(spec.writable.from, spec.writable.to, ''),
    spec.image,
    ...spec.argv,
  ];
}

/** How a container ended, as its engine knows it. */
export interface ContainerEnd {
  exitCode: number;
  /** It asked for more memory than it may have. */
  outOfMemory: boolean;
  /** Why it could not be started. */
  error: string;
  /** It never ran, whatever its exit code is. */
  neverRan: boolean;
}

/** States of a container that was made and not started, as docker and podman call them. */
const beforeItRuns = new Set(['configured', 'created', 'initialized']);

/** What the engine knows of a container that has ended; undefined when there is none: it was never made. */
export async function inspectContainer(engine: ContainerEngine, name: string): Promise<ContainerEnd | undefined> {
  const args = ['container', 'inspect', '--format={{json .State}}', name];
  const { exitCode, stdout } = await run(engine.program, args, { env: engine.env, timeoutSeconds: 30 });
  if (exitCode !== 0) return undefined;
  try {
    const { ExitCode, OOMKilled, Error: error, Status } = JSON.parse(stdout);
    return {
      exitCode: Number(ExitCode),
      outOfMemory: OOMKilled === true,
      error: typeof error === 'string' ? error : '',
      neverRan: beforeItRuns.has(Status),
    };
  } catch {
    return undefined;
  }
}

/** End a container, if it still runs, and let go of it: whatever it has started ends with it. */
export async function removeContainer(engine: ContainerEngine, name: string): Promise<void> {
  // podman would let it say goodbye for ten seconds.
  const now = engine.name === 'podman' ? ['--time=0'] : [];
  await run(engine.program, ['rm', '--force', ...now, '--volumes', name], { env: engine.env, timeoutSeconds: 60 });
}

/** Containers that an owner started and did not live to end. */
export async function removeLeftContainers(engine: ContainerEngine, owner: string): Promise<void> {
  const args = ['ps', '--all', '--quiet', '--no-trunc', `--filter=label=${ownerLabel}=${owner}`];
  const { stdout, exitCode } = await run(engine.program, args, { env: engine.env, timeoutSeconds: 30 });
  if (exitCode !== 0) return;
  for (const id of stdout.split('\n').filter((each) => /^[0-9a-f]{12,64}$/.test(each)))
    await removeContainer(engine, id);
}
