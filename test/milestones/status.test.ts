import { describe, expect, it } from '@jest/globals';
import {
  type External,
  type Feature,
  type IdKey,
  keyOf,
  type Milestone,
  type MilestoneStatus,
  type ReleaseFact,
  type Roadmap,
  type RoadmapItem,
  StatusBoard,
} from '../../src/milestones/index.ts';
import type { CalendarDate } from '../../src/support/index.ts';
import { startWork } from '../support/work.ts';

const day = (text: string) => text as CalendarDate;
const common = (id: string) => ({ id, key: keyOf(id), title: id, aka: [], at: { file: 'm.yaml', line: 1 } });
const feature = (id: string, more: Partial<Feature> = {}): Feature => ({ ...common(id), kind: 'feature', ...more });
const external = (id: string, completed?: string): External => ({
  ...common(id),
  kind: 'external',
  ...(completed ? { completed: { on: day(completed) } } : {}),
});
const milestone = (id: string, needs: string[], more: Partial<Milestone> = {}): Milestone => ({
  ...common(id),
  kind: 'milestone',
  needs: needs.map(keyOf),
  unlisted: [],
  achievedNeeds: 'delivered',
  waivers: [],
  ...more,
});

const roadmapOf = (items: RoadmapItem[]): Roadmap => ({
  items: new Map(items.map((item) => [item.key, item])),
  names: new Map<IdKey, IdKey>(items.map(({ key }) => [key, key])),
});

const records = new Map<string, ReleaseFact>([['w.2018.18', { date: day('2018-05-03'), levels: [] }]]);
const board = (items: RoadmapItem[], asOf = '2018-06-01') =>
  new StatusBoard(roadmapOf(items), { asOf: day(asOf), releases: records });
const status = (items: RoadmapItem[], id = 'M-1', asOf?: string): MilestoneStatus =>
  board(items, asOf).milestone(keyOf(id));
const chains = ({ blockers }: MilestoneStatus) => blockers.map(({ chain }) => chain.join(' <- '));

const delivered = (id: string) => feature(id, { delivered: { tag: 'w.2018.18' } });
const reported = { completed: { on: day('2018-05-20'), evidence: [{ kind: 'report', ref: 'DMTR-51' }] } };

