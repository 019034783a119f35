import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CheckFact, evaluateGate, type GateFacts, type ResultFact } from '../../src/promotion/index.ts';
import { type CalendarDate, digestOf, hexOf, instantOf, problem } from '../../src/support/index.ts';
import { at, bundle, dev, facts, other, result, rule, smoke, stack, unmet, unsigned } from './gate-builder.ts';

describe('a gate', () => {
  it('lets a release up that meets every condition, and says what it rests on', () => {
    const decision = evaluateGate(facts());
    expect(decision.verdict).toBe('allow');
    expect(decision.conditions.map(({ state, text }) => `${state}: ${text}`)).toEqual([
      `met: stack is built: ${stack}`,
      'met: stands at dev since 2018-05-03T12:00:00Z',
      'met: smoke passed on stack (2018-05-03T10:00:00Z)',
      'met: stood at dev for 3d of 48h',
    ]);
  });

  it.each<[string, Partial<GateFacts>, string[]]>([
    ['no image is meant for the level', { images: [], checks: [] }, ['built: no image is meant for level batch']],
    [
      'an image is not built',
      { images: [{ name: 'stack', digest: undefined }] },
      [
        'built: stack of w.2018.18 is not built',
        `after: dev has ${stack} stack of w.2018.18, not this one`,
        'check: smoke was not run on stack',
      ],
    ],
    [
      'one of two images is not built',
      { images: [...facts().images, { name: 'db', digest: undefined }] },
      ['built: db of w.2018.18 is not built'],
    ],
    [
      'it does not stand at the level before',
      { after: { any: false, levels: [{ ...dev, since: undefined, images: {} }] } },
      ['after: w.2018.18 does not stand at dev'],
    ],
    [
      'it stands at one of two levels before',
      { after: { any: false, levels: [dev, { ...dev, level: 'night', since: undefined, images: {} }] } },
      ['after: w.2018.18 does not stand at night'],
    ],
    [
      'another image than this one stands at the level before',
      { after: { any: false, levels: [{ ...dev, images: { stack: other } }] } },
      [`after: dev has ${other} stack of w.2018.18, not this one`],
    ],
    [
      'the level before was never given the image',
      { after: { any: false, levels: [{ ...dev, images: {} }] } },
      ['after: dev has no stack of w.2018.18, not this one'],
    ],
    ['a check was never run', { results: [] }, ['check: smoke was not run on stack']],
    [
      'a check failed',
      { results: [result({ passed: false })] },
      ['check: smoke failed on stack (2018-05-03T10:00:00Z)'],
    ],
    [
      'a check was changed after its pass',
      { results: [result({ configuration: other })] },
      ['check: smoke was changed after it was run on stack (2018-05-03T10:00:00Z)'],
    ],
    [
      'one of two checks failed',
      { checks: [smoke, { ...smoke, check: 'load' }], results: [result(), result({ check: 'load', passed: false })] },
      ['check: load failed on stack (2018-05-03T10:00:00Z)'],
    ],
    [
      'somebody holds the level',
      { held: { by: 'Ops', reason: 'storage moves' } },
      ['hold: batch is held by Ops: storage moves'],
    ],
    [
      'a newer release stands there',
      { newer: 'w.2018.19' },
      ['order: w.2018.19, newer than w.2018.18, stands at batch'],
    ],
  ])('says no when %s', (_what, more, reasons) => {
    const decision = evaluateGate(facts(more));
    expect([decision.verdict, unmet(decision)]).toEqual(['deny', reasons]);
    expect(decision.until).toBeUndefined();
    for (const { state, hint } of decision.conditions) if (state === 'unmet') expect(hint).toMatch(/\w/);
  });

  it('asks for the features of a milestone, and is not content with one that has none', () => {
    const milestone = (features: number, setAside: number) =>
      evaluateGate(facts({ milestone: { id: 'M', unverified: [], features, setAside } })).conditions.filter(
        ({ kind }) => kind === 'milestone',
      );
    expect(milestone(2, 0)).toMatchObject([{ state: 'met', text: 'all 2 features of M are verified' }]);
    expect(milestone(0, 3)).toMatchObject([
      { state: 'met', text: 'no feature of M is left to be verified: 3 set aside or waived' },
    ]);
    expect(milestone(0, 0)).toMatchObject([
      { state: 'unmet', text: 'M has no features: nothing says what is to be verified' },
    ]);
  });

  it('gives every reason at once', () => {
    const decision = evaluateGate(
      facts({
        images: [{ name: 'stack', digest: undefined }],
        after: { any: false, levels: [{ ...dev, since: undefined, images: {} }] },
        results: [],
        held: { by: 'Ops', reason: 'storage moves' },
        newer: 'w.2018.19',
      }),
    );
    const kinds = decision.conditions.filter(({ state }) => state === 'unmet').map(({ kind }) => kind);
    expect([decision.verdict, kinds]).toEqual(['deny', ['built', 'after', 'check', 'hold', 'order']]);
  });

  it('does not ask the level before for an image that is not meant for it', () => {
    const images = [...facts().images, { name: 'db', digest: other }];
    expect(evaluateGate(facts({ images })).verdict).toBe('allow');
    const asked = evaluateGate(facts({ images, after: { any: false, levels: [{ ...dev, meant: ['stack', 'db'] }] } }));
    expect(unmet(asked)).toEqual(['after: dev has no db of w.2018.18, not this one']);
  });

  it('asks a first level for nothing before it', () => {
    expect(evaluateGate(facts({ after: { any: false, levels: [] }, soak: undefined })).verdict).toBe('allow');
  });
});

