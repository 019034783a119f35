import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newOperationId } from '../../src/operation/index.ts';
import { type Job, type Runner, type SlurmOptions, slurmRunner } from '../../src/runners/index.ts';
import { parseQueue } from '../../src/runners/slurm/queue.ts';
import { parseExit, quote, taskScript } from '../../src/runners/slurm/script.ts';
import { run } from '../../src/support/index.ts';
import { hasSlurm, type SlurmCluster, startSlurm } from '../support/slurm.ts';
import { aFolder } from '../support/workspace.ts';

const never = new AbortController().signal;
const aJob = (root: string, script: string, more: Partial<Job> = {}): Job => ({
  key: script,
  title: 'smoke of stack',
  argv: ['/bin/sh', '-c', script],
  cwd: root,
  env: {},
  timeoutSeconds: 60,
  report: false,
  ...more,
});
const runs = (root: string): string[] => {
  const file = join(root, 'runs');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};

describe('the script of a task', () => {
  it('gives a shell no word of a workspace: arguments and variables come out as they went in', () => {
    const letter = fc.constantFrom(...`'"$\`\\ \n\t!;&|<>()*?[]{}~#-=%é😀x`);
    const word = fc.string({ unit: letter, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), word, (words, value) => {
        const printed = `printf '%s\\n' ${words.map(quote).join(' ')}; printf '%s' ${quote(value)}`;
        const stdout = execFileSync('/bin/sh', ['-c', printed], { encoding: 'utf8' });
        expect(stdout).toBe(`${words.length === 0 ? '\n' : words.map((each) => `${each}\n`).join('')}${value}`);
      }),
      { numRuns: 4 },
    );
  });

  it('runs a program that a shell would take for its own words', async () => {
    const folder = aFolder();
    const odd = join(folder, `a'b $(touch broken) "c`);
    writeFileSync(odd, '#!/bin/sh\nprintf "%s|" "$@" "$TRICK"; exit 3\n', { mode: 0o755 });
    chmodSync(odd, 0o755);
    const argv: Job['argv'] = [odd, `; touch ${folder}/broken`, '$(id)', "'", '\n', '-n'];
    const job = aJob(folder, '', { argv, env: { TRICK: `'"; touch ${folder}/broken #` } });
    writeFileSync(join(folder, 'run.sh'), taskScript(job, folder));
    expect((await run('/bin/sh', [join(folder, 'run.sh')])).exitCode).toBe(0);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe(
      [...argv.slice(1), job.env.TRICK].map((each) => `${each}|`).join(''),
    );
    expect(parseExit(readFileSync(join(folder, 'exit'), 'utf8'))?.code).toBe(3);
    expect(existsSync(join(folder, 'broken'))).toBe(false);
  });

  it('ends a second copy of itself before it does anything, and keeps no more output than it may', async () => {
    const folder = aFolder();
    const job = aJob(folder, 'echo ran >>runs; head -c 20000000 /dev/zero | tr "\\0" x; echo end >&2');
    writeFileSync(join(folder, 'run.sh'), taskScript(job, folder));
    for (let round = 0; round < 2; round++) await run('/bin/sh', [join(folder, 'run.sh')]);
    expect(runs(folder)).toEqual(['ran']);
    expect(readFileSync(join(folder, 'log')).length).toBe(8 * 2 ** 20);
  });

  it('says of a program that is not there that it did not start, and of an end that is torn nothing', async () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'run.sh'), taskScript(aJob(folder, '', { argv: ['no-such-program'] }), folder));
    await run('/bin/sh', [join(folder, 'run.sh')]);
    expect(parseExit(readFileSync(join(folder, 'exit'), 'utf8'))).toMatchObject({ code: undefined });
    for (const torn of ['', '0', '0 1', '0 1 2', '0 1 2 3\n', 'x 1 2\n', '-1 1 2\n'])
      expect(parseExit(torn)).toBeUndefined();
  });
});

describe('the queue', () => {
  it('is read task by task, and empty when the controller knows nothing', () => {
    expect(parseQueue('12|0|RUNNING|None\n12|1|PENDING|Resources\n')).toEqual({
      id: '12',
      tasks: new Map([
        [0, { state: 'RUNNING', reason: 'None' }],
        [1, { state: 'PENDING', reason: 'Resources' }],
      ]),
    });
    expect(parseQueue('12|N/A|CANCELLED|None\n')).toEqual({
      id: '12',
      tasks: new Map(),
      others: { state: 'CANCELLED', reason: 'None' },
    });
    expect(parseQueue('\n')).toBeUndefined();
    expect(parseQueue('slurm_load_jobs error: x\n')).toBeUndefined();
  });
});

