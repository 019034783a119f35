import { printable, problem, run } from '../support/index.ts';
import type { ContainerEngine, DockerAbilities, EngineProbe } from './engine.ts';
import { findPrograms } from './find.ts';

/** A daemon that is busy may be slow to answer. */
const seconds = 8;

interface Versions {
  Client?: { Version?: string; ApiVersion?: string };
  Server?: { Version?: string; Os?: string; Arch?: string } | null;
}

/**
 * Look at every docker client on PATH, for the first may be one that cannot build: what it is, whether its daemon
 * answers, how it reaches BuildKit. The first that can do most is taken.
 */
export async function probeDocker(env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<EngineProbe> {
  const programs = await findPrograms('docker', env);
  if (programs.length === 0) return { name: 'docker', says: 'docker is not installed' };
  const probes = await Promise.all(programs.map((program) => probeClient(program, env, signal)));
  const rank = ({ engine }: EngineProbe): number =>
    engine === undefined ? 0 : { buildx: 3, 'built-in': 2, none: 1 }[engine.docker!.buildkit ?? 'none'];
  return probes.reduce((best, each) => (rank(each) > rank(best) ? each : best));
}

async function probeClient(
  program: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<EngineProbe> {
  const options = { env, timeoutSeconds: seconds, ownGroup: true, ...(signal ? { signal } : {}) };
  const [asked, buildx] = await Promise.all([
    run(program, ['version', '--format', '{{json .}}'], options),
    run(program, ['buildx', 'inspect'], options),
  ]);
  const versions = parse(asked.stdout);
  const version = versions?.Client?.Version;
  const broken = (says: string, hint: string): EngineProbe => {
    return { name: 'docker', says, problem: problem('engine-unavailable', says, { hint, subject: 'docker' }) };
  };
  if (asked.failure === 'timeout') {
    const hint = 'see that the docker daemon runs, or mend DOCKER_HOST';
    return broken(`docker (${program}) gets no answer from its daemon within ${seconds} s`, hint);
  }
  if (version === undefined || versions?.Client?.ApiVersion === undefined) {
    const says = `docker (${program}) does not say its version: ${firstLine(asked.stderr) || 'it prints nothing'}`;
    return broken(says, 'see whether it is docker at all');
  }
  const serverVersion = versions.Server?.Version;
  const client = `docker ${version} (${program})`;
  if (serverVersion === undefined) {
    const says = `${client} reaches no daemon: ${firstLine(asked.stderr) || 'it does not say why'}`;
    return broken(says, 'start the docker daemon, or let DOCKER_HOST or the docker context name one that runs');
  }
  const docker: DockerAbilities = { serverVersion, buildkit: undefined };
  const [, driver] = buildx.exitCode === 0 ? (/^Driver:\s*(\S+)/m.exec(buildx.stdout) ?? []) : [];
  // As docker itself takes it: whoever sets it wants no BuildKit.
  const unwanted = env.DOCKER_BUILDKIT === '0';
  if (unwanted) docker.buildkit = undefined;
  else if (driver !== undefined) Object.assign(docker, { buildkit: 'buildx', driver });
  else if (major(version) >= 18 && major(version) < 23 && major(serverVersion) >= 19) docker.buildkit = 'built-in';
  const { Os = 'linux', Arch = thisArchitecture } = versions.Server!;
  const engine: ContainerEngine = { name: 'docker', program, version, platform: `${Os}/${Arch}`, env, docker };
  return {
    name: 'docker',
    engine,
    says: `${client} with the daemon ${serverVersion}; ${unwanted ? 'DOCKER_BUILDKIT=0 asks for the classic builder' : buildkitOf(docker)}`,
  };
}

/** What builds with it, in words. */
function buildkitOf({ buildkit, driver }: DockerAbilities): string {
  if (buildkit === 'buildx')
    return driver === 'docker' ? 'BuildKit by buildx' : `BuildKit by buildx, on a builder of its own (${driver})`;
  return buildkit === 'built-in' ? 'BuildKit is built in' : 'no buildx, so only the classic builder';
}

const major = (version: string): number => Number.parseInt(version, 10);

function parse(text: string): Versions | undefined {
  try {
    return JSON.parse(text) as Versions;
  } catch {
    return undefined;
  }
}

const architectures: Partial<Record<string, string>> = { x64: 'amd64', ppc64: 'ppc64le', ia32: '386' };
/** As images call it. */
export const thisArchitecture = architectures[process.arch] ?? process.arch;

export const firstLine = (text: string): string => printable(text.trim().split('\n')[0] ?? '').slice(0, 300);
