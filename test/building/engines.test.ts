import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { contextDigest } from '../../src/building/assemble/index.ts';
import type { BuildParents, BuildRequest, BuiltImage, Engine } from '../../src/building/engine.ts';
import { chooseEngine } from '../../src/building/engines/index.ts';
import { loadImage, probeEngines, removeImage, saveImage } from '../../src/containers/index.ts';
import { openLayout, openRemoteRegistry, readImage } from '../../src/registry/index.ts';
import { type Problem, type Result, unwrap } from '../../src/support/index.ts';
import { aBuildRequest } from '../support/build-request.ts';
import { containerStorage } from '../support/container-storage.ts';
import { counterpart } from '../support/counterparts.ts';
import {
  addBusybox,
  type DockerDaemon,
  dockerClient,
  hasBusybox,
  hasDockerd,
  startDockerd,
} from '../support/dockerd.ts';
import { treeOf } from '../support/image-tree.ts';
import { startRegistry } from '../support/registry-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'dmrel-engines-'));
const secret = 'sesame-open-1234';
const registry = openLayout(join(folder, 'registry'));
const storage = containerStorage(folder);
let daemon: DockerDaemon | undefined;
let env: NodeJS.ProcessEnv = storage.env;
const hasBuildah = counterpart('buildah') && hasBusybox();

beforeAll(async () => {
  if (hasDockerd()) daemon = await startDockerd();
  env = {
    ...storage.env,
    THE_SECRET: secret,
    ...(daemon ? { DOCKER_HOST: daemon.host, DOCKER_CONFIG: daemon.env.DOCKER_CONFIG } : {}),
  };
}, 60_000);
afterAll(async () => {
  for (const engine of used) await engine.close?.();
  await daemon?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The classic builder is what a newer client without buildx has; here it is asked for. */
const engines = (): string[] => [...(hasBuildah ? ['buildah'] : []), ...(daemon ? ['docker', 'classic'] : [])];

const used = new Set<Engine>();

async function engineOf(name: string, request: BuildRequest): Promise<Engine> {
  const chosen = name === 'classic' ? 'docker' : name;
  const { engine } = unwrap(
    await chooseEngine(chosen, request, name === 'classic' ? { ...env, DOCKER_BUILDKIT: '0' } : env),
  );
  used.add(engine);
  return engine;
}

function aContext(files: Record<string, string> = {}): string {
  const context = mkdtempSync(join(folder, 'context-'));
  addBusybox(context);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, name)), { recursive: true });
    writeFileSync(join(context, name), text);
  }
  return context;
}

const aRequest = (name: string, lines: string[], changes: Partial<BuildRequest> = {}): BuildRequest =>
  aBuildRequest(name, changes.context ?? aContext(), lines, changes);

const busybox = ['FROM scratch', 'COPY busybox /bin/busybox', 'RUN ["/bin/busybox", "--install", "-s", "/bin"]'];

function build(engine: string, request: BuildRequest, parents: BuildParents = {}): Promise<Result<BuiltImage>> {
  const destination = { registry, repository: `${engine}/${request.name}` };
  return engineOf(engine, request).then((chosen) => chosen.build(request, parents, destination));
}

const problemsOf = (result: Result<unknown>): Problem[] => (result.ok ? [] : result.problems);
const placeOf = (engine: string, name: string) => ({ registry, repository: `${engine}/${name}` });
const leftovers = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`dmrel-build-${process.pid}-`));

