import { describe, expect, it } from '@jest/globals';
import {
  type ApprovalFact,
  type Author,
  evaluateGate,
  type GateFacts,
  type SummaryFact,
  type WaiverFact,
  type WithdrawalFact,
} from '../../src/promotion/index.ts';
import { type CalendarDate, digestOf } from '../../src/support/index.ts';
import { startWork } from '../support/work.ts';
import { at, bundle, dev, facts, other, result, smoke, stack, unmet } from './gate-builder.ts';

const key = (name: string, role: string, person = name): Author => ({ name, person, roles: [role] });
const tester = key('tester-1', 'tester');
const alice = key('alice', 'manager');
const bob = key('bob', 'manager');
const approval = (by: Author, more: Partial<ApprovalFact> = {}): ApprovalFact => ({
  file: `${by.name}.json`,
  by,
  at: at('2018-05-06T10:00:00Z'),
  level: 'batch',
  role: 'manager',
  release: bundle,
  ...more,
});
const waiver = (more: Partial<WaiverFact> = {}): WaiverFact => ({
  file: 'waiver.json',
  by: alice,
  at: at('2018-05-06T10:00:00Z'),
  level: 'batch',
  check: 'smoke',
  subject: bundle,
  reason: 'known',
  until: '2018-05-31' as CalendarDate,
  ...more,
});
const summary = (more: Partial<SummaryFact> = {}): SummaryFact => ({
  file: 'vsa.json',
  by: key('dev-1', 'promoter-dev'),
  at: at('2018-05-03T12:00:00Z'),
  levels: ['dev'],
  digests: [stack],
  passed: true,
  ...more,
});
/** A workspace that trusts keys, and a release that may go up in it. */
const trusted = (more: Partial<GateFacts> = {}) =>
  facts({ signed: true, results: [result({ by: tester })], summaries: [summary()], waivers: 'manager', ...more });
const two = { role: 'manager', count: 2 };
const decided = (more: Partial<GateFacts>) => {
  const { verdict, conditions, ignored } = evaluateGate(trusted(more));
  const open = conditions.filter(({ state }) => state !== 'met');
  return { verdict, open: open.map(({ state, text }) => `${state}: ${text}`), ignored: ignored.map(({ why }) => why) };
};

describe('where keys are trusted', () => {
  it('a result counts only by a tester, and every other is reported', () => {
    expect(decided({}).verdict).toBe('allow');
    expect(decided({ results: [result()] })).toEqual({
      verdict: 'deny',
      open: ['unmet: smoke was not run on stack'],
      ignored: ['is not signed; only keys of the role tester count'],
    });
    expect(decided({ results: [result({ by: alice })] }).ignored).toEqual([
      'alice has not the role tester (its roles: manager)',
    ]);
    const failure = result({ by: alice, passed: false, file: 'z', at: at('2018-05-04T00:00:00Z') });
    expect(decided({ results: [result({ by: tester }), failure] }).verdict).toBe('allow');
  });

  it('nothing stands at a level before but what its promoter signed for, and did not take back', () => {
    const text = 'unmet: dev has stack of w.2018.18 in its record, but its promoter';
    expect(decided({ summaries: [] }).open).toEqual([`${text} never said so`]);
    expect(decided({ summaries: [summary({ digests: [other] })] }).verdict).toBe('deny');
    expect(decided({ summaries: [summary({ levels: ['lab'] })] }).verdict).toBe('deny');
    const no = summary({ passed: false, file: 'no.json' });
    expect(decided({ summaries: [summary(), no] }).open).toEqual([`${text} says that it no longer does`]);
    expect(decided({ summaries: [no, summary({ at: at('2018-05-04T00:00:00Z') })] }).verdict).toBe('allow');
    const after = evaluateGate(trusted()).conditions.find(({ kind }) => kind === 'after');
    expect(after?.evidence).toEqual([{ file: 'vsa.json', by: 'dev-1', at: '2018-05-03T12:00:00Z' }]);
  });

  it('nothing stands at a level before that a demoter took away since, until its promoter says so again', () => {
    const gone = (more: Partial<WithdrawalFact> = {}): WithdrawalFact => ({
      file: 'gone.json',
      by: key('dem-1', 'demoter'),
      at: at('2018-05-04T00:00:00Z'),
      level: 'dev',
      digests: [stack],
      ...more,
    });
    expect(decided({ withdrawn: [gone()] })).toMatchObject({
      verdict: 'deny',
      open: ['unmet: dev has stack of w.2018.18 in its record, but dem-1 took it away at 2018-05-04T00:00:00Z'],
    });
    const others = [{ level: 'lab' }, { digests: [other] }, { by: alice }, { at: at('2018-05-03T12:00:00Z') }];
    for (const more of others) expect(decided({ withdrawn: [gone(more)] }).verdict).toBe('allow');
    const again = summary({ file: 'again.json', at: at('2018-05-04T00:00:01Z') });
    expect(decided({ withdrawn: [gone()], summaries: [summary(), again] }).verdict).toBe('allow');
  });

  it('what nobody proved is reported beside', () => {
    expect(decided({ unproved: [{ file: 'x.json', why: 'nobody signed it' }] })).toMatchObject({
      verdict: 'allow',
      ignored: ['nobody signed it'],
    });
  });
});

