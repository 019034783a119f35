import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { must } from '../support/demo-workspace.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { gitDaemon, silentServer } from '../support/git-servers.ts';
import { git, gitInput, ReleaseWorkspace, withImage } from '../support/release-workspace.ts';

const [older, newer] = ['w.2018.17', 'w.2018.18'];
const weekly = (date: string) => ['tag', 'weekly', '--date', date];

/** Two weeklies; p01 and p02 have gone on between them. */
async function twoWeeklies(workspace = new ReleaseWorkspace(4)): Promise<ReleaseWorkspace> {
  await must(workspace.root, weekly('2018-04-26'));
  workspace.addCommits('p01', 2);
  commit(workspace, 'p02', 'DM-77: mend p02\n\nAlso for DM-5.\n');
  await must(workspace.root, weekly('2018-05-03'));
  return workspace;
}

function commit(workspace: ReleaseWorkspace, product: string, message: string, parent?: string): string {
  const remote = workspace.remote(product);
  const tree = gitInput(remote, '', 'mktree');
  const id = gitInput(remote, message, 'commit-tree', tree, '-p', parent ?? workspace.head(product)!, '-F', '-');
  git(remote, 'update-ref', 'refs/heads/main', id);
  return id;
}

/** Write into a record that a product is somewhere else. */
function moveTo(workspace: ReleaseWorkspace, product: string, url: string): void {
  const file = `releases/${newer}/release.yaml`;
  const record = parse(workspace.read(file));
  record.products[product].url = url;
  workspace.write(file, stringify(record));
}

function allow(workspace: ReleaseWorkspace, ...transports: string[]): void {
  const config = workspace.read('dmrel.yaml').replace('transports: [file]', `transports: [file, ${transports}]`);
  workspace.write('dmrel.yaml', config);
}

const historyOf = (json: any, product: string) => json.moved.find((each: any) => each.product === product).history;

