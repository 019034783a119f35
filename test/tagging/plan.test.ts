import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CommitId, type ObjectId, parseRemoteUrl, type TagContent, tagObject } from '../../src/git/index.ts';
import type { ReleaseKind, ReleaseName } from '../../src/names/index.ts';
import { planIsDone } from '../../src/operation/index.ts';
import type { ReleaseRecord } from '../../src/releases/index.ts';
import { type CalendarDate, errorsOf, type Instant, unwrap } from '../../src/support/index.ts';
import { type Difference, differencesOf, type ExistingTag, needsContent } from '../../src/tagging/existing.ts';
import {
  messageOf,
  type ProductFacts,
  planTags,
  recordOf,
  sourceLabel,
  type TagFacts,
  type TagIntent,
} from '../../src/tagging/plan.ts';
import { tagNames } from '../../src/tagging/source.ts';

const commit = (digit: string) => digit.repeat(40) as CommitId;
const object = (digit: string) => digit.repeat(40) as ObjectId;
const [wanted, other] = [commit('a'), commit('b')];
const options = { root: '/w', transports: new Set(['https'] as const) };
const tag = 'w.2018.18';
const at = '2018-05-03T10:00:00Z' as Instant;
const tagger = { name: 'T', email: 't@example.org' };
const message = `Version ${tag} from manifest b3595: ${tag}`;

const product = (name: string, more: Partial<ProductFacts> = {}): ProductFacts => ({
  product: { name, url: unwrap(parseRemoteUrl(`https://example.org/${name}`, options)) },
  auxiliary: false,
  commit: wanted,
  tag,
  ...more,
});
const intent: TagIntent = {
  tag: tag as ReleaseName,
  kind: 'weekly',
  date: '2018-05-03' as CalendarDate,
  tagger,
  message: 'Version {tag} from {source}: {tag}',
  source: { manifest: 'b3595', contentId: '0'.repeat(40) },
  previous: 'w.2018.17',
};
const facts = (products: ProductFacts[], more: Partial<TagFacts> = {}): TagFacts => ({
  operation: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  at,
  intent,
  products,
  tolerate: [],
  force: undefined,
  record: undefined,
  begun: undefined,
  recordIsCommitted: false,
  workspaceTag: undefined,
  upstream: undefined,
  ...more,
});
const plan = (products: ProductFacts[], more: Partial<TagFacts> = {}) => planTags(facts(products, more));
const actions = (made: ReturnType<typeof plan>) => made.steps.map(({ id, action }) => `${action} ${id}`);
/** The object that this plan would make. */
const made = (target: CommitId = wanted) =>
  tagObject({ commit: target, tag, tagger, epochSeconds: Date.parse(at) / 1000, message }).id;

const content = (more: Partial<TagContent> = {}): TagContent => ({
  target: wanted,
  type: 'commit',
  name: tag,
  tagger,
  message: `${message}\n`,
  ...more,
});
const there = (existing: ExistingTag): { existing: ExistingTag } => ({ existing });
/** A tag that agrees but for its date. */
const tagged = there({ object: object('1'), commit: wanted, content: content() });
const moved = there({ object: object('2'), commit: other });
const lightweight = there({ object: wanted as string as ObjectId, commit: wanted });
const lightweightElsewhere = there({ object: other as string as ObjectId, commit: other });
const ofNoCommit = there({ object: object('4') });
const otherMessage = there({ object: object('5'), commit: wanted, content: content({ message: 'other\n' }) });
const otherTagger = there({
  object: object('6'),
  commit: wanted,
  content: content({ tagger: { name: 'U', email: 'u@example.org' } }),
});
const otherBoth = there({
  object: object('7'),
  commit: wanted,
  content: content({ message: 'other\n', tagger: { name: 'T', email: 'u@example.org' } }),
});
/** Every way in which a tag may be there, with what differs. */
const ways: [what: string, way: { existing: ExistingTag }, differences: Difference[]][] = [
  ['of another commit', moved, ['conflict']],
  ['of no commit', ofNoCommit, ['conflict']],
  ['lightweight', lightweight, ['lightweight']],
  ['lightweight, of another commit', lightweightElsewhere, ['conflict']],
  ['with another message', otherMessage, ['message']],
  ['of another tagger', otherTagger, ['tagger']],
  ['with another message and of another tagger', otherBoth, ['message', 'tagger']],
  ['of another day', tagged, []],
  ['as it would be made', there({ object: made(), commit: wanted }), []],
];
const kindsOfDifference: Difference[] = ['conflict', 'lightweight', 'message', 'tagger'];
const codeOf: Record<Difference, string> = {
  conflict: 'tag-conflict',
  lightweight: 'lightweight-tag',
  message: 'tag-differs',
  tagger: 'tag-differs',
};

