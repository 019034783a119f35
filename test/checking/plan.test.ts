import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CheckFacts, type PlanFacts, planChecks } from '../../src/checking/plan.ts';
import type { Digest, Instant } from '../../src/support/index.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}` as Digest;
const now = '2018-05-10T00:00:00Z' as Instant;
const passed = { passed: true, configuration: digest('c'), finishedOn: '2018-05-09T00:00:00Z' as Instant };
const released = { repository: 'build/stack', digest: digest('a'), inputs: digest('b'), size: 1, platforms: [] };
const smoke: CheckFacts = {
  check: 'smoke',
  image: 'stack',
  configuration: digest('c'),
  released,
  latest: passed,
  fresh: undefined,
  advisory: false,
  job: undefined,
};
const facts = (checks: Partial<CheckFacts>[], more: Partial<PlanFacts> = {}): PlanFacts => ({
  operation: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  now,
  level: 'dev',
  release: 'w.2018.18',
  checks: checks.map((each) => ({ ...smoke, ...each })),
  folder: 'releases/w.2018.18/evidence',
  recorded: true,
  owed: 0,
  force: false,
  wait: true,
  problems: [],
  ...more,
});
const actions = (from: PlanFacts) => planChecks(from).steps.map(({ id, action }) => `${action} ${id}`);

describe('what a check run does', () => {
  it('is nothing when all passed and is recorded', () => {
    expect(actions(facts([{}]))).toEqual(['skip check:smoke:stack', 'skip commit']);
    expect(actions(facts([{}], { recorded: false }))).toEqual(['skip check:smoke:stack', 'create commit']);
  });

  it.each<[string, Partial<CheckFacts>, Partial<PlanFacts>]>([
    ['never ran', { latest: undefined }, {}],
    ['failed the last time', { latest: { ...passed, passed: false } }, {}],
    ['was another check then', { latest: { ...passed, configuration: digest('d') } }, {}],
    ['passed too long ago', { fresh: '23h' }, {}],
    ['is asked for again', {}, { force: true }],
    ['is told by a file', { file: '/x.xml' }, {}],
    ['only warned, and may keep a release out now', { latest: { ...passed, passed: false, warned: true } }, {}],
  ])('is a check that %s', (_what, check, more) => {
    expect(actions(facts([check], more))).toEqual(['create check:smoke:stack', 'create commit']);
  });

  it.each<[string, Partial<CheckFacts>]>([
    ['passed just as long ago as it may', { fresh: '24h' }],
    ['warned, and keeps nothing out', { advisory: true, latest: { ...passed, passed: false, warned: true } }],
    [
      'passed in what the clock calls the future',
      { fresh: '1h', latest: { ...passed, finishedOn: '2018-06-01T00:00:00Z' as Instant } },
    ],
  ])('is not a check that %s', (_what, check) => {
    expect(actions(facts([check]))).toEqual(['skip check:smoke:stack', 'skip commit']);
  });

  it('hands over jobs of all images of a check at once, and does not wait when nobody wants to', () => {
    const jobs: Partial<CheckFacts>[] = [
      { latest: undefined, job: 'unknown' },
      { latest: undefined, job: 'ended', image: 'lab' },
      { image: 'base', job: 'unknown' },
    ];
    expect(actions(facts(jobs))).toEqual([
      'create submit:smoke',
      'create check:smoke:stack',
      'create check:smoke:lab',
      'skip check:smoke:base',
      'create commit',
    ]);
    const plan = planChecks(facts(jobs, { wait: false }));
    expect(plan.steps.map(({ id }) => id)).toEqual(['submit:smoke', 'check:smoke:lab', 'check:smoke:base', 'commit']);
    expect(plan.details.later).toEqual(['check:smoke:stack']);
    expect(plan.details.submitted).toEqual({ 'submit:smoke': ['check:smoke:stack', 'check:smoke:lab'] });
    expect(actions(facts([{ latest: undefined, job: 'waiting' }], { wait: false }))).toEqual([
      'skip submit:smoke',
      'skip commit',
    ]);
  });

  it('attaches first what an earlier run did not come to attach, and records whatever else goes wrong', () => {
    const plan = planChecks(facts([{ latest: undefined }], { owed: 2 }));
    expect(plan.steps[0]).toMatchObject({ id: 'attach', title: 'attach 2 statements to the images', action: 'create' });
    expect(plan.steps.at(-1)).toMatchObject({ id: 'commit', after: ['check:smoke:stack'] });
    expect(plan.steps.at(-1)!.needs).toBeUndefined();
  });

  it('never leaves out a check without a pass that counts, whatever is known', () => {
    const latest = fc.option(
      fc.record({
        passed: fc.boolean(),
        configuration: fc.constantFrom(digest('c'), digest('d')),
        finishedOn: fc.constantFrom('2018-05-01T00:00:00Z', '2018-05-09T23:59:59Z').map((each) => each as Instant),
      }),
      { nil: undefined },
    );
    const check = fc.record({
      latest,
      fresh: fc.constantFrom(undefined, '1h', '30d'),
      job: fc.constantFrom(undefined, 'unknown' as const, 'ended' as const, 'waiting' as const),
    });
    fc.assert(
      fc.property(check, fc.boolean(), (each, wait) => {
        const plan = planChecks(facts([each], { wait }));
        const skipped = plan.steps.some(({ id, action }) => id === 'check:smoke:stack' && action === 'skip');
        const counts =
          each.latest?.passed === true &&
          each.latest.configuration === digest('c') &&
          (each.fresh !== '1h' || each.latest.finishedOn > '2018-05-09T23:00:00Z');
        expect(skipped).toBe(counts);
      }),
    );
  });
});