describe('engines of this machine', () => {
  it('build the same files from the same definition, as assemble does', async () => {
    const files = { 'a/run.sh': 'echo', 'a/data': 'x'.repeat(2 ** 20), 'b/deep/er/file': '1', 'left/out': 'x' };
    const context = aContext({ ...files, '.dockerignore': 'left\n.dockerignore\n*/data.tmp\n' });
    for (const path of ['a/run.sh', 'a']) chmodSync(join(context, path), 0o775);
    chmodSync(join(context, 'a/data'), 0o664);
    symlinkSync('run.sh', join(context, 'a/link'));
    const lines = [
      'FROM scratch',
      'WORKDIR /opt/app',
      'COPY --chown=1000:100 a ./a',
      'COPY . /all/',
      'COPY *.json b /etc/',
      'USER 1000',
    ];
    const request = aRequest('files', lines, { context, extraFiles: { 'dmrel-release.json': Buffer.from('{}') } });
    const trees = new Map<string, Record<string, string>>();
    for (const engine of ['assemble', ...engines()]) {
      const { digest } = unwrap(await build(engine, request));
      trees.set(engine, await treeOf(placeOf(engine, 'files'), digest));
    }
    const assembled = trees.get('assemble')!;
    expect(assembled['/opt/app/a/run.sh']).toMatch(/^file 755 1000:100 /);
    expect(Object.keys(assembled).filter((path) => path.includes('left'))).toEqual([]);
    for (const [, tree] of trees) expect(tree).toEqual(assembled);
  }, 120_000);

  it('let steps reach nothing where there is to be no network, not even this machine', async () => {
    const server = createServer((socket) => socket.end('open')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const reach = `RUN if nc -w 1 127.0.0.1 ${port} < /dev/null; then echo open > /reached; fi`;
    for (const engine of engines().slice(0, 2)) {
      const request = aRequest('alone', [...busybox, reach]);
      const { digest } = unwrap(await build(engine, request));
      expect(await treeOf(placeOf(engine, 'alone'), digest)).not.toHaveProperty('/reached');
    }
    server.close();
  }, 60_000);

  it('leave the files of the workspace as they are, whatever a step writes into what is mounted', async () => {
    if (!hasBuildah) return;
    const data = 'x'.repeat(2 ** 21);
    const context = aContext({ 'data.bin': data });
    chmodSync(join(context, 'data.bin'), 0o644);
    const step = 'RUN --mount=type=bind,target=/src,rw echo other > /src/data.bin; cp /src/data.bin /data.bin';
    const { digest } = unwrap(await build('buildah', aRequest('writes', [...busybox, step], { context })));
    expect((await treeOf(placeOf('buildah', 'writes'), digest))['/data.bin']).toMatch(/^file 644 0:0 /);
    expect(readFileSync(join(context, 'data.bin'), 'utf8')).toBe(data);
  }, 60_000);

  it('build nothing of a context that is another than was decided on, nor of one with what no image can have', async () => {
    const context = aContext({ '.dockerignore': 'left\n.dockerignore\n', 'left/out': 'x', 'sub/f': 'f' });
    const extraFiles = { 'dmrel-release.json': Buffer.from('{}') };
    const planned = unwrap(await contextDigest(context, extraFiles));
    const request = aRequest('edited', [...busybox, 'COPY . /all/'], { context, extraFiles, contextDigest: planned });
    for (const engine of engines().slice(0, 2)) {
      writeFileSync(join(context, 'sub/f'), 'f');
      expect(problemsOf(await build(engine, request))).toEqual([]);
      writeFileSync(join(context, 'sub/f'), 'g');
      expect(problemsOf(await build(engine, request))).toMatchObject([
        { code: 'context-invalid', message: expect.stringContaining('changed since the build was planned') },
      ]);
      const { contextDigest: _, ...undecided } = request;
      execFileSync('mkfifo', [join(context, 'pipe')]);
      expect(problemsOf(await build(engine, undecided))).toMatchObject([
        { code: 'context-invalid', message: expect.stringContaining('pipe in the context is neither') },
      ]);
      rmSync(join(context, 'pipe'));
    }
  }, 120_000);

  it('build a chain on digests, with labels, arguments and annotations, and run its steps', async () => {
    const trees: Record<string, string>[] = [];
    for (const engine of engines()) {
      const base = unwrap(await build(engine, aRequest('base', busybox)));
      const lines = [
        'FROM base AS one',
        'ARG RELEASE',
        'RUN echo $RELEASE > /hi; rm /bin/wget',
        'FROM base',
        'COPY --from=one /hi /hi',
      ];
      const more = {
        from: ['base'],
        args: { RELEASE: 'w.2018.18' },
        labels: { 'org.x': 'a b="c"' },
        annotations: { 'org.y': 'z' },
      };
      const parents = { base: { ...placeOf(engine, 'base'), digest: base.digest } };
      const request = aRequest('lab', [...lines, 'RUN test -e /bin/wget && rm /bin/wget'], more);
      const { digest, size } = unwrap(await build(engine, request, parents));
      const image = unwrap(await readImage(registry, `${engine}/lab`, digest));
      expect(image.size).toBe(size);
      expect(image.layers[0]).toEqual(unwrap(await readImage(registry, `${engine}/base`, base.digest)).layers[0]);
      expect((image.config as { config: object }).config).toMatchObject({ Labels: { 'org.x': 'a b="c"' } });
      const { bytes } = unwrap(await registry.readManifest(`${engine}/lab`, digest));
      expect(JSON.parse(bytes.toString()).annotations).toEqual({ 'org.y': 'z' });
      trees.push(await treeOf(placeOf(engine, 'lab'), digest));
    }
    // Places that an engine mounts something on while it runs a step; each makes others.
    const mounted = /^\/(proc|sys|dev|run|etc|\.dockerenv)?(\/|$)/;
    const made = trees.map((tree) => Object.fromEntries(Object.entries(tree).filter(([path]) => !mounted.test(path))));
    for (const tree of made) {
      expect(tree['/hi']).toMatch(/^file 644 0:0 /);
      expect(tree).not.toHaveProperty('/bin/wget');
      expect(tree).toEqual(made[0]);
    }
  }, 120_000);

  it('give the same digest twice, in another directory too, where they say so', async () => {
    if (!hasBuildah) return;
    const lines = [
      ...busybox,
      'ARG SOURCE_DATE_EPOCH',
      'RUN echo $SOURCE_DATE_EPOCH; date +%N > /dev/null; mkdir -p /a/b; echo x > /a/b/c',
    ];
    const digests = [];
    // podman is the same inside, so one more proof.
    for (const engine of ['buildah', counterpart('podman') ? 'podman' : 'buildah']) {
      const again = aRequest('again', lines);
      const base = unwrap(await build(engine, again));
      const on = aRequest('on', ['FROM again', 'COPY note /note', 'RUN cat /note > /copied'], {
        from: ['again'],
        context: aContext({ note: 'n' }),
      });
      const parents = { again: { ...placeOf(engine, 'again'), digest: base.digest } };
      digests.push([base.digest, unwrap(await build(engine, on, parents)).digest]);
      expect((await engineOf(engine, on)).reproducible).toBe(true);
    }
    for (const each of digests) expect(each).toEqual(digests[0]);
  }, 120_000);

  it('name the step that failed, its line and its last lines, and keep all in the log; secrets are in none of them', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, `${secret}\n`);
    const secrets = [
      { id: 'a', source: { env: 'THE_SECRET' } },
      { id: 'b', source: { file } },
    ];
    const mounts = 'RUN --mount=type=secret,id=a --mount=type=secret,id=b';
    const show = `${mounts} cat /run/secrets/a /run/secrets/b && test $(cat /run/secrets/* | wc -c) -ge 32; \\`;
    for (const engine of engines()) {
      const log = join(folder, `${engine}.log`);
      const seen: string[] = [];
      const step = [engine === 'classic' ? 'RUN echo all is well; \\' : show, '  echo oh no >&2; exit 3', 'LABEL a=b'];
      const request = aRequest('bad', [...busybox, '# a comment', ...step], {
        log: { file: log, follow: (line) => seen.push(line) },
      });
      if (engine === 'classic') {
        expect(problemsOf(await build(engine, { ...request, secrets }))).toMatchObject([
          { code: 'engine-unavailable', message: expect.stringContaining('cannot mount') },
        ]);
      } else request.secrets = secrets;
      const [problem, ...more] = problemsOf(await build(engine, request));
      expect(more).toEqual([]);
      expect(problem).toMatchObject({
        code: 'build-failed',
        message: expect.stringMatching(/ could not build bad: it failed at step \d\/\d: RUN .*echo oh no/),
        at: { file: 'images/bad/Dockerfile', line: 5 },
      });
      expect(problem!.output).toEqual(expect.arrayContaining([expect.stringMatching(/\*\*\*|all is well/), 'oh no']));
      for (const text of [readFileSync(log, 'utf8'), seen.join('\n'), JSON.stringify(problem)]) {
        expect(text).toContain('oh no');
        expect(text).not.toContain(secret);
      }
    }
    expect(leftovers()).toEqual([]);
    const odd = { secrets: [{ id: 'c', source: { file: '/a,type=env' } }] };
    for (const engine of engines().filter((each) => each !== 'classic'))
      expect(problemsOf(await build(engine, aRequest('odd', busybox, odd)))).toMatchObject([{ code: 'unsafe-path' }]);
  }, 120_000);

  it('go into a real registry, from which others read them, and docker runs what buildah built', async () => {
    if (!daemon || !hasBuildah || !counterpart('docker-registry') || !counterpart('skopeo')) return;
    const server = await startRegistry();
    try {
      const remote = openRemoteRegistry(server.host);
      const lines = [...busybox, 'RUN echo hello from $(basename /a/b) > /hello', 'CMD ["/bin/cat", "/hello"]'];
      const request = aRequest('hello', lines, { labels: { 'org.x': 'y' } });
      const buildah = await engineOf('buildah', request);
      const { digest } = unwrap(await buildah.build(request, {}, { registry: remote, repository: 'dm/hello' }));
      unwrap(await remote.tag('dm/hello', 'w_2018_18', digest));
      const seen = skopeo('inspect', '--tls-verify=false', `docker://${server.host}/dm/hello:w_2018_18`);
      expect(JSON.parse(seen)).toMatchObject({ Digest: digest, Labels: { 'org.x': 'y' } });

      const docker = unwrap(await chooseEngine('docker', request, env)).engine;
      const on = aRequest('on', ['FROM hello', 'RUN echo again >> /hello'], { from: ['hello'] });
      const parents = { hello: { registry: remote, repository: 'dm/hello', digest } };
      const built = unwrap(await docker.build(on, parents, { registry: remote, repository: 'dm/on' }));
      expect(await remote.hasManifest('dm/on', built.digest)).toBe(true);
      expect(dockerIn('images', '-q', 'localhost/dmrel')).not.toBe('');
      // One engine for each environment, and the tests have two.
      for (const each of [docker, await engineOf('classic', request)]) await each.close!();
      expect(dockerIn('images', '-q', 'localhost/dmrel')).toBe('');

      const [{ engine } = {}] = (await probeEngines(env)).filter(({ name }) => name === 'docker');
      const place = { registry: remote, repository: 'dm/on' };
      const id = unwrap(await loadImage(engine!, place, built.digest, { name: 'localhost/tried:1' }));
      expect(dockerIn('run', '--rm', '--network', 'none', id)).toBe('hello from b\nagain\n');
      const saved = unwrap(await saveImage(engine!, id, { registry, repository: 'saved' }));
      expect(saved.digest).toBe(built.digest);
      await removeImage(engine!, 'localhost/tried:1');
      expect(dockerIn('images', '-q', 'localhost/tried')).toBe('');
      await remote.close();
    } finally {
      await server.close();
    }
  }, 120_000);

  it('end what they started when time is over or someone interrupts, and leave nothing behind', async () => {
    for (const engine of engines()) {
      const marker = `8${process.pid}`;
      const lines = [...busybox, `RUN echo begun; sleep ${marker}`];
      // How far it comes is a matter of the machine; the one that is interrupted has begun its last step.
      const late = aRequest('late', lines, { timeoutSeconds: 2 });
      if (engine !== 'classic')
        expect(problemsOf(await build(engine, late))).toMatchObject([
          { code: 'build-timeout', message: expect.stringMatching(/^late was not built within 2s, and stood /) },
        ]);
      const interrupt = new AbortController();
      const follow = (line: string) => line.includes('begun') && !line.includes('RUN') && interrupt.abort();
      const stopped = aRequest('stopped', lines, {
        signal: interrupt.signal,
        log: { file: join(folder, 'l'), follow },
      });
      expect(problemsOf(await build(engine, stopped))).toMatchObject([{ code: 'interrupted' }]);
      for (let attempt = 0; attempt < 100 && sleeping(marker).length > 0; attempt++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      expect(sleeping(marker)).toEqual([]);
    }
    expect(leftovers()).toEqual([]);
    if (hasBuildah) expect(execFileSync('buildah', ['containers', '-q'], { env, encoding: 'utf8' })).toBe('');
  }, 120_000);
});

/** Processes that sleep for so long. */
function sleeping(marker: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').endsWith(`sleep\0${marker}\0`);
    } catch {
      return false;
    }
  });
}

const skopeo = (...args: string[]): string => execFileSync('skopeo', args, { encoding: 'utf8' });
const dockerIn = (...args: string[]): string => execFileSync(dockerClient, args, { env, encoding: 'utf8' });