describe('a gate that asks for time', () => {
  const decided = (now: string, soak = '48h') => evaluateGate(facts({ now: at(now), soak }));

  it('says until when to wait, to the second', () => {
    const early = decided('2018-05-05T11:59:59Z');
    expect([early.verdict, early.until, unmet(early)]).toEqual([
      'defer',
      '2018-05-05T12:00:00Z',
      ['soak: has stood at dev for 1d 23h of 48h'],
    ]);
    expect(decided('2018-05-05T12:00:00Z').verdict).toBe('allow');
  });

  it('waits for the last of several levels', () => {
    const late = { ...dev, level: 'night', since: at('2018-05-06T00:00:00Z') };
    const decision = evaluateGate(
      facts({ after: { any: false, levels: [late, dev] }, now: at('2018-05-04T12:00:00Z') }),
    );
    expect([decision.verdict, decision.until]).toEqual(['defer', '2018-05-08T00:00:00Z']);
  });

  it('counts no time after another release took its place, and does not wait for more', () => {
    const replaced = (until: string, more: Partial<GateFacts['after']['levels'][0]>[] = []) =>
      evaluateGate(
        facts({
          after: {
            any: more.length > 0,
            levels: [{ ...dev, until: at(until) }, ...more.map((each) => ({ ...dev, ...each }))],
          },
        }),
      );
    expect(replaced('2018-05-05T12:00:00Z').verdict).toBe('allow');
    const early = replaced('2018-05-05T11:59:59Z');
    expect([early.verdict, unmet(early)]).toEqual([
      'deny',
      ['soak: stood at dev for 1d 23h of 48h, until another release took its place'],
    ]);
    expect(replaced('2018-05-04T12:00:00Z', [{ level: 'night' }]).verdict).toBe('allow');
    expect(replaced('2018-05-04T12:00:00Z', [{ level: 'night', since: at('2018-05-06T00:00:00Z') }])).toMatchObject({
      verdict: 'defer',
      until: '2018-05-08T00:00:00Z',
    });
  });

  it('waits when the clock stands before the promotion', () => {
    expect(decided('2018-05-03T11:00:00Z').verdict).toBe('defer');
  });

  it('says no rather than wait when waiting alone does not help', () => {
    const decision = evaluateGate(facts({ now: at('2018-05-04T12:00:00Z'), held: { by: 'Ops', reason: 'r' } }));
    expect([decision.verdict, decision.until]).toEqual(['deny', undefined]);
  });

  it('ends no later than a date can be written', () => {
    expect(decided('2018-05-06T12:00:00Z', '999999999d')).toMatchObject({
      verdict: 'defer',
      until: '9999-12-31T23:59:59Z',
    });
  });
});

