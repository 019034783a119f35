import { type ContainerEngineName, type EngineProbe, engineNames } from './engine.ts';
import { probeDaemonless } from './probe-daemonless.ts';
import { probeDocker } from './probe-docker.ts';

const known = new Map<string, Promise<EngineProbe>>();

/**
 * Whether a container engine of this machine really works, and why not. Asked once in a run for the same environment.
 * @param afresh what was seen to work since the machine started is looked at again
 */
export function probeEngine(
  name: ContainerEngineName,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
  afresh = false,
): Promise<EngineProbe> {
  const key = JSON.stringify([name, ...Object.entries(env).sort(([left], [right]) => (left < right ? -1 : 1))]);
  const asked = known.get(key);
  if (asked) return asked;
  const probe = name === 'docker' ? probeDocker(env, signal) : probeDaemonless(name, env, signal, afresh);
  known.set(key, probe);
  return probe;
}

/** The same of all of them, at once and within seconds: docker, buildah, podman. */
export function probeEngines(env: NodeJS.ProcessEnv, signal?: AbortSignal, afresh = false): Promise<EngineProbe[]> {
  return Promise.all(engineNames.map((name) => probeEngine(name, env, signal, afresh)));
}
