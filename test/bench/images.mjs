// Images through real registries: dmrel against skopeo, on Debian's docker-registry.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

const home = resolve(import.meta.dirname, '../..');
const layerBytes = 100 * 2 ** 20;
const smallImages = 200;
const media = 'application/vnd.oci.image';

const freePort = () =>
  new Promise((told) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => told(port));
    });
  });

/** A registry that writes down every request. */
export async function startRegistry(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const log = join(folder, 'log');
  const configuration = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  };
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(configuration));
  const child = spawn('sh', ['-c', 'exec docker-registry serve "$0" >"$1" 2>&1', join(folder, 'config.yml'), log]);
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (
      spawnSync('skopeo', ['list-tags', '--tls-verify=false', `docker://127.0.0.1:${port}/none`]).stderr.includes(
        'name unknown',
      )
    )
      break;
    await new Promise((done) => setTimeout(done, 50));
  }
  const requests = () =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes('HTTP/1.1"')).length;
  return { host: `127.0.0.1:${port}`, requests, close: () => child.kill('SIGKILL') };
}

const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The header of the one file in a layer (POSIX ustar). */
function tarHeader(size) {
  const header = Buffer.alloc(512);
  const octal = (number, length) => `${number.toString(8).padStart(length - 1, '0')}\0`;
  header.write('data', 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) + octal(0, 12), 100);
  header.write('        0', 148);
  header.write('ustar\u000000', 257);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  return header;
}

/** A layer that engines unpack: a tar of one file of random bytes. */
const layerOf = (size) =>
  Buffer.concat([tarHeader(size), randomBytes(size), Buffer.alloc(((512 - (size % 512)) % 512) + 1024)]);

/** A blob of any size, in little memory. */
function putLarge(folder, size) {
  const draft = join(folder, 'draft');
  const file = openSync(draft, 'w');
  const hash = createHash('sha256');
  for (let left = size; left > 0; left -= 2 ** 26) {
    const bytes = randomBytes(Math.min(left, 2 ** 26));
    hash.update(bytes);
    writeSync(file, bytes);
  }
  closeSync(file);
  const hex = hash.digest('hex');
  renameSync(draft, join(folder, 'blobs/sha256', hex));
  return { digest: `sha256:${hex}`, size };
}

/** An OCI layout with images of random layers, tagged 0, 1, 2 ... */
export function writeLayout(folder, images, layers, size) {
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const put = (bytes) => {
    const digest = digestOf(bytes);
    writeFileSync(join(folder, 'blobs/sha256', digest.slice(7)), bytes);
    return { digest, size: bytes.length };
  };
  const manifests = Array.from({ length: images }, (_, index) => {
    const made = Array.from({ length: layers }, () => (size > 2 ** 30 ? putLarge(folder, size) : put(layerOf(size))));
    const diffIds = made.map(({ digest }) => digest);
    const configuration = {
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: diffIds },
    };
    const config = put(Buffer.from(JSON.stringify(configuration)));
    const manifest = {
      schemaVersion: 2,
      mediaType: `${media}.manifest.v1+json`,
      config: { mediaType: `${media}.config.v1+json`, ...config },
      layers: made.map((layer) => ({ mediaType: `${media}.layer.v1.tar`, ...layer })),
    };
    const written = put(Buffer.from(JSON.stringify(manifest)));
    return {
      mediaType: manifest.mediaType,
      ...written,
      annotations: { 'org.opencontainers.image.ref.name': String(index) },
    };
  });
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** Bare requests, so many at once: nothing can be quicker. */
const bareSource = `
const { Agent, request } = require('node:http');
const [host, many, jobs] = process.argv.slice(2);
const [hostname, port] = host.split(':');
const agent = new Agent({ keepAlive: true, maxSockets: Number(jobs) });
let left = Number(many);
const one = () => new Promise((done, fail) => {
  const asked = request({ hostname, port, agent, path: '/v2/', method: 'GET' }, (answer) => answer.resume().on('end', done));
  asked.on('error', fail).end();
});
const work = async () => { while (left-- > 0) await one(); };
Promise.all(Array.from({ length: Number(jobs) }, work)).then(() => agent.destroy());
`;