describe('the evidence a gate looks at', () => {
  const verdict = (...results: ResultFact[]) => evaluateGate(facts({ results })).verdict;
  const later = at('2018-05-03T10:00:01Z');

  it('is of exactly this digest and this check', () => {
    expect(verdict()).toBe('deny');
    expect(verdict(result({}))).toBe('allow');
    expect(verdict(result({ digest: other }))).toBe('deny');
    expect(verdict(result({ check: 'smoke-2' }))).toBe('deny');
    expect(verdict(result({ digest: other, passed: false, at: later }), result({}))).toBe('allow');
  });

  it('is the newest: a later failure takes back a pass, a later pass a failure, whatever order they are read in', () => {
    const pairs = [
      [result({}), result({ passed: false, at: later }), 'deny'],
      [result({ passed: false }), result({ at: later }), 'allow'],
      [result({}), result({ passed: false }), 'deny'],
      [result({}), result({ configuration: other, at: later }), 'deny'],
      [result({}), result({ configuration: other, file: 'z' }), 'allow'],
      [result({}), result({ configuration: other, passed: false }), 'allow'],
      [result({ passed: false }), result({ configuration: other }), 'deny'],
    ] as const;
    for (const [one, two, expected] of pairs)
      expect([verdict(one, two), verdict(two, one)]).toEqual([expected, expected]);
  });
});

