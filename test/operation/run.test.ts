import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  Journal,
  type Outcome,
  type Plan,
  type RunSettings,
  runSteps,
  type Step,
  type StepEvent,
} from '../../src/operation/index.ts';
import { problem } from '../../src/support/index.ts';
import { aFolder } from '../support/workspace.ts';

const plan = (operation = '01ARZ3NDEKTSV4RRFFQ69G5FAV'): Plan => ({
  schema: 'dmrel/plan/v1',
  operation,
  command: 'tag',
  release: 'w.2018.18',
  at: '2018-05-08T00:00:00Z',
  steps: [],
  problems: [],
  details: null,
});

const refused: Outcome = { status: 'failed', problem: problem('push-refused', 'refused') };
const busy: Outcome = { status: 'failed', problem: problem('registry-io', 'busy'), retry: true, retryAfterSeconds: 0 };
const done: Outcome = { status: 'done' };

const aStep = (id: string, more: Partial<Step> = {}): Step => ({
  id,
  title: id,
  isDone: async () => false,
  apply: async () => done,
  ...more,
});

async function runAll(steps: Step[], settings: Partial<RunSettings> = {}) {
  const root = aFolder();
  const journal = await Journal.open(root, plan(), () => new Date(0));
  const events: StepEvent[] = [];
  const never = new AbortController().signal;
  const result = await runSteps(steps, {
    journal,
    interrupt: never,
    report: (event) => events.push(event),
    ...settings,
  });
  journal.close();
  const text = readFileSync(join(root, '.dmrel/operations', plan().operation, 'journal.jsonl'), 'utf8');
  return {
    result,
    events,
    journal: text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

const soon = (turns = 1) => new Promise((resolve) => setTimeout(resolve, turns));

describe('the steps of a plan', () => {
  it('are applied each once, after all they need, whatever needs what', async () => {
    const graphs = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 1, max: 5 }), async (graph, jobs) => {
        const finished = new Set<string>();
        let running = 0;
        const steps = graph.map((needs, number) => {
          const before = needs.filter((each) => each < number).map(String);
          return aStep(String(number), {
            needs: before,
            apply: async () => {
              for (const each of before) expect(finished).toContain(each);
              expect(++running).toBeLessThanOrEqual(jobs);
              await soon(number % 3);
              running -= 1;
              expect(finished).not.toContain(String(number));
              finished.add(String(number));
              return done;
            },
          });
        });
        const { result } = await runAll(steps.reverse(), { jobs });
        expect(result.failed).toEqual([]);
        expect(new Set(result.done)).toEqual(new Set(steps.map(({ id }) => id)));
      }),
      { numRuns: 25 },
    );
  });

  it('go on side by side, up to a limit in all and one for each host', async () => {
    const running = new Map<string, number>();
    const most = new Map<string, number>();
    const change = (name: string, by: number) => {
      const now = (running.get(name) ?? 0) + by;
      running.set(name, now);
      most.set(name, Math.max(most.get(name) ?? 0, now));
    };
    let allRun = () => {};
    const full = new Promise<void>((resolve) => {
      allRun = resolve;
    });
    const steps = Array.from({ length: 30 }, (_, number) => {
      const host = number % 3 === 0 ? 'b.example' : 'a.example';
      const apply = async () => {
        for (const name of ['all', host]) change(name, 1);
        if (running.get('all') === 5) allRun();
        await full; // the first ones wait for each other: how many run at once is not left to the clock
        await soon(2);
        for (const name of ['all', host]) change(name, -1);
        return done;
      };
      return aStep(String(number), { host, apply });
    });
    await runAll(steps, { jobs: 5, jobsPerHost: 3 });
    expect(most.get('all')).toBe(5);
    expect(Math.max(most.get('a.example')!, most.get('b.example')!)).toBe(3);
  });

  it('that are done already are not applied', async () => {
    const { result, journal } = await runAll([
      aStep('a', { isDone: async () => true, apply: () => Promise.reject(new Error('applied')) }),
    ]);
    expect(result).toMatchObject({ done: [], alreadyDone: ['a'], failed: [] });
    expect(journal.map(({ event }) => event)).toEqual(['begin', 'end']);
  });

  it('are in the journal before and after they are applied', async () => {
    const { journal } = await runAll([aStep('a'), aStep('b', { needs: ['a'], apply: async () => refused })]);
    expect(journal.map(({ event, step, message }) => [event, step, message].filter(Boolean).join(' '))).toEqual([
      'begin',
      'start a',
      'done a',
      'start b',
      'failed b refused',
    ]);
  });

  it('that wait for each other are left, and the run ends', async () => {
    const { result } = await runAll([
      aStep('a', { needs: ['b'] }),
      aStep('b', { needs: ['a'] }),
      aStep('c', { needs: ['elsewhere'] }),
    ]);
    expect(result).toMatchObject({ done: ['c'], left: ['a', 'b'], interrupted: false });
  });
});

