import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type PruneFacts, planPrune } from '../../src/imaging/index.ts';
import { keepTag } from '../../src/registry/index.ts';
import { type Digest, digestOf, hexOf } from '../../src/support/index.ts';

const d = (name: string | number): Digest => digestOf(String(name));
const now = new Date('2018-06-01T00:00:00Z');

const facts = (given: Partial<PruneFacts>): PruneFacts => ({
  tags: [],
  others: [],
  begun: [],
  present: new Set(),
  below: new Map(),
  unread: new Set(),
  named: new Map(),
  rules: { weekly: { number: 1 } },
  now,
  ...given,
});
const deleted = (given: Partial<PruneFacts>) => planPrune(facts(given)).deletions.map(({ digest }) => digest);

/** Everything that is reached from a manifest. */
function reach(root: Digest, below: PruneFacts['below']): Set<Digest> {
  const seen = new Set([root]);
  for (const each of seen) for (const next of below.get(each) ?? []) seen.add(next);
  return seen;
}

const someDigests = fc.array(fc.nat({ max: 19 }), { maxLength: 3 });

/** A repository of any form: manifests that name later ones, tags of every kind on any of them, records of any of them. */
const anyRepository = fc
  .tuple(
    fc.array(fc.array(fc.nat({ max: 19 }), { maxLength: 4 }), { minLength: 1, maxLength: 20 }),
    fc.array(
      fc.tuple(
        fc.oneof(
          fc.integer({ min: 1, max: 52 }).map((week) => `w.2017.${String(week).padStart(2, '0')}`),
          fc.constantFrom('latest', 'd.2018.05.01', 'batch', 'r17_0_0'),
          fc.nat({ max: 19 }).map((index) => keepTag(d(index))),
          fc
            .tuple(fc.nat({ max: 19 }), fc.constantFrom('', '.sig', '.att'))
            .map(([index, suffix]) => `sha256-${hexOf(d(index))}${suffix}`),
        ),
        fc.nat({ max: 19 }),
      ),
      { maxLength: 25 },
    ),
    fc.array(fc.nat({ max: 19 }), { maxLength: 3 }),
    fc.array(fc.nat({ max: 19 }), { maxLength: 2 }),
    fc.nat({ max: 4 }),
    fc.record({ others: someDigests, begun: someDigests, gone: someDigests }),
  )
  .map(([edges, tags, named, unread, number, { others, begun, gone }]): PruneFacts => {
    const below = new Map(
      edges.map((to, from) => [d(from), to.filter((each) => each > from && each < edges.length).map(d)]),
    );
    const unique = new Map(tags.map(([tag, index]) => [tag, d(index % edges.length)]));
    return {
      tags: [...unique].map(([tag, digest]) => ({ tag, digest })),
      others: others.map((index) => ({ digest: d(index), name: index % 2 ? `name:${index}` : undefined })),
      begun: begun.map(d),
      present: new Set(
        [...below.keys()].filter((each) => !gone.map(d).includes(each) || [...unique.values()].includes(each)),
      ),
      below,
      unread: new Set(unread.map(d)),
      named: new Map(named.map((index) => [d(index), 'a record'])),
      rules: { weekly: { number }, daily: { number: 0 } },
      now,
    };
  });