describe('a milestone', () => {
  it('is planned while nothing of it was begun', () => {
    const found = status([feature('F-1'), milestone('M-1', ['F-1'])]);
    expect(found).toMatchObject({ state: 'planned', flags: [], missing: ['F-1 is not delivered'] });
  });

  it('is in progress once a feature of it is begun or delivered', () => {
    const begun = feature('F-1', { started: day('2018-06-01') });
    expect(status([begun, milestone('M-1', ['F-1'])]).state).toBe('in-progress');
    expect(status([begun, milestone('M-1', ['F-1'])], 'M-1', '2018-05-31').state).toBe('planned');
    expect(status([delivered('F-1'), feature('F-2'), milestone('M-1', ['F-1', 'F-2'])])).toMatchObject({
      state: 'in-progress',
      missing: ['F-2 is not delivered'],
    });
  });

  it('is ready when all features are delivered and only the test report is missing', () => {
    const found = status([delivered('F-1'), milestone('M-1', ['F-1'])]);
    expect(found).toMatchObject({ state: 'ready', missing: ['no test report is recorded'] });
    expect(found.features[0]!.release).toEqual({ name: 'w.2018.18', date: '2018-05-03', levels: [] });
  });

  it('is achieved with its features delivered and its report recorded, not before', () => {
    const items = [delivered('F-1'), milestone('M-1', ['F-1'], reported)];
    expect(status(items).state).toBe('achieved');
    expect(status(items, 'M-1', '2018-05-20').state).toBe('achieved');
    expect(status(items, 'M-1', '2018-05-19')).toMatchObject({ state: 'ready', flags: [] });
    expect(status(items, 'M-1', '2018-05-03').state).toBe('ready');
    expect(status(items, 'M-1', '2018-05-02')).toMatchObject({ state: 'planned', missing: ['F-1 is not delivered'] });
  });

  it('that asks for verified features is only ready when they are delivered', () => {
    const found = status([delivered('F-1'), milestone('M-1', ['F-1'], { ...reported, achievedNeeds: 'verified' })]);
    expect(found).toMatchObject({ state: 'ready', missing: ['F-1 is not verified'], flags: ['contradicted'] });
  });

  it('does without features that were withdrawn or deferred', () => {
    const out = [
      feature('F-2', { setAside: { as: 'withdrawn', reason: 'r' } }),
      feature('F-3', { setAside: { as: 'deferred', reason: 'r' }, due: day('2017-01-01') }),
    ];
    const found = status([
      delivered('F-1'),
      ...out,
      milestone('M-1', ['F-1', 'F-2', 'F-3'], { ...reported, achievedNeeds: 'delivered' }),
    ]);
    expect(found.state).toBe('achieved');
    expect(found.features.map(({ state, flags }) => [state, flags])).toEqual([
      ['delivered', []],
      ['withdrawn', []],
      ['deferred', []],
    ]);
    expect(status([...out, milestone('M-1', ['F-2', 'F-3'], { ...reported, achievedNeeds: 'verified' })]).state).toBe(
      'achieved',
    );
  });

  it('needs a feature until the day on which that is withdrawn', () => {
    const out = feature('F-1', { setAside: { as: 'withdrawn', reason: 'r', on: day('2018-05-25') } });
    const items = [out, milestone('M-1', ['F-1'], reported)];
    expect(status(items, 'M-1', '2018-05-24').features[0]!.state).toBe('planned');
    expect(status(items, 'M-1', '2018-05-25').features[0]!.state).toBe('withdrawn');
  });

  it('does without a feature that is waived, up to the last day of the waiver', () => {
    const waivers = [
      {
        feature: keyOf('F-1'),
        reason: 'not needed for this test',
        by: 'DMCCB',
        ref: 'RFC-1',
        until: day('2018-06-01'),
      },
    ];
    const items = [feature('F-1'), milestone('M-1', ['F-1'], { ...reported, waivers })];
    const found = status(items, 'M-1', '2018-06-01');
    expect(found).toMatchObject({ state: 'achieved', flags: ['waived'], missing: [] });
    expect(found.features[0]!.waiver).toEqual({ reason: 'not needed for this test', by: 'DMCCB', ref: 'RFC-1' });
    expect(status(items, 'M-1', '2018-06-02')).toMatchObject({
      state: 'planned',
      missing: ['F-1 is not delivered'],
      flags: ['contradicted'],
    });
  });

  it('has no use for a waiver of what is delivered, nor for one of another milestone', () => {
    const waivers = [{ feature: keyOf('F-1'), reason: 'r', by: 'b' }];
    expect(status([delivered('F-1'), milestone('M-1', ['F-1'], { ...reported, waivers })]).flags).toEqual([]);
    const items = [feature('F-1'), milestone('M-1', ['F-1'], { waivers }), milestone('M-2', ['F-1'])];
    expect(status(items, 'M-2').features[0]!.waiver).toBeUndefined();
  });

  it('is late from the day after it is due until it is achieved', () => {
    const due = { due: day('2018-05-30') };
    const open = [feature('F-1'), milestone('M-1', ['F-1'], due)];
    expect(status(open, 'M-1', '2018-05-30')).toMatchObject({ flags: [] });
    expect(status(open, 'M-1', '2018-06-01')).toMatchObject({ flags: ['late'], daysLate: 2 });
    const done = status([delivered('F-1'), milestone('M-1', ['F-1'], { ...due, ...reported })], 'M-1', '2019-01-01');
    expect([done.state, done.flags, done.daysLate]).toEqual(['achieved', [], undefined]);
    const [late] = status([feature('F-1', { due: day('2018-05-22') }), milestone('M-1', ['F-1'])]).features;
    expect(late).toMatchObject({ flags: ['late'], daysLate: 10 });
  });
});

