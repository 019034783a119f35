import type { ContainerEngine } from '../../containers/index.ts';
import { type Problem, problem } from '../../support/index.ts';
import type { BuildRequest } from '../engine.ts';
import type { BuildJob, Flavour } from './flavour.ts';

const cpuPeriod = 100_000;

/** How buildah is asked to build, and podman, which is the same inside. All times are the request's, so that a build repeats itself. */
export function daemonlessFlavour(engine: ContainerEngine): Flavour {
  return {
    version: `${engine.name}/${Number.parseInt(engine.version, 10)}`,
    exactVersion: `${engine.name} ${engine.version}`,
    reproducible: true,
    env: {},
    check: (request) => checkNetwork(engine, request),
    // A name would be written into the history, and be another one each time.
    parents: 'by-id',
    arguments: (request, job) => buildArguments(request, job, engine.platform),
  };
}

function buildArguments(request: BuildRequest, { marker }: BuildJob, machine: string): string[] {
  const { created, secrets = [], resources: { memoryBytes, cpus } = {}, network, platform } = request;
  return [
    'build',
    '--format=oci',
    '--layers=false',
    '--force-rm',
    '--pull=never',
    // Else the version of the program becomes a label.
    '--identity-label=false',
    ...['--timestamp', String(created)],
    // No step asks for this one. It is how a container that is left behind says whose it is.
    ...['--secret', `id=dmrel-workplace,src=${marker}`],
    ...secrets.flatMap(({ id, source }) => [
      '--secret',
      'env' in source ? `id=${id},src=${source.env},type=env` : `id=${id},src=${source.file},type=file`,
    ]),
    ...(memoryBytes === undefined ? [] : ['--memory', String(memoryBytes)]),
    ...(cpus === undefined
      ? []
      : ['--cpu-period', String(cpuPeriod), '--cpu-quota', String(Math.round(cpus * cpuPeriod))]),
    ...(network === undefined ? [] : ['--network', network]),
    ...(platform === machine ? [] : ['--platform', platform]),
  ];
}

/** buildah does without the network then, podman refuses. */
function checkNetwork(engine: ContainerEngine, { name, network }: BuildRequest): Problem[] {
  if (engine.name !== 'podman' || network !== 'none' || engine.env.BUILDAH_ISOLATION !== 'chroot') return [];
  const message = `${name} is to be built without network, which podman cannot with chroot isolation`;
  return [problem('engine-unavailable', message, { hint: "use 'engine: buildah' for that", subject: name })];
}
