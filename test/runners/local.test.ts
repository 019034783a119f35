import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type LocalJob, runLocally } from '../../src/runners/index.ts';
import { aFolder } from '../support/workspace.ts';

const never = new AbortController().signal;

function aJob(script: string, more: Partial<LocalJob> = {}) {
  const cwd = aFolder();
  const job: LocalJob = {
    argv: ['/bin/sh', '-c', script],
    cwd,
    env: {},
    timeoutSeconds: 20,
    log: join(cwd, 'logs/job.log'),
    signal: never,
    ...more,
  };
  return { job, cwd, log: () => readFileSync(job.log, 'utf8') };
}

const seconds = async (work: Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await work;
  return (performance.now() - begun) / 1000;
};

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
/** Whether a process is there and no zombie that nobody has collected yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
async function ends(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100 && isAlive(pid); tries++) await pause(20);
  return !isAlive(pid);
}
async function appears(file: string): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      const text = readFileSync(file, 'utf8');
      if (text.endsWith('\n')) return Number(text);
    } catch {
      // Not yet.
    }
    await pause(10);
  }
  throw new Error(`no ${file}`);
}

const escaped: number[] = [];
afterEach(() => {
  for (const pid of escaped.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
});

describe('a program that is run', () => {
  it.each([
    [0, 'passed'],
    [1, 'failed'],
    [42, 'failed'],
  ])('ends with exit code %i: %s', async (code, status) => {
    expect(await runLocally(aJob(`exit ${code}`).job)).toEqual({ status, exitCode: code, tail: '' });
  });

  it('has failed when a signal ended it', async () => {
    expect(await runLocally(aJob('kill -9 $$').job)).toEqual({ status: 'failed', tail: '' });
  });

  it('is not started when it is not there, or its directory is not, and nothing is thrown', async () => {
    expect((await runLocally(aJob('', { argv: ['no-such-program-anywhere'] }).job)).status).toBe('not-started');
    expect((await runLocally(aJob('true', { cwd: '/nowhere/at/all' }).job)).status).toBe('not-started');
    const { job, cwd } = aJob('');
    writeFileSync(join(cwd, 'plain'), 'no program\n', { mode: 0o644 });
    expect((await runLocally({ ...job, argv: [join(cwd, 'plain')] })).status).toBe('not-started');
  });

  it('gets its arguments as they are: no shell looks at them', async () => {
    const { job, log } = aJob('');
    await runLocally({ ...job, argv: ['printf', '%s|', '$HOME', '`id`', '; exit 3', 'a b', ''] });
    expect(log()).toBe('$HOME|`id`|; exit 3|a b||');
  });

  it('reads nothing from the terminal: its standard input is at its end', async () => {
    expect(await runLocally(aJob('read line || echo nothing').job)).toMatchObject({ tail: 'nothing' });
  });

  it('gets what the job gives it on top of the environment of dmrel, and its directory', async () => {
    const { job, cwd } = aJob('echo "$DMREL_DIGEST $PWD"; test -n "$PATH"', { env: { DMREL_DIGEST: 'sha256:0' } });
    expect(await runLocally(job)).toEqual({ status: 'passed', exitCode: 0, tail: `sha256:0 ${cwd}` });
  });
});

describe('what it prints', () => {
  it('is kept in the log, both streams, the last of it in the result', async () => {
    const { job, log } = aJob('echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three');
    const { tail } = await runLocally(job);
    expect([tail, log()]).toEqual(['one\ntwo\nthree', 'one\ntwo\nthree']);
  });

  it('is there to the last line, however much it is and however soon the program ends', async () => {
    for (let round = 0; round < 20; round++) {
      const { job, log } = aJob('', {
        argv: ['/bin/sh', '-c', 'head -c 60000 /dev/zero | tr "\\0" x; echo; echo "the reason"; exit 7'],
      });
      const end = await runLocally(job);
      expect([end.exitCode, end.tail.split('\n').at(-1)]).toEqual([7, 'the reason']);
      expect(log().length).toBe(60_000 + 1 + 'the reason\n'.length);
    }
  });

  it('is bounded on disk and in memory; the program goes on to its own end', async () => {
    const { job } = aJob('head -c 20000000 /dev/zero | tr "\\0" x; echo; echo last');
    const end = await runLocally(job);
    expect([end.status, end.tail.split('\n').at(-1)]).toEqual(['passed', 'last']);
    expect(end.tail.length).toBeLessThanOrEqual(2000);
    expect(statSync(job.log).size).toBe(8 * 2 ** 20);
  });

  it('is the result all the same when the log cannot be written', async () => {
    const { job } = aJob('echo said; exit 3');
    mkdirSync(job.log, { recursive: true });
    expect(await runLocally(job)).toEqual({ status: 'failed', exitCode: 3, tail: 'said' });
  });
});

describe('a program that does not end', () => {
  it('is ended after its time, with everything it started', async () => {
    const { job, cwd } = aJob('(sleep 60 & echo $! > child; wait) & sleep 60', { timeoutSeconds: 0.5 });
    let end: Awaited<ReturnType<typeof runLocally>> | undefined;
    const took = await seconds(
      runLocally(job).then((found) => {
        end = found;
      }),
    );
    expect(end!.status).toBe('timeout');
    expect(took).toBeLessThan(5);
    expect(await ends(await appears(join(cwd, 'child')))).toBe(true);
  });

  it('is ended after its time with what left its group, and with what that started', async () => {
    const away = 'setsid sh -c "sleep 60 & echo \\$! > grandchild; echo \\$\\$ > child; sleep 60; true"';
    const { job, cwd } = aJob(`${away} & sleep 60`, { timeoutSeconds: 1 });
    const running = runLocally(job);
    const started = [await appears(join(cwd, 'child')), await appears(join(cwd, 'grandchild'))];
    escaped.push(...started);
    expect((await running).status).toBe('timeout');
    expect(await Promise.all(started.map(ends))).toEqual([true, true]);
  });

  it('is ended also when it does not listen to signals', async () => {
    const { job } = aJob('trap "" TERM INT HUP; echo deaf; while :; do sleep 1; done', { timeoutSeconds: 0.5 });
    expect(await runLocally(job)).toEqual({ status: 'timeout', tail: 'deaf' });
  });

  it('has as much time as can be asked for: the longest ones do not end it at once', async () => {
    expect((await runLocally(aJob('sleep 0.2', { timeoutSeconds: 999_999_999 * 86_400 }).job)).status).toBe('passed');
  });

  it('is ended by an interruption, with everything it started', async () => {
    const interruption = new AbortController();
    const { job, cwd } = aJob('sleep 60 & echo $! > child; wait', { signal: interruption.signal });
    const running = runLocally(job);
    const child = await appears(join(cwd, 'child'));
    interruption.abort();
    expect((await running).status).toBe('interrupted');
    expect(await ends(child)).toBe(true);
  });

  it('is ended also when the interruption came before it began', async () => {
    const took = await seconds(
      runLocally(aJob('sleep 30', { signal: AbortSignal.abort() }).job).then(({ status }) =>
        expect(status).toBe('interrupted'),
      ),
    );
    expect(took).toBeLessThan(5);
  });

  it('leaves nothing behind when it ends by itself', async () => {
    const { job, cwd } = aJob('sleep 60 & echo $! > child');
    expect((await runLocally(job)).status).toBe('passed');
    expect(await ends(await appears(join(cwd, 'child')))).toBe(true);
  });

  it('holds nobody by what went away from its group, nor hurts by what that prints later', async () => {
    const { job, cwd } = aJob(
      'setsid sh -c "echo \\$\\$ > child; sleep 1.2; echo late; sleep 60" & sleep 0.2; echo done',
    );
    const took = await seconds(
      runLocally(job).then((end) => expect(end).toEqual({ status: 'passed', exitCode: 0, tail: 'done' })),
    );
    expect(took).toBeLessThan(10);
    escaped.push(await appears(join(cwd, 'child')));
    await pause(1200);
  });
});
