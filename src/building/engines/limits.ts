import type { BuildResources } from '../engine.ts';

const cpuPeriod = 100_000;
/** The least that the kernel takes; nothing at all would be no limit. */
const leastQuota = 1000;

/** Limits of one build, as docker's classic builder, buildah and podman are told of them. */
export function limitArguments({ memoryBytes, cpus }: BuildResources): string[] {
  return [
    ...(memoryBytes === undefined ? [] : ['--memory', String(memoryBytes)]),
    ...(cpus === undefined
      ? []
      : [
          ...['--cpu-period', String(cpuPeriod)],
          ...['--cpu-quota', String(Math.max(leastQuota, Math.round(cpus * cpuPeriod)))],
        ]),
  ];
}