describe('a milestone that waits', () => {
  it('is blocked, with the whole chain down to what is free to go on', () => {
    const items = [
      feature('F-1'),
      milestone('M-1', ['F-1']),
      milestone('M-2', ['M-1']),
      milestone('M-3', [], { unlisted: [{ key: keyOf('M-2'), reason: 'r' }] }),
    ];
    const found = status(items, 'M-3');
    expect(found.flags).toEqual(['blocked']);
    expect(chains(found)).toEqual(['M-2 <- M-1']);
    expect(found.blockers[0]!.missing).toEqual(['F-1 is not delivered']);
    expect(JSON.parse(JSON.stringify(found.blockers))).toEqual([
      { chain: ['M-2', 'M-1'], missing: ['F-1 is not delivered'] },
    ]);
    expect(status(items, 'M-1').flags).toEqual([]);
  });

  it('names each thing it waits for once, by the shortest way', () => {
    const items = [milestone('A', []), milestone('B', ['A']), milestone('C', ['B']), milestone('M-1', ['C', 'A', 'B'])];
    expect(chains(status(items))).toEqual(['A']);
    const wide = [milestone('A', []), milestone('B', []), milestone('C', ['A', 'B']), milestone('M-1', ['C'])];
    expect(chains(status(wide))).toEqual(['C <- A', 'C <- B']);
  });

  it('waits for what others deliver, directly or behind a feature, until that is complete', () => {
    const items = (on?: string) => [
      external('E-1', on),
      external('E-2', on),
      feature('F-1', { external: keyOf('E-2') }),
      milestone('M-1', ['E-1', 'F-1']),
    ];
    expect(chains(status(items()))).toEqual(['E-1', 'F-1 <- E-2']);
    expect(chains(status(items('2018-06-02')))).toEqual(['E-1', 'F-1 <- E-2']);
    expect(chains(status(items('2018-06-01')))).toEqual([]);
    expect(status(items()).blockers[0]!.missing).toEqual(['E-1 is not recorded as complete']);
  });

  it('waits no more for what stands behind a feature that was delivered', () => {
    const through = feature('F-1', { external: keyOf('E-1'), delivered: { tag: 'w.2018.18' } });
    expect(chains(status([external('E-1'), through, milestone('M-1', ['F-1'])]))).toEqual([]);
  });

  it('waits no more for what stands behind a feature that was withdrawn or is waived', () => {
    const waits = { external: keyOf('E-1') };
    const withdrawn = (on?: string) =>
      feature('F-2', { ...waits, setAside: { as: 'withdrawn', reason: 'r', ...(on ? { on: day(on) } : {}) } });
    const waivers = [{ feature: keyOf('F-3'), reason: 'r', by: 'b', until: day('2018-06-01') }];
    const items = (on?: string) => [
      external('E-1'),
      delivered('F-1'),
      withdrawn(on),
      feature('F-3', waits),
      milestone('M-1', ['F-1', 'F-2', 'F-3'], { ...reported, waivers }),
    ];
    expect(status(items())).toMatchObject({ state: 'achieved', blockers: [], findings: [] });
    expect(status(items('2018-06-01')).state).toBe('achieved');
    expect(chains(status(items(), 'M-1', '2018-06-02'))).toEqual(['F-3 <- E-1']);
    expect(status([external('E-1'), milestone('M-1', ['E-1'], reported)]).findings[0]!.message).toBe(
      'M-1 is declared complete on 2018-05-20, but E-1 is not recorded as complete',
    );
  });

  it('is not ready while it is blocked, and goes on when its prerequisite is achieved', () => {
    const items = (more: Partial<Milestone>) => [
      delivered('F-1'),
      milestone('M-0', ['F-1'], more),
      milestone('M-1', ['F-1', 'M-0'], reported),
    ];
    expect(status(items({}))).toMatchObject({ state: 'in-progress', flags: ['blocked', 'contradicted'] });
    expect(status(items(reported))).toMatchObject({ state: 'achieved', flags: [] });
  });
});