describe('approvals', () => {
  const asked = (approved: ApprovalFact[], rule: GateFacts['approvals'][number] = two) =>
    decided({ approvals: [rule], approved });

  it('are of so many different people, of this release as it is, at this level', () => {
    expect(asked([])).toMatchObject({ verdict: 'deny', open: ['unmet: 0 of 2 approved as manager'] });
    expect(asked([approval(alice)]).open).toEqual(['unmet: 1 of 2 approved as manager: alice']);
    expect(asked([approval(alice), approval(bob)]).verdict).toBe('allow');
    expect(asked([approval(alice), approval(alice, { file: 'again.json' })]).verdict).toBe('deny');
    expect(asked([approval(alice), approval(bob, { release: other })])).toMatchObject({
      verdict: 'deny',
      ignored: ['approves other images of the release'],
    });
    expect(asked([approval(alice), approval(bob, { level: 'dev' })]).verdict).toBe('deny');
  });

  it('by two keys of one person are one', () => {
    const work = approval(key('alice-work', 'manager', 'Alice'));
    const home = approval(key('alice-home', 'manager', 'Alice'));
    expect(asked([work, home]).open).toEqual(['unmet: 1 of 2 approved as manager: Alice']);
  });

  it('by who has not the role, or in a role that is not asked, count for nothing', () => {
    const mallory = approval(key('mallory', 'tester'));
    expect(asked([approval(alice), mallory]).ignored).toEqual(['mallory has not the role manager (its roles: tester)']);
    expect(asked([approval(alice), approval(bob, { role: 'guest' })]).ignored).toEqual([
      'batch asks for no approval by guest',
    ]);
    const unsigned = { name: 'Bob <b@example.org>', person: 'Bob <b@example.org>', roles: undefined };
    expect(asked([approval(alice), approval(unsigned)]).verdict).toBe('deny');
  });

  it('hold for a time where the level says so, to the second, and not before they are dated', () => {
    const rule = { role: 'manager', count: 1, within: '2h' };
    expect(asked([approval(alice)], rule).verdict).toBe('allow'); // it is 12:00
    const old = approval(alice, { at: at('2018-05-06T09:59:59Z') });
    expect(asked([old], rule)).toMatchObject({ verdict: 'deny', ignored: ['was given more than 2h ago'] });
    expect(asked([old, approval(alice, { file: 'again.json' })], rule).verdict).toBe('allow');
    const coming = approval(alice, { at: at('2018-05-06T12:00:01Z') });
    expect(asked([coming], rule)).toMatchObject({
      verdict: 'deny',
      ignored: ['is dated 2018-05-06T12:00:01Z, after now: it does not count until then'],
    });
  });

  it('say who gave them, in their files, and what to run', () => {
    const [condition] = evaluateGate(trusted({ approvals: [two], approved: [approval(alice)] })).conditions.filter(
      ({ kind }) => kind === 'approval',
    );
    expect(condition).toMatchObject({
      hint: 'dmrel approve --level batch --release w.2018.18 --role manager',
      evidence: [{ file: 'alice.json', by: 'alice', at: '2018-05-06T10:00:00Z' }],
    });
  });
});

