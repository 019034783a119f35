// Gates, explain and status over years of releases: against bare node that reads and JSON-parses the same records.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { stringify } from 'yaml';

const home = resolve(import.meta.dirname, '../..');
const dmrel = join(home, 'bin/dmrel.js');
const checks = ['c0', 'c1', 'c2', 'c3', 'c4'];
const images = Array.from({ length: 20 }, (_, index) => `i${String(index).padStart(2, '0')}`);
const levels = { dev: ['c0'], jupyterlab: ['c0'], commissioning: ['c0', 'c1'], batch: checks };
const hex = (text) => createHash('sha256').update(text).digest('hex');
const definition = (check) => hex(`{"kind":"command","run":["${check}"]}`);

/** The weeklies of ten years and more, oldest first, each with its Monday. */
function weeklies(number) {
  const found = [];
  for (let year = 2001; found.length < number; year += 1) {
    for (let week = 1; week <= 52 && found.length < number; week += 1) {
      const fourth = Date.UTC(year, 0, 4);
      const monday = fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * 86_400_000 + (week - 1) * 7 * 86_400_000;
      const date = new Date(monday).toISOString().slice(0, 10);
      found.push({ name: `w.${year}.${String(week).padStart(2, '0')}`, date });
    }
  }
  return found;
}

const by = 'Release Manager <rm@example.org>';
const operation = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const digestOf = (release, image) => `sha256:${hex(`${release} ${image}`)}`;

function record({ name, date }, at) {
  const own = Object.fromEntries(images.map((image) => [image, digestOf(name, image)]));
  return {
    schema: 'dmrel/release/v1',
    name,
    kind: 'weekly',
    date,
    created: { at: `${date}T00:00:00Z`, by, operation },
    source: { manifest: null, contentId: '0'.repeat(40) },
    previous: null,
    products: {},
    images: Object.fromEntries(
      Object.entries(own).map(([image, digest]) => {
        return [image, { repository: `build/${image}`, digest, inputs: digest, size: 1, platforms: ['linux/amd64'] }];
      }),
    ),
    promotions: at.map((level, index) => ({ level, at: `${date}T0${index + 2}:00:00Z`, by, operation, images: own })),
  };
}

const statement = (subject, predicateType, predicate) => ({
  _type: 'https://in-toto.io/Statement/v1',
  subject,
  predicateType,
  predicate,
});

function* statementsOf({ name, date }, at) {
  for (const image of images) {
    for (const check of checks) {
      const annotations = { startedOn: `${date}T01:00:00Z`, finishedOn: `${date}T01:10:00Z` };
      const subject = [{ name: `build/${image}`, digest: { sha256: hex(`${name} ${image}`) } }];
      const configuration = [{ name: check, digest: { sha256: definition(check) }, annotations }];
      const tests = { passedTests: [`${check} exits 0`], warnedTests: [], failedTests: [] };
      const predicate = { result: 'PASSED', configuration, ...tests };
      yield { role: 'tester', value: statement(subject, 'https://in-toto.io/attestation/test-result/v0.1', predicate) };
    }
  }
  for (const [index, level] of at.entries()) {
    const subject = images.map((image) => ({ name: image, digest: { sha256: hex(`${name} ${image}`) } }));
    const predicate = {
      verifier: { id: 'https://example.org/dmrel' },
      timeVerified: `${date}T0${index + 2}:00:00Z`,
      resourceUri: level,
      policy: { uri: `dmrel.yaml#/levels/${level}`, digest: { sha256: hex('policy') } },
      inputAttestations: [],
      verificationResult: 'PASSED',
      verifiedLevels: ['SLSA_BUILD_LEVEL_UNEVALUATED', `DMREL_LEVEL_${level.toUpperCase()}`],
      slsaVersion: '1.1',
    };
    yield {
      role: `promoter-${level}`,
      value: statement(subject, 'https://slsa.dev/verification_summary/v1', predicate),
    };
  }
}

/** What DSSE signs, and the envelope around it. */
function envelope(value, { privateKey, hint }) {
  const type = 'application/vnd.in-toto+json';
  const payload = Buffer.from(JSON.stringify(value));
  const bytes = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const sig = sign('sha256', bytes, { key: privateKey, dsaEncoding: 'der' }).toString('base64');
  return { payload: payload.toString('base64'), payloadType: type, signatures: [{ keyid: hint, sig }] };
}

