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
    const least = aBuildRequest('stack', '/context', ['FROM scratch'], { resources: { cpus: 0.000001 } });
    expect(flavour.arguments(least, job).join(' ')).toContain(' --cpu-period 100000 --cpu-quota 1000 ');
  });

  it.each(['buildah', 'podman'] as const)(
    'is a network of its own of %s, where chroot isolation makes none',
    (name) => {
      const chroot = { ...anEngine(name), env: { BUILDAH_ISOLATION: 'chroot' } };
      const refused = daemonlessFlavour(chroot).check(limited);
      expect(refused).toMatchObject([
        { code: 'engine-unavailable', severity: 'error', message: expect.stringContaining('without network') },
        { code: 'engine-unavailable', severity: 'warning', message: expect.stringContaining('does not limit memory') },
      ]);
      const alone = daemonlessFlavour({ ...chroot, unshare: '/usr/bin/unshare' });
      expect(alone.check(limited)).toMatchObject([{ severity: 'warning' }]);
      expect(alone.startedBy(limited)).toEqual(['/usr/bin/unshare', '--net', '--']);
      expect(alone.arguments(limited, job)).not.toContain('--network');
      const { network: _, ...open } = limited;
      expect(alone.startedBy(open)).toEqual([]);
      expect(daemonlessFlavour(anEngine(name)).startedBy(limited)).toEqual([]);
      const loads = aBuildRequest('stack', '/context', ['FROM scratch', 'ADD https://example.org/f /f']);
      expect(alone.check(loads)).toMatchObject([{ code: 'engine-unavailable', severity: 'error', at: { line: 2 } }]);
    },
  );

  it.each(['buildah', 'podman'] as const)('is nothing of %s that it would leave out or not understand', (name) => {
    const told = (version: string, ...lines: string[]) =>
      daemonlessFlavour({ ...anEngine(name), version })
        .check(aBuildRequest('stack', '/context', ['FROM scratch', ...lines]))
        .map(({ severity, code, at }) => [severity, code, at?.line]);
    const [old, late] = name === 'buildah' ? ['1.28.2', '1.33.0'] : ['4.3.1', '5.0.0'];
    expect(told(old, 'HEALTHCHECK CMD true', 'ONBUILD RUN x', 'SHELL ["/bin/bash"]')).toEqual([
      ['error', 'engine-unavailable', 2],
      ['error', 'engine-unavailable', 3],
      ['warning', 'engine-unavailable', 4],
    ]);
    const document = ['RUN cat > /f <<END', 'text', 'END', 'RUN echo "1 <<THIS is no document"'];
    expect(told(old, ...document)).toEqual([['error', 'engine-unavailable', 2]]);
    expect(told(late, ...document)).toEqual([]);
  });
});