describe('what is done to a repository', () => {
  it('that has no such tag: an annotated one is made on the commit', () => {
    const { problems, steps, details } = plan([product('afw')]);
    expect(problems).toEqual([]);
    expect(steps[0]).toEqual({
      id: 'tag:afw',
      title: 'tag afw',
      action: 'create',
      host: 'example.org',
      from: null,
      to: wanted,
    });
    expect(details.products.afw).toEqual({
      url: 'https://example.org/afw',
      commit: wanted,
      tag,
      object: made(),
      auxiliary: false,
    });
  });

  it('that has the tag on that commit: nothing, and the tag it has is the one on record', () => {
    const made = plan([product('afw', tagged)]);
    expect([made.problems, made.steps[0]!.action]).toEqual([[], 'skip']);
    expect(recordOf(made).products.afw).toMatchObject({ object: object('1'), preexisting: true });
  });

  it.each([
    ['on another commit', moved, 'tag-conflict', 'afw: w.2018.18 exists there on bbbbbbbbbbbb, wanted aaaaaaaaaaaa'],
    ['that is lightweight', lightweight, 'lightweight-tag', 'afw: w.2018.18 is a lightweight tag there'],
    [
      'that is lightweight and elsewhere',
      lightweightElsewhere,
      'tag-conflict',
      'afw: w.2018.18 exists there on bbbbbbbbbbbb, wanted aaaaaaaaaaaa',
    ],
  ])('that has the tag %s: it is a conflict, never moved', (_what, existing, code, message) => {
    const made = plan([product('afw', existing)]);
    expect(made.steps[0]).toMatchObject({ action: 'conflict', to: wanted });
    expect(made.problems).toMatchObject([
      { code, message, subject: 'afw', severity: 'error', hint: expect.any(String) },
    ]);
  });

  it('is said of all repositories at once', () => {
    const made = plan([product('a', moved), product('b'), product('c', lightweight), product('d', tagged)]);
    expect(actions(made).slice(0, 4)).toEqual(['conflict tag:a', 'create tag:b', 'conflict tag:c', 'skip tag:d']);
    expect(made.problems.map(({ code, subject }) => [code, subject])).toEqual([
      ['tag-conflict', 'a'],
      ['lightweight-tag', 'c'],
    ]);
  });
});

describe('the order of a tag run', () => {
  it('is the claim, products, what they have now, auxiliaries, what they have, the record, its commit, the tag of the workspace, the push', () => {
    const upstream = { name: 'origin/main', pending: true };
    const made = plan([product('aux', { auxiliary: true }), product('b'), product('c')], { upstream });
    expect(made.steps.map(({ id, needs }) => [id, needs])).toEqual([
      ['claim', []],
      ['tag:b', ['claim']],
      ['tag:c', ['claim']],
      ['verify', ['tag:b', 'tag:c']],
      ['tag:aux', ['verify']],
      ['verify-auxiliary', ['tag:aux']],
      ['record', ['verify', 'verify-auxiliary']],
      ['commit', ['record']],
      ['workspace-tag', ['commit']],
      ['push', ['workspace-tag']],
    ]);
    expect(made.steps.map(({ action }) => action)).toEqual(Array(10).fill('create'));
  });

  it('has neither claim nor push where there is nowhere to push to', () => {
    expect(plan([product('a')]).steps.map(({ id }) => id)).toEqual([
      'tag:a',
      'verify',
      'record',
      'commit',
      'workspace-tag',
    ]);
  });

  it('has no claim of a release that is on record', () => {
    const record = recordOf(plan([product('a')]));
    const upstream = { name: 'origin/main', pending: true };
    expect(plan([product('a')], { record, upstream }).steps[0]!.id).toBe('tag:a');
  });

  it('has auxiliaries wait for the verification of products though there are none', () => {
    const { steps } = plan([product('aux', { auxiliary: true })]);
    expect(steps.map(({ id, action }) => `${action} ${id}`).slice(0, 3)).toEqual([
      'skip verify',
      'create tag:aux',
      'create verify-auxiliary',
    ]);
  });

  it('asks again only where something is written', () => {
    const made = plan([product('a', tagged), product('aux', { auxiliary: true })]);
    expect(actions(made).slice(0, 4)).toEqual([
      'skip tag:a',
      'skip verify',
      'create tag:aux',
      'create verify-auxiliary',
    ]);
  });
});

