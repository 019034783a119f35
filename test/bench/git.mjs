// Tags in 200 repositories with 2,000 older tags each, behind `git http-backend`: dmrel's own client against git.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const home = resolve(import.meta.dirname, '../..');
const repositories = 200;
/** For the figure of memory. */
const many = 400;
const olderTags = 2000;
/** The serial loop is measured over some of them, and scaled. */
const serially = 40;

/**
 * Run by a process of its own: `node server.cjs ROOT DELAY`; tells its address, then how often it was asked since it was
 * asked for that, and how many milliseconds lay between the first and the last.
 */
const serverSource = `
import { startGitServer } from ${JSON.stringify(join(home, 'test/support/git-server.ts'))};
const [root, delayMs] = process.argv.slice(2);
const server = await startGitServer({ root, delayMs: Number(delayMs) });
let times = [];
server.fault = (request, response) => {
  if (request.url !== '/count') {
    times.push(performance.now());
    return false;
  }
  response.end(JSON.stringify({ requests: server.requests.length - 1, span: (times.at(-1) ?? 0) - (times[0] ?? 0) }));
  server.requests.length = 0;
  times = [];
  return true;
};
console.log(server.url);
`;

/** Run by a process of its own: `node client.cjs VERB URL TAG JOBS COMMIT`; tells what went over the wire. */
const clientSource = `
import { openRemote, parseRemoteUrl, tagObject } from ${JSON.stringify(join(home, 'src/git/index.ts'))};
const [verb, base, tag, jobs, commit] = process.argv.slice(2);
const meter = { requests: 0, sent: 0, received: 0 };
const object = tagObject({ commit, tag, tagger: { name: 'R', email: 'r@example.org' }, epochSeconds: 1525737600, message: 'x' });
const queue = Array.from({ length: ${repositories} }, (_, index) => base + '/' + index + '.git');
const expected = { create: 'created', verify: 'found' }[verb];
const work = async () => {
  for (let text = queue.shift(); text; text = queue.shift()) {
    const url = parseRemoteUrl(text, { root: '/', transports: new Set(['http']) }).value;
    const remote = openRemote(url, { client: 'own', meter });
    const ref = 'refs/tags/' + tag;
    const outcome = verb === 'create'
      ? await remote.createTag({ scratch: '', tag, commit, object })
      : await remote.listRefs([ref]).then((listed) => ({ status: listed.ok && listed.value.refs.has(ref) ? 'found' : 'missing' }));
    if (outcome.status !== expected) throw new Error(text + ': ' + JSON.stringify(outcome));
  }
};
await Promise.all(Array.from({ length: Number(jobs) }, work));
console.log(JSON.stringify(meter));
`;

/** One bare repository, and copies of it for the server and as clones of those who push. */
function makeRepositories(scratch) {
  const seed = join(scratch, 'seed.git');
  const git = (args, input) => execFileSync('git', args, { input, encoding: 'utf8', env: environment(scratch) }).trim();
  git(['init', '--quiet', '--bare', '--initial-branch=main', seed]);
  const person = 'R <r@example.org> 1525737600 +0000';
  const commits = Array.from(
    { length: 20 },
    (_, index) =>
      `commit refs/heads/main\nmark :${index + 1}\ncommitter ${person}\ndata 1\nx\nM 644 inline f\ndata 2\n${String(index).padStart(2, '0')}\n`,
  );
  const tags = Array.from(
    { length: olderTags },
    (_, index) => `tag d.2016.${index}\nfrom :${(index % 20) + 1}\ntagger ${person}\ndata 1\nx\n`,
  );
  git(['-C', seed, 'fast-import', '--quiet'], [...commits, ...tags].join(''));
  git(['-C', seed, 'config', 'http.receivepack', 'true']);
  git(['-C', seed, 'config', 'gc.auto', '0']);
  git(['-C', seed, 'pack-refs', '--all']);
  for (const folder of ['remotes', 'clones']) {
    mkdirSync(join(scratch, folder));
    for (let index = 0; index < (folder === 'remotes' ? many : repositories); index++)
      cpSync(seed, join(scratch, folder, `${index}.git`), { recursive: true });
  }
  return git(['-C', seed, 'rev-parse', 'main~3']);
}

/** A workspace whose products are the repositories of servers. */
function makeWorkspace(scratch, name, urls) {
  const root = join(scratch, name);
  mkdirSync(join(root, 'products'), { recursive: true });
  writeFileSync(
    join(root, 'dmrel.yaml'),
    'schema: dmrel/workspace/v1\norganization: bench\nproducts: {index: products/repos.yaml, transports: [http]}\n',
  );
  const products = urls.map((url, index) => `p${index}: ${url}\n`);
  writeFileSync(join(root, 'products/repos.yaml'), products.join(''));
  const git = (...args) => execFileSync('git', args, { cwd: root, env: environment(scratch) });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '-m', 'workspace');
  return root;
}