describe('a claim', () => {
  it('that the facts do not bear out is contradicted, with the reason and what to do', () => {
    const found = status([feature('F-1'), milestone('M-1', ['F-1'], reported)]);
    expect(found.flags).toEqual(['contradicted']);
    expect(found.findings).toMatchObject([
      {
        code: 'claim-contradicted',
        message: 'M-1 is declared complete on 2018-05-20, but F-1 is not delivered',
        hint: 'reopen it, record what is missing, or waive it with a reason',
        subject: 'M-1',
      },
    ]);
  });

  it('names the root of what it waits for', () => {
    const items = [feature('F-1'), milestone('A', ['F-1']), milestone('B', ['A']), milestone('M-1', ['B'], reported)];
    expect(status(items).findings[0]!.message).toBe('M-1 is declared complete on 2018-05-20, but A is not achieved');
  });

  it('makes everything that builds on it doubtful', () => {
    const items = [
      feature('F-1'),
      milestone('M-1', ['F-1'], reported),
      milestone('M-2', ['M-1']),
      milestone('M-3', ['M-2']),
    ];
    expect(status(items, 'M-2').flags).toEqual(['blocked', 'contradicted-upstream']);
    expect(status(items, 'M-3').flags).toEqual(['blocked', 'contradicted-upstream']);
    expect(status(items, 'M-3', '2018-05-19').flags).toEqual(['blocked']);
  });

  it('is not looked at before its day', () => {
    expect(status([feature('F-1'), milestone('M-1', ['F-1'], reported)], 'M-1', '2018-05-19').flags).toEqual([]);
  });

  it('of delivery needs a release that has a record', () => {
    const claims: [Feature['delivered'] & object, string][] = [
      [{ tag: 'w.2018.99' }, 'F-1 is declared delivered by w.2018.99, which has no release record'],
      [{ on: day('2018-05-01') }, 'F-1 is declared delivered on 2018-05-01, but names no release'],
    ];
    for (const [claim, message] of claims) {
      const found = status([feature('F-1', { delivered: claim }), milestone('M-1', ['F-1'])]);
      expect(found.state).toBe('planned');
      expect(found.features[0]!.flags).toEqual(['contradicted']);
      expect(found.findings).toMatchObject([{ code: 'claim-contradicted', message, subject: 'F-1' }]);
    }
    const later = feature('F-1', { delivered: { tag: 'w.2018.99', on: day('2018-06-02') } });
    expect(status([later, milestone('M-1', ['F-1'])]).findings).toEqual([]);
  });
});

describe('a plan of great size', () => {
  const line = (length: number, more: Partial<Milestone> = {}) =>
    Array.from({ length }, (_, number) => milestone(`M-${number + 1}`, number === 0 ? ['F-1'] : [`M-${number}`], more));

  it('may have 50,000 milestones in one line', () => {
    const plan = board([feature('F-1'), ...line(50_000, { due: day('2018-01-01'), ...reported })]);
    const worked = startWork();
    const last = plan.milestone(keyOf('M-50000'));
    expect(last.flags).toEqual(['late', 'blocked', 'contradicted', 'contradicted-upstream']);
    expect(last.blockers).toHaveLength(1);
    const { chain } = last.blockers[0]!;
    expect([chain.length, chain[0], chain.at(-1)]).toEqual([49_999, 'M-49999', 'M-1']);
    expect(worked()).toBeLessThan(3);
  });

  it('may have a milestone that needs 200,000 others', () => {
    const many = Array.from({ length: 200_000 }, (_, number) => milestone(`A-${number}`, [], reported));
    expect(
      status([
        ...many,
        milestone(
          'M-1',
          many.map(({ id }) => id),
          reported,
        ),
      ]).state,
    ).toBe('achieved');
  });

  it('may have 700 milestones of which each needs all before it', () => {
    const items = Array.from({ length: 700 }, (_, number) =>
      milestone(
        `M-${number}`,
        Array.from({ length: number }, (_, before) => `M-${before}`),
      ),
    );
    const worked = startWork();
    expect(chains(status(items, 'M-699'))).toEqual(['M-0']);
    expect(worked()).toBeLessThan(3);
  });
});