describe('a release that has its record', () => {
  const all = [product('a', tagged), product('b', there({ object: object('3'), commit: wanted, content: content() }))];
  const record: ReleaseRecord = recordOf(plan(all));

  it('is done when record, commit, tags and push are', () => {
    const more = { record, recordIsCommitted: true, workspaceTag: { commit: other } };
    expect(planIsDone(plan(all, { ...more, upstream: { name: 'o/m', pending: false } }))).toBe(true);
    expect(actions(plan(all, { ...more, upstream: { name: 'o/m', pending: true } })).at(-1)).toBe('create push');
    const left = (less: Partial<TagFacts>) =>
      actions(plan(all, { ...more, ...less })).filter((each) => !/^skip/.test(each));
    expect(left({ recordIsCommitted: false })).toEqual(['create commit']);
    expect(left({ workspaceTag: undefined })).toEqual(['create workspace-tag']);
  });

  it('gets back a tag that a remote has lost, as the object that is on record', () => {
    const record = recordOf(plan([product('a'), product('b')]));
    const more = { record, recordIsCommitted: true, workspaceTag: { commit: other } };
    const again = plan([product('a', there({ object: made(), commit: wanted })), product('b')], more);
    expect(actions(again)).toEqual([
      'skip tag:a',
      'create tag:b',
      'create verify',
      'skip record',
      'skip commit',
      'skip workspace-tag',
    ]);
    expect(again.details.products.b!.object).toBe(made());
  });

  it('says so in the record when a lost tag cannot be made again as it was', () => {
    const more = { record, recordIsCommitted: true, workspaceTag: { commit: other } };
    const again = plan([all[0]!, product('b')], more);
    expect(actions(again)).toEqual([
      'skip tag:a',
      'create tag:b',
      'create verify',
      'create record',
      'create commit',
      'skip workspace-tag',
    ]);
    expect(recordOf(again).products.b).toMatchObject({ object: made() });
    expect(recordOf(again).products.b!.preexisting).toBeUndefined();
    expect(recordOf(again).products.a).toEqual(record.products.a);
    // Killed between the two, it is found out all the same.
    const restored = product('b', there({ object: made(), commit: wanted }));
    expect(actions(plan([all[0]!, restored], more)).slice(2)).toEqual([
      'skip verify',
      'create record',
      'create commit',
      'skip workspace-tag',
    ]);
  });

  it('takes no tag for its own that somebody made again, but does not write it down either', () => {
    const again = product('b', there({ object: object('8'), commit: wanted, content: content() }));
    const more = { record, recordIsCommitted: true, workspaceTag: { commit: other } };
    expect(planIsDone(plan([all[0]!, again], more))).toBe(true);
  });

  it('keeps who, when, from what, and what each product was', () => {
    expect(recordOf(plan([product('a', { version: '15.0-24-g02ed2a30c+1' })]))).toEqual({
      schema: 'dmrel/release/v1',
      name: 'w.2018.18',
      kind: 'weekly',
      date: '2018-05-03',
      created: { at: '2018-05-03T10:00:00Z', by: 'T <t@example.org>', operation: '01ARZ3NDEKTSV4RRFFQ69G5FAV' },
      source: { manifest: 'b3595', contentId: '0'.repeat(40) },
      previous: 'w.2018.17',
      products: {
        a: {
          url: 'https://example.org/a',
          commit: wanted,
          tag: 'w.2018.18',
          object: expect.stringMatching(/^[0-9a-f]{40}$/),
          version: '15.0-24-g02ed2a30c+1',
        },
      },
    });
  });

  it('is a conflict when the workspace has the tag and no record', () => {
    const { problems } = plan([product('a')], { workspaceTag: { commit: other } });
    expect(problems).toMatchObject([
      { code: 'tag-conflict', subject: 'workspace', hint: expect.stringContaining('git show') },
    ]);
    expect(plan(all, { record, workspaceTag: { commit: other } }).problems).toEqual([]);
  });
});

