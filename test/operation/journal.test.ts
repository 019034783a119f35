import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { findUnfinished, Journal, listUnfinished, newOperationId, type Plan } from '../../src/operation/index.ts';
import { aFolder } from '../support/workspace.ts';

const planAt = (second: number, more: Partial<Plan> = {}): Plan => ({
  schema: 'dmrel/plan/v1',
  operation: newOperationId(new Date(second * 1000)),
  command: 'tag',
  release: 'w.2018.18',
  at: '2018-05-08T00:00:00Z',
  steps: [],
  problems: [],
  details: { second },
  ...more,
});

/** A journal as a process leaves it that ends after these lines. */
async function left(root: string, plan: Plan, ...events: ('start' | 'done' | 'failed' | 'end' | 'interrupted')[]) {
  const journal = await Journal.open(root, plan, () => new Date(0));
  for (const event of events) await journal.write({ event, step: 'a' });
  journal.close();
}

const unfinished = async (root: string) =>
  (await findUnfinished<{ second: number }>(root, 'tag', 'w.2018.18'))?.details.second;
const fileOf = (root: string, plan: Plan, name = 'journal.jsonl') =>
  join(root, '.dmrel/operations', plan.operation, name);

describe('an operation', () => {
  it('is unfinished from its beginning until it says that it ended', async () => {
    const root = aFolder();
    expect(await unfinished(root)).toBeUndefined();
    const plan = planAt(1);
    await left(root, plan);
    expect(await findUnfinished(root, 'tag', 'w.2018.18')).toEqual(plan);
    await left(root, plan, 'start', 'done', 'interrupted');
    expect(await unfinished(root)).toBe(1);
    await left(root, plan, 'start', 'failed');
    expect(await unfinished(root)).toBe(1);
    await left(root, plan, 'start', 'done', 'end');
    expect(await unfinished(root)).toBeUndefined();
  });

  it('is not mixed up with another command or another release', async () => {
    const root = aFolder();
    await left(root, planAt(1, { command: 'build' }));
    await left(root, planAt(2, { release: 'w.2018.19' }));
    expect(await unfinished(root)).toBeUndefined();
  });

  it('counts by its newest run alone', async () => {
    const root = aFolder();
    await left(root, planAt(1));
    await left(root, planAt(3), 'end');
    expect(await unfinished(root)).toBeUndefined();
    await left(root, planAt(2));
    expect(await unfinished(root)).toBeUndefined();
    await left(root, planAt(4));
    expect(await unfinished(root)).toBe(4);
  });

  it('counts by when it was begun, not by when its plan was made: a plan may have been saved', async () => {
    const root = aFolder();
    const begin = async (plan: Plan, second: number, ...events: ('end' | 'overtaken')[]) => {
      const journal = await Journal.open(root, plan, () => new Date(second * 1000));
      for (const event of events) await journal.write({ event });
      journal.close();
    };
    const names = async () =>
      (await listUnfinished(root)).map(({ plan }) => (plan as Plan<{ second: number }>).details.second);
    const saved = planAt(1);
    await begin(planAt(2), 2, 'end');
    await begin(planAt(3, { command: 'tag undo' }), 3, 'end');
    expect([await unfinished(root), await names()]).toEqual([undefined, []]);
    await begin(saved, 4);
    expect([await unfinished(root), await names()]).toEqual([1, [1]]);
    await begin(planAt(5, { command: 'tag undo' }), 5, 'end');
    expect([await unfinished(root), await names()]).toEqual([undefined, []]);
    // What was over, because nothing was begun or another was made instead, may be begun again.
    for (const event of ['end', 'overtaken'] as const) {
      await begin(saved, 6, event);
      expect([await unfinished(root), await names()]).toEqual([undefined, []]);
    }
    await begin(saved, 7);
    expect([await unfinished(root), await names()]).toEqual([1, [1]]);
  });

  it('has not ended when it crashed while writing that it did, at any byte', async () => {
    const root = aFolder();
    const plan = planAt(1);
    await left(root, plan, 'start', 'done', 'end');
    const whole = readFileSync(fileOf(root, plan), 'utf8').trimEnd();
    const lastLine = whole.lastIndexOf('\n') + 1;
    for (let length = lastLine; length < whole.length; length++) {
      writeFileSync(fileOf(root, plan), whole.slice(0, length));
      expect(await unfinished(root)).toBe(1);
    }
    writeFileSync(fileOf(root, plan), whole);
    expect(await unfinished(root)).toBeUndefined();
  });

  it('that goes on behind a torn line has not ended by that line', async () => {
    const root = aFolder();
    const plan = planAt(1);
    await left(root, plan);
    appendFileSync(fileOf(root, plan), '{"at":"1970-01-01T00:00:00.000Z","event":"end"');
    await left(root, plan, 'start');
    expect(await unfinished(root)).toBe(1);
  });

  it('does not end by a message that speaks of ends', async () => {
    const root = aFolder();
    const journal = await Journal.open(root, planAt(1), () => new Date(0));
    await journal.write({ event: 'failed', step: 'a', message: '{"event":"end"}\n{"event":"end"}' });
    journal.close();
    expect(await unfinished(root)).toBe(1);
  });

  it('whose plan is gone or damaged is passed over', async () => {
    const root = aFolder();
    await left(root, planAt(1));
    const torn = planAt(2);
    await left(root, torn);
    writeFileSync(fileOf(root, torn, 'plan.json'), '{"schema":"dmrel/pl');
    const empty = planAt(3);
    await left(root, empty);
    writeFileSync(fileOf(root, empty, 'plan.json'), 'null');
    const gone = planAt(4);
    await left(root, gone);
    rmSync(fileOf(root, gone, 'plan.json'));
    mkdirSync(join(root, '.dmrel/operations/something-else'));
    expect(await unfinished(root)).toBe(1);
  });
});

describe('the id of an operation', () => {
  it('is a ULID: 26 letters and digits, sorted by time, never twice the same', () => {
    const times = [0, 1, 1000, Date.UTC(2018, 4, 8), Date.UTC(2018, 4, 8) + 1, Date.UTC(9999, 0, 1)];
    const ids = times.map((time) => newOperationId(new Date(time)));
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    expect(newOperationId(new Date(1469918176385)).slice(0, 10)).toBe('01ARYZ6S41'); // the example of the ULID specification
    expect(new Set(Array.from({ length: 1000 }, () => newOperationId(new Date(0)))).size).toBe(1000);
  });
});