function makeKeys(root) {
  const roles = ['tester', ...Object.keys(levels).map((level) => `promoter-${level}`)];
  mkdirSync(join(root, 'trust'), { recursive: true });
  const keys = roles.map((role) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = publicKey.export({ type: 'spki', format: 'der' });
    writeFileSync(join(root, `trust/${role}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
    return [role, { privateKey, hint: createHash('sha256').update(der).digest('base64') }];
  });
  const trust = {
    keys: Object.fromEntries(roles.map((role) => [`${role}-1`, { public: `trust/${role}.pub` }])),
    roles: Object.fromEntries(roles.map((role) => [role, [`${role}-1`]])),
  };
  return { keys: Object.fromEntries(keys), trust };
}

/** A workspace of so many releases, each with 20 images and 100 results; the newest stands everywhere but at batch. */
function writeReleases(root, number, signed) {
  const { keys, trust } = signed ? makeKeys(root) : {};
  const config = {
    schema: 'dmrel/workspace/v1',
    organization: 'bench',
    registries: { r: 'layout:r' },
    images: Object.fromEntries(images.map((image) => [image, { context: image }])),
    checks: Object.fromEntries(checks.map((check) => [check, { kind: 'command', run: [check] }])),
    levels: {
      dev: { registry: 'r', checks: levels.dev },
      jupyterlab: { registry: 'r', after: ['dev'], checks: levels.jupyterlab, keep: { weekly: 8 } },
      commissioning: { registry: 'r', after: ['dev'], checks: levels.commissioning, within: '8h' },
      batch: { registry: 'r', after: ['commissioning'], checks: levels.batch },
    },
    ...(trust ? { trust } : {}),
  };
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'dmrel.yaml'), stringify(config));
  const all = weeklies(number);
  const newest = all.at(-1).name;
  const names = Object.keys(levels);
  for (const release of all) {
    const at = names.filter((level) => level !== 'batch' || release.name !== newest);
    const folder = join(root, 'releases', release.name);
    mkdirSync(join(folder, 'evidence'), { recursive: true });
    mkdirSync(join(root, 'twins'), { recursive: true });
    const value = record(release, at);
    writeFileSync(join(folder, 'release.yaml'), stringify(value));
    writeFileSync(join(root, 'twins', `${release.name}.json`), JSON.stringify(value));
    for (const each of statementsOf(release, at)) {
      const text = `${JSON.stringify(signed ? envelope(each.value, keys[each.role]) : each.value)}\n`;
      writeFileSync(join(folder, 'evidence', `${hex(text)}.json`), text);
    }
  }
  mkdirSync(join(root, 'levels'), { recursive: true });
  for (const level of names) {
    const standing = all.filter(({ name }) => level !== 'batch' || name !== newest).toReversed();
    const current = standing.slice(0, level === 'jupyterlab' ? 8 : 1).map(({ name, date }) => ({
      release: name,
      since: `${date}T0${names.indexOf(level) + 2}:00:00Z`,
      images: Object.fromEntries(images.map((image) => [image, `layout:r/${image}@${digestOf(name, image)}`])),
    }));
    writeFileSync(
      join(root, 'levels', `${level}.yaml`),
      stringify({ schema: 'dmrel/level/v1', level, current, held: null }),
    );
  }
}

/** Bare node: every file of the record read and parsed; what is YAML, as the JSON of the same. */
const reading = `const { readdirSync, readFileSync } = require('node:fs');
const root = process.argv[1];
let number = 0;
for (const release of readdirSync(root + '/releases')) {
  readFileSync(root + '/releases/' + release + '/release.yaml', 'utf8');
  JSON.parse(readFileSync(root + '/twins/' + release + '.json', 'utf8'));
  for (const file of readdirSync(root + '/releases/' + release + '/evidence')) {
    JSON.parse(readFileSync(root + '/releases/' + release + '/evidence/' + file, 'utf8'));
    number += 1;
  }
}
if (number === 0) process.exit(1);`;

export async function benchLevels({ scratch, time, compare, check, cache }) {
  await benchGate({ scratch, check });
  const cold = () => rmSync(cache, { recursive: true, force: true });
  for (const signed of [false, true]) {
    const kind = signed ? 'signed' : 'unsigned';
    const roots = Object.fromEntries(
      [500, 1000].map((number) => {
        const root = join(scratch, `levels-${kind}-${number}`);
        writeReleases(root, number, signed);
        return [number, root];
      }),
    );
    const bare = () => time(['-e', reading, roots[500]]);
    const verbs = { explain: ['explain', '--level', 'batch'], status: ['status'] };
    for (const [verb, args] of Object.entries(verbs)) {
      const run = (number, before) => () => time([dmrel, ...args], { cwd: roots[number], before });
      const what = `levels: ${verb} of 500 releases and 50,000 ${kind} statements`;
      compare(`${what} cold / node reading them`, 3, 5, run(500, cold), bare);
      compare(`${what} warm / node reading them`, 0.5, 5, run(500), bare);
      compare(`levels: ${verb} of 1,000 releases cold / of 500 (${kind})`, 2.2, 5, run(1000, cold), run(500, cold));
    }
    for (const root of Object.values(roots)) rmSync(root, { recursive: true, force: true });
  }
}

/** The pure function alone, on 1,000 statements whose signatures were verified. */
async function benchGate({ scratch, check }) {
  const outfile = join(scratch, 'gate.mjs');
  const entryPoints = [join(home, 'src/promotion/gate.ts')];
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  const { evaluateGate } = await import(pathToFileURL(outfile));
  const author = { name: 'tester-1', person: 'tester-1', roles: ['tester'] };
  const results = Array.from({ length: 1000 }, (_, index) => {
    const image = images[index % 20];
    const made = checks[Math.floor(index / 20) % 5];
    const at = `2018-05-03T10:${String(Math.floor(index / 100)).padStart(2, '0')}:00Z`;
    const digest = digestOf('w.2018.18', image);
    return { file: `${index}.json`, by: author, at, check: made, digest, configuration: made, passed: index % 7 !== 0 };
  });
  const facts = {
    ...{ release: 'w.2018.18', releaseDigest: 'x', level: 'batch', now: '2018-05-06T12:00:00Z', signed: true },
    images: images.map((name) => ({ name, digest: digestOf('w.2018.18', name), size: 1 })),
    ...{ after: { any: false, levels: [] }, ceilings: {}, approvals: [], approved: [], waived: [], summaries: [] },
    ...{ broken: [], unproved: [], results },
    checks: checks.map((each) => ({ check: each, images, configuration: each })),
  };
  const times = Array.from({ length: 101 }, () => {
    const begun = process.hrtime.bigint();
    evaluateGate(facts);
    return Number(process.hrtime.bigint() - begun) / 1000;
  });
  // The first round has to compile it, too: that is how a command pays for it.
  check('levels: microseconds of a gate with 1,000 statements, the first time', times[0], 5000);
  check('levels: microseconds of a gate with 1,000 statements, median', times.toSorted((a, b) => a - b)[50], 5000);
}
