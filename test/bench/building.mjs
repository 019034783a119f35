// Building images: dmrel against the engines' own command lines, on Debian's dockerd, buildah and docker-registry.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startRegistry } from './images.mjs';

const home = resolve(import.meta.dirname, '../..');
const busybox = '/bin/busybox';
const many = 50;
const docker = '/usr/bin/docker';

const git = (cwd, ...args) => execFileSync('git', args, { cwd, encoding: 'utf8' }).trim();

/** A workspace with one product, and a weekly of it. */
function makeWorkspace(root, env, images) {
  mkdirSync(join(root, 'remotes'), { recursive: true });
  git(root, 'init', '--quiet', '--bare', '--initial-branch=main', 'remotes/p.git');
  const remote = join(root, 'remotes/p.git');
  const tree = execFileSync('git', ['mktree'], { cwd: remote, input: '', encoding: 'utf8' }).trim();
  const who = ['-c', 'user.name=B', '-c', 'user.email=b@example.org'];
  const commit = git(remote, ...who, 'commit-tree', tree, '-m', 'work');
  git(remote, 'update-ref', 'refs/heads/main', commit);
  mkdirSync(join(root, 'products'));
  writeFileSync(join(root, 'products/repos.yaml'), 'p: ./remotes/p.git\n');
  const lines = ['schema: dmrel/workspace/v1', 'organization: bench'];
  const products = 'products: {index: products/repos.yaml, transports: [file]}';
  writeFileSync(join(root, 'dmrel.yaml'), [...lines, products, images, ''].join('\n'));
  writeFileSync(join(root, '.gitignore'), 'remotes/\n.dmrel/\n');
  git(root, 'init', '--quiet', '--initial-branch=main');
  git(root, 'config', 'user.name', 'Bench');
  git(root, 'config', 'user.email', 'bench@example.org');
  git(root, 'add', '--all');
  git(root, 'commit', '--quiet', '-m', 'workspace');
  runDmrel(root, env, 'tag', 'weekly', '--ref', 'main');
}

function timed(program, args, options) {
  const start = process.hrtime.bigint();
  const done = spawnSync(program, args, { encoding: 'utf8', ...options });
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}${done.stdout}`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

const runDmrel = (cwd, env, ...args) => timed(process.execPath, [join(home, 'bin/dmrel.js'), ...args], { cwd, env });

function write(root, image, lines, files = {}) {
  const context = join(root, 'images', image);
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(context, name), text);
  return context;
}

/** dockerd with everything in one directory, and no networks. */
async function startDocker(folder) {
  mkdirSync(folder, { recursive: true });
  const host = `unix://${join(folder, 'docker.sock')}`;
  const args = ['--storage-driver', 'vfs', '--iptables=false', '--bridge=none', '--pidfile', join(folder, 'pid')];
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '-H', host];
  const child = spawn('dockerd', [...args, ...places], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (spawnSync(docker, ['-H', host, 'version'], { stdio: 'ignore' }).status === 0)
      return { host, stop: () => new Promise((ended) => child.on('exit', ended) && child.kill('SIGTERM')) };
    await new Promise((done) => setTimeout(done, 100));
  }
  child.kill('SIGKILL');
  throw new Error('dockerd does not start');
}

/** `compare` and `check` of run.mjs. */
export async function benchBuilding({ scratch: parent, compare, check }) {
  const scratch = join(parent, 'building');
  mkdirSync(scratch);
  const env = { ...process.env, HOME: scratch, XDG_CACHE_HOME: join(scratch, 'cache'), TMPDIR: scratch };
  await benchUnchanged({ scratch, env, compare, check });
  benchEngine({ scratch, env, compare });
}