describe('a waiver', () => {
  const failing = { results: [result({ by: tester, passed: false })] };

  it('answers for a check that is not met, by name, reason and day', () => {
    const decision = evaluateGate(trusted({ ...failing, waived: [waiver()] }));
    expect(decision.verdict).toBe('allow');
    expect(decision.conditions.find(({ kind }) => kind === 'check')).toMatchObject({
      state: 'waived',
      text: 'smoke failed on stack (2018-05-03T10:00:00Z)',
      waiver: { by: 'alice', reason: 'known', until: '2018-05-31', file: 'waiver.json' },
    });
  });

  it.each<[string, Partial<WaiverFact>, string | undefined]>([
    ['is over', { until: '2018-05-05' as CalendarDate }, 'waived smoke until 2018-05-05'],
    ['is of another release', { subject: other }, 'waives smoke of other images'],
    ['is of another digest of the image', { image: 'stack', subject: other }, 'waives smoke of other images'],
    ['is of another image', { image: 'lab', subject: stack }, 'waives smoke of other images'],
    ['is by who may not', { by: tester }, 'tester-1 has not the role manager (its roles: tester)'],
    ['is of another check', { check: 'scan' }, undefined],
    ['is for another level', { level: 'dev' }, undefined],
    [
      'is dated after now',
      { at: at('2018-05-07T00:00:00Z') },
      'is dated 2018-05-07T00:00:00Z, after now: it does not count until then',
    ],
  ])('that %s counts for nothing', (_what, more, why) => {
    const { verdict, ignored } = decided({ ...failing, waived: [waiver(more)] });
    expect([verdict, ignored]).toEqual(['deny', why === undefined ? [] : [why]]);
  });

  it('holds through its last day, for one image or for all', () => {
    expect(decided({ ...failing, waived: [waiver({ until: '2018-05-06' as CalendarDate })] }).verdict).toBe('allow');
    expect(decided({ ...failing, waived: [waiver({ image: 'stack', subject: stack })] }).verdict).toBe('allow');
  });

  it('by nobody is possible where no role may waive', () => {
    const { verdict, ignored } = decided({ ...failing, waivers: undefined, waived: [waiver()] });
    expect([verdict, ignored]).toEqual(['deny', ['nobody may waive anything at batch']]);
  });

  it('does not stand in the way of a check that is met', () => {
    expect(decided({ waived: [waiver()] })).toMatchObject({ verdict: 'allow', open: [] });
  });
});

describe('time', () => {
  it('makes results stale where the check says how long they hold', () => {
    const checks = [{ ...smoke, freshness: '3d' }];
    expect(decided({ checks, now: at('2018-05-06T10:00:00Z') }).verdict).toBe('allow');
    expect(decided({ checks, now: at('2018-05-06T10:00:01Z') }).open).toEqual([
      'unmet: smoke passed on stack too long ago (2018-05-03T10:00:00Z): a result holds for 3d',
    ]);
  });

  it('that jumps back makes a pass wait, and takes nothing from a failure', () => {
    const now = at('2018-05-03T09:00:00Z');
    const after = { any: false, levels: [] };
    const early = decided({ now, after, soak: undefined });
    expect(early).toMatchObject({ verdict: 'defer' });
    expect(early.open[0]).toMatch(/^wait: smoke passed on stack, dated 2018-05-03T10:00:00Z, after now/);
    const old = result({ by: tester, at: at('2018-05-01T00:00:00Z'), file: 'old' });
    expect(decided({ now, after, soak: undefined, results: [old, result({ by: tester })] }).verdict).toBe('allow');
    const failure = result({ by: tester, passed: false });
    expect(decided({ now, after, soak: undefined, results: [old, failure] }).verdict).toBe('deny');
  });

  it('of a freeze defers to its end, and denies where it has none', () => {
    const until = at('2018-05-07T00:00:00Z');
    const decision = evaluateGate(facts({ frozen: { reason: 'night', until } }));
    expect([decision.verdict, decision.until, unmet(decision)]).toEqual([
      'defer',
      until,
      ['freeze: batch is frozen until 2018-05-07T00:00:00Z: night'],
    ]);
    expect(evaluateGate(facts({ frozen: { reason: 'for good', until: undefined } })).verdict).toBe('deny');
  });
});

describe('levels before, of which any one is enough', () => {
  const absent = { ...dev, since: undefined, images: {} };
  const young = { ...dev, level: 'lab', since: at('2018-05-06T00:00:00Z') };
  const any = (levels: GateFacts['after']['levels'], soak?: string) =>
    evaluateGate(facts({ after: { any: true, levels }, soak }));

  it('let a release up that stands at one of them as it is', () => {
    expect(any([{ ...absent, level: 'lab' }, dev]).verdict).toBe('allow');
    expect(any([dev, { ...absent, level: 'lab' }]).verdict).toBe('allow');
    expect(unmet(any([absent, { ...absent, level: 'lab' }]))).toEqual([
      'after: w.2018.18 stands neither at dev nor at lab',
    ]);
    expect(any([absent, { ...young, images: { stack: other } }]).verdict).toBe('deny');
  });

  it('ask for the soak at one that counts, the soonest', () => {
    expect(any([dev, young], '48h').verdict).toBe('allow');
    const decision = any([{ ...dev, since: at('2018-05-05T12:00:00Z') }, young], '48h');
    expect([decision.verdict, decision.until]).toEqual(['defer', '2018-05-07T12:00:00Z']);
    const other_ = any([{ ...dev, images: { stack: other } }, young], '48h');
    expect([other_.verdict, other_.until]).toEqual(['defer', '2018-05-08T00:00:00Z']);
  });
});

