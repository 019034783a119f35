import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  byDueDate,
  externalsOf,
  findItem,
  type Milestone,
  milestonesOf,
  neededOf,
  type Roadmap,
} from '../../src/milestones/index.ts';
import type { Problem } from '../../src/support/index.ts';
import { openWorkspace, readRoadmap } from '../../src/workspace/index.ts';

const root = join(import.meta.dirname, '../..');

/** Section 3 of LDM-564 (2017-08-09), transcribed: `3.1 LDM-503-1: title`, then its list. */
function transcription(): { section: string; id: string; title: string; items: { id: string; text: string }[] }[] {
  const text = readFileSync(join(root, 'test/facts/ldm564-section3.txt'), 'utf8');
  return text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [head, ...lines] = block.split('\n');
      const [, section, id, title] = /^(\S+) (\S+?): (.*)$/.exec(head!)!;
      const items = lines.map((line) => {
        const [, text, id] = /^- (?:(.*) )?\(([^()]*)\)$/.exec(line)!; // the id is the last parenthesis
        return { id: id!, text: text ?? '' };
      });
      return { section: section!, id: id!, title: title!, items };
    });
}

describe('the plan of LDM-564', () => {
  let roadmap: Roadmap;
  let problems: Problem[];
  beforeAll(async () => {
    const opened = await openWorkspace(root, {});
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
    ({ roadmap, problems } = await readRoadmap(opened.value));
  });
  const milestone = (id: string): Milestone => findItem(roadmap, id) as Milestone;

  it('lists for every milestone exactly what the document lists, in its order: 136 items', () => {
    const facts = transcription();
    expect(facts).toHaveLength(18);
    expect(facts.flatMap(({ items }) => items)).toHaveLength(136);
    for (const { id, title, section, items } of facts) {
      const found = milestone(id);
      expect({ id: found.id, title: found.title, section: found.section }).toEqual({ id, title, section });
      const listed = found.needs
        .map((key) => roadmap.items.get(key)!)
        .map((item) => ({ id: item.id, text: item.title ?? '' }));
      expect(listed).toEqual(items);
    }
  });

  it('has 115 features, each once, by team', () => {
    const features = [...roadmap.items.values()].filter(({ kind }) => kind === 'feature');
    expect(features).toHaveLength(115);
    const teams = new Map<string, number>();
    for (const { id, at } of features) {
      const team = id.replace(/-\d+$/, '');
      teams.set(team, (teams.get(team) ?? 0) + 1);
      expect(at.file).toBe(`milestones/features/${team}.yaml`);
    }
    expect(Object.fromEntries(teams)).toEqual({
      'DM-AP': 17,
      'DM-DAX': 10,
      'DM-DRP': 37,
      'DM-NCSA': 26,
      'DM-NET': 4,
      'DM-SQRE': 5,
      'DM-SUIT': 16,
    });
  });

  it('keeps the eight prerequisites and the milestone that the generator lost', () => {
    const lost = milestonesOf(roadmap).flatMap(({ id, unlisted }) =>
      unlisted.map(({ key }) => `${id} <- ${roadmap.items.get(key)!.id}`),
    );
    expect(lost.sort()).toEqual([
      'LDM-503-10 <- LDM-503-8',
      'LDM-503-11 <- LDM-503-9',
      'LDM-503-12 <- LDM-503-11',
      'LDM-503-13 <- LDM-503-12',
      'LDM-503-14 <- LDM-503-13',
      'LDM-503-15 <- LDM-503-14',
      'LDM-503-16 <- LDM-503-15',
      'LDM-503-17 <- LDM-503-16',
    ]);
    expect(milestone('LDM-503-17').title).toBe('Verification tests full DRP');
    expect(neededOf(roadmap, milestone('LDM-503-12'), 'milestone').map(({ id }) => id)).toEqual(['LDM-503-11']);
  });

  it('knows what others deliver, named directly or through a feature', () => {
    const of = (id: string) =>
      externalsOf(roadmap, milestone(id)).map(({ external, via }) => [external.id, via?.id ?? null]);
    expect(of('LDM-503-6')).toEqual([['LSST-1200', null]]);
    expect(of('LDM-503-8')).toEqual([
      ['DLP-561', 'DM-NET-2'],
      ['T&SC-2600-1250', 'DM-NET-3'],
    ]);
    expect(of('LDM-503-11a')).toEqual([['DLP-531', 'DM-NET-5']]);
  });

  it('finds one milestone under every spelling of its id, and a feature by its code', () => {
    for (const id of ['LDM-503-3', 'LDM-503-03', 'ldm-503-3', 'LDM-503-003'])
      expect(milestone(id).id).toBe('LDM-503-3');
    expect(milestone('LDM-503-04B').id).toBe('LDM-503-4b');
    expect(findItem(roadmap, 'sfm1')?.id).toBe('DM-AP-1');
    expect(findItem(roadmap, 'DRP-MS-COADD-1')?.id).toBe('DM-DRP-3');
  });

  it('sorts by date, then naturally: 4, 4b, 5, and 11a before 11', () => {
    const order = milestonesOf(roadmap)
      .sort(byDueDate)
      .map(({ id }) => id.replace('LDM-503-', ''));
    expect(order.join(' ')).toBe('1 2 3 4 4b 5 6 7 8 9 10 11a 11 12 13 14 15 16 17');
  });

  it('has no error, a warning for the title that is blank, and one for the date that cannot hold', () => {
    expect(problems.map(({ severity, code, subject, at }) => [severity, code, subject, at?.file])).toEqual([
      ['warning', 'due-inversion', 'LDM-503-13', 'milestones/LDM-503-13.yaml'],
      ['warning', 'blank-title', 'DM-SUIT-12', 'milestones/features/DM-SUIT.yaml'],
    ]);
  });

  it('claims nothing as delivered or complete', () => {
    for (const item of roadmap.items.values()) {
      expect(item.kind === 'feature' ? item.delivered : item.completed).toBeUndefined();
    }
  });
});
