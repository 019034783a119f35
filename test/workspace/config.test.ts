import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { findWorkspace, need, openWorkspace } from '../../src/workspace/index.ts';
import { aFolder, aWorkspace, brief, problemsOf } from '../support/workspace.ts';

const head = 'schema: dmrel/workspace/v1\norganization: lsst\n';
const faults = async (text: string) =>
  problemsOf(
    await aWorkspace()
      .with('dmrel.yaml', head + text)
      .open(),
  );

describe('dmrel.yaml', () => {
  it('is found from any directory below it', async () => {
    const { root } = aWorkspace().with('a/b/c', '');
    expect(findWorkspace(join(root, 'a/b'))).toEqual({ ok: true, value: root });
  });

  it('says where it looked, and what to do, when there is none', async () => {
    const folder = aFolder();
    const [found] = problemsOf(await openWorkspace(folder, {}));
    expect(found).toMatchObject({
      code: 'no-workspace',
      message: expect.stringContaining(folder),
      hint: expect.stringContaining('-C DIR'),
    });
  });

  it('that is a directory is a finding', async () => {
    const folder = aFolder();
    mkdirSync(join(folder, 'dmrel.yaml'));
    expect(brief(problemsOf(await openWorkspace(folder, {})))).toEqual([
      'dmrel.yaml not-a-file dmrel.yaml is a directory',
    ]);
  });

  it('has no condition of a level that could keep nothing out', async () => {
    const found = await faults(`registries: {build: "layout:r"}
images:
  stack: {context: s, levels: [dev]}
  lab: {context: l, levels: [lab]}
checks:
  labels: {kind: structure, images: [lab]}
levels:
  dev: {registry: build, soak: 2h, checks: [labels]}
  lab: {registry: build, after: [dev], soak: 2h, checks: [labels]}
`);
    expect(found.map(({ code, message, at }) => [code, message, at!.line, at!.column])).toEqual([
      ['wrong-value', "'soak' without 'after'", 10, 26],
      ['wrong-value', "the check 'labels' looks at no image of dev", 10, 45],
    ]);
  });

  it('names images, checks, levels and registries that exist, or says which are meant', async () => {
    const found = await faults(`registries: {build: "layout:r"}
images:
  stack: {context: s, from: [bas], levels: [integraton]}
  base: {context: b}
checks:
  labels: {kind: structure, images: [stak]}
levels:
  integration: {registry: biuld, checks: [lables]}
  production: {registry: build, after: [intgration, nowhere]}
`);
    expect(found.map(({ code, message, hint }) => [code, message, hint])).toEqual([
      ['unknown-name', "there is no image 'bas'", "did you mean 'base'?"],
      ['unknown-name', "there is no level 'integraton'", "did you mean 'integration'?"],
      ['unknown-name', "there is no image 'stak'", "did you mean 'stack'?"],
      ['unknown-name', "there is no check 'lables'", "did you mean 'labels'?"],
      ['unknown-name', "there is no registry 'biuld'", "did you mean 'build'?"],
      ['unknown-name', "there is no level 'intgration'", "did you mean 'integration'?"],
      ['unknown-name', "there is no level 'nowhere'", "define it under 'levels:'"],
    ]);
    for (const { excerpt, message } of found) {
      expect(excerpt!.text.slice(excerpt!.caret)).toMatch(new RegExp(`^${message.split("'")[1]}`));
    }
  });

  it('takes no name for one that exists because every object has it', async () => {
    const found = await faults('levels: {a: {registry: constructor, checks: [constructor], after: [constructor]}}\n');
    expect(found.map(({ code }) => code)).toEqual(['unknown-name', 'unknown-name', 'unknown-name']);
  });

  it('lets no images and no levels wait for each other', async () => {
    const found = await faults(`registries: {r: "layout:r"}
images:
  a: {context: c, from: [b]}
  b: {context: c, from: [a]}
  c: {context: c, from: [c]}
levels:
  x: {registry: r, after: [z]}
  y: {registry: r, after: [x]}
  z: {registry: r, after: [y]}
`);
    expect(found.map(({ code, message }) => [code, message])).toEqual([
      ['name-cycle', 'images that wait for each other: a -> b -> a'],
      ['name-cycle', 'images that wait for each other: c -> c'],
      ['name-cycle', 'levels that wait for each other: x -> z -> y -> x'],
    ]);
  });

  it('says that the day of the document does not exist', async () => {
    expect(brief(await faults('document: {handle: X, title: T, date: "2017-02-29"}\n'))).toEqual([
      'dmrel.yaml:3:39 no-such-date there is no day 2017-02-29',
    ]);
  });

  it('shows the keys and the forms that are known at each place', async () => {
    const found = await faults(`checks:
  a: {kind: structure, lables: {}}
  b: {kind: command}
  c: {kind: magic}
levels:
  Int: {registry: r}
  b: {registry: r, soak: 2 days, keep: {weakly: 2}}
`);
    expect(brief(found)).toEqual([
      "dmrel.yaml:4:24 unknown-key unknown key 'lables'",
      "dmrel.yaml:5:3 missing-key 'b' lacks 'run'",
      "dmrel.yaml:6:13 wrong-value 'kind' must be one of: structure, container, command, vulnerabilities, metrics, import",
      "dmrel.yaml:8:3 wrong-value 'Int' cannot be a key here: expected a name of lower-case letters and digits, with single . _ - between",
      "dmrel.yaml:9:26 wrong-value 'soak' must be a length of time such as 90s, 5m, 48h or 7d",
      "dmrel.yaml:9:41 wrong-value 'weakly' cannot be a key here: expected one of: daily, weekly, candidate, release, milestone",
    ]);
    expect(found[0]!.hint).toBe("did you mean 'labels'?");
  });

  it('is asked for by what a verb needs', async () => {
    const opened = await aWorkspace().open();
    if (!opened.ok) throw new Error();
    const [found] = problemsOf(need(opened.value, 'levels', 'there is no board to show'));
    expect(found).toMatchObject({
      code: 'workspace-lacks',
      message: 'this workspace names no levels, so there is no board to show',
    });
  });
});