/** Nothing changed: requests an image, and the time against so many `docker build`s that find all in their cache. */
async function benchUnchanged({ scratch, env, compare, check }) {
  if (process.getuid() !== 0 || !existsSync(docker) || spawnSync('which', ['dockerd']).status !== 0)
    return console.log('not measured: unchanged images, for want of dockerd (test/system/setup.sh)');
  const registry = await startRegistry(join(scratch, 'registry'));
  const daemon = await startDocker(join(scratch, 'docker'));
  const withDocker = { ...env, DOCKER_HOST: daemon.host };
  const root = join(scratch, 'unchanged');
  const names = Array.from({ length: many }, (_, index) => `image${index}`);
  try {
    for (const name of names) write(root, name, ['FROM scratch', 'COPY f /f'], { f: `${name}\n` });
    const definitions = names.map((name) => `  ${name}: {context: images/${name}, engine: docker}`);
    const place = `registries: {build: {address: '${registry.host}/dm', plainHttp: true}}`;
    makeWorkspace(root, withDocker, [place, 'images:', ...definitions].join('\n'));
    runDmrel(root, withDocker, 'build');
    const ours = () => runDmrel(root, withDocker, 'build');
    const theirs = () =>
      names.reduce((sum, name) => {
        const args = ['build', '--quiet', '--network', 'none', '--tag', name, join(root, 'images', name)];
        return sum + timed(docker, args, { env: withDocker });
      }, 0);
    compare(`building: ${many} images unchanged / ${many} docker build, warm`, 1 / 5, 3, ours, theirs);
    const before = registry.requests();
    ours();
    check(`building: requests for ${many} images unchanged`, registry.requests() - before, 2 * many);
  } finally {
    await daemon.stop();
    registry.close();
  }
}

/** What dmrel adds to an engine that has to work, and how near a diamond comes to its longest path. */
function benchEngine({ scratch, env, compare }) {
  if (!existsSync(busybox) || spawnSync('which', ['buildah']).status !== 0)
    return console.log('not measured: builds by an engine, for want of buildah (test/system/setup.sh)');
  const conf = join(scratch, 'storage.conf');
  const [graph, run] = [join(scratch, 'storage'), join(scratch, 'run')];
  writeFileSync(conf, `[storage]\ndriver = "vfs"\ngraphroot = "${graph}"\nrunroot = "${run}"\n`);
  const own = { ...env, CONTAINERS_STORAGE_CONF: conf, BUILDAH_ISOLATION: 'chroot' };
  const root = join(scratch, 'engine');
  const sleep = (seconds) => `RUN ["/bin/busybox", "sleep", "${seconds}"]`;
  const first = (seconds) => ['FROM scratch', 'COPY busybox /bin/busybox', sleep(seconds)];
  const middle = Array.from({ length: 6 }, (_, index) => `middle${index}`);
  for (const [name, seconds] of [
    ['bottom', 15],
    ['alone', 8],
  ])
    copyFileSync(busybox, join(write(root, name, first(seconds)), 'busybox'));
  for (const name of middle) write(root, name, ['FROM bottom', sleep(15), `LABEL middle=${name}`]);
  write(root, 'top', [
    'FROM middle0',
    ...middle.slice(1).map((name) => `COPY --from=${name} /bin/busybox /${name}`),
    sleep(15),
  ]);
  const options = 'engine: buildah, network: none';
  const images = [
    `  alone: {context: images/alone, ${options}}`,
    `  bottom: {context: images/bottom, ${options}}`,
    ...middle.map((name) => `  ${name}: {context: images/${name}, from: [bottom], ${options}}`),
    `  top: {context: images/top, from: [${middle.join(', ')}], ${options}}`,
  ];
  makeWorkspace(root, own, ['registries: {build: layout:.dmrel/registry}', 'images:', ...images].join('\n'));
  const buildah = (name) => {
    const args = ['bud', '--no-cache', '--format', 'oci', '--network', 'none', '--timestamp', '1', '--tag', name];
    const built = timed('buildah', [...args, join(root, 'images', name)], { env: own });
    // Into a layout, as it is with dmrel.
    return built + timed('buildah', ['push', '--quiet', name, `oci:${join(scratch, 'pushed', name)}:1`], { env: own });
  };
  const dmrel = (...args) => runDmrel(root, own, 'build', '--force', ...args);
  mkdirSync(join(scratch, 'pushed'));
  compare(
    'building: an image of 8 s / buildah build and push',
    1.1,
    3,
    () => dmrel('--only', 'alone'),
    () => buildah('alone'),
  );
  const path = () => ['bottom', 'middle0', 'top'].reduce((sum, name) => sum + buildah(name), 0);
  for (const name of ['bottom', ...middle]) buildah(name);
  compare(
    'building: a diamond of 8 images of 15 s / its longest path',
    1.15,
    1,
    () => dmrel('--only', ['bottom', ...middle, 'top'].join(','), '--jobs', '8'),
    path,
  );
  rmSync(graph, { recursive: true, force: true });
}
