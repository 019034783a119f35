import type { ContainerEngine } from '../../containers/index.ts';
import { type Problem, problem, warning } from '../../support/index.ts';
import type { BuildRequest } from '../engine.ts';
import type { BuildJob, Flavour } from './flavour.ts';
import { limitArguments } from './limits.ts';

/** How docker is asked to build: the classic builder, or BuildKit as far as it is there. */
export function dockerFlavour(engine: ContainerEngine): Flavour {
  const { buildkit, serverVersion, driver } = engine.docker!;
  const classic = buildkit === undefined;
  const daemon = Number.parseInt(serverVersion, 10);
  return {
    version: `docker-${classic ? 'classic' : 'buildkit'}/${daemon}`,
    exactVersion: `docker ${serverVersion}${classic ? '' : ', BuildKit'}`,
    reproducible: false,
    env: {
      DOCKER_BUILDKIT: classic ? '0' : '1',
      // Attestations would make an index of every image; dmrel makes its own.
      BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
    },
    check: (request) => (classic ? checkClassic(request) : checkBuildkit(request)),
    startedBy: () => [],
    parents: driver !== undefined && driver !== 'docker' ? 'in-layouts' : 'by-name',
    arguments: (request, job) => [
      ...(buildkit === 'buildx' ? ['buildx', 'build', '--load'] : ['build']),
      ...(classic ? ['--force-rm', ...limitArguments(request.resources ?? {})] : buildkitArguments(request, job)),
      ...(request.network === undefined ? [] : ['--network', request.network]),
      ...(request.platform === engine.platform ? [] : ['--platform', request.platform]),
    ],
  };
}

function buildkitArguments({ secrets = [] }: BuildRequest, { layouts }: BuildJob): string[] {
  const contexts = [...layouts].map(([name, layout]) => `${name}=oci-layout://${layout}`);
  return [
    '--progress=plain',
    ...secrets.flatMap(({ id, source }) => [
      '--secret',
      'env' in source ? `id=${id},env=${source.env}` : `id=${id},src=${source.file}`,
    ]),
    ...contexts.flatMap((context) => ['--build-context', context]),
  ];
}

function checkClassic({ name, secrets = [] }: BuildRequest): Problem[] {
  if (secrets.length === 0) return [];
  const message = `${name} needs secrets, which docker's classic builder cannot mount`;
  const hint = "install docker's buildx, or let buildah build it: 'engine: buildah'";
  return [problem('engine-unavailable', message, { hint, subject: name })];
}

function checkBuildkit({ name, resources }: BuildRequest): Problem[] {
  if (resources === undefined) return [];
  const message = `BuildKit does not limit memory and processors of one build: those of ${name} are its daemon's`;
  return [warning('engine-unavailable', message, { hint: "use 'engine: buildah' for that", subject: name })];
}