describe('whatever the facts are', () => {
  const day = fc.integer({ min: 0, max: 20 }).map((days) => instantOf(new Date(Date.UTC(2018, 4, 1 + days))));
  const digest = fc.constantFrom(stack, other);
  const name = fc.constantFrom('stack', 'db');
  /** A statement's file is named by what it says, so no two say different things. */
  const filed = <Said extends object>(said: fc.Arbitrary<Said>) =>
    said.map((each) => ({ ...each, file: `${hexOf(digestOf(JSON.stringify(each)))}.json` }));
  const anyResult = fc.record({
    by: fc.constant(unsigned),
    at: day,
    check: fc.constantFrom('smoke', 'load'),
    digest,
    configuration: fc.constantFrom(rule, other),
    passed: fc.boolean(),
  });
  const check = fc.record({
    check: fc.constantFrom('smoke', 'load'),
    images: fc.uniqueArray(name),
    configuration: fc.constant(rule),
    advisory: fc.boolean(),
    freshness: fc.constantFrom('7d', '999d'),
  });
  const before = fc.record({
    level: fc.constantFrom('dev', 'night'),
    since: fc.option(day, { nil: undefined }),
    images: fc.dictionary(name, digest),
    meant: fc.uniqueArray(name),
  });
  const image = fc.record({ name, digest: fc.option(digest, { nil: undefined }) });
  const held = { by: 'Ops', reason: 'r' };
  const person = fc.constantFrom('ann', 'bob').map((each) => ({ name: each, person: each, roles: undefined }));
  const anyApproval = fc.record({
    by: person,
    at: day,
    level: fc.constantFrom('batch', 'dev'),
    role: fc.constantFrom('manager', 'guest'),
    release: fc.constantFrom(bundle, other),
  });
  const anyWaiver = fc.record({
    by: person,
    at: day,
    level: fc.constantFrom('batch', 'dev'),
    check: fc.constantFrom('smoke', 'load'),
    subject: fc.constantFrom(bundle, other),
    reason: fc.constant('known'),
    until: day.map((each) => each.slice(0, 10) as CalendarDate),
  });
  const anyFacts: fc.Arbitrary<GateFacts> = fc
    .record({
      now: day,
      images: fc.uniqueArray(image, { selector: (each) => each.name }),
      after: fc.record({ any: fc.boolean(), levels: fc.array(before, { maxLength: 2 }) }),
      checks: fc.uniqueArray(check, { maxLength: 2, selector: (each) => each.check }),
      results: fc.array(filed(anyResult), { maxLength: 6 }),
      soak: fc.constantFrom(undefined, '48h', '7d'),
      held: fc.constantFrom(undefined, held),
      newer: fc.constantFrom(undefined, 'w.2018.19'),
      approvals: fc.constantFrom([], [{ role: 'manager', count: 2, within: '7d' }]),
      approved: fc.array(filed(anyApproval), { maxLength: 3 }),
      waived: fc.array(filed(anyWaiver), { maxLength: 2 }),
    })
    .map((some) => facts(some));
  /** Each adds one thing that speaks against the release. */
  const worse: ((from: GateFacts) => GateFacts)[] = [
    (from) => ({ ...from, held }),
    (from) => ({ ...from, newer: 'w.2018.19' }),
    (from) => ({ ...from, images: [...from.images, { name: 'ui', digest: undefined }] }),
    (from) => ({ ...from, images: from.images.map((each) => ({ ...each, digest: undefined })) }),
    (from) => ({
      ...from,
      after: {
        any: false,
        levels: [...from.after.levels, { level: 'x', since: undefined, images: {}, meant: [] }],
      },
    }),
    (from) => ({ ...from, checks: [...from.checks, { ...smoke, check: 'x' }] }),
    (from) => ({ ...from, results: [] }),
    (from) => ({ ...from, results: from.results.map((each) => ({ ...each, passed: false })) }),
    (from) => ({ ...from, results: [...from.results, result({ passed: false, at: from.now })] }),
    (from) => ({ ...from, broken: [problem('digest-mismatch', 'x was changed')] }),
    (from) => ({ ...from, frozen: { reason: 'r', until: undefined } }),
    (from) => ({ ...from, milestone: { id: 'M', unverified: ['F'], features: 1, setAside: 0 } }),
    (from) => ({ ...from, approvals: [...from.approvals, { role: 'chief', count: 1 }] }),
    (from) => ({ ...from, approved: [] }),
    (from) => ({ ...from, approved: from.approved.slice(1) }),
    (from) => ({ ...from, waived: from.waived.slice(1) }),
    (from) => ({ ...from, waived: from.waived.map((each) => ({ ...each, until: '2018-01-01' as CalendarDate })) }),
    (from) => ({ ...from, soak: '30d' }),
  ];
  const order = { allow: 0, defer: 1, deny: 2 };

  it('nothing that speaks against a release makes the answer friendlier', () => {
    fc.assert(
      fc.property(anyFacts, fc.constantFrom(...worse), (from, change) => {
        expect(order[evaluateGate(change(from)).verdict]).toBeGreaterThanOrEqual(order[evaluateGate(from).verdict]);
      }),
      { numRuns: 1000 },
    );
  });

  it('it goes up only when every image is built, every check has passed as it is or is answered for, and nobody holds it', () => {
    const waivedIn = (from: GateFacts, check: string) =>
      from.waived.some(
        (each) => each.check === check && each.subject === bundle && each.until >= from.now.slice(0, 10),
      );
    const passes = (from: GateFacts, { check, configuration }: CheckFact, image: string) => {
      const weight = (each: ResultFact) => (each.configuration === configuration ? 2 : 0) + (each.passed ? 0 : 1);
      const digest = from.images.find((each) => each.name === image)?.digest;
      const [newest] = from.results
        .filter((each) => each.check === check && each.digest === digest)
        .sort((left, right) => (left.at === right.at ? weight(right) - weight(left) : left.at < right.at ? 1 : -1));
      return newest?.passed === true;
    };
    const holds = (from: GateFacts) =>
      from.images.length > 0 &&
      from.images.every((each) => each.digest !== undefined) &&
      from.checks.every(
        (asked) =>
          asked.advisory || waivedIn(from, asked.check) || asked.images.every((image) => passes(from, asked, image)),
      ) &&
      from.after.levels[from.after.any && from.after.levels.length > 1 ? 'some' : 'every'](
        (each) => each.since !== undefined,
      ) &&
      from.held === undefined &&
      from.newer === undefined;
    fc.assert(
      fc.property(anyFacts, (from) => {
        const { verdict, until, conditions } = evaluateGate(from);
        if (verdict !== 'deny') expect(holds(from)).toBe(true);
        expect(until !== undefined).toBe(verdict === 'defer');
        expect(conditions.some(({ state }) => state === 'unmet' || state === 'wait')).toBe(verdict !== 'allow');
      }),
      { numRuns: 1000 },
    );
  });

  it('the order in which statements are read does not matter', () => {
    const shuffled = <T>(list: readonly T[], seed: number): T[] =>
      list
        .map((each, index) => ({ each, key: Math.imul(index + 1, seed) % 97 }))
        .sort((left, right) => left.key - right.key)
        .map(({ each }) => each);
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 1, max: 1000 }), (from, seed) => {
        const { results, approved, waived } = from;
        const others = {
          results: shuffled(results, seed),
          approved: shuffled(approved, seed),
          waived: shuffled(waived, seed),
        };
        expect(evaluateGate({ ...from, ...others })).toEqual(evaluateGate(from));
      }),
      { numRuns: 1000 },
    );
  });
});
