import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BuildRequest } from '../../src/building/engine.ts';
import { chooseEngine } from '../../src/building/engines/index.ts';
import { keyOf } from '../../src/building/engines/workplace.ts';
import { probeEngines } from '../../src/containers/index.ts';
import { openLayout } from '../../src/registry/index.ts';
import { digestOf, hexOf, type Problem, type Result, unwrap } from '../../src/support/index.ts';
import { aBuildRequest } from '../support/build-request.ts';
import { containerStorage } from '../support/container-storage.ts';
import { counterpart } from '../support/counterparts.ts';
import { addBusybox, type DockerDaemon, dockerClient, hasDockerd, startDockerd } from '../support/dockerd.ts';
import { aSmallPlace } from '../support/small-place.ts';

const folder = mkdtempSync(join(tmpdir(), 'dmrel-engine-faults-'));
const small = join(folder, 'small');
const registry = openLayout(join(folder, 'registry'));
let daemon: DockerDaemon | undefined;

beforeAll(async () => {
  if (hasDockerd()) daemon = await startDockerd({ dataRoot: aSmallPlace(small, 24) });
}, 60_000);
afterAll(async () => {
  await daemon?.stop();
  if (daemon) execFileSync('umount', ['-l', small]);
  rmSync(folder, { recursive: true, force: true });
});

function aRequest(name: string, step: string, changes: Partial<BuildRequest> = {}): BuildRequest {
  const context = mkdtempSync(join(folder, 'context-'));
  addBusybox(context);
  return aBuildRequest(name, context, ['FROM scratch', 'COPY busybox /bin/sh', step], changes);
}

const keyIn = async (name: string, env: NodeJS.ProcessEnv): Promise<string> =>
  keyOf((await probeEngines(env)).find((each) => each.name === name)!.engine!);

