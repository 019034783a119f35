// Promotion: of many images against bare copies of them, and of a year of releases one after the other.
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startRegistry, writeLayout } from './images.mjs';

const dmrel = join(resolve(import.meta.dirname, '../..'), 'bin/dmrel.js');
const layerBytes = 10 * 2 ** 20;
const [weeklies, dailies] = [52, 250];

/** A workspace that trusts one key, with one level that asks for nothing but its signature. */
function writeWorkspace(root, images, address) {
  mkdirSync(join(root, 'trust'), { recursive: true });
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(root, 'trust/dev.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  const config = {
    schema: 'dmrel/workspace/v1',
    organization: 'bench',
    registries: { build: 'layout:.dmrel/registry/build', dev: address },
    images: Object.fromEntries(images.map((name) => [name, { context: `images/${name}` }])),
    levels: { dev: { registry: 'dev' } },
    trust: { keys: { 'dev-1': { public: 'trust/dev.pub' } }, roles: { 'promoter-dev': ['dev-1'] } },
  };
  writeFileSync(join(root, 'dmrel.yaml'), `${JSON.stringify(config, null, 1)}\n`);
  for (const name of images) {
    mkdirSync(join(root, 'images', name), { recursive: true });
    writeFileSync(join(root, 'images', name, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
  }
  writeFileSync(join(root, '.gitignore'), '.dmrel/\n');
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', root]);
  const env = { ...process.env, DMREL_KEY_DEV_1: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  for (const who of ['AUTHOR', 'COMMITTER']) {
    env[`GIT_${who}_NAME`] = 'Bench';
    env[`GIT_${who}_EMAIL`] = 'bench@example.org';
  }
  return env;
}

const digestsIn = (layout) =>
  JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests.map(({ digest }) => digest);

/** JSON is YAML. */
function writeRelease(root, name, kind, date, digests) {
  const images = Object.entries(digests).map(([image, digest]) => [
    image,
    { repository: `build/${image}`, digest, inputs: digest, size: 1, platforms: ['linux/amd64'] },
  ]);
  const record = {
    schema: 'dmrel/release/v1',
    name,
    kind,
    date,
    created: { at: `${date}T00:00:00Z`, by: 'Bench <bench@example.org>', operation: '01CE1ZB4W0000000000000000' },
    source: { contentId: '0'.repeat(40) },
    previous: null,
    products: {},
    images: Object.fromEntries(images),
  };
  mkdirSync(join(root, 'releases', name), { recursive: true });
  writeFileSync(join(root, 'releases', name, 'release.yaml'), `${JSON.stringify(record, null, 1)}\n`);
}

function commit(root, env) {
  execFileSync('git', ['add', '--all'], { cwd: root, env });
  execFileSync('git', ['commit', '--quiet', '--allow-empty', '-m', 'bench'], { cwd: root, env });
}

function time(args, cwd, env) {
  const start = process.hrtime.bigint();
  const done = spawnSync(process.execPath, [dmrel, ...args], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  if (done.status !== 0) throw new Error(`dmrel ${args.join(' ')} ended with ${done.status}: ${done.stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** Ten images go to an empty place of a registry on this machine, signed and verified there; and so they are copied. */
async function tenImages(scratch, compare) {
  const registry = await startRegistry(join(scratch, 'server'));
  try {
    const root = join(scratch, 'ten');
    const names = Array.from({ length: 10 }, (_, index) => `image${index}`);
    const at = (round) => ({ address: `${registry.host}/round${round}`, plainHttp: true });
    const env = writeWorkspace(root, names, at(0));
    const digests = {};
    for (const name of names) {
      const layout = join(root, '.dmrel/registry/build', name);
      writeLayout(layout, 1, 3, layerBytes);
      [digests[name]] = digestsIn(layout);
    }
    writeLayout(join(scratch, 'bare/images'), 10, 3, layerBytes);
    writeRelease(root, 'w.2018.18', 'weekly', '2018-05-03', digests);
    let round = 0;
    const promote = () => {
      // As if it had never been there, in a place of its own.
      round += 1;
      const file = join(root, 'dmrel.yaml');
      writeFileSync(
        file,
        JSON.stringify({
          ...JSON.parse(readFileSync(file, 'utf8')),
          registries: { build: 'layout:.dmrel/registry/build', dev: at(round) },
        }),
      );
      rmSync(join(root, 'levels'), { recursive: true, force: true });
      rmSync(join(root, 'releases/w.2018.18/evidence'), { recursive: true, force: true });
      writeRelease(root, 'w.2018.18', 'weekly', '2018-05-03', digests);
      commit(root, env);
      return time(['promote', '--level', 'dev', '--release', 'w.2018.18'], root, env);
    };
    const copy = () => {
      round += 1;
      const from = `layout:${join(scratch, 'bare')}:images`;
      return time(['image', 'copy', from, `${registry.host}/bare${round}`, '--all-tags', '--yes'], root, env);
    };
    compare('promotion of 10 images, signed and verified / bare copies of 10', 2, 5, promote, copy);
  } finally {
    registry.close();
  }
}

/**
 * A year of weeklies and dailies, each promoted when it came: the last month takes no longer than the first. The first is
 * measured beside the last, in a copy of the workspace as it was when the year began.
 */
function aYear(scratch, compare) {
  const [year, beginning] = [join(scratch, 'year'), join(scratch, 'beginning')];
  const env = writeWorkspace(year, ['stack'], 'layout:.dmrel/registry/dev');
  const layout = join(year, '.dmrel/registry/build/stack');
  writeLayout(layout, weeklies + dailies, 1, 2000);
  const digests = digestsIn(layout);
  cpSync(year, beginning, { recursive: true });
  const day = (number) => new Date(Date.UTC(2018, 0, 1 + number)).toISOString().slice(0, 10);
  const promoteIn = (root, number) => {
    const weekly =
      Math.floor(((number + 1) * weeklies) / (weeklies + dailies)) >
      Math.floor((number * weeklies) / (weeklies + dailies));
    const date = day(Math.floor((number * 364) / (weeklies + dailies)));
    const week = Math.floor((number * weeklies) / (weeklies + dailies)) + 1;
    const name = weekly ? `w.2018.${String(week).padStart(2, '0')}` : `d.${date.replaceAll('-', '.')}`;
    writeRelease(root, name, weekly ? 'weekly' : 'daily', date, { stack: digests[number] });
    commit(root, env);
    return time(['promote', '--level', 'dev', '--release', name], root, env);
  };
  let [first, last] = [0, 0];
  for (; last < weeklies + dailies - 30; last += 1) promoteIn(year, last);
  compare(
    'promotion at the end of a year / at its beginning',
    1.2,
    29,
    () => promoteIn(year, last++),
    () => promoteIn(beginning, first++),
  );
}

/** `compare` of run.mjs. */
export async function benchPromotion({ scratch: parent, compare }) {
  const scratch = join(parent, 'promotion');
  mkdirSync(scratch);
  await tenImages(scratch, compare);
  aYear(scratch, compare);
}
