import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { buildSync } from 'esbuild';
import { lockWorkspace } from '../../src/operation/index.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

let program: string;

/** A program that takes the lock, says so, notes when it has it, and gives it back after a while. */
beforeAll(() => {
  const folder = aFolder();
  program = join(folder, 'holder.mjs');
  const contents = `
    import { appendFileSync } from 'node:fs';
    import { lockWorkspace } from './src/operation/lock.ts';
    const [root, purpose, milliseconds, wait] = process.argv.slice(2);
    const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
    for (;;) {
      const lock = await lockWorkspace(root, purpose, () => new Date(0));
      if (lock.ok) {
        appendFileSync(root + '/log', 'in ' + process.pid + '\\n');
        console.log('taken');
        await pause(Number(milliseconds));
        appendFileSync(root + '/log', 'out ' + process.pid + '\\n');
        lock.value.release();
        break;
      }
      if (!wait) { console.log(lock.problems[0].message); process.exit(1); }
      await pause(Math.random() * 20);
    }`;
  const stdin = { contents, resolveDir: join(import.meta.dirname, '../..'), loader: 'js' as const };
  buildSync({ stdin, bundle: true, platform: 'node', format: 'esm', outfile: program, logLevel: 'error' });
});

function holder(
  root: string,
  purpose: string,
  milliseconds: number,
  wait = '',
): { child: ChildProcess; said: Promise<string>; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [program, root, purpose, String(milliseconds), wait], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    child,
    said: new Promise((resolve) => child.stdout!.once('data', (data) => resolve(String(data).trim()))),
    ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
  };
}

const lock = (root: string) => lockWorkspace(root, 'promote', () => new Date(0));

