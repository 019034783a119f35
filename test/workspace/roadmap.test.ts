import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { externalsOf, findItem, type Milestone } from '../../src/milestones/index.ts';
import { startWork } from '../support/work.ts';
import { aWorkspace, brief } from '../support/workspace.ts';

describe('a plan over several files', () => {
  it('asks whether an id that nobody defines was meant to be one that is defined', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', { 'LDM-503-1': 'title: a, needs: [DM-SUTI-1]' })
      .withFeatures('f.yaml', { 'DM-SUIT-1': 'title: b' })
      .roadmap();
    expect(brief(problems)).toEqual(["milestones/m.yaml:3:33 unknown-id nothing is called 'DM-SUTI-1'"]);
    expect(problems[0]).toMatchObject({ hint: "did you mean 'DM-SUIT-1'?", subject: 'LDM-503-1' });
    expect(problems[0]!.excerpt!.text.slice(problems[0]!.excerpt!.caret)).toMatch(/^DM-SUTI-1\]/);
  });

  it('says what a feature, an unlisted prerequisite and a waiver name and nobody defines', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', {
        'M-1': 'title: a, unlisted: {X-1: why}, waivers: [{feature: X-2, reason: r, by: b}]',
      })
      .withFeatures('f.yaml', { 'F-1': 'title: b, external: X-3' })
      .roadmap();
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ['unknown-id', "nothing is called 'X-3'"],
      ['unknown-id', "nothing is called 'X-1'"],
      ['unknown-id', "nothing is called 'X-2'"],
    ]);
  });

  it('warns of a waiver for a feature that the milestone does not need', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', {
        'M-1': 'title: a, needs: [F-1], waivers: [{feature: f-01, reason: r, by: b}, {feature: F-2, reason: r, by: b}]',
      })
      .withFeatures('f.yaml', { 'F-1': 'title: b', 'F-2': 'title: c' })
      .roadmap();
    expect(problems).toMatchObject([
      { code: 'unknown-id', severity: 'warning', message: 'M-1 waives F-2, which it does not need', at: { line: 3 } },
    ]);
  });

  it('says that an id is of the wrong kind', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', { 'M-1': 'title: a, waivers: [{feature: E-1, reason: r, by: b}]' })
      .withFeatures('f.yaml', { 'F-1': 'title: b, external: M-1' })
      .withExternals('e.yaml', { 'E-1': 'title: c' })
      .roadmap();
    expect(problems.map(({ message, hint }) => [message, hint])).toEqual([
      ["'M-1' is a milestone", 'expected an external'],
      ["'E-1' is an external", 'expected a feature'],
    ]);
  });

  it.each(['LDM-503-3', 'LDM-503-03', 'ldm-503-003'])(
    'finds that two files define one id, the second as %s',
    async (id) => {
      const { problems } = await aWorkspace()
        .withMilestones('a.yaml', { 'LDM-503-3': 'title: a' })
        .withMilestones('b.yaml', { 'LDM-503-2': 'title: c', [id]: 'title: b' })
        .roadmap();
      expect(brief(problems)).toEqual([`milestones/b.yaml:4:3 duplicate-id ${id} is defined twice`]);
      expect(problems[0]!.hint).toBe('LDM-503-3 is defined in milestones/a.yaml:3; keep one of the two');
    },
  );

  it('finds one id as a feature and as a milestone', async () => {
    const { problems } = await aWorkspace()
      .withFeatures('a.yaml', { 'M-1': 'title: a' })
      .withMilestones('b.yaml', { 'M-1': 'title: b' })
      .roadmap();
    expect(problems.map(({ code }) => code)).toEqual(['duplicate-id']);
  });

  it('finds an alias that is the id of another, or an alias of another', async () => {
    const { problems } = await aWorkspace()
      .withFeatures('f.yaml', {
        'F-1': 'title: a, aka: [ALPHA, F-1, f-01]',
        'F-2': 'title: b, aka: [F-3, alpha]',
        'F-3': 'title: c',
      })
      .roadmap();
    expect(brief(problems)).toEqual([
      "milestones/f.yaml:4:25 alias-collision F-2 cannot also be called 'F-3'",
      "milestones/f.yaml:4:30 alias-collision F-2 cannot also be called 'alpha'",
    ]);
    expect(problems.map(({ hint }) => hint)).toEqual([
      'F-3 (milestones/f.yaml:5) has that name already',
      'F-1 (milestones/f.yaml:3) has that name already',
    ]);
  });

  it('takes an alias wherever it takes an id', async () => {
    const { roadmap, problems } = await aWorkspace()
      .withMilestones('m.yaml', {
        'M-1': 'title: a, aka: [FIRST], needs: [ALPHA]',
        'M-2': 'title: b, needs: [first], unlisted: {NET-01: why}',
      })
      .withFeatures('f.yaml', { 'F-1': 'title: a, aka: [ALPHA], external: net-1' })
      .withExternals('e.yaml', { 'E-1': 'title: x, aka: [NET-1]' })
      .roadmap();
    expect(problems).toEqual([]);
    const outside = (id: string) =>
      externalsOf(roadmap, findItem(roadmap, id) as Milestone).map(({ external, via }) => [external.id, via?.id]);
    expect(outside('M-1')).toEqual([['E-1', 'F-1']]);
    expect(outside('M-2')).toEqual([['E-1', undefined]]);
  });

  it('prints a circle of prerequisites whole', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', {
        'M-1': 'title: a, needs: [M-2]',
        'M-2': 'title: b, unlisted: {M-03: dropped by the generator}',
        'M-3': 'title: c, aka: [THREE], needs: [M-1]',
        'M-4': 'title: d, needs: [THREE]',
      })
      .roadmap();
    expect(brief(problems)).toEqual([
      'milestones/m.yaml:3:3 prerequisite-cycle milestones that need each other: M-1 -> M-2 -> M-3 -> M-1',
    ]);
  });

  it('finds a milestone that needs itself, and every circle of several', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('a.yaml', { 'A-1': 'title: a, needs: [A-2]', 'A-2': 'title: b, needs: [A-1, B-1]' })
      .withMilestones('b.yaml', { 'B-1': 'title: a, needs: [B-2]', 'B-2': 'title: b, needs: [B-1]' })
      .withMilestones('c.yaml', { 'C-1': 'title: a, aka: [SELF], needs: [SELF, A-1]' })
      .roadmap();
    expect(problems.map(({ message }) => message.replace('milestones that need each other: ', '')).sort()).toEqual([
      'A-1 -> A-2 -> A-1',
      'B-1 -> B-2 -> B-1',
      'C-1 -> C-1',
    ]);
  });

  it('points at every day that does not exist', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', {
        'M-1':
          'title: a, due: "2017-02-30", needs: [F-1], completed: {on: "2018-13-01"}, waivers: [{feature: F-1, reason: r, by: b, until: "2019-02-29"}]',
      })
      .withFeatures('f.yaml', {
        'F-1':
          'title: a, started: "2017-06-31", delivered: {on: "2017-00-10"}, withdrawn: {reason: r, on: "2100-02-29"}',
      })
      .roadmap();
    expect(problems.map(({ code, message }) => [code, message])).toEqual(
      ['2017-06-31', '2017-00-10', '2100-02-29', '2017-02-30', '2018-13-01', '2019-02-29'].map((day) => [
        'no-such-date',
        `there is no day ${day}`,
      ]),
    );
    expect(problems[3]!.at).toEqual({ file: 'milestones/m.yaml', line: 3, column: 24 });
    for (const { excerpt, message } of problems) {
      expect(excerpt!.text.slice(excerpt!.caret + 1)).toContain(message.slice(-10));
      expect(excerpt!.text[excerpt!.caret]).toBe('"');
    }
  });

  it('warns of a prerequisite that is due later than what needs it, and of titles that are blank', async () => {
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', { 'M-1': 'title: a, due: "2018-05-08", needs: [F-1, F-2]' })
      .withFeatures('f.yaml', { 'F-1': 'title: " ", due: "2018-05-09"', 'F-2': 'title:, due: "2018-05-08"' })
      .roadmap();
    expect(problems.map(({ severity, code, message }) => [severity, code, message])).toEqual([
      ['warning', 'blank-title', 'F-1 has no title'],
      ['warning', 'blank-title', 'F-2 has no title'],
      ['warning', 'due-inversion', 'F-1 is due 2018-05-09, after M-1 (2018-05-08), which needs it'],
    ]);
  });

  it('says everything that is wrong with all files at once', async () => {
    const { problems } = await aWorkspace()
      .with('milestones/a.yaml', 'schema: dmrel/milestones/v1\nmilestones: [')
      .with('milestones/deep/er/b.yml', 'schema: dmrel/features/v1\nfeatures: {F-1: {titel: x}}\n')
      .withMilestones('c.yaml', { 'M-1': 'title: a, needs: [NOBODY], due: "2018-02-31"' })
      .with('milestones/d.yaml', Buffer.from([0xff, 0xfe, 0x0a]))
      .roadmap();
    expect(problems.map(({ code, at }) => [code, at!.file])).toEqual([
      ['yaml-syntax', 'milestones/a.yaml'],
      ['not-utf8', 'milestones/d.yaml'],
      ['missing-key', 'milestones/deep/er/b.yml'],
      ['unknown-key', 'milestones/deep/er/b.yml'],
      ['no-such-date', 'milestones/c.yaml'],
      ['unknown-id', 'milestones/c.yaml'],
    ]);
  });

  it.each([
    [
      'a syntax error',
      'schema: dmrel/features/v1\nfeatures:\n  F-1: {title: a}\n  "F-2" : {title: b\n  F-3:\n    title: c\n',
    ],
    [
      'an unknown key',
      'schema: dmrel/features/v1\nfeatures:\n  F-1: {title: a, x: y}\n  F-2: {title: b}\n  F-3: {title: c}\n',
    ],
    [
      'an unknown schema',
      'schema: dmrel/features/v2\nfeatures:\n  F-1: {title: a}\n  F-2: {title: b}\n  F-3: {title: c}\n',
    ],
    [
      'one line for all',
      'schema: dmrel/features/v1\nfeatures: {F-1: {title: a}, F-2: {title: b}, "F-3": {title: c, x: y}}\n',
    ],
    [
      'one letter that is not UTF-8',
      Buffer.from(
        'schema: dmrel/features/v1\nfeatures:\n  F-1: {title: \xe4}\n  F-2: {title: b}\n  F-3: {title: c}\n',
        'latin1',
      ),
    ],
  ])('blames a file with %s, not those that name what it defines', async (_what, text) => {
    const { problems } = await aWorkspace()
      .with('milestones/f.yaml', text)
      .withMilestones('m.yaml', { 'M-1': 'title: a, needs: [F-1, f-02, F-3]' })
      .roadmap();
    expect(new Set(problems.map(({ at }) => at!.file))).toEqual(new Set(['milestones/f.yaml']));
  });

  it('reads nothing that is hidden or no YAML, and says when a directory is called like a file', async () => {
    const { roadmap, problems } = await aWorkspace()
      .with('milestones/.m.yaml.swp', 'x')
      .with('milestones/.hidden.yaml', 'x')
      .with('milestones/README.md', '# plan')
      .with('milestones/x.yaml/y', '')
      .roadmap();
    expect(roadmap.items.size).toBe(0);
    expect(brief(problems)).toEqual(['milestones/x.yaml not-a-file milestones/x.yaml is a directory']);
  });

  it('reads YAML in capitals too, and warns of directories that it does not look into', async () => {
    const workspace = aWorkspace()
      .with('milestones/M.YAML', 'schema: dmrel/features/v1\nfeatures: {F-1: {title: a}}\n')
      .with(`milestones/${'d/'.repeat(10)}m.yaml`, 'x')
      .with('elsewhere/m.yaml', 'x');
    symlinkSync('../elsewhere', join(workspace.root, 'milestones/link'));
    symlinkSync('nowhere', join(workspace.root, 'milestones/dangling'));
    const { roadmap, problems } = await workspace.roadmap();
    expect(roadmap.items.size).toBe(1);
    expect(problems.map(({ code, severity, message }) => `${severity} ${code} ${message}`)).toEqual([
      `warning not-a-file milestones/${'d/'.repeat(8)}d is nested deeper than 8: nothing in it is read`,
      'warning not-a-file milestones/link is a link to a directory: nothing in it is read',
    ]);
  });

  it('is empty where there is no folder of milestones', async () => {
    const { roadmap, problems } = await aWorkspace().roadmap();
    expect([roadmap.items.size, problems]).toEqual([0, []]);
  });

  it('shows a part of 130,000 names that nobody defines', async () => {
    const needs = Array.from({ length: 130_000 }, (_, number) => `A-${number}`);
    const { problems } = await aWorkspace()
      .withMilestones('m.yaml', { 'M-1': `title: a, needs: [${needs.join(', ')}]` })
      .roadmap();
    expect(problems).toHaveLength(10_000);
  });

  it('stays quick with 3,000 names that nobody defines', async () => {
    const names = Array.from({ length: 3000 }, (_, number) => `X-${number}`);
    const features = Object.fromEntries(names.map((_, number) => [`F-${number}`, 'title: a']));
    const workspace = aWorkspace()
      .withFeatures('f.yaml', features)
      .withMilestones('m.yaml', { 'M-1': `title: a, needs: [${names.join(', ')}]` });
    const worked = startWork();
    expect((await workspace.roadmap()).problems).toHaveLength(3000);
    expect(worked()).toBeLessThan(3);
  });
});
