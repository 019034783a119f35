import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byDueDate, findCycles, keyOf } from '../../src/milestones/index.ts';
import { startWork } from '../support/work.ts';

/** A graph of up to seven nodes: who points to whom. */
const graphs = fc
  .integer({ min: 1, max: 7 })
  .chain((size) =>
    fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: size }), { minLength: size, maxLength: size }),
  );

/** What can be reached from each node by one edge or more: Warshall's closure, which has nothing of Tarjan in it. */
function closure(graph: number[][]): boolean[][] {
  const reach = graph.map((targets) => graph.map((_, to) => targets.includes(to)));
  for (const via of graph.keys()) {
    for (const from of graph.keys()) {
      for (const to of graph.keys()) reach[from]![to] ||= reach[from]![via]! && reach[via]![to]!;
    }
  }
  return reach;
}

describe('cycles of a graph', () => {
  it('are real, simple, and one for each knot of nodes that reach each other', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const reach = closure(graph);
        const cycles = findCycles(graph.keys(), (node) => graph[node]!);
        const knots = new Set(
          [...graph.keys()]
            .filter((node) => reach[node]![node])
            .map((node) => [...graph.keys()].find((other) => reach[node]![other] && reach[other]![node])),
        );
        expect(
          new Set(
            cycles.map((cycle) =>
              [...graph.keys()].find((other) => reach[cycle[0]!]![other] && reach[other]![cycle[0]!]),
            ),
          ),
        ).toEqual(knots);
        expect(cycles).toHaveLength(knots.size);
        for (const cycle of cycles) {
          expect(new Set(cycle).size).toBe(cycle.length);
          for (const [index, node] of cycle.entries()) expect(graph[node]).toContain(cycle[(index + 1) % cycle.length]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are found in a ring of 100,000 without delay', () => {
    const length = 100_000;
    const worked = startWork();
    const [ring] = findCycles(
      Array.from({ length }, (_, node) => node),
      (node) => [(node + 1) % length],
    );
    expect(ring).toHaveLength(length);
    expect(worked()).toBeLessThan(2);
  });
});

const ids = fc.stringMatching(/^[A-Za-z][A-Za-z0-9&._]{0,6}(-[A-Za-z0-9&._]{1,5}){0,3}$/);

describe('an id', () => {
  it('has one key, and the key of that is itself', () => {
    fc.assert(fc.property(ids, (id) => expect(keyOf(keyOf(id))).toBe(keyOf(id))));
  });

  it('is the same in capitals and with padded numbers', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const padded = id.toUpperCase().replace(/(?<![0-9])(?=[0-9])/g, '00');
        expect(keyOf(padded)).toBe(keyOf(id));
      }),
    );
  });

  it('differs where a number differs in more than its zeros', () => {
    expect(new Set(['M-1', 'M-10', 'M-100', 'M-101', 'M-0', 'M1-0', 'M-1a', 'M-a1'].map(keyOf)).size).toBe(8);
  });
});

describe('the order by due date', () => {
  const dates = fc.option(fc.constantFrom('2017-11-30', '2018-05-08', '2018-05-09', '9999-12-31'), { nil: undefined });
  const items = fc.record({ id: ids, due: dates }).map(({ id, due }) => (due === undefined ? { id } : { id, due }));

  it('is total: any two compare alike both ways, and any three are in one order', () => {
    fc.assert(
      fc.property(items, items, items, (first, second, third) => {
        expect(Math.sign(byDueDate(first, second)) + Math.sign(byDueDate(second, first))).toBe(0);
        if (byDueDate(first, second) === 0) expect(first).toEqual(second);
        if (byDueDate(first, second) <= 0 && byDueDate(second, third) <= 0)
          expect(byDueDate(first, third)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('puts what has no date last', () => {
    fc.assert(
      fc.property(
        ids,
        items,
        (id, item) => void (item.due === undefined || expect(byDueDate({ id }, item)).toBeGreaterThan(0)),
      ),
    );
  });
});