describe('ceilings', () => {
  const scan = { ...smoke, check: 'scan' };
  const counted = (counts: Record<string, number> | undefined, more: Partial<GateFacts> = {}) =>
    decided({
      checks: [scan],
      ceilings: { vulnerabilities: { max: { critical: 0, high: 5 }, checks: ['scan'] } },
      results: [result({ by: tester, check: 'scan', ...(counts ? { counts } : {}) })],
      ...more,
    });

  it('hold whatever the check itself allows, and deny what was not counted', () => {
    expect(counted({ critical: 0, high: 5, low: 99 }).verdict).toBe('allow');
    expect(counted({}).verdict).toBe('allow');
    expect(counted({ critical: 1, high: 6 }).open).toEqual([
      'unmet: scan found in stack: 1 critical of at most 0, 6 high of at most 5 (2018-05-03T10:00:00Z)',
    ]);
    expect(counted({ low: 0, unknown: 1 }).open).toEqual([
      'unmet: scan found in stack: 1 critical of at most 0 (2018-05-03T10:00:00Z)',
    ]);
    const unknown = { vulnerabilities: { max: { critical: 0, unknown: 1 }, checks: ['scan'] } };
    expect(counted({ unknown: 1 }, { ceilings: unknown }).verdict).toBe('allow');
    expect(counted(undefined).open).toEqual(['unmet: vulnerabilities of stack were not counted by scan']);
    expect(counted({}, { results: [] }).open).toEqual([
      'unmet: scan was not run on stack',
      'unmet: vulnerabilities of stack were not counted by scan',
    ]);
  });

  it('may be waived with the check that counts', () => {
    expect(counted({ critical: 1 }, { waived: [waiver({ check: 'scan' })] }).verdict).toBe('allow');
  });

  it('bound the size of an image', () => {
    expect(decided({ ceilings: { size: '1MiB' } }).verdict).toBe('allow');
    expect(decided({ ceilings: { size: '1023KiB' } }).open).toEqual([
      'unmet: stack has 1048576 bytes of at most 1023KiB',
    ]);
  });
});

describe('what keeps nothing out', () => {
  it('is an advisory check, which is shown', () => {
    const checks = [smoke, { ...smoke, check: 'style', advisory: true }];
    expect(decided({ checks })).toMatchObject({
      verdict: 'allow',
      open: ['advisory: style was not run on stack'],
    });
  });

  it('is everything that is owed in an emergency, but not what was never built or was tampered with', () => {
    const emergency = { reason: 'telescope is down', ref: 'RFC-373', by: 'ops-1', at: at('2018-05-06T12:00:00Z') };
    const all: Partial<GateFacts> = {
      results: [],
      approvals: [two],
      soak: '30d',
      held: { by: 'Ops', reason: 'r' },
      frozen: { reason: 'night', until: at('2018-05-07T00:00:00Z') },
      milestone: { id: 'M', unverified: ['F'], features: 2, setAside: 0 },
      emergency,
    };
    const { verdict, open } = decided(all);
    expect(verdict).toBe('allow');
    expect(open.map((each) => each.split(':')[0])).toEqual(Array.from({ length: 6 }, () => 'owed'));
    expect(decided({ ...all, images: [{ name: 'stack', digest: undefined }] }).verdict).toBe('deny');
    expect(decided({ ...all, broken: [{ code: 'digest-mismatch', severity: 'error', message: 'x' }] }).verdict).toBe(
      'deny',
    );
  });
});

describe('a gate of many statements', () => {
  it('takes time in proportion to them: ten times as many take less than thirty times as long', () => {
    const images = Array.from({ length: 20 }, (_, index) => ({ name: `i${index}`, digest: digestOf(`i${index}`) }));
    const names = images.map(({ name }) => name);
    const checks = Array.from({ length: 5 }, (_, index) => ({ ...smoke, check: `c${index}`, images: names }));
    const of = (number: number) =>
      trusted({
        images,
        checks,
        after: { any: false, levels: [] },
        results: Array.from({ length: number }, (_, index) =>
          result({
            by: tester,
            file: `${index}`,
            check: `c${Math.floor(index / 20) % 5}`,
            digest: images[index % 20]!.digest,
          }),
        ),
      });
    const seconds = (number: number, times: number) => {
      const from = of(number);
      for (let round = 0; round < 20; round += 1) evaluateGate(from);
      const work = startWork();
      for (let round = 0; round < times; round += 1) expect(evaluateGate(from).verdict).toBe('allow');
      return work() / times;
    };
    const thousand = seconds(1000, 200);
    expect(seconds(10_000, 20) / thousand).toBeLessThan(30);
  });
});
