import { describe, expect, it } from '@jest/globals';
import { makeTrust } from '../support/keys.ts';
import { aWorkspace, brief, problemsOf } from '../support/workspace.ts';

const head = `schema: dmrel/workspace/v1
organization: test
registries: {r: "layout:r"}
checks: {smoke: {kind: command, run: [smoke]}, scan: {kind: vulnerabilities, run: [scan], max: {critical: 9}}}
`;
async function faults(levels: string, roles?: Record<string, string[]>, more?: Record<string, string>) {
  const workspace = aWorkspace();
  const trust = roles ? makeTrust(workspace.root, { roles, ...(more ? { more } : {}) }).section : '';
  return brief(problemsOf(await workspace.with('dmrel.yaml', `${head}levels:\n${levels}${trust}`).open()));
}

describe('levels in dmrel.yaml', () => {
  it('may ask for everything there is', async () => {
    expect(
      await faults(
        `  a: {registry: r}
  b: {registry: r, after: {all: [a]}}
  c:
    registry: r
    after: {any: [a, b]}
    checks: [smoke, scan]
    ceilings: {vulnerabilities: {critical: 0}, size: 8GiB}
    soak: 2d
    approvals: [{role: manager, count: 2, within: 7d}, {role: scientist}]
    waivers: manager
    emergency: rescue
    promoter: promoters
    milestone: LDM-503-3
    freeze:
      - {start: "2018-06-01T18:00:00", zone: America/Santiago, duration: 62h, rrule: "FREQ=WEEKLY;BYDAY=FR", reason: x}
      - {start: "2018-12-21T00:00:00", end: "2019-01-07T00:00:00", effect: allow, reason: y}
`,
        { manager: ['ann', 'bob'], scientist: ['carol'], rescue: ['ops'], promoters: ['p'] },
      ),
    ).toEqual([]);
  });

  it('name levels, roles and people that there are, where they stand', async () => {
    expect(
      await faults(
        `  a: {registry: r, after: {any: [b, dve]}}
  b: {registry: r, waivers: manger, approvals: {role: manager, count: 3}}
  c: {registry: r, approvals: [{role: manager}, {role: manager, count: 2}], promoter: nobody}
`,
        { manager: ['ann', 'ann-home', 'bob'] },
        { ann: 'person: Ann', 'ann-home': 'person: Ann' },
      ),
    ).toEqual([
      "dmrel.yaml:6:37 unknown-name there is no level 'dve'",
      "dmrel.yaml:7:29 unknown-name there is no role 'manger'",
      "dmrel.yaml:7:71 wrong-value 3 people of 'manager' must approve, and there are 2",
      "dmrel.yaml:8:87 unknown-name there is no role 'nobody'",
      "dmrel.yaml:8:56 wrong-value approvals by 'manager' are asked for twice",
    ]);
  });

  it('have windows that exist, end, and repeat as their rule says', async () => {
    const window = (text: string) => faults(`  a: {registry: r, freeze: [{reason: x, ${text}}]}\n`);
    const start = 'start: "2018-06-01T18:00:00"';
    const found = async (text: string) => (await window(text)).map((each) => each.replace(/^dmrel.yaml:6:\d+ /, ''));
    expect(await found('start: "2018-06-31T18:00:00", duration: 1h')).toEqual([
      'wrong-value there is no 2018-06-31T18:00:00',
    ]);
    expect(await found(`${start}`)).toEqual(['wrong-value a window needs a duration or an end, not both']);
    expect(await found(`${start}, duration: 1h, end: "2018-06-01T19:00:00"`)).toEqual([
      'wrong-value a window needs a duration or an end, not both',
    ]);
    expect(await found(`${start}, end: "2018-06-01T18:00:00"`)).toEqual(['wrong-value it ends before it begins']);
    expect(await found(`${start}, duration: 1h, zone: America/Santjago`)).toEqual([
      "wrong-value there is no time zone 'America/Santjago'",
    ]);
    expect(await found(`${start}, duration: 1h, rrule: "FREQ=HOURLY"`)).toEqual([
      'wrong-value FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY',
    ]);
    expect(await found(`${start}, duration: 1h, rrule: "FREQ=WEEKLY;BYDAY=MO"`)).toEqual([
      'wrong-value the rule does not have its own start',
    ]);
    expect(await found('start: "2018-06-01 18:00", duration: 1h')).toEqual([
      expect.stringMatching(/^wrong-value 'start'/),
    ]);
  });

  it('are not called as the tag that moves by command', async () => {
    expect(await faults('  recommended: {registry: r}\n')).toEqual([
      expect.stringMatching(/^dmrel\.yaml:6:3 wrong-value no level can be called 'recommended'$/),
    ]);
  });

  it('limit no vulnerabilities that nothing counts, and let none wait for each other by any way', async () => {
    expect(await faults('  a: {registry: r, checks: [smoke], ceilings: {vulnerabilities: {critical: 0}}}\n')).toEqual([
      expect.stringMatching(/ wrong-value nothing counts the vulnerabilities that this limits$/),
    ]);
    expect(await faults('  a: {registry: r, after: {any: [b]}}\n  b: {registry: r, after: {all: [a]}}\n')).toEqual([
      expect.stringMatching(/ name-cycle levels that wait for each other: a -> b -> a$/),
    ]);
  });
});