describe('whatever the remotes say', () => {
  const anyWay = fc.option(fc.constantFrom(...ways), { nil: undefined });
  const anyProducts = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e'), auxiliary: fc.boolean(), way: anyWay }),
    { selector: ({ name }) => name },
  );
  interface From {
    name: string;
    auxiliary: boolean;
    way: (typeof ways)[number] | undefined;
  }
  const toFacts = (from: From[]) =>
    from.map(({ name, auxiliary, way }) => product(name, { auxiliary, ...(way ? way[1] : {}) }));
  const anyTolerance = fc.subarray(['lightweight', 'message', 'tagger'] as Difference[]);
  const anyForce = fc.option(fc.constantFrom(...kindsOfDifference), { nil: undefined });
  const openOf = ({ way }: From, tolerate: Difference[]) => (way?.[2] ?? []).filter((each) => !tolerate.includes(each));

  it('one difference that nobody lets pass is one problem, and stands in the way of all', () => {
    fc.assert(
      fc.property(anyProducts, anyTolerance, (from, tolerate) => {
        const { problems, steps } = plan(toFacts(from), { tolerate });
        const conflicts = steps.filter(({ action }) => action === 'conflict').map(({ id }) => id.slice(4));
        const disagree = from.filter((each) => openOf(each, tolerate).length > 0).map(({ name }) => name);
        expect([...conflicts].sort()).toEqual([...disagree].sort());
        expect([...new Set(problems.map(({ subject }) => subject))]).toEqual(conflicts);
        expect(errorsOf(problems)).toHaveLength(from.flatMap((each) => openOf(each, tolerate)).length);
        expect(steps.some(({ action }) => action === 'move')).toBe(false);
      }),
    );
  });

  it('nothing is moved that differs in anything but what is named, and what is moved is on record', () => {
    fc.assert(
      fc.property(anyProducts, anyTolerance, anyForce, (from, tolerate, force) => {
        const made = plan(toFacts(from), { tolerate, force });
        const movedNames = made.steps.filter(({ action }) => action === 'move').map(({ id }) => id.slice(4));
        const may = from.filter((each) => {
          const open = openOf(each, tolerate);
          return open.length === 1 && open[0] === force;
        });
        expect([...movedNames].sort()).toEqual(may.map(({ name }) => name).sort());
        expect((made.details.forced ?? []).map((each) => each.product)).toEqual(movedNames);
        for (const { id, from: was, to, action } of made.steps)
          if (action === 'move')
            expect([was, to]).toEqual([
              toFacts(from).find(({ product: { name } }) => `tag:${name}` === id)!.existing!.object,
              made.details.products[id.slice(4)]!.object,
            ]);
      }),
    );
  });

  it('every step waits for what is before it: no auxiliary for less than all products, no record for less than all tags', () => {
    fc.assert(
      fc.property(anyProducts, fc.boolean(), (from, withUpstream) => {
        const upstream = withUpstream ? { name: 'o/m', pending: true } : undefined;
        const { steps } = plan(toFacts(from), { upstream });
        const needs = new Map(steps.map((each) => [each.id, each.needs ?? []]));
        const earlier = (id: string): Set<string> =>
          new Set(needs.get(id)!.flatMap((each) => [each, ...earlier(each)]));
        // Nothing waits for what stands after it.
        for (const [index, { id }] of steps.entries())
          for (const each of earlier(id)) expect(steps.findIndex((step) => step.id === each)).toBeLessThan(index);
        const idsOf = (auxiliary: boolean) =>
          from.filter((each) => each.auxiliary === auxiliary).map(({ name }) => `tag:${name}`);
        for (const id of idsOf(true))
          expect([...earlier(id)]).toEqual(expect.arrayContaining(['verify', ...idsOf(false)]));
        for (const id of idsOf(false)) expect([...earlier(id)]).toEqual(withUpstream ? ['claim'] : []);
        expect([...earlier('record')]).toEqual(expect.arrayContaining([...idsOf(false), ...idsOf(true), 'verify']));
        expect(earlier(steps.at(-1)!.id).size).toBe(steps.length - 1);
      }),
    );
  });

  it('the same facts make the same tag objects, another moment others', () => {
    fc.assert(
      fc.property(anyProducts, (from) => {
        const one = plan(toFacts(from)).details.products;
        expect(plan(toFacts(from)).details.products).toEqual(one);
        const later = plan(toFacts(from), { at: '2018-05-03T10:00:01Z' as Instant }).details.products;
        for (const { name, way } of from) {
          // What is there stays what it is, in sync or in conflict.
          if (way) expect(later[name]!.object).toBe(way[1].existing.object);
          else expect(later[name]!.object).not.toBe(one[name]!.object);
        }
      }),
    );
  });

  it('a second run after the first finds nothing to do', () => {
    fc.assert(
      fc.property(anyProducts, anyTolerance, anyForce, (from, tolerate, force) => {
        const first = plan(toFacts(from), { tolerate, force });
        fc.pre(first.problems.length === 0);
        const written = toFacts(from).map((each): ProductFacts => {
          const { action } = first.steps.find(({ id }) => id === `tag:${each.product.name}`)!;
          if (action === 'skip') return each;
          return { ...each, existing: { object: first.details.products[each.product.name]!.object, commit: wanted } };
        });
        const more = { record: recordOf(first), recordIsCommitted: true, workspaceTag: { commit: other } };
        expect(planIsDone(plan(written, { ...more, tolerate }))).toBe(true);
        expect(recordOf(plan(written, { ...more, tolerate }))).toEqual(recordOf(first));
      }),
    );
  });
});