/** Whose directory is left alone as long as it lives: other tests clean up after the dead, too. */
function aProcess(): { pid: number; end(): Promise<void> } {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  return {
    pid: child.pid!,
    end: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

const problemsOf = (result: Result<unknown>): Problem[] => (result.ok ? [] : result.problems);

describe('an engine in trouble', () => {
  it('is cleaned up after a dmrel that was killed: its build ends, its container, directory and names go', async () => {
    if (!counterpart('buildah') || !daemon) return;
    const { env } = containerStorage(folder);
    const owner = aProcess();
    const dead = owner.pid;
    const left = join(tmpdir(), `dmrel-build-${dead}-left`);
    const other = join(tmpdir(), `dmrel-build-${process.pid}-mine`);
    for (const each of [left, other]) mkdirSync(each);
    const request = aRequest('after', 'RUN echo x > /x');
    writeFileSync(join(left, 'engine'), await keyIn('buildah', env));
    // What a killed dmrel leaves: a build that goes on, in a directory of its own.
    writeFileSync(join(left, 'Dockerfile'), 'FROM scratch\nCOPY busybox /bin/sh\nRUN sleep 1000\n');
    writeFileSync(join(left, 'marker'), '');
    const secret = `id=dmrel-workplace,src=${join(left, 'marker')}`;
    const args = ['build', '--layers=false', '--secret', secret, '-f', join(left, 'Dockerfile'), request.context];
    const orphan = spawn('buildah', args, { env, detached: true, stdio: 'ignore' });
    const ended = new Promise((resolve) => orphan.on('exit', resolve));
    writeFileSync(join(left, 'pid'), String(orphan.pid));
    const containers = () => execFileSync('buildah', ['containers', '-q'], { env, encoding: 'utf8' });
    while (containers() === '') await new Promise((resolve) => setTimeout(resolve, 100));
    await owner.end();

    const { engine } = unwrap(await chooseEngine('buildah', request, env));
    unwrap(await engine.build(request, {}, { registry, repository: 'after' }));
    await ended;
    await engine.close!();
    expect([existsSync(left), existsSync(other), containers()]).toEqual([false, true, '']);
    rmSync(other, { recursive: true });

    const docker = (given: string[], input = '') =>
      execFileSync(dockerClient, given, { env: daemon!.env, encoding: 'utf8', input });
    const machine = hexOf(digestOf(hostname())).slice(0, 8);
    const names = [dead, process.pid].map((pid) => `localhost/dmrel:${machine}-${pid}-0123456789abcdef`);
    const nothing = execFileSync('tar', ['c', '-T', '/dev/null'], { encoding: 'utf8' });
    for (const name of names) docker(['import', '-', name], nothing);
    const { engine: on } = unwrap(await chooseEngine('docker', request, daemon.env));
    unwrap(await on.build(request, {}, { registry, repository: 'after' }));
    expect(names.map((name) => docker(['images', '-q', name]) === '')).toEqual([true, false]);
  }, 60_000);

  it('is rid of the container of a build that was killed at any moment', async () => {
    for (const name of ['buildah', 'podman'].filter((each) => counterpart('buildah') && counterpart(each))) {
      const { env } = containerStorage(mkdtempSync(join(folder, 'storage-')));
      const containers = () => execFileSync('buildah', ['containers', '-q'], { env, encoding: 'utf8' });
      const owner = aProcess();
      const left = join(tmpdir(), `dmrel-build-${owner.pid}-${name}`);
      mkdirSync(left);
      const request = aRequest(`rid-${name}`, 'RUN echo x > /x');
      writeFileSync(join(left, 'engine'), await keyIn(name, env));
      writeFileSync(join(left, 'Dockerfile'), 'FROM scratch\nCOPY busybox /bin/sh\nRUN sleep 1000\n');
      writeFileSync(join(left, 'marker'), '');
      const secret = `id=dmrel-workplace,src=${join(left, 'marker')}`;
      const args = ['build', '--layers=false', '--secret', secret, '-f', join(left, 'Dockerfile'), request.context];
      for (let kept = 0; kept < 3; ) {
        const killed = spawn(name, args, { env, detached: true, stdio: 'ignore' });
        const ended = new Promise((resolve) => killed.on('exit', resolve));
        await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 400));
        process.kill(-killed.pid!, 'SIGKILL');
        await ended;
        kept = containers().trim().split('\n').filter(Boolean).length;
      }
      await owner.end();
      const buildWith = async (chosen: string, itsEnv: NodeJS.ProcessEnv) => {
        const { engine } = unwrap(await chooseEngine(chosen, request, itsEnv));
        unwrap(await engine.build(request, {}, { registry, repository: request.name }));
        await engine.close!();
      };
      await buildWith('buildah', containerStorage(mkdtempSync(join(folder, 'elsewhere-'))).env);
      expect(readdirSync(left)).toEqual(['engine']);
      await buildWith(name, env);
      expect([existsSync(left), containers()]).toEqual([false, '']);
    }
  }, 60_000);

  it('says that there is no room where it keeps images, and what to do', async () => {
    if (!daemon) return;
    const request = aRequest('large', 'RUN dd if=/dev/zero of=/large bs=1048576 count=64');
    const { engine } = unwrap(await chooseEngine('docker', request, daemon.env));
    const [problem] = problemsOf(await engine.build(request, {}, { registry, repository: 'large' }));
    expect(problem).toMatchObject({
      code: 'build-failed',
      hint: 'make room where docker keeps images',
      at: { line: 3 },
      output: expect.arrayContaining([expect.stringContaining('No space left on device')]),
    });
  }, 60_000);

  it('says so when there is no room in the registry, where nothing is left of the image', async () => {
    if (!daemon) return;
    const request = aRequest('full', 'RUN echo x > /x');
    const place = aSmallPlace(join(folder, 'full'), 1);
    try {
      const { engine } = unwrap(await chooseEngine('docker', request, daemon.env));
      const full = openLayout(place);
      const [problem] = problemsOf(await engine.build(request, {}, { registry: full, repository: 'image' }));
      expect(problem).toMatchObject({ code: 'registry-io', message: expect.stringContaining('ENOSPC') });
      expect(await full.listTags('image')).toEqual([]);
      expect(readdirSync(join(place, 'image/blobs/sha256')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    } finally {
      execFileSync('umount', ['-l', place]);
    }
  }, 60_000);

  it('says in one sentence that its daemon ended in the middle', async () => {
    if (!daemon) return;
    const killed: Promise<void>[] = [];
    const log = {
      file: join(folder, 'log'),
      follow: (line: string) => {
        if (line.includes('begun') && killed.length === 0) killed.push(daemon!.kill());
      },
    };
    const request = aRequest('cut', 'RUN echo "beg"un; sleep 1000', { log });
    const { engine } = unwrap(await chooseEngine('docker', request, daemon.env));
    const problems = problemsOf(await engine.build(request, {}, { registry, repository: 'cut' }));
    await Promise.all(killed);
    expect(problems).toEqual([
      {
        code: 'engine-unavailable',
        severity: 'error',
        message: expect.stringMatching(
          /^the docker daemon ended while it built cut at step 2\/2: RUN echo "beg"un; sleep 1000$/,
        ),
        hint: 'start it, then run the same command again',
        subject: 'cut',
      },
    ]);
  }, 60_000);
});
