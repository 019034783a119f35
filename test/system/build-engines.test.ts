import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { containerStorage } from '../support/container-storage.ts';
import { counterpart } from '../support/counterparts.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { addBusybox, type DockerDaemon, dockerClient, hasDockerd, startDockerd } from '../support/dockerd.ts';
import { ReleaseWorkspace } from '../support/release-workspace.ts';
import { aSmallPlace } from '../support/small-place.ts';

const folder = mkdtempSync(join(tmpdir(), 'dmrel-build-engines-'));
let daemon: DockerDaemon | undefined;
/** Other tests build at the same time. */
const place = mkdtempSync(join(folder, 'tmp-'));
let env: NodeJS.ProcessEnv = { ...containerStorage(folder).env, TMPDIR: place };
beforeAll(async () => {
  if (hasDockerd() && counterpart('buildah')) daemon = await startDockerd();
  env = { ...env, DOCKER_HOST: daemon?.host, DOCKER_CONFIG: daemon?.env.DOCKER_CONFIG };
}, 60_000);
afterAll(async () => {
  await daemon?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** base runs a step, lab is built on it, and top on that. */
async function aChain(engines: Record<string, string>): Promise<ReleaseWorkspace> {
  const of = (name: string) => `engine: ${engines[name] ?? 'auto'}, network: none`;
  const images = [
    `base: {context: images/base, ${of('base')}}`,
    `lab: {context: images/lab, from: [base], ${of('lab')}}`,
    `top: {context: images/top, from: [lab], ${of('top')}}`,
  ];
  const config = `registries: {build: layout:.dmrel/registry/build}\nimages:\n  ${images.join('\n  ')}\n`;
  const workspace = new ReleaseWorkspace(1, config);
  mkdirSync(join(workspace.root, 'images/base'), { recursive: true });
  addBusybox(join(workspace.root, 'images/base'));
  const install = 'COPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n';
  workspace.write('images/base/Dockerfile', `FROM scratch\n${install}`);
  workspace.write('images/lab/Dockerfile', 'FROM base\nARG RELEASE\nRUN echo $RELEASE > /release\n');
  workspace.write('images/top/Dockerfile', 'FROM lab\nCMD ["/bin/cat", "/release"]\n');
  workspace.commitAll();
  expect((await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main'])).code).toBe(0);
  return workspace;
}

const imagesOf = (workspace: ReleaseWorkspace): Record<string, { digest: string; size: number }> =>
  parse(workspace.read('releases/w.2018.18/release.yaml')).images;
const workplaces = () => readdirSync(place).filter((name) => /^dmrel-(build|held)-\d/.test(name));

describe('a release whose images need engines', () => {
  it('is built by docker and buildah in one chain, and runs; the second time nothing is built', async () => {
    if (!daemon) return;
    const workspace = await aChain({ base: 'docker', lab: 'buildah', top: 'docker' });
    const built = await dmrelJson(workspace.root, ['build'], { env });
    expect(built.json).toMatchObject({ status: 'done' });
    const { top } = imagesOf(workspace);
    expect(top!.size).toBeGreaterThan(10 ** 6);
    // An image on disk is given to docker by skopeo, which knows nothing of us.
    const name = `docker-archive:${join(folder, 'top.tar')}:top:1`;
    execFileSync('skopeo', ['copy', '-q', `oci:${join(workspace.root, '.dmrel/registry/build/top')}:w.2018.18`, name]);
    execFileSync(dockerClient, ['load', '-i', join(folder, 'top.tar')], { env });
    const said = execFileSync(dockerClient, ['run', '--rm', '--network', 'none', 'top:1'], { env, encoding: 'utf8' });
    expect(said).toBe('w.2018.18\n');
    execFileSync(dockerClient, ['rmi', 'top:1'], { env });
    const again = await dmrelJson(workspace.root, ['build', '--dry-run'], { env });
    expect(Object.values(again.json.details.images).map((each: any) => each.action)).toEqual(Array(3).fill('reuse'));
    expect(execFileSync(dockerClient, ['images', '-q', 'localhost/dmrel'], { env, encoding: 'utf8' })).toBe('');
  }, 120_000);

  it('goes on past an image that fails, says which step, and a re-run builds what is missing', async () => {
    if (!daemon) return;
    const workspace = await aChain({ base: 'buildah', lab: 'docker' });
    const good = workspace.read('images/lab/Dockerfile');
    workspace.write('images/lab/Dockerfile', 'FROM base\n# no\nRUN echo on the way; echo it is broken >&2; exit 7\n');
    const failed = await dmrel(workspace.root, ['build'], { env });
    expect(failed.code).toBe(4);
    expect(failed.err).toMatch(
      /images\/lab\/Dockerfile:3 +error +build-failed +docker could not build lab: it failed at step/,
    );
    expect(failed.err).toMatch(/^ {2}\| it is broken$/m);
    expect(failed.err).toContain('all of it is in .dmrel/logs/w.2018.18/lab.log');
    expect(workspace.read('.dmrel/logs/w.2018.18/lab.log')).toContain('it is broken');
    workspace.write('images/lab/Dockerfile', good);
    const { json } = await dmrelJson(workspace.root, ['build'], { env });
    expect(json).toMatchObject({ status: 'done' });
    expect(json.done).toEqual(expect.arrayContaining(['build:lab', 'build:top']));
    expect(Object.keys(imagesOf(workspace))).toEqual(['base', 'lab', 'top']);
  }, 120_000);

  it('is proven to come out the same twice by buildah, and said to be another each time by docker or by its steps', async () => {
    if (!daemon) return;
    const workspace = await aChain({ base: 'buildah', lab: 'docker', top: 'buildah' });
    const prove = () => dmrelJson(workspace.root, ['build', '--check-reproducible'], { env });
    const verdicts = (json: any) => json.images.map(({ image, same }: any) => [image, same]);
    const proven = await prove();
    expect([proven.code, verdicts(proven.json)]).toEqual([
      1,
      [
        ['base', true],
        ['lab', false],
        ['top', true],
      ],
    ]);
    expect(proven.json.problems.map(({ message }: any) => message)).toEqual([
      'lab is built by docker, which makes another image each time',
    ]);
    expect(workspace.read('releases/w.2018.18/release.yaml')).not.toContain('images:');
    workspace.write('images/top/Dockerfile', 'FROM lab\nRUN cat /proc/sys/kernel/random/uuid > /id\n');
    const { json } = await prove();
    expect(verdicts(json)).toContainEqual(['top', false]);
    expect(json.problems.map(({ message }: any) => message)).toContainEqual(
      expect.stringMatching(/^top came out as two images: sha256:\w+ and sha256:/),
    );
  }, 120_000);

  it('says that there is no room for what is temporary, before and after the engine has built', async () => {
    if (!daemon) return;
    const workspace = await aChain({ base: 'docker' });
    for (const [megabytes, expected] of [
      [1, /file-unwritable +cannot prepare the build of base in .*: ENOSPC\n/],
      [3, /registry-io +cannot take sha256:\w+ out of docker: no room\n/],
    ] as const) {
      const place = aSmallPlace(join(folder, `scarce-${megabytes}`), megabytes);
      try {
        const { code, err } = await dmrel(workspace.root, ['build', '--only', 'base'], {
          env: { ...env, TMPDIR: place },
        });
        expect(err).toMatch(expected);
        expect([code, readdirSync(place)]).toEqual([4, []]);
      } finally {
        execFileSync('umount', ['-l', place]);
      }
    }
  }, 120_000);

  it('ends all it started when it is interrupted, and after a kill the next one does; the same command finishes it', async () => {
    if (!daemon) return;
    const workspace = await aChain({ base: 'buildah', lab: 'buildah', top: 'buildah' });
    const before = workplaces();
    const good = workspace.read('images/lab/Dockerfile');
    workspace.write('images/lab/Dockerfile', `${good}RUN sleep 1009\n`);
    const endedBy = (signal: NodeJS.Signals) =>
      dmrel(workspace.root, ['build'], {
        env,
        during: (child) => {
          const timer = setInterval(() => {
            const mine = workplaces().filter((name) => name.startsWith(`dmrel-build-${child.pid}-`));
            if (mine.length === 0 || sleeping().length === 0) return;
            clearInterval(timer);
            child.kill(signal);
          }, 50);
        },
      });
    expect((await endedBy('SIGINT')).code).toBe(130);
    expect([sleeping(), workplaces()]).toEqual([[], before]);
    await endedBy('SIGKILL');
    expect(sleeping()).not.toEqual([]);
    workspace.write('images/lab/Dockerfile', good);
    const { json } = await dmrelJson(workspace.root, ['build'], { env });
    expect(json).toMatchObject({ status: 'done' });
    expect([sleeping(), workplaces()]).toEqual([[], before]);
    expect(execFileSync('buildah', ['containers', '-q'], { env, encoding: 'utf8' })).toBe('');
    expect(execFileSync('buildah', ['images', '-q'], { env, encoding: 'utf8' })).toBe('');
  }, 120_000);
});

/** Processes in images that sleep for long. */
function sleeping(): string[] {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line === 'sleep 1009');
}