describe('jobs on Slurm', () => {
  let cluster: SlurmCluster | undefined;
  beforeAll(async () => {
    if (hasSlurm()) cluster = await startSlurm();
  }, 60_000);
  afterAll(async () => cluster?.stop());

  const aRunner = (root: string, options: SlurmOptions = {}, env = cluster!.env): Runner =>
    slurmRunner(
      { root, env, newId: () => newOperationId(new Date(1_525_000_000_000 + Math.random() * 1e9)) },
      options,
      {
        files: 2,
        leftover: 1,
      },
    );
  const queue = async () => (await run('squeue', ['--noheader', '--format=%j'], { env: cluster!.env })).stdout.trim();

  it('run as one array, each with its own end, log and results', async () => {
    if (!cluster) return;
    const root = aFolder();
    const runner = aRunner(root, { partition: 'batch', time: '5m', args: ['--mem=100M', '--comment=x'] });
    const jobs = [
      aJob(root, 'echo good; echo "<ok/>" >"$DMREL_RESULTS/r.xml"'),
      aJob(root, 'echo bad >&2; exit 7'),
      aJob(root, 'echo report; echo said >&2', { report: true }),
      aJob(root, '', { argv: ['no-such-program'], key: 'missing' }),
    ];
    expect(await runner.submit(jobs)).toEqual({ status: 'submitted' });
    const ends = await Promise.all(jobs.map((job) => runner.follow(job, never)));
    expect(ends).toMatchObject([
      { status: 'passed', exitCode: 0, tail: 'good' },
      { status: 'failed', exitCode: 7, tail: 'bad' },
      { status: 'passed', tail: 'said' },
      { status: 'not-started' },
    ]);
    const [first, , third] = ends as { folder: string }[];
    expect(readFileSync(join(first!.folder, 'results/r.xml'), 'utf8')).toBe('<ok/>\n');
    expect(readFileSync(join(third!.folder, 'stdout'), 'utf8')).toBe('report\n');
    expect(readdirSync(join(root, '.dmrel/jobs')).length).toBe(1);
  }, 60_000);

  it('are taken up by a later process, running or ended, and never submitted twice', async () => {
    if (!cluster) return;
    const root = aFolder();
    const job = aJob(root, 'echo run >>runs; sleep 3');
    expect((await aRunner(root).submit([job])).status).toBe('submitted');
    const later = aRunner(root);
    expect(await later.look(job)).toBe('waiting');
    expect((await later.submit([job])).status).toBe('submitted');
    const end = await later.follow(job, never);
    expect(end).toMatchObject({ status: 'passed', exitCode: 0 });
    expect(await aRunner(root).look(job)).toBe('ended');
    await later.collected(end as never);
    expect(await aRunner(root).look(job)).toBe('unknown');
    expect(runs(root)).toEqual(['run']);
  }, 60_000);

  it('are found again when nobody lived to hear which number they got', async () => {
    if (!cluster) return;
    const root = aFolder();
    const job = aJob(root, 'echo run >>runs; sleep 2');
    await aRunner(root).submit([job]);
    const [id] = readdirSync(join(root, '.dmrel/jobs'));
    const note = join(root, '.dmrel/jobs', id!, 'submitted');
    const number = readFileSync(note, 'utf8');
    (await import('node:fs')).rmSync(note);
    const later = aRunner(root);
    expect((await later.submit([job])).status).toBe('submitted');
    expect(readFileSync(note, 'utf8')).toBe(number);
    expect((await later.follow(job, never)).status).toBe('passed');
    expect(runs(root)).toEqual(['run']);
  }, 60_000);

  it('are cancelled by an interruption', async () => {
    if (!cluster) return;
    const root = aFolder();
    const interruption = new AbortController();
    const job = aJob(root, 'sleep 300');
    const runner = aRunner(root);
    await runner.submit([job]);
    const following = runner.follow(job, interruption.signal);
    setTimeout(() => interruption.abort(), 1000);
    expect((await following).status).toBe('interrupted');
    for (let tries = 0; tries < 100 && (await queue()) !== ''; tries++) await new Promise((go) => setTimeout(go, 100));
    expect(await queue()).toBe('');
    expect(await aRunner(root).look(job)).toBe('unknown');
  }, 60_000);

  it('that take too long are ended by their own limit; that leave something behind are not waited for', async () => {
    if (!cluster) return;
    const root = aFolder();
    const slow = aJob(root, 'echo begun; sleep 300', { timeoutSeconds: 2 });
    const daemon = aJob(root, 'setsid sleep 300 & echo done; exit 4');
    const runner = aRunner(root);
    await runner.submit([slow, daemon]);
    expect(await Promise.all([runner.follow(slow, never), runner.follow(daemon, never)])).toMatchObject([
      { status: 'timeout', tail: 'begun' },
      { status: 'failed', exitCode: 4, tail: 'done' },
    ]);
  }, 60_000);

  it('that somebody else cancels are lost: they say nothing of what they were about', async () => {
    if (!cluster) return;
    const root = aFolder();
    const job = aJob(root, 'sleep 300');
    const runner = aRunner(root);
    await runner.submit([job]);
    const following = runner.follow(job, never);
    const [id] = readdirSync(join(root, '.dmrel/jobs'));
    await run('scancel', [`--name=dmrel-${id}`], { env: cluster.env });
    expect(await following).toMatchObject({ status: 'lost', reason: expect.stringContaining('CANCELLED') });
  }, 60_000);

  it('go on while the controller is away, and their ends are found also when it has forgotten them', async () => {
    if (!cluster) return;
    const root = aFolder();
    const job = aJob(root, 'sleep 1; echo run >>runs');
    const runner = aRunner(root, { patience: '1s' });
    await runner.submit([job]);
    for (let tries = 0; tries < 100 && runs(root).length === 0; tries++) await new Promise((go) => setTimeout(go, 100));
    await cluster.killController();
    try {
      expect((await aRunner(root).follow(job, never)).status).toBe('passed');
      const other = aJob(root, 'sleep 1');
      expect(await runner.submit([other])).toMatchObject({ status: 'failed', retry: true });
    } finally {
      await cluster.startController();
    }
  }, 60_000);

  it('are refused in words when the cluster has no such partition, and say so when there is no Slurm', async () => {
    if (!cluster) return;
    const root = aFolder();
    expect(await aRunner(root, { partition: 'nowhere' }).submit([aJob(root, 'true')])).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('partition'),
    });
    const without = aRunner(root, {}, { PATH: '/nowhere' });
    expect(await without.submit([aJob(root, 'false')])).toMatchObject({
      status: 'failed',
      reason: 'squeue is not on PATH',
    });
  }, 60_000);
});