describe('a step that fails', () => {
  it('stops what depends on it, directly or further on, and nothing else', async () => {
    const { result, journal } = await runAll([
      aStep('a', { apply: async () => refused }),
      aStep('b', { needs: ['a'] }),
      aStep('c', { needs: ['b'] }),
      aStep('d'),
      aStep('e', { needs: ['d'] }),
    ]);
    expect(result.failed.map(({ id, problem: { code } }) => [id, code])).toEqual([['a', 'push-refused']]);
    expect(result).toMatchObject({ done: ['d', 'e'], left: ['b', 'c'], interrupted: false });
    expect(journal.map(({ event }) => event)).not.toContain('end');
  });

  it('with an exception is a failed step with its name, not a failed run', async () => {
    const bug = () => Promise.reject(new Error('out of order'));
    const { result } = await runAll([
      aStep('a', { title: 'tag afw', apply: bug }),
      aStep('b', { isDone: bug }),
      aStep('c'),
    ]);
    expect(result.failed.map(({ problem: { code, message } }) => [code, message])).toEqual([
      ['step-failed', 'b: out of order'],
      ['step-failed', 'tag afw: out of order'],
    ]);
    expect(result.done).toEqual(['c']);
  });

  it('is tried again where that may help, and is done when that succeeds', async () => {
    const outcomes = [busy, busy, done];
    const { result, events } = await runAll([aStep('a', { apply: async () => outcomes.shift()! })]);
    expect(result).toMatchObject({ done: ['a'], failed: [] });
    expect(events.map(({ kind }) => kind)).toEqual(['start', 'retry', 'retry', 'done']);
  });

  it('is given up after as many attempts as were allowed', async () => {
    let attempts = 0;
    const apply = async () => {
      attempts += 1;
      return busy;
    };
    const { result } = await runAll([aStep('a', { apply })], { attempts: 3 });
    expect([attempts, result.failed[0]!.problem.code]).toEqual([3, 'registry-io']);
  });

  it('is not tried again where that cannot help', async () => {
    let attempts = 0;
    const apply = async () => {
      attempts += 1;
      return refused;
    };
    await runAll([aStep('a', { apply })]);
    expect(attempts).toBe(1);
  });
});

describe('an interrupted run', () => {
  it('is called that where the step that it cut off would have been tried again', async () => {
    const controller = new AbortController();
    const apply = async () => {
      controller.abort();
      return busy;
    };
    const { result } = await runAll([aStep('a', { apply })], { interrupt: controller.signal });
    expect([result.interrupted, result.failed.length]).toEqual([true, 1]);
  });

  it('finishes the steps that run, starts no other, and says what is left', async () => {
    const controller = new AbortController();
    const finished: string[] = [];
    const aborted = new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    const slowly = (id: string) =>
      aStep(id, {
        apply: async () => {
          if (id === 'b') controller.abort();
          await aborted;
          await soon(10);
          finished.push(id);
          return done;
        },
      });
    const { result, journal } = await runAll(['a', 'b', 'c', 'd'].map(slowly), {
      jobs: 2,
      interrupt: controller.signal,
    });
    expect(finished.sort()).toEqual(['a', 'b']);
    expect(result).toMatchObject({ left: ['c', 'd'], failed: [], interrupted: true });
    expect(journal.at(-1)).toMatchObject({ event: 'interrupted' });
  });

  it('that was interrupted before it began does nothing', async () => {
    const { result } = await runAll([aStep('a', { apply: () => Promise.reject(new Error('applied')) })], {
      interrupt: AbortSignal.abort(),
    });
    expect(result).toMatchObject({ done: [], failed: [], left: ['a'], interrupted: true });
  });

  it('that was interrupted in its last steps has ended', async () => {
    const controller = new AbortController();
    const apply = async () => {
      controller.abort();
      return done;
    };
    const { result, journal } = await runAll([aStep('a', { apply })], { interrupt: controller.signal });
    expect(result).toMatchObject({ done: ['a'], left: [], interrupted: false });
    expect(journal.at(-1)).toMatchObject({ event: 'end' });
  });

  it('does not wait for another attempt', async () => {
    const controller = new AbortController();
    let attempts = 0;
    const apply = async (): Promise<Outcome> => {
      attempts += 1;
      setTimeout(() => controller.abort(), 5);
      return { ...busy, retryAfterSeconds: 600 } as Outcome;
    };
    const begun = performance.now();
    const { result } = await runAll([aStep('a', { apply }), aStep('b', { needs: ['a'] })], {
      interrupt: controller.signal,
    });
    expect(performance.now() - begun).toBeLessThan(2000);
    expect([attempts, result.failed.length, result.left]).toEqual([1, 1, ['b']]);
  });
});

describe('a step that comes after others, however they end', () => {
  const failing = (id: string, more: Partial<Step> = {}) => aStep(id, { apply: async () => refused, ...more });

  it('is done when they are done, failed, or were never tried', async () => {
    const order: string[] = [];
    const told = (id: string, more: Partial<Step> = {}) =>
      aStep(id, {
        apply: async () => {
          order.push(id);
          return done;
        },
        ...more,
      });
    const { result } = await runAll([
      told('last', { after: ['good', 'bad', 'left', 'unknown'] }),
      told('good'),
      failing('bad'),
      told('left', { needs: ['bad'] }),
      told('left too', { needs: ['left'] }),
    ]);
    expect(order).toEqual(['good', 'last']);
    expect([result.failed.map(({ id }) => id), result.left]).toEqual([['bad'], ['left', 'left too']]);
  });

  it('waits for those that still run', async () => {
    const order: string[] = [];
    const slow = aStep('slow', {
      apply: async () => {
        await new Promise((go) => setTimeout(go, 20));
        order.push('slow');
        return refused;
      },
    });
    const last = aStep('last', {
      after: ['slow'],
      apply: async () => {
        order.push('last');
        return done;
      },
    });
    await runAll([last, slow]);
    expect(order).toEqual(['slow', 'last']);
  });
});
