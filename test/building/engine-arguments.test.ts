import { describe, expect, it } from '@jest/globals';
import { daemonlessFlavour } from '../../src/building/engines/daemonless.ts';
import { dockerFlavour } from '../../src/building/engines/docker.ts';
import type { ContainerEngine, DockerAbilities } from '../../src/containers/index.ts';
import { aBuildRequest } from '../support/build-request.ts';

const anEngine = (name: ContainerEngine['name'], docker?: DockerAbilities): ContainerEngine => {
  const engine = { name, program: `/usr/bin/${name}`, version: '1.28.2', platform: 'linux/amd64', env: {} };
  return docker ? { ...engine, docker } : engine;
};
const limited = aBuildRequest('stack', '/context', ['FROM scratch'], {
  resources: { memoryBytes: 2 ** 30, cpus: 1.5 },
  secrets: [
    { id: 'a', source: { env: 'A' } },
    { id: 'b', source: { file: '/b' } },
  ],
  platform: 'linux/arm64',
});
const job = { marker: '/place/marker', layouts: new Map([['dmrel-parent-0', '/place/p/image:parent']]) };

describe('what an engine is asked for', () => {
  it('is limits of the classic builder, which mounts no secrets', () => {
    const flavour = dockerFlavour(anEngine('docker', { serverVersion: '20.10.24', buildkit: undefined }));
    expect(flavour).toMatchObject({ version: 'docker-classic/20', parents: 'by-name', env: { DOCKER_BUILDKIT: '0' } });
    const { secrets: _, ...plain } = limited;
    expect(flavour.check(plain)).toEqual([]);
    expect(flavour.check(limited)).toMatchObject([{ code: 'engine-unavailable', severity: 'error' }]);
    expect(flavour.arguments(plain, job).join(' ')).toBe(
      'build --force-rm --memory 1073741824 --cpu-period 100000 --cpu-quota 150000 --network none --platform linux/arm64',
    );
  });

  it('is secrets of BuildKit, which limits nothing and says so', () => {
    const flavour = dockerFlavour(anEngine('docker', { serverVersion: '20.10.24', buildkit: 'built-in' }));
    expect(flavour).toMatchObject({ version: 'docker-buildkit/20', parents: 'by-name', env: { DOCKER_BUILDKIT: '1' } });
    expect(flavour.check(limited)).toMatchObject([{ code: 'engine-unavailable', severity: 'warning' }]);
    expect(flavour.arguments(limited, { ...job, layouts: new Map() }).join(' ')).toBe(
      'build --progress=plain --secret id=a,env=A --secret id=b,src=/b --network none --platform linux/arm64',
    );
  });

  it('is parents as layouts of a builder that buildx has elsewhere, and the image brought back', () => {
    const abilities = { serverVersion: '28.2.2', buildkit: 'buildx', driver: 'docker-container' } as const;
    const flavour = dockerFlavour(anEngine('docker', abilities));
    expect(flavour.parents).toBe('in-layouts');
    expect(dockerFlavour(anEngine('docker', { ...abilities, driver: 'docker' })).parents).toBe('by-name');
    const plain = aBuildRequest('stack', '/context', ['FROM scratch']);
    expect(flavour.arguments(plain, job).join(' ')).toBe(
      'buildx build --load --progress=plain --build-context dmrel-parent-0=oci-layout:///place/p/image:parent --network none',
    );
  });

  it('is one time for everything of buildah, which calls parents by id', () => {
    const flavour = daemonlessFlavour(anEngine('buildah'));
    expect(flavour).toMatchObject({ version: 'buildah/1', parents: 'by-id', reproducible: true });
    const asked = flavour.arguments(limited, job).join(' ');
    expect(asked).toContain(' --timestamp 1525000000 --secret id=dmrel-workplace,src=/place/marker ');
    expect(asked).toContain(' --secret id=a,src=A,type=env --secret id=b,src=/b,type=file --memory 1073741824 ');
    expect(asked).toMatch(/--pull=never .* --network none --platform linux\/arm64$/);
    expect(daemonlessFlavour(anEngine('podman')).check(limited)).toEqual([]);
    const chroot = { ...anEngine('podman'), env: { BUILDAH_ISOLATION: 'chroot' } };
    expect(daemonlessFlavour(chroot).check(limited)).toMatchObject([{ code: 'engine-unavailable' }]);
  });
});