describe('the lock of a workspace', () => {
  it('is for one at a time, and free again when it is given back', async () => {
    const root = aFolder();
    const first = await lock(root);
    if (!first.ok) throw new Error(brief(first.problems).join());
    expect(problemsOf(await lock(root))).toMatchObject([{ code: 'locked' }]);
    first.value.release();
    const second = await lock(root);
    expect(second.ok).toBe(true);
  });

  it('refuses a second process and names who has it', async () => {
    const root = aFolder();
    const { child, said, ended } = holder(root, 'tag weekly', 60_000);
    expect(await said).toBe('taken');
    const [found] = problemsOf(await lock(root));
    expect(found).toMatchObject({ code: 'locked', hint: 'wait for it to end' });
    expect(found!.message).toMatch(
      new RegExp(`^'tag weekly' is at work here \\(process ${child.pid} on .*, since 1970-01-01T00:00:00`),
    );
    child.kill('SIGKILL');
    await ended;
  });

  it('of a process that was killed is taken over, with what it had begun to write', async () => {
    const root = aFolder();
    const { child, said, ended } = holder(root, 'tag weekly', 60_000);
    await said;
    const draft = join(root, '.dmrel/drafts/.release.yaml.1.1.x.tmp');
    mkdirSync(join(root, '.dmrel/drafts'));
    writeFileSync(draft, 'name: w.20');
    expect((await lock(root)).ok).toBe(false);
    expect(existsSync(draft)).toBe(true);
    child.kill('SIGKILL');
    await ended;
    expect((await lock(root)).ok).toBe(true);
    expect(existsSync(draft)).toBe(false);
  });

  it('that a crash left empty or torn is taken over', async () => {
    for (const text of ['', '{"pid":', 'null', '{}']) {
      const root = aFolder();
      const taken = await lock(root);
      if (!taken.ok) throw new Error();
      taken.value.release();
      writeFileSync(join(root, '.dmrel/lock'), text);
      expect((await lock(root)).ok).toBe(true);
    }
  });

  it('of a process whose id another one has by now is taken over', async () => {
    for (const [started, taken] of [
      ['0', true],
      [undefined, false],
    ] as const) {
      const root = aFolder();
      mkdirSync(join(root, '.dmrel'));
      const other = { pid: process.ppid, host: hostname(), started, claim: 'x', purpose: 'build', at: '' };
      writeFileSync(join(root, '.dmrel/lock'), JSON.stringify(other));
      expect((await lock(root)).ok).toBe(taken);
    }
  });

  it('of another machine is left alone, with advice', async () => {
    const root = aFolder();
    const taken = await lock(root);
    if (!taken.ok) throw new Error();
    taken.value.release();
    const other = { pid: 1, host: 'elsewhere.example', claim: 'x', purpose: 'build', at: '2018-05-08T00:00:00Z' };
    writeFileSync(join(root, '.dmrel/lock'), JSON.stringify(other));
    expect(problemsOf(await lock(root))).toMatchObject([
      {
        message: "'build' is at work here (process 1 on elsewhere.example, since 2018-05-08T00:00:00Z)",
        hint: 'wait for it, or remove .dmrel/lock if it is gone',
      },
    ]);
  });

  it('of another container is left alone, whatever its name and its process are called', async () => {
    const root = aFolder();
    const lock = () => lockWorkspace(root, 'promote', () => new Date());
    const taken = await lock();
    if (!taken.ok) throw new Error();
    const own = JSON.parse(readFileSync(join(root, '.dmrel/lock'), 'utf8'));
    taken.value.release();
    const [boot] = own.space.split(' ');
    const hint = 'wait for it, or remove .dmrel/lock if it is gone';
    for (const [space, at, left] of [
      [`${boot} pid:[1]`, '2018-05-08T00:00:00Z', true],
      ['other pid:[1]', new Date().toISOString(), true],
      // A crash of the machine itself: it was started since.
      ['other pid:[1]', '2018-05-08T00:00:00Z', false],
    ] as const) {
      const other = { ...own, pid: 2 ** 22 + 1, space, claim: 'x', purpose: 'build', at };
      writeFileSync(join(root, '.dmrel/lock'), JSON.stringify(other));
      const again = await lock();
      expect(problemsOf(again)).toMatchObject(left ? [{ code: 'locked', hint }] : []);
      if (again.ok) again.value.release();
    }
  });

  it('keeps what dmrel writes for itself out of git', async () => {
    const root = aFolder();
    await lock(root);
    expect(readFileSync(join(root, '.dmrel/.gitignore'), 'utf8')).toBe('*\n');
  });

  it('touches no directory that .dmrel is only a link to', async () => {
    const [root, other] = [aFolder(), aFolder()];
    mkdirSync(join(other, 'drafts'));
    writeFileSync(join(other, 'drafts/thesis.tex'), 'chapter 1');
    symlinkSync(other, join(root, '.dmrel'));
    expect(problemsOf(await lock(root))).toMatchObject([{ code: 'unsafe-path', at: { file: '.dmrel' } }]);
    expect(readdirSync(other)).toEqual(['drafts']);
    expect(existsSync(join(other, 'drafts/thesis.tex'))).toBe(true);
  });

  it.each(['free', 'left by a process that was killed'])(
    'is had by exactly one of 20 processes at a time, when it was %s',
    async (state) => {
      const root = aFolder();
      if (state !== 'free') {
        const dead = holder(root, 'tag weekly', 60_000);
        await dead.said;
        dead.child.kill('SIGKILL');
        await dead.ended;
        writeFileSync(join(root, 'log'), '');
      }
      const all = Array.from({ length: 20 }, (_, number) => holder(root, `racer ${number}`, 3, 'wait'));
      expect(new Set(await Promise.all(all.map(({ ended }) => ended)))).toEqual(new Set([0]));
      const log = readFileSync(join(root, 'log'), 'utf8').trim().split('\n');
      expect(log).toHaveLength(40);
      for (let index = 0; index < log.length; index += 2) {
        expect(log[index]).toMatch(/^in /);
        expect(log[index + 1]).toBe(log[index]!.replace('in', 'out'));
      }
      expect(existsSync(join(root, '.dmrel/lock'))).toBe(false);
    },
  );
});