describe('dmrel release list and show', () => {
  it('lists releases newest first, of one kind, and as many as were asked for', async () => {
    const workspace = await twoWeeklies();
    await must(workspace.root, ['tag', 'daily', '--date', '2018-05-04']);
    const names = async (...args: string[]) => {
      const { json } = await dmrelJson(workspace.root, ['release', 'list', ...args]);
      return json.releases.map((each: { name: string }) => each.name);
    };
    expect(await names()).toEqual(['d.2018.05.04', newer, older]);
    expect(await names('--kind', 'weekly')).toEqual([newer, older]);
    expect(await names('--kind', 'weekly', '--limit', '1')).toEqual([newer]);
    const { out } = await dmrel(workspace.root, ['release', 'list', '--limit', '2']);
    expect(out).toMatch(/^RELEASE .*\nd\.2018\.05\.04 .*\nw\.2018\.18 .*\n\n2 of 3\n$/);
  });

  it('tells where a release stands and where it stood', async () => {
    const workspace = withImage();
    for (const date of ['2018-04-26', '2018-05-03'])
      await must(workspace.root, weekly(date), ['build'], ['check', '--level', 'dev'], ['promote', '--level', 'dev']);
    const { json } = await dmrelJson(workspace.root, ['release', 'list']);
    expect(json.releases).toMatchObject([
      { name: newer, images: ['stack'], stoodAt: ['dev'], standsAt: ['dev'] },
      { name: older, images: ['stack'], stoodAt: ['dev'], standsAt: [] },
    ]);
    const shown = await dmrelJson(workspace.root, ['release', 'show', newer]);
    const { digest } = shown.json.images[0];
    expect(shown.json.images[0].at).toEqual([
      { level: 'dev', reference: `layout:.dmrel/registry/dev:stack@${digest}` },
    ]);
    expect(shown.json).toMatchObject({ previous: older, changes: { moved: [], unchanged: 3 } });
    const old = await dmrelJson(workspace.root, ['release', 'show', older]);
    expect(old.json.images[0].at[0].level).toBe(null);
    const { out } = await dmrel(workspace.root, ['release', 'show', newer]);
    for (const word of ['Release Manager', 'the heads of branches', 'p02', digest, 'Promotions', `Since ${older}`])
      expect(out).toContain(word);
  });

  it.each([
    [['list', '--kind', 'weekli'], "did you mean 'weekly'"],
    [['list', '--limit', '0'], 'a whole number'],
    [['show', 'w.2018.99'], 'unknown-release'],
    [['diff', older, 'nothing'], 'unknown-release'],
    [['diff', older, newer, '--commits', '--timeout', '9d'], 'at most an hour'],
    [['notes', newer, '--format', 'html'], 'markdown or json'],
    [['notes', newer, '--since', '../../x'], 'unknown-release'],
  ])('answers %j with what was meant', async (args, word) => {
    const workspace = new ReleaseWorkspace(1);
    await must(workspace.root, weekly('2018-04-26'), weekly('2018-05-03'));
    const { code, out, err } = await dmrel(workspace.root, ['release', ...args]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(word);
  });

  it('lists nothing in a workspace without releases, and says how to make one', async () => {
    const workspace = new ReleaseWorkspace(1);
    expect(await dmrel(workspace.root, ['release', 'list'])).toMatchObject({ code: 0, err: '' });
    expect((await dmrelJson(workspace.root, ['release', 'list'])).json).toMatchObject({ releases: [], of: 0 });
  });
});

describe('dmrel release diff', () => {
  let daemon: Awaited<ReturnType<typeof gitDaemon>>;
  let silent: Awaited<ReturnType<typeof silentServer>>;
  let base: ReleaseWorkspace;
  beforeAll(async () => {
    base = await twoWeeklies();
    [daemon, silent] = await Promise.all([gitDaemon(join(base.root, 'remotes')), silentServer()]);
  });
  afterAll(() => {
    daemon.stop();
    silent.stop();
  });

  it('needs no remote to tell which products moved, and asks none', async () => {
    const workspace = await twoWeeklies();
    rmSync(join(workspace.root, 'remotes'), { recursive: true });
    const { code, json } = await dmrelJson(workspace.root, ['release', 'diff', older, newer]);
    expect(code).toBe(0);
    expect(json.moved.map((each: any) => [each.product, each.history])).toEqual([
      ['p01', null],
      ['p02', null],
    ]);
    expect(json).toMatchObject({ added: [], removed: [], unchanged: 2 });
  });

  it('counts commits and tells their subjects, over files and over a git daemon', async () => {
    const { json, code } = await dmrelJson(base.root, ['release', 'diff', older, newer, '--commits']);
    expect(code).toBe(0);
    expect(historyOf(json, 'p01')).toMatchObject({ status: 'known', ahead: 2, behind: 0 });
    expect(historyOf(json, 'p02')).toMatchObject({ commits: [{ subject: 'DM-77: mend p02' }] });
    const text = await dmrel(base.root, ['release', 'diff', older, newer, '--commits']);
    expect(text.out).toMatch(
      /p02 {2}moved {2}[0-9a-f]{12} -> [0-9a-f]{12} {2}1 commit\n {4}[0-9a-f]{12} {2}DM-77: mend/,
    );

    const workspace = await twoWeeklies();
    allow(workspace, 'git');
    renameSync(workspace.remote('p02'), join(base.root, 'remotes/elsewhere.git'));
    moveTo(workspace, 'p02', `git://127.0.0.1:${daemon.port}/elsewhere.git`);
    const other = await dmrelJson(workspace.root, ['release', 'diff', older, newer, '--commits']);
    expect(historyOf(other.json, 'p02')).toMatchObject({ commits: [{ subject: 'DM-77: mend p02' }] });
  });

  it('says how many were left behind when the newer does not descend from the older', async () => {
    const workspace = new ReleaseWorkspace(2);
    await must(workspace.root, weekly('2018-04-26'));
    commit(workspace, 'p00', 'another way', git(workspace.remote('p00'), 'rev-parse', 'main~2'));
    await must(workspace.root, weekly('2018-05-03'));
    const { out } = await dmrel(workspace.root, ['release', 'diff', older, newer, '--commits']);
    expect(out).toMatch(/p00 .* 1 commit, 2 left behind\n/);
    const back = await dmrel(workspace.root, ['release', 'diff', newer, older, '--commits']);
    expect(back.out).toMatch(/p00 .* 2 commits, 1 left behind\n/);
  });

  it('is held up by a dead host for its own limit alone, and tells the rest', async () => {
    const workspace = await twoWeeklies();
    allow(workspace, 'http');
    moveTo(workspace, 'p01', `http://127.0.0.1:${silent.port}/p01.git`);
    const started = performance.now();
    const { code, json } = await dmrelJson(workspace.root, [
      ...['release', 'diff', older, newer, '--commits', '--timeout', '2s'],
    ]);
    expect(performance.now() - started).toBeLessThan(12_000);
    expect(code).toBe(0);
    expect(historyOf(json, 'p01')).toEqual({
      status: 'unavailable',
      reason: `http://127.0.0.1:${silent.port}/p01.git does not answer in time`,
    });
    expect(historyOf(json, 'p02')).toMatchObject({ status: 'known', ahead: 1 });
  });

  it('waits for a silent host once, however many products are there', async () => {
    const workspace = new ReleaseWorkspace(20);
    await must(workspace.root, weekly('2018-04-26'));
    for (const product of workspace.products) workspace.addCommits(product, 1);
    await must(workspace.root, weekly('2018-05-03'));
    allow(workspace, 'git');
    for (const product of workspace.products)
      moveTo(workspace, product, `git://127.0.0.1:${silent.port}/${product}.git`);
    const before = silent.connections();
    const { json } = await dmrelJson(workspace.root, [
      ...['release', 'diff', older, newer, '--commits', '--timeout', '2s'],
    ]);
    // Eight are asked at a time; when they have waited, the others need not.
    expect(silent.connections() - before).toBeLessThanOrEqual(8);
    const reasons = json.moved.map((each: any) => each.history.reason);
    expect(reasons.filter((reason: string) => reason.endsWith('did not answer in time before'))).toHaveLength(12);
    expect(json.moved.every((each: any) => each.history.status === 'unavailable')).toBe(true);
  });

  it('goes nowhere that the workspace does not allow, whatever a record says', async () => {
    const workspace = await twoWeeklies();
    moveTo(workspace, 'p01', 'ext::sh -c touch% gone');
    moveTo(workspace, 'p02', `git://127.0.0.1:${daemon.port}/x.git`);
    const { json } = await dmrelJson(workspace.root, ['release', 'diff', older, newer, '--commits']);
    expect(historyOf(json, 'p01').reason).toMatch(/white space|remote helper/);
    expect(historyOf(json, 'p02').reason).toMatch(/does not allow/);
  });

  it('ends at once when it is interrupted', async () => {
    const workspace = await twoWeeklies();
    allow(workspace, 'git');
    moveTo(workspace, 'p01', `git://127.0.0.1:${silent.port}/p01.git`);
    const before = silent.connections();
    const { code } = await dmrel(workspace.root, ['release', 'diff', older, newer, '--commits'], {
      during: ({ kill }) => {
        const look = setInterval(() => {
          if (silent.connections() === before) return;
          clearInterval(look);
          kill('SIGINT');
        }, 20);
      },
    });
    expect(code).toBe(130);
  });
});

describe('dmrel release notes', () => {
  it('holds what a release note must hold', async () => {
    const workspace = withImage();
    await must(workspace.root, weekly('2018-04-26'));
    commit(workspace, 'p02', 'DM-77: mend p02\n\nAlso for DM-5.\n');
    await must(workspace.root, weekly('2018-05-03'), ['build']);
    await must(workspace.root, ['check', '--level', 'dev'], ['promote', '--level', 'dev']);
    workspace.write(
      'milestones/plan.yaml',
      'schema: dmrel/milestones/v1\nmilestones:\n  LDM-503-3: {title: A test, needs: [DM-AP-1, DM-AP-2]}\n',
    );
    workspace.write(
      'milestones/features.yaml',
      `schema: dmrel/features/v1\nfeatures:\n  DM-AP-1: {title: One, delivered: {tag: ${newer}}}\n  DM-AP-2: {title: Two}\n`,
    );
    workspace.write('dmrel.yaml', `${workspace.read('dmrel.yaml')}\ntickets: {epics: [DM-77]}\n`);
    workspace.write(`releases/${newer}/notes.md`, 'All is **better**.\n\n### Known issues\n\nNone.\n');
    const { code, out, err } = await dmrel(workspace.root, ['release', 'notes', newer]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const record = parse(workspace.read(`releases/${newer}/release.yaml`));
    for (const part of [
      `# ${newer}`,
      '| date | 2018-05-03 |',
      record.source.contentId,
      'All is **better**.\n\n### Known issues\n\nNone.',
      `docker-daemon:stack:${newer}  # ${record.images.stack.digest}`,
      `git clone --branch ${newer} ./remotes/p00.git`,
      `## Changes since ${older}`,
      '- **DM-77** **epic** mend p02 (`p02`)\n- **DM-5** DM-77: mend p02 (`p02`)',
      '- **LDM-503-3** A test: 1 of 2 features\n- DM-AP-1 One',
      `| \`p02\` | \`${record.products.p02.commit}\` |`,
      '| `structure` | `stack` | passed |',
      '| dev |',
    ])
      expect(out).toContain(part);
    expect(out).not.toContain('rm@example.org');
    const { json } = await dmrelJson(workspace.root, ['release', 'notes', newer]);
    expect(json).toMatchObject({
      tickets: [
        { id: 'DM-77', epic: true, title: 'mend p02', products: [{ product: 'p02', commits: 1 }] },
        { id: 'DM-5', epic: false },
      ],
      milestones: [{ id: 'LDM-503-3', delivered: ['DM-AP-1'], features: 2 }],
      withoutTicket: 0,
    });
    const asked = await dmrel(workspace.root, ['release', 'notes', newer, '--format', 'json']);
    expect(JSON.parse(asked.out)).toEqual(json);
  });

  it('marks where to write what nobody has written yet, and tells the first release as such', async () => {
    const workspace = new ReleaseWorkspace(1);
    await must(workspace.root, weekly('2018-05-03'));
    const { out } = await dmrel(workspace.root, ['release', 'notes', newer]);
    expect(out).toContain(`\`releases/${newer}/notes.md\``);
    expect(out).toContain('The first release of its kind');
  });

  it('takes a ticket for what its whole name says, and a URL for one word of a shell', async () => {
    const workspace = new ReleaseWorkspace(1);
    const url = "./remotes/it's;touch$IFS.git";
    renameSync(workspace.remote('p00'), join(workspace.root, url));
    symlinkSync(join(workspace.root, url), workspace.remote('p00'));
    workspace.write('products/repos.yaml', `p00: "${url}"\n`);
    await must(workspace.root, weekly('2018-04-26'));
    commit(workspace, 'p00', 'DM-10: mend the thing\n\nrelates to DM-1, not to MY-DM-9 or DM-9X\n');
    await must(workspace.root, weekly('2018-05-03'));
    const { out } = await dmrel(workspace.root, ['release', 'notes', newer]);
    expect(out).toContain('- **DM-1** DM-10: mend the thing (`p00`)\n- **DM-10** mend the thing (`p00`)\n');
    expect(out).not.toContain('**DM-9');
    expect(out).toContain(`git clone --branch ${newer} './remotes/it'\\''s;touch$IFS.git'\n`);
  });

  it('lets no commit write into the note, or act on the terminal', async () => {
    const workspace = new ReleaseWorkspace(1);
    await must(workspace.root, weekly('2018-04-26'));
    const message = 'DM-9: \x1b]0;owned\x07\x1b[2J<script>alert(1)</script> **x** [a](javascript:b) | `c`';
    commit(workspace, 'p00', `${message}\n\n# DM-10 \u202e @everyone\n`);
    commit(workspace, 'p00', `DM-11: @everyone ${'long '.repeat(5000)}`);
    await must(workspace.root, weekly('2018-05-03'));
    const notes = await dmrel(workspace.root, ['release', 'notes', newer]);
    const diff = await dmrel(workspace.root, ['release', 'diff', older, newer, '--commits']);
    for (const { out } of [notes, diff]) {
      expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
      expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(400);
    }
    expect(notes.out).not.toMatch(/<script|\[a\]\(|\*\*x/);
    expect(notes.out).toMatch(/^- \*\*DM-11\*\* `@everyone long/m);
    const { json } = await dmrelJson(workspace.root, ['release', 'notes', newer]);
    expect(json.tickets.map((each: { id: string }) => each.id)).toEqual(['DM-9', 'DM-10', 'DM-11']);
  });

  it('leaves commits out when told to, and says when they cannot be had', async () => {
    const workspace = await twoWeeklies();
    rmSync(workspace.remote('p01'), { recursive: true });
    const { out, code } = await dmrel(workspace.root, ['release', 'notes', newer]);
    expect(code).toBe(0);
    expect(out).toMatch(/\| `p01` .* not available: /);
    expect(out).toContain('The commits of 1 product are not available.');
    const without = await dmrelJson(workspace.root, ['release', 'notes', newer, '--no-commits']);
    expect(without.json).toMatchObject({ tickets: null, changes: { moved: [{ history: null }, { history: null }] } });
  });

  it('refuses evidence that was changed, and a note that is no text', async () => {
    const workspace = new ReleaseWorkspace(1);
    await must(workspace.root, weekly('2018-05-03'));
    workspace.write(`releases/${newer}/evidence/${'0'.repeat(64)}.json`, '{}');
    const changed = await dmrelJson(workspace.root, ['release', 'notes', newer]);
    expect(changed.json.problems[0].code).toBe('digest-mismatch');
    rmSync(join(workspace.root, `releases/${newer}/evidence`), { recursive: true });
    workspace.write(`releases/${newer}/notes.md`, '\ufeffsound');
    expect((await dmrel(workspace.root, ['release', 'notes', newer])).out).toContain('\n\nsound\n');
    workspace.write(`releases/${newer}/notes.md`, Buffer.from([0xff, 0xfe, 0x00]) as never);
    expect((await dmrelJson(workspace.root, ['release', 'notes', newer])).json.problems[0].code).toBe('not-utf8');
  });
});
