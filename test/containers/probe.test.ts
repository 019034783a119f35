import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EngineProbe, probeEngines } from '../../src/containers/index.ts';
import { containerStorage } from '../support/container-storage.ts';
import { counterpart } from '../support/counterparts.ts';
import { type DockerDaemon, dockerClient, hasDockerd, startDockerd } from '../support/dockerd.ts';

const folder = mkdtempSync(join(tmpdir(), 'dmrel-probe-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Programs that say what those of other versions say, for what cannot be installed beside each other. */
function aPath(name: string, programs: Record<string, string>): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  for (const [program, script] of Object.entries(programs)) {
    writeFileSync(join(path, program), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, program), 0o755);
  }
  return path;
}

const of = (probes: EngineProbe[], name: string): EngineProbe => probes.find((each) => each.name === name)!;
/** As docker 28 without its buildx says it. */
const versionOf = (client: string, server: string | null) =>
  `[ "$1" = version ] || exit 1; echo '${JSON.stringify({
    Client: { Version: client, ApiVersion: '1.41' },
    Server: server === null ? null : { Version: server },
  })}'`;

describe('looking which engines work', () => {
  it('says of each that it is not installed, where there is none', async () => {
    const probes = await probeEngines({ PATH: aPath('empty', {}) });
    expect(probes.map(({ says }) => says)).toEqual([
      'docker is not installed',
      'buildah is not installed',
      'podman is not installed',
    ]);
    expect(probes.every(({ engine, problem }) => engine === undefined && problem === undefined)).toBe(true);
  });

  it('says in one sentence that a client has no daemon, that another gets no answer, that a third is none', async () => {
    const silent = `${versionOf('28.2.2', null)}; echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1`;
    const nothing = await probeEngines({ PATH: aPath('no-daemon', { docker: silent }) });
    expect(of(nothing, 'docker').problem).toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringMatching(/^docker 28\.2\.2 \(.*\/docker\) reaches no daemon: Cannot connect .*$/),
    });
    const hanging = await probeEngines({ PATH: aPath('hanging', { docker: 'exec /bin/sleep 60' }) });
    expect(of(hanging, 'docker').says).toMatch(/gets no answer from its daemon within 8 s$/);
    const other = await probeEngines({ PATH: aPath('other', { docker: `echo '{"Client":{"APIVersion":"4"}}'` }) });
    expect(of(other, 'docker').says).toMatch(/does not say its version: it prints nothing$/);
  }, 20_000);

  it('takes the docker client that can do most, wherever it stands on PATH', async () => {
    const [fresh, old] = [
      aPath('fresh', { docker: versionOf('28.2.2', '20.10.24') }),
      aPath('old', { docker: versionOf('20.10.24', '20.10.24') }),
    ];
    const alone = of(await probeEngines({ PATH: fresh }), 'docker');
    expect(alone.engine?.docker).toEqual({ serverVersion: '20.10.24', buildkit: undefined });
    expect(alone.says).toMatch(/no buildx, so only the classic builder$/);
    const both = of(await probeEngines({ PATH: `${fresh}:${old}` }), 'docker');
    expect(both.engine).toMatchObject({ program: join(old, 'docker'), docker: { buildkit: 'built-in' } });
    const script = `[ "$1" = buildx ] && { echo 'Name: b'; echo 'Driver: docker-container'; exit 0; }\n${versionOf('28.2.2', '28.2.2')}`;
    const buildx = of(await probeEngines({ PATH: `${aPath('buildx', { docker: script })}:${old}` }), 'docker');
    expect(buildx.engine?.docker).toEqual({ serverVersion: '28.2.2', buildkit: 'buildx', driver: 'docker-container' });
  });

  it('takes no program from a folder that PATH names relatively, and each once', async () => {
    const real = aPath('real', { docker: versionOf('20.10.24', '20.10.24') });
    symlinkSync(real, join(folder, 'again'));
    const found = of(await probeEngines({ PATH: `.:${join(folder, 'again')}:${real}` }), 'docker');
    expect(found.engine?.program).toBe(join(folder, 'again', 'docker'));
  });

  describe('that are real', () => {
    let daemon: DockerDaemon | undefined;
    beforeAll(async () => {
      if (hasDockerd()) daemon = await startDockerd();
    }, 60_000);
    afterAll(() => daemon?.stop());

    it('finds the daemon that DOCKER_HOST names, and BuildKit in its client', async () => {
      if (!daemon) return;
      const { engine, says } = of(await probeEngines(daemon.env), 'docker');
      expect(engine).toMatchObject({ program: dockerClient, docker: { buildkit: 'built-in' } });
      expect(says).toMatch(
        /^docker 20\.10\.\S+ \(\/usr\/bin\/docker\) with the daemon 20\.10\.\S+; BuildKit is built in$/,
      );
    }, 30_000);

    it('finds buildah and podman where they can run something, and falls back to the isolation that can', async () => {
      if (!counterpart('buildah') || !counterpart('podman')) return;
      const { env } = containerStorage(folder);
      const { BUILDAH_ISOLATION: _, ...without } = env;
      for (const probes of [await probeEngines(env), await probeEngines(without)]) {
        for (const name of ['buildah', 'podman']) {
          expect(of(probes, name)).toMatchObject({
            engine: { name },
            says: expect.stringMatching(/^\w+ \d+\.\d+\.\d+ /),
          });
        }
      }
    }, 60_000);
  });
});
