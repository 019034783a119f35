import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Commit, CommitId } from '../../src/git/index.ts';
import type { ReleaseRecord } from '../../src/releases/index.ts';
import { changesBetween, previousOf, ticketsOf } from '../../src/reporting/index.ts';

const product = (commit: string) => ({ url: './a.git', commit: commit.repeat(40), tag: 'w', object: 'f'.repeat(40) });
const release = (commits: Record<string, string>) =>
  ({
    products: Object.fromEntries(Object.entries(commits).map(([name, commit]) => [name, product(commit)])),
  }) as unknown as ReleaseRecord;

describe('what changed from one release to another', () => {
  it('tells what was added, removed and moved, by name, with both commits', () => {
    const changes = changesBetween(
      release({ same: '1', moved: '1', gone: '1' }),
      release({ same: '1', moved: '2', fresh: '1' }),
    );
    expect(changes.added.map((each) => each.product)).toEqual(['fresh']);
    expect(changes.removed.map((each) => each.product)).toEqual(['gone']);
    expect(changes.moved).toMatchObject([
      { product: 'moved', from: { commit: '1'.repeat(40) }, to: { commit: '2'.repeat(40) } },
    ]);
    expect(changes.unchanged).toBe(1);
  });

  const names = fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__', 'toString', 'd', 'e');
  const releases = fc
    .array(fc.tuple(names, fc.constantFrom('1', '2', '3')), { maxLength: 8 })
    .map((entries) => release(Object.fromEntries(entries)));

  it('is the same seen from the other side, mirrored; every product is told once', () => {
    fc.assert(
      fc.property(releases, releases, (one, other) => {
        const there = changesBetween(one, other);
        const back = changesBetween(other, one);
        expect(back).toEqual({
          added: there.removed.map(({ product, from }) => ({ product, to: from })),
          removed: there.added.map(({ product, to }) => ({ product, from: to })),
          moved: there.moved.map(({ product, from, to }) => ({ product, from: to, to: from })),
          unchanged: there.unchanged,
        });
        const all = new Set([...Object.keys(one.products), ...Object.keys(other.products)]);
        expect(there.added.length + there.removed.length + there.moved.length + there.unchanged).toBe(all.size);
      }),
    );
  });

  it('is nothing from a release to itself', () => {
    fc.assert(
      fc.property(releases, (one) => {
        expect(changesBetween(one, one)).toMatchObject({ added: [], removed: [], moved: [] });
      }),
    );
  });
});

describe('the release before a release', () => {
  const of = (name: string, date: string, kind: string, previous: string | null = null) =>
    ({ name, date, kind, previous }) as unknown as ReleaseRecord;
  const records = [
    of('w.2018.17', '2018-04-26', 'weekly'),
    of('v16.0.rc2', '2018-04-27', 'candidate'),
    of('v16.0.rc10', '2018-04-28', 'candidate'),
    of('w.2018.18', '2018-05-03', 'weekly', 'w.2018.17'),
    of('w.2018.19', '2018-05-10', 'weekly', 'w.1999.01'),
  ];
  const olderThan = (index: number) => previousOf(records[index]!, records)?.name;

  it('is what the record says; else the newest of its kind that is older', () => {
    expect(olderThan(3)).toBe('w.2018.17');
    expect(olderThan(4)).toBe('w.2018.18');
    expect(olderThan(2)).toBe('v16.0.rc2');
    expect(olderThan(0)).toBeUndefined();
  });
});

describe('tickets in commits', () => {
  const commit = (subject: string, body = '', merge = false): Commit => ({ id: 'x' as CommitId, subject, body, merge });
  const of = (history: Record<string, Commit[]>) => ticketsOf(new Map(Object.entries(history)));

  it('are found in subjects and bodies, once a ticket, with every product and its commits', () => {
    const { tickets, without } = of({
      afw: [commit('DM-20: mend it'), commit('tidy', 'for DM-20 and DM-3'), commit('nothing')],
      base: [commit('DM-3 - add it'), commit('DM-20: mend it there')],
    });
    expect(tickets).toEqual([
      {
        id: 'DM-3',
        title: 'add it',
        epic: false,
        products: [
          { product: 'afw', commits: 1 },
          { product: 'base', commits: 1 },
        ],
      },
      {
        id: 'DM-20',
        title: 'mend it',
        epic: false,
        products: [
          { product: 'afw', commits: 2 },
          { product: 'base', commits: 1 },
        ],
      },
    ]);
    expect(without).toBe(1);
  });

  it('that are named as epics stand first', () => {
    const history = new Map([['afw', [commit('DM-20: mend it'), commit('DM-3: add it'), commit('DM-100: all of it')]]]);
    const { tickets } = ticketsOf(history, ['DM-20', 'DM-100', 'DM-7']);
    expect(tickets.map(({ id, epic }) => [id, epic])).toEqual([
      ['DM-20', true],
      ['DM-100', true],
      ['DM-3', false],
    ]);
  });

  it('are called by a commit, not by a merge, when there is one', () => {
    const { tickets } = of({ afw: [commit("Merge branch 'tickets/DM-1'", '', true), commit('Work (DM-1)')] });
    expect(tickets).toMatchObject([{ id: 'DM-1', title: 'Work (DM-1)' }]);
    expect(of({ afw: [commit("Merge branch 'tickets/DM-1'", '', true)] }).tickets[0]!.title).toMatch(/^Merge/);
  });

  it('are no features, no parts of words, and no endless numbers', () => {
    const { tickets } = of({ afw: [commit('DM-AP-7 xDM-1 DM-1x LDM-503 DM- DM-12345678901')] });
    expect(tickets).toEqual([]);
  });

  it('are counted as work only as far as one commit can be work', () => {
    const many = Array.from({ length: 5000 }, (_, index) => `DM-${index}`).join(' ');
    expect(of({ afw: [commit('all', many)] }).tickets).toHaveLength(20);
  });
});