describe('what a tag that is there differs in', () => {
  const wish = {
    product: 'afw',
    tag,
    url: 'u',
    commit: wanted,
    object: made(),
    tagger,
    message,
  };

  it.each(ways)('a tag %s', (_what, { existing }, differences) => {
    expect(differencesOf(existing, wish)).toEqual(differences);
  });

  it('its tagger and message are read only where they decide', () => {
    const asked = ways.filter(([, { existing }]) => needsContent(existing, wish)).map(([what]) => what);
    expect(asked).toEqual([
      'with another message',
      'of another tagger',
      'with another message and of another tagger',
      'of another day',
    ]);
  });

  it('white space at the ends of a message is no difference, nor are the characters that git leaves out of a name', () => {
    const padded = there({ object: object('8'), commit: wanted, content: content({ message: `\n${message} \n\n` }) });
    expect(actions(plan([product('a', padded)]))[0]).toBe('skip tag:a');
    const junior = { ...intent, tagger: { name: 'T <Jr.>', email: 't@example.org' } };
    const asGitHasIt = there({
      object: object('8'),
      commit: wanted,
      content: content({ tagger: { name: 'T Jr', email: 't@example.org' } }),
    });
    expect(actions(plan([product('a', asGitHasIt)], { intent: junior }))[0]).toBe('skip tag:a');
  });

  it('content that cannot be read agrees with nothing', () => {
    expect(differencesOf({ object: object('9'), commit: wanted }, wish)).toEqual(['message', 'tagger']);
  });

  it.each(ways)(
    'a tag %s is a problem for each, with what is there and what may be done',
    (_what, way, differences) => {
      const { problems } = plan([product('afw', way)]);
      expect(problems.map(({ code }) => code)).toEqual(differences.map((each) => codeOf[each]));
      for (const [index, each] of differences.entries()) {
        expect(problems[index]).toMatchObject({ subject: 'afw', severity: 'error' });
        expect(problems[index]!.hint).toContain(`--force ${each}`);
        if (each !== 'conflict') expect(problems[index]!.hint).toContain(`--ignore-${each}`);
      }
    },
  );

  it('says of a message and a tagger what is there and what was expected', () => {
    expect(plan([product('afw', otherBoth)]).problems).toMatchObject([
      { message: `afw: ${tag} exists there with the message 'other'`, hint: expect.stringContaining(message) },
      { message: `afw: ${tag} exists there by T <u@example.org>`, hint: expect.stringContaining('T <t@example.org>') },
    ]);
  });
});