/** Told at the end of a process: its greatest memory, in KiB. Not `maxRSS`: that begins with what its parent has. */
const memorySource = `process.on('exit', () => {
  const { readFileSync, writeFileSync } = require('node:fs');
  writeFileSync(process.env.RSS_FILE, /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
});`;

/** `compare` and `check` of run.mjs. */
export async function benchImages({ scratch: parent, compare, check }) {
  const scratch = join(parent, 'images');
  mkdirSync(scratch);
  const workspace = join(scratch, 'workspace');
  mkdirSync(workspace);
  writeFileSync(join(workspace, 'dmrel.yaml'), 'schema: dmrel/workspace/v1\norganization: bench\n');
  execFileSync('git', ['init', '--quiet', workspace]);
  writeFileSync(join(scratch, 'memory.cjs'), memorySource);
  writeFileSync(join(scratch, 'bare.cjs'), bareSource);
  writeLayout(join(scratch, 'large'), 1, 3, layerBytes);
  writeLayout(join(scratch, 'small'), smallImages, 1, 2000);

  const rss = join(scratch, 'rss');
  const cache = join(scratch, 'containers');
  const env = { PATH: process.env.PATH, HOME: scratch, XDG_RUNTIME_DIR: scratch, RSS_FILE: rss, TMPDIR: scratch };
  const timed = (program, args) => {
    const start = process.hrtime.bigint();
    const done = spawnSync(program, args, { env, cwd: workspace, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}${done.stdout}`);
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
  const copying = [join(home, 'bin/dmrel.js'), 'image', 'copy', '--yes'];
  const dmrel = (...args) => timed(process.execPath, [...copying, ...args]);
  /** Not timed: what watches it takes time, too. */
  const memory = (what, ...args) => {
    timed(process.execPath, ['-r', join(scratch, 'memory.cjs'), ...copying, ...args]);
    check(`images: MiB of memory to copy ${what} across`, Number(readFileSync(rss, 'utf8')) / 1024, 120);
  };
  const skopeo = (...args) =>
    timed('skopeo', ['copy', '--quiet', '--src-tls-verify=false', '--dest-tls-verify=false', ...args]);
  const forget = () => {
    rmSync(cache, { recursive: true, force: true });
    rmSync('/var/lib/containers/cache/blob-info-cache-v1.boltdb', { force: true });
  };

  const source = await startRegistry(join(scratch, 'source'));
  let target = await startRegistry(join(scratch, 'target'));
  let copies = 0;
  const next = () => `copy${++copies}`;
  try {
    skopeo(`oci:${join(scratch, 'large')}:0`, `docker://${source.host}/large:0`);
    for (let index = 0; index < smallImages; index += 1)
      skopeo(`oci:${join(scratch, 'small')}:${index}`, `docker://${source.host}/small:${index}`);

    const ours = () => dmrel(`${source.host}/large:0`, `${source.host}/${next()}:0`);
    const theirs = () => skopeo(`docker://${source.host}/large:0`, `docker://${source.host}/${next()}:0`);
    const bare = () => timed(process.execPath, ['-e', '0']);
    compare('images: copy in one registry / skopeo copy, warm', 2, 9, ours, theirs);
    compare('images: the same beyond bare node / skopeo copy, warm', 1, 9, () => Math.max(0, ours() - bare()), theirs);
    compare('images: copy in one registry / skopeo copy, cold', 1 / 5, 3, ours, () => {
      forget();
      return theirs();
    });
    const before = source.requests();
    ours();
    check('images: requests to copy an image of three layers in one registry', source.requests() - before, 8);

    const emptyTarget = async () => {
      target.close();
      target = await startRegistry(join(scratch, 'target'));
      forget();
    };
    const pairs = [];
    for (let round = 0; round < 5; round += 1) {
      await emptyTarget();
      const mine = dmrel(`${source.host}/large:0`, `${target.host}/large:0`);
      await emptyTarget();
      pairs.push([
        mine,
        skopeo('--all', '--preserve-digests', `docker://${source.host}/large:0`, `docker://${target.host}/large:0`),
      ]);
    }
    let [mine, others] = [0, 0];
    compare(
      'images: copy across registries / skopeo copy --all --preserve-digests',
      1.2,
      pairs.length - 1,
      () => pairs[mine++ % pairs.length][0],
      () => pairs[others++ % pairs.length][1],
    );
    await emptyTarget();
    memory('300 MiB', `${source.host}/large:0`, `${target.host}/large:0`);

    await emptyTarget();
    const asked = source.requests() + target.requests();
    dmrel(`${source.host}/small`, `${target.host}/first`, '--all-tags');
    const requests = source.requests() + target.requests() - asked;
    console.log(`          200 small images across: ${(requests / smallImages).toFixed(2)} requests an image`);
    compare(
      'images: 200 small images across / as many bare requests',
      3,
      3,
      () => dmrel(`${source.host}/small`, `${target.host}/${next()}`, '--all-tags'),
      () => timed(process.execPath, [join(scratch, 'bare.cjs'), target.host, String(requests), '8']),
    );

    writeLayout(join(scratch, 'huge'), 1, 1, 2 ** 31);
    skopeo(`oci:${join(scratch, 'huge')}:0`, `docker://${source.host}/huge:0`);
    rmSync(join(scratch, 'huge'), { recursive: true });
    await emptyTarget();
    memory('2 GiB', `${source.host}/huge:0`, `${target.host}/huge:0`);
    await emptyTarget();

    await compareWithDocker({ scratch, source, next, ours, compare });
  } finally {
    source.close();
    target.close();
  }
}

/** A daemon that has nothing yet: pull an image, tag it, push it, against a copy in the registry. */
async function compareWithDocker({ scratch, source, next, ours, compare }) {
  if (process.getuid() !== 0 || spawnSync('which', ['dockerd']).status !== 0)
    return console.log('not measured: docker, for want of dockerd or of the right to start it');
  const base = join(scratch, 'docker');
  mkdirSync(base);
  const at = (name) => join(base, name);
  const places = [
    '--pidfile',
    at('pid'),
    '--data-root',
    at('data'),
    '--exec-root',
    at('exec'),
    '-H',
    `unix://${at('s')}`,
  ];
  const log = openSync(at('log'), 'w');
  const daemon = spawn('dockerd', ['--iptables=false', '--bridge=none', ...places], { stdio: ['ignore', log, log] });
  const ended = new Promise((resolve) => daemon.on('exit', resolve));
  closeSync(log);
  const env = { PATH: process.env.PATH, HOME: scratch, DOCKER_HOST: `unix://${at('s')}` };
  const client = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';
  const docker = (...args) => {
    const done = spawnSync(client, args, { env, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`docker ${args.join(' ')}: ${done.stderr}`);
  };
  try {
    for (let attempt = 0; spawnSync(client, ['version'], { env }).status !== 0; attempt += 1) {
      if (attempt === 300) throw new Error(`dockerd does not start: ${readFileSync(at('log'), 'utf8').slice(-500)}`);
      await new Promise((done) => setTimeout(done, 100));
    }
    const byDocker = () => {
      const [from, to] = [`${source.host}/large:0`, `${source.host}/${next()}:0`];
      const start = process.hrtime.bigint();
      docker('pull', '--quiet', from);
      docker('tag', from, to);
      docker('push', '--quiet', to);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      docker('rmi', '--force', from, to);
      return seconds;
    };
    compare('images: copy in one registry / docker pull, tag, push, cold', 1 / 12, 1, ours, byDocker);
  } finally {
    daemon.kill('SIGTERM');
    await ended;
  }
}