const environment = (scratch) => ({
  PATH: process.env.PATH,
  HOME: scratch,
  GIT_CONFIG_GLOBAL: join(scratch, 'gitconfig'),
  GIT_CONFIG_NOSYSTEM: '1',
});

async function bundle(file, contents) {
  const stdin = {
    contents: `(async () => {\n${contents.replace(/^import .*$/gm, '')}\n})();`,
    resolveDir: home,
    loader: 'ts',
  };
  const imports = contents.match(/^import .*$/gm).join('\n');
  stdin.contents = `${imports}\n${stdin.contents}`;
  await build({
    stdin,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    outfile: file,
    logLevel: 'error',
  });
  return file;
}

async function startServer(script, root, delayMs) {
  const child = spawn(process.execPath, [script, root, String(delayMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await new Promise((told) => child.stdout.on('data', (chunk) => told(String(chunk).split('\n'))));
  return { child, url };
}

const countOf = (url) =>
  new Promise((told, fail) => {
    // Not by a kept connection: this process stands still while others are timed.
    get(`${url}/count`, { agent: false }, (response) => response.on('data', (chunk) => told(JSON.parse(chunk)))).on(
      'error',
      fail,
    );
  });

/**
 * `compare(name, bound, rounds, first, second)` of run.mjs takes two functions that tell how many seconds they took;
 * `check(name, figure, bound)` holds a figure against a bound.
 */
export async function benchGit({ scratch: parent, compare, check }) {
  const scratch = join(parent, 'git');
  mkdirSync(scratch);
  writeFileSync(join(scratch, 'gitconfig'), '[user]\n\tname = R\n\temail = r@example.org\n[gc]\n\tauto = 0\n');
  const commit = makeRepositories(scratch);
  const client = await bundle(join(scratch, 'client.cjs'), clientSource);
  const serverScript = await bundle(join(scratch, 'server.cjs'), serverSource);
  const root = join(scratch, 'remotes');
  const [near, far] = [await startServer(serverScript, root, 0), await startServer(serverScript, root, 100)];

  let tags = 0;
  const nextTag = () => `w.2018.${++tags}`;
  const timed = (program, args, input) => {
    const start = process.hrtime.bigint();
    const done = spawnSync(program, args, { input, env: environment(scratch), cwd: scratch, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}`);
    return { seconds: Number(process.hrtime.bigint() - start) / 1e9, out: done.stdout };
  };
  const own = (verb, { url }, jobs, tag) => timed(process.execPath, [client, verb, url, tag, String(jobs), commit]);
  const numbers = (many) => Array.from({ length: many }, (_, index) => `${index}\n`).join('');
  const xargs = (jobs, script, many = repositories) =>
    timed('xargs', [`-P${jobs}`, '-n1', 'sh', '-c', script], numbers(many)).seconds;
  const push = ({ url }, tag) =>
    `git -C clones/$0.git tag -a -m x ${tag} ${commit} && git -C clones/$0.git push -q ${url}/$0.git refs/tags/${tag}`;
  const create = (server, jobs) => () => own('create', server, jobs, nextTag()).seconds;
  const gitCreate = (server, jobs) => () => xargs(jobs, push(server, nextTag()));
  const serial = (server) => () => (xargs(1, push(server, nextTag()), serially) * repositories) / serially;

  const perRepository = async (name, server, work) => {
    await countOf(server.url);
    const meter = work();
    const requests = (await countOf(server.url)).requests / repositories;
    const bytes = meter && (meter.received / repositories).toFixed(0);
    const sent = meter && (meter.sent / repositories).toFixed(0);
    console.log(
      `          ${name}: ${requests.toFixed(2)} requests a repository${meter ? `, ${bytes} bytes received, ${sent} sent` : ''}`,
    );
    return meter?.received / repositories;
  };

  try {
    compare('git: tag 200 repositories / xargs -P16 git tag, git push', 0.75, 5, create(near, 16), gitCreate(near, 16));
    compare('git: the same with 100 ms a request, 32 at once', 0.75, 3, create(far, 32), gitCreate(far, 16));
    compare('git: the same / one after the other', 1 / 8, 1, create(far, 32), serial(far));
    const tag = nextTag();
    const measured = (verb) => () => JSON.parse(own(verb, near, 16, tag).out);
    await perRepository('dmrel creates', near, measured('create'));
    await perRepository('git push', near, () => void gitCreate(near, 16)());
    const verify = () => own('verify', near, 16, tag).seconds;
    const lsRemote = () => xargs(16, `git ls-remote ${near.url}/$0.git refs/tags/${tag} >/dev/null`);
    compare('git: verify 200 repositories / xargs -P16 git ls-remote', 0.35, 5, verify, lsRemote);
    const received = await perRepository('dmrel verifies', near, measured('verify'));
    await perRepository('git ls-remote', near, () => void lsRemote());
    check('git: bytes received to verify a repository', received, 1000);

    const of = ({ url }, length = repositories) => Array.from({ length }, (_, index) => `${url}/${index}.git`);
    const workspace = makeWorkspace(scratch, 'workspace', of(near));
    const distant = makeWorkspace(scratch, 'distant', of(far));
    const dmrelIn = (root, ...args) => timed(process.execPath, [join(home, 'bin/dmrel.js'), '-C', root, ...args]);
    const dmrel = (...args) => dmrelIn(workspace, ...args);
    let day = Date.UTC(2019, 0, 1);
    const nextDay = () => {
      day += 86_400_000;
      return new Date(day).toISOString().slice(0, 10);
    };
    const daily = (root = workspace) => dmrelIn(root, 'tag', 'daily', '--date', nextDay()).seconds;
    compare('git: the whole of dmrel tag daily / xargs -P16 git tag, git push', 1, 5, daily, gitCreate(near, 16));
    const farDaily = () => daily(distant);
    compare('git: the whole with 100 ms a request / xargs -P16', 1, 3, farDaily, gitCreate(far, 16));
    daily();
    const made = new Date(day).toISOString().slice(0, 10);
    const again = () => dmrel('tag', 'daily', '--date', made).seconds;
    const look = () => dmrel('tag', 'verify', `d.${made.replaceAll('-', '.')}`).seconds;
    compare('git: dmrel tag daily again, all in sync / dmrel tag verify', 1.3, 5, again, look);
    await perRepository('the whole of dmrel tag daily', near, () => void daily());
    await perRepository('dmrel tag verify', near, () => void look());
    shares(dmrel, nextDay, daily, look);
    await deadHost({ dmrelIn, scratch, near, of, check, nextDay });

    const [crowd, rss] = [makeWorkspace(scratch, 'crowd', of(near, many)), join(scratch, 'rss')];
    const measure = join(scratch, 'memory.cjs');
    writeFileSync(measure, memorySource(rss));
    timed(process.execPath, [
      '-r',
      measure,
      join(home, 'bin/dmrel.js'),
      '-C',
      crowd,
      'tag',
      'daily',
      '--date',
      nextDay(),
    ]);
    check(`git: MiB of memory to tag ${many} repositories`, Number(readFileSync(rss, 'utf8')) / 1024, 150);
  } finally {
    near.child.kill();
    far.child.kill();
  }
}

/** Told at the end of a process: its greatest memory, in KiB. */
const memorySource = (file) =>
  `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(file)}, String(process.resourceUsage().maxRSS)));`;

/** What the parts of the whole take of it: each is a process of its own, so they come to more than 1. */
function shares(dmrel, nextDay, daily, look) {
  const preflight = () => dmrel('tag', 'daily', '--dry-run', '--date', nextDay()).seconds;
  const rounds = Array.from({ length: 3 }, () => [preflight(), look(), daily()]);
  const [before, after, whole] = [0, 1, 2].map((part) => rounds.map((each) => each[part]).toSorted((a, b) => a - b)[1]);
  console.log(
    `          of the whole: preflight ${(before / whole).toFixed(2)}, verification ${(after / whole).toFixed(2)}, tags and record ${((whole - before) / whole).toFixed(2)}`,
  );
}

/** A host that takes connections and never answers, beside the others. */
async function deadHost({ dmrelIn, scratch, near, of, check, nextDay }) {
  const silent = spawn(
    process.execPath,
    [
      '-e',
      `const s = require('node:net').createServer(() => {}).listen(0, '127.0.0.2', () => console.log(s.address().port))`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const port = await new Promise((told) => silent.stdout.on('data', (chunk) => told(Number(chunk))));
  const root = makeWorkspace(scratch, 'half-dead', of(near));
  dmrelIn(root, 'tag', 'daily', '--date', nextDay());
  const index = join(root, 'products/repos.yaml');
  const release = execFileSync('ls', [join(root, 'releases')], { encoding: 'utf8' }).trim();
  const spans = [];
  try {
    for (const dead of [false, true]) {
      await countOf(near.url);
      const args = [join(home, 'bin/dmrel.js'), '-C', root, 'tag', 'verify', release];
      spawnSync(process.execPath, args, { env: environment(scratch), stdio: 'ignore' });
      spans.push((await countOf(near.url)).span);
      if (dead) break;
      const record = join(root, 'releases', release, 'release.yaml');
      writeFileSync(index, readFileSync(index, 'utf8').replace(`${near.url}/0.git`, `http://127.0.0.2:${port}/0.git`));
      writeFileSync(
        record,
        readFileSync(record, 'utf8').replace(`${near.url}/0.git`, `http://127.0.0.2:${port}/0.git`),
      );
    }
  } finally {
    silent.kill();
  }
  const [alone, beside] = spans;
  check('git: % of their time that the others take beside a dead host', (beside / alone) * 100, 130);
}
