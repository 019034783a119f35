import type { ContainerEngine } from '../../containers/index.ts';
import type { BuildRequest } from '../engine.ts';
import { daemonlessLacks, withoutNetwork } from './daemonless-lacks.ts';
import type { BuildJob, Flavour } from './flavour.ts';
import { limitArguments } from './limits.ts';

/** How buildah is asked to build, and podman, which is the same inside. All times are the request's, so that a build repeats itself. */
export function daemonlessFlavour(engine: ContainerEngine): Flavour {
  return {
    version: `${engine.name}/${Number.parseInt(engine.version, 10)}`,
    exactVersion: `${engine.name} ${engine.version}`,
    reproducible: true,
    env: {},
    check: (request) => daemonlessLacks(engine, request),
    startedBy: (request) => withoutNetwork(engine, request),
    // A name would be written into the history, and be another one each time.
    parents: 'by-id',
    arguments: (request, job) => buildArguments(request, job, engine),
  };
}

function buildArguments(request: BuildRequest, { marker }: BuildJob, engine: ContainerEngine): string[] {
  const { created, secrets = [], resources = {}, platform } = request;
  // Where it has no network itself, its steps have none; podman refuses to be told so.
  const network = withoutNetwork(engine, request).length > 0 ? undefined : request.network;
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
    ...limitArguments(resources),
    ...(network === undefined ? [] : ['--network', network]),
    ...(platform === engine.platform ? [] : ['--platform', platform]),
  ];
}