describe('the checks of dmrel.yaml', () => {
  it('run where they can, know whose report they read, and ask for what can be', async () => {
    const found = await faults(`checks:
  a: {kind: command, run: [x], runner: clutser}
  b: {kind: command, run: [x], runner: docker}
  c: {kind: container, runner: local}
  d: {kind: vulnerabilities, max: {high: 0}}
  e: {kind: metrics, report: m.json, metrics: {AM1: {max: 1}}}
  f: {kind: metrics, report: "m/{digest}.json", metrics: {AM1: {min: 2, max: 1}}}
  g: {kind: command, run: [x], output: {match: ["fine", "(a"]}}
  h: {kind: metrics, report: "m/{digest}.json", metrics: {AM1: {max: 2}}}
runners:
  cluster: {kind: slurm}
`);
    expect(brief(found)).toEqual([
      "dmrel.yaml:4:40 unknown-name there is no runner 'clutser'",
      "dmrel.yaml:5:40 wrong-value a check of kind command cannot run on 'docker'",
      "dmrel.yaml:6:32 wrong-value a check of kind container cannot run on 'local'",
      "dmrel.yaml:7:3 missing-key 'd' has no report to read",
      'dmrel.yaml:8:30 wrong-value nothing says which image the report is about',
      'dmrel.yaml:9:59 wrong-value nothing is at least 2 and at most 1',
      expect.stringMatching(/^dmrel\.yaml:10:57 wrong-value no regular expression: /),
    ]);
    expect(found[0]!.hint).toBe("did you mean 'cluster'?");
  });

  it('give Slurm nothing but what says what a job needs', async () => {
    const refused = [
      '--wrap=rm',
      '--output=/x',
      '--export=ALL',
      '--mem=4G --wrap=x',
      '-p',
      'mem=4G',
      '--mem=$(id)',
      '--job-name=x',
      "--comment='x",
    ];
    const found = await faults(
      `runners:\n  c: {kind: slurm, args: [${refused.map((each) => JSON.stringify(each)).join(', ')}]}\n  d: {kind: slurm, partition: "--wrap=x"}\n`,
    );
    expect(found.map(({ code }) => code)).toEqual(new Array(refused.length + 1).fill('wrong-value'));
    expect(
      await faults('runners:\n  c: {kind: slurm, args: [--mem=4G, --exclusive, "--constraint=a&b", "--gres=gpu:2"]}\n'),
    ).toEqual([]);
  });

  it('lead nowhere outside, and name no severity or bound that there is not', async () => {
    const found = await faults(`checks:
  a: {kind: import, junit: "../*.xml"}
  b: {kind: container, mounts: {/x: "a,readonly=false"}}
  c: {kind: vulnerabilities, run: [x], max: {hihg: 1}}
  d: {kind: metrics, run: [x], metrics: {AM1: {}}}
  e: {kind: container, env: {"A=B": c}}
`);
    expect(found.map(({ code, at }) => `${at!.line} ${code}`)).toEqual([
      '4 wrong-value',
      '5 wrong-value',
      '6 unknown-key',
      '7 wrong-value',
      '8 wrong-value',
    ]);
  });
});