describe('what may be deleted', () => {
  it('is never what a record, a level or another program names, nor what is reached from that', () => {
    fc.assert(
      fc.property(anyRepository, (repository) => {
        const gone = new Set(planPrune(repository).deletions.map(({ digest }) => digest));
        for (const named of repository.named.keys())
          for (const each of reach(named, repository.below)) expect(gone.has(each)).toBe(false);
        for (const { digest } of repository.others)
          for (const each of reach(digest, repository.below)) expect(gone.has(each)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('never takes a tag along that is kept, nor anything that it needs', () => {
    fc.assert(
      fc.property(anyRepository, (repository) => {
        const { deletions, spared } = planPrune(repository);
        const gone = new Set(deletions.map(({ digest }) => digest));
        const leaving = (tag: string) => /^[wd]\./.test(tag);
        for (const { tag, digest } of repository.tags) {
          if (/^(?:keep|sha256)-/.test(tag) || leaving(tag)) continue;
          for (const each of reach(digest, repository.below)) expect(gone.has(each)).toBe(false);
        }
        for (const { digest } of spared) expect(gone.has(digest)).toBe(false);
        // Of a kind, the newest stay.
        const weeklies = repository.tags
          .filter(({ tag }) => tag.startsWith('w.'))
          .sort((a, b) => (a.tag < b.tag ? 1 : -1));
        for (const { digest } of weeklies.slice(0, repository.rules.weekly!.number))
          expect(gone.has(digest)).toBe(false);
        for (const { digest, tags } of deletions)
          expect(tags).toEqual(repository.tags.filter((each) => each.digest === digest).map(({ tag }) => tag));
      }),
      { numRuns: 2000 },
    );
  });

  it('never has what holds something that cannot be read, and nothing twice', () => {
    fc.assert(
      fc.property(anyRepository, (repository) => {
        const { deletions } = planPrune(repository);
        expect(new Set(deletions.map(({ digest }) => digest)).size).toBe(deletions.length);
        for (const { digest, because } of deletions) {
          if (/^(?:part of|left by)/.test(because)) continue;
          const deleted = repository.begun.filter((each) => !repository.present.has(each));
          const unread = [...repository.unread].filter((each) => !deleted.includes(each));
          expect([...reach(digest, repository.below)].some((each) => unread.includes(each))).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('is an index before its images, with keep-tags, signatures and lists of referrers; what is shared stays', () => {
    const [old, shared, alone, young, referrer, signature, list] = [1, 2, 3, 4, 5, 6, 7].map(d) as Digest[];
    const below = new Map([
      [old!, [shared!, alone!, referrer!, signature!]],
      [young!, [shared!]],
      [list!, [referrer!]],
    ]);
    const tags = [
      { tag: 'w.2018.01', digest: old! },
      { tag: 'w.2018.02', digest: young! },
      { tag: keepTag(shared!), digest: shared! },
      { tag: keepTag(alone!), digest: alone! },
      { tag: `sha256-${hexOf(old!)}.sig`, digest: signature! },
      { tag: `sha256-${hexOf(old!)}`, digest: list! },
    ];
    expect(deleted({ tags, below })).toEqual([old, list, alone, referrer, signature]);
    expect(planPrune(facts({ tags, below })).deletions[0]).toEqual({
      digest: old,
      tags: ['w.2018.01'],
      because: 'w.2018.01 is not one of the newest 1',
    });
  });

  it('says what keeps a tag that the rules let go', () => {
    const tags = [
      { tag: 'w.2018.01', digest: d(1) },
      { tag: 'recommended', digest: d(1) },
      { tag: 'w.2018.02', digest: d(2) },
      { tag: 'w.2018.03', digest: d(3) },
    ];
    expect(planPrune(facts({ tags, named: new Map([[d(2), 'level batch']]) }))).toEqual({
      deletions: [],
      spared: [
        { tag: 'w.2018.01', digest: d(1), because: 'named by recommended too' },
        { tag: 'w.2018.02', digest: d(2), because: 'named by level batch' },
      ],
    });
  });

  it('is what a prune left that was not finished, with its technical tags, unless something names that now', () => {
    const [gone, child, signature, list, artifact, kept] = [1, 2, 3, 4, 5, 6].map(d) as [Digest, ...Digest[]];
    const tags = [
      { tag: keepTag(child!), digest: child! },
      { tag: `sha256-${hexOf(gone)}.sig`, digest: signature! },
      { tag: `sha256-${hexOf(gone)}`, digest: list! },
    ];
    const begun = [gone, child!, signature!, artifact!];
    const given = { tags, begun, present: new Set([child!, signature!, list!, artifact!, kept!]) };
    expect(deleted(given)).toEqual([list, child, signature, artifact]);
    expect(deleted({ ...given, begun: [] })).toEqual([]);
    const young = { tag: 'w.2018.02', digest: kept! };
    expect(deleted({ ...given, tags: [...tags, young], below: new Map([[kept!, [child!]]]) })).toEqual([
      list,
      signature,
      artifact,
    ]);
    expect(deleted({ ...given, named: new Map([[gone, 'the record of w.2018.01']]) })).toEqual([child, artifact]);
  });

  it('goes on where a part of what names it is gone, too', () => {
    const [root, inner, leaf] = [1, 2, 3].map(d) as [Digest, Digest, Digest];
    const tags = [{ tag: keepTag(inner), digest: inner }];
    const below = new Map([[inner, [leaf]]]);
    const given = { tags, below, unread: new Set([leaf]), begun: [root, leaf, inner] };
    expect(deleted({ ...given, present: new Set([inner]) })).toEqual([inner]);
  });

  it('leaves a keep-tag whose index is not there: a copy may be on its way', () => {
    expect(
      deleted({
        tags: [
          { tag: keepTag(d(1)), digest: d(1) },
          { tag: `sha256-${hexOf(d(9))}.sig`, digest: d(2) },
        ],
      }),
    ).toEqual([]);
  });
});