describe('what is let pass', () => {
  it.each([
    ['lightweight', lightweight],
    ['message', otherMessage],
    ['tagger', otherTagger],
  ] as const)('%s: a tag that differs in just that is in sync, and the one it has is on record', (difference, way) => {
    const made = plan([product('afw', way)], { tolerate: [difference] });
    expect([made.problems, made.steps[0]!.action]).toEqual([[], 'skip']);
    expect(recordOf(made).products.afw).toMatchObject({ object: way.existing.object, preexisting: true });
    for (const each of kindsOfDifference.filter((kind) => kind !== difference))
      expect(plan([product('afw', way)], { tolerate: [each] }).steps[0]!.action).toBe('conflict');
  });

  it('one of two differences leaves the other', () => {
    const { problems } = plan([product('afw', otherBoth)], { tolerate: ['message'] });
    expect(problems.map(({ message }) => message)).toEqual([`afw: ${tag} exists there by T <u@example.org>`]);
    expect(plan([product('afw', otherBoth)], { tolerate: ['message', 'tagger'] }).problems).toEqual([]);
  });
});

describe('what is moved by force', () => {
  it('is a tag whose only difference is the one that is named, and no other', () => {
    for (const force of kindsOfDifference) {
      for (const [what, way, differences] of ways) {
        const { steps, problems, details } = plan([product('afw', way)], { force });
        const only = differences.length === 1 && differences[0] === force;
        const expected = only ? 'move' : differences.length === 0 ? 'skip' : 'conflict';
        expect([force, what, steps[0]!.action]).toEqual([force, what, expected]);
        expect([force, what, problems.length]).toEqual([force, what, only ? 0 : differences.length]);
        if (!only) expect(details.forced).toBeUndefined();
      }
    }
  });

  it('names the object that it was and the one that it becomes, and goes on record with the reason', () => {
    const moving = plan([product('a', moved), product('b', lightweight), product('c')], { force: 'conflict' });
    expect(moving.steps[0]).toMatchObject({ id: 'tag:a', action: 'move', from: object('2'), to: made() });
    expect(actions(moving).slice(0, 3)).toEqual(['move tag:a', 'conflict tag:b', 'create tag:c']);
    expect(moving.details.products.a!.object).toBe(made());
    expect(recordOf(moving).forced).toEqual([{ product: 'a', from: object('2'), to: made(), because: 'conflict' }]);
    expect(recordOf(moving).products.a!.preexisting).toBeUndefined();
  });

  it('of a release on record makes the record be written anew, with what was moved before', () => {
    const first = { product: 'b', from: object('8'), to: object('9'), because: 'tagger' };
    const record = { ...recordOf(plan([product('a'), product('b')])), forced: [first] };
    const more = { record, recordIsCommitted: true, workspaceTag: { commit: other } };
    const upstream = { name: 'o/m', pending: false };
    const steady = [
      product('a', there({ object: made(), commit: wanted })),
      product('b', there({ object: made(), commit: wanted })),
    ];
    expect(planIsDone(plan(steady, { ...more, upstream, force: 'conflict' }))).toBe(true);
    const moving = plan([product('a', moved), steady[1]!], { ...more, upstream, force: 'conflict' });
    expect(actions(moving)).toEqual([
      'move tag:a',
      'skip tag:b',
      'create verify',
      'create record',
      'create commit',
      'skip workspace-tag',
      'create push',
    ]);
    expect(moving.details.forced).toEqual([
      first,
      { product: 'a', from: object('2'), to: made(), because: 'conflict' },
    ]);
  });

  it('is not forgotten when the run that moved it was killed', () => {
    const all = [product('a', moved), product('b', moved)];
    const begun = plan(all, { force: 'conflict' }).details;
    const half = [product('a', there({ object: made(), commit: wanted })), product('b', moved)];
    const again = plan(half, { force: 'conflict', begun });
    expect(actions(again).slice(0, 2)).toEqual(['skip tag:a', 'move tag:b']);
    const forced = begun.forced!;
    expect(forced.map((each) => each.product)).toEqual(['a', 'b']);
    expect(recordOf(again).forced).toEqual(forced);
    expect(recordOf(again).products.a!.preexisting).toBeUndefined();
    // What was not moved after all is not said to be.
    expect(plan([half[0]!, product('b')], { begun }).details.forced).toEqual([forced[0]]);

    const record = recordOf(plan([product('a'), product('b')]));
    const after = plan(half.slice(0, 1), { record, recordIsCommitted: true, begun, workspaceTag: { commit: other } });
    expect(actions(after).slice(1)).toEqual(['skip verify', 'create record', 'create commit', 'skip workspace-tag']);
    expect(recordOf(after).forced).toEqual([forced[0]]);
  });
});

describe('what a run that was begun has made', () => {
  it('was not there before it', () => {
    const begun = plan([product('a'), product('b', tagged), product('c')]).details;
    const found = [
      product('a', there({ object: made(), commit: wanted })),
      product('b', tagged),
      product('c', there({ object: object('8'), commit: wanted, content: content() })),
    ];
    const { products } = recordOf(plan(found, { begun }));
    expect([products.a, products.b, products.c].map((each) => each!.preexisting)).toEqual([undefined, true, true]);
    expect(recordOf(plan(found)).products.a!.preexisting).toBe(true);
  });
});

describe('the tag of a product', () => {
  const groups = { external: new Set(['boost', 'auxbuild']), auxiliary: new Set(['docs', 'auxbuild']) };
  const names = (name: string, kind: ReleaseKind) =>
    ['afw', 'boost', 'docs', 'auxbuild'].map((each) => {
      const { tag: own, otherForm, auxiliary } = tagNames(name as ReleaseName, kind, each, groups);
      return [own, otherForm, auxiliary];
    });

  it('has a v before an official release of an external product, and the other form must not be there', () => {
    expect(names('18.1.0', 'release')).toEqual([
      ['18.1.0', 'v18.1.0', false],
      ['v18.1.0', '18.1.0', false],
      ['18.1.0', 'v18.1.0', true],
      ['18.1.0', 'v18.1.0', true],
    ]);
  });

  it.each([
    ['w.2018.18', 'weekly'],
    ['d.2018.05.03', 'daily'],
    ['v18.1.0.rc2', 'candidate'],
    ['m.ldm.503.3', 'milestone'],
  ] as const)('%s is the same everywhere', (name, kind) => {
    expect(names(name, kind)).toEqual([false, false, true, true].map((auxiliary) => [name, undefined, auxiliary]));
  });

  it('in both forms in one repository is refused, whatever else is there', () => {
    const release = { ...intent, tag: '18.1.0' as ReleaseName, kind: 'release' as const };
    const both = [
      product('afw', { tag: '18.1.0', otherForm: 'v18.1.0' }),
      product('boost', { tag: 'v18.1.0', otherForm: '18.1.0', existing: moved.existing }),
    ];
    const { problems } = plan(both, { intent: release, force: 'conflict' });
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ['tag-ambiguous', 'afw: has the tag v18.1.0, and would have 18.1.0 beside it'],
      ['tag-ambiguous', 'boost: has the tag 18.1.0, and would have v18.1.0 beside it'],
    ]);
  });

  it('says its own name, v included, and where the commits are from', () => {
    const release = { ...intent, message: '{tag} of {source}' };
    expect(messageOf(release, 'v18.1.0')).toBe('v18.1.0 of manifest b3595');
    const contentId = '0'.repeat(40);
    const labels = [
      { manifest: 'b42', contentId },
      { manifest: 'b42', eupsTag: 'w_2018_18', contentId },
      { manifest: null, contentId },
      { from: 'w.2018.18', contentId },
      { from: 'v18.1.0.rc1', refs: ['18.1.x'], contentId },
      { refs: ['a', 'b'], contentId },
    ].map(sourceLabel);
    expect(labels).toEqual(['manifest b42', 'w_2018_18/b42', 'branch heads', 'w.2018.18', '18.1.x v18.1.0.rc1', 'a b']);
  });
});
