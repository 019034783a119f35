import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { aWorkspace } from '../support/workspace.ts';

type Workspace = ReturnType<typeof aWorkspace>;

/** Ended from outside when it hangs: its exit code is null then. */
const during = ({ kill }: { kill(signal: NodeJS.Signals): void }) => void setTimeout(kill, 20_000, 'SIGKILL').unref();

/** What a person reads and what a program reads, which must say the same; neither shows the insides of dmrel. */
async function validate({ root }: Workspace) {
  const [text, { code, json }] = await Promise.all([
    dmrel(root, ['validate'], { during }),
    dmrelJson(root, ['validate'], { during }),
  ]);
  expect(text.out + text.err).not.toMatch(/\n\s+at |node:internal|unexpected:/);
  expect(code).toBe(text.code);
  for (const { code: name, at, hint } of json.problems) {
    const place = [at?.file, at?.line, at?.column].filter((part) => part !== undefined).join(':');
    expect(text.err).toContain(`${place}  `);
    expect(text.err).toContain(`  ${name}  `);
    expect(text.err).toContain(`\n  = ${hint}\n`);
  }
  return { code, out: text.out, err: text.err, json };
}

/** The answer to one finding, without the count of what was read. */
async function answer(workspace: Workspace): Promise<string> {
  const { code, err, out, json } = await validate(workspace);
  expect([code, out, json.valid]).toEqual([3, '', false]);
  expect(err).toMatch(/\nnot valid: .* read\n$/);
  return err.replace(/^not valid: .*\n/m, '');
}

const features = (...lines: string[]) => ['schema: dmrel/features/v1', 'features:', ...lines, ''].join('\n');
const sound = features('  F-1: {title: näher}');
const block = (...lines: string[]) => `${lines.join('\n')}\n`;

describe('dmrel validate', () => {
  it('says what it read of a sound workspace, and nothing else', async () => {
    const workspace = aWorkspace()
      .withFeatures('f.yaml', { 'F-1': 'title: a' })
      .withMilestones('m.yaml', { 'M-1': 'title: a, needs: [F-1, E-1]' })
      .withExternals('e.yaml', { 'E-1': 'title: a' });
    const { code, out, err, json } = await validate(workspace);
    expect([code, err, json.valid, json.problems]).toEqual([0, '', true, []]);
    expect(out).toBe('valid: 1 milestone, 1 feature, 1 external, 0 products, 0 release records, 0 levels\n');
  });

  it.each([
    ['begins with a byte order mark', `\ufeff${sound}`],
    ['ends its lines with CR LF', sound.replaceAll('\n', '\r\n')],
    ['does both', `\ufeff${sound.replaceAll('\n', '\r\n')}`],
  ])('takes a file that %s', async (_what, text) => {
    const { code, json } = await validate(aWorkspace().with('milestones/f.yaml', text));
    expect([code, json.counts.features, json.problems]).toEqual([0, 1, []]);
  });

  it('counts columns past a byte order mark, and shows no carriage return', async () => {
    const text = `\ufeff${features('  F-1: {title: a, duo: x}').replaceAll('\n', '\r\n')}`;
    expect(await answer(aWorkspace().with('milestones/f.yaml', text))).toBe(
      block(
        "milestones/f.yaml:3:19  error  unknown-key  unknown key 'duo'",
        '  3 |   F-1: {title: a, duo: x}',
        '    |                   ^',
        "  = did you mean 'due'?",
      ),
    );
  });
});

describe('what is wrong with a plan is named with its line, a caret and what to do:', () => {
  it('a key that stands twice', async () => {
    const workspace = aWorkspace().with('milestones/f.yaml', features('  F-1: {title: a}', '  F-1: {title: b}'));
    expect(await answer(workspace)).toBe(
      block(
        "milestones/f.yaml:4:3  error  duplicate-key  duplicate key 'F-1'",
        '  4 |   F-1: {title: b}',
        '    |   ^',
        '  = it stands in line 3 already; keep one of the two',
      ),
    );
  });

  it('a key that nobody knows, with the one that was meant', async () => {
    const workspace = aWorkspace().with('milestones/f.yaml', features('  F-1: {title: a, cycel: F18}'));
    expect(await answer(workspace)).toBe(
      block(
        "milestones/f.yaml:3:19  error  unknown-key  unknown key 'cycel'",
        '  3 |   F-1: {title: a, cycel: F18}',
        '    |                   ^',
        "  = did you mean 'cycle'?",
      ),
    );
  });

  it('an id that nobody defines, with the one that was meant', async () => {
    const workspace = aWorkspace()
      .withMilestones('m.yaml', { 'LDM-503-1': 'title: a, needs: [DM-SUTI-1]' })
      .withFeatures('f.yaml', { 'DM-SUIT-1': 'title: b' });
    expect(await answer(workspace)).toBe(
      block(
        "milestones/m.yaml:3:33  error  unknown-id  nothing is called 'DM-SUTI-1'",
        '  3 |   LDM-503-1: {title: a, needs: [DM-SUTI-1]}',
        '    |                                 ^',
        "  = did you mean 'DM-SUIT-1'?",
      ),
    );
  });

  it('an id that two files define, with both places', async () => {
    const workspace = aWorkspace()
      .withFeatures('a.yaml', { 'F-2': 'title: a', 'F-1': 'title: a' })
      .withFeatures('b.yaml', { 'F-01': 'title: b' });
    expect(await answer(workspace)).toBe(
      block(
        'milestones/b.yaml:3:3  error  duplicate-id  F-01 is defined twice',
        '  3 |   F-01: {title: b}',
        '    |   ^',
        '  = F-1 is defined in milestones/a.yaml:4; keep one of the two',
      ),
    );
  });

  it('a circle of prerequisites, whole', async () => {
    const workspace = aWorkspace()
      .withMilestones('a.yaml', { 'M-1': 'title: a, needs: [M-2]', 'M-2': 'title: b, needs: [M-3]' })
      .withMilestones('b.yaml', { 'M-3': 'title: c, needs: [M-1]', 'M-4': 'title: d, needs: [M-1]' });
    expect(await answer(workspace)).toBe(
      block(
        'milestones/a.yaml:3:3  error  prerequisite-cycle  milestones that need each other: M-1 -> M-2 -> M-3 -> M-1',
        '  3 |   M-1: {title: a, needs: [M-2]}',
        '    |   ^',
        '  = take one of these prerequisites out',
      ),
    );
  });

  it.each([
    ['2017-02-29', '2017-02 has the days 01 to 28'],
    ['2018-04-31', '2018-04 has the days 01 to 30'],
    ['2018-12-00', '2018-12 has the days 01 to 31'],
    ['2018-13-01', 'the months of a year are 01 to 12'],
  ])('the day %s', async (day, hint) => {
    expect(await answer(aWorkspace().withFeatures('f.yaml', { 'F-1': `title: a, due: "${day}"` }))).toBe(
      block(
        `milestones/f.yaml:3:24  error  no-such-date  there is no day ${day}`,
        `  3 |   F-1: {title: a, due: "${day}"}`,
        '    |                        ^',
        `  = ${hint}`,
      ),
    );
  });

  it('an alias that is taken', async () => {
    const workspace = aWorkspace()
      .withFeatures('a.yaml', { 'F-1': 'title: a, aka: [ALPHA]' })
      .withFeatures('b.yaml', { 'F-2': 'title: b, aka: [alpha]' });
    expect(await answer(workspace)).toBe(
      block(
        "milestones/b.yaml:3:25  error  alias-collision  F-2 cannot also be called 'alpha'",
        '  3 |   F-2: {title: b, aka: [alpha]}',
        '    |                         ^',
        '  = F-1 (milestones/a.yaml:3) has that name already',
      ),
    );
  });

  it('everything, in all files at once', async () => {
    const workspace = aWorkspace()
      .with('dmrel.yaml', 'schema: dmrel/workspace/v1\norganisation: test\n')
      .with('milestones/a.yaml', features('  F-1: {title: a, titel: b}', '  F-2: {due: 7}'))
      .withMilestones('b.yaml', { 'M-1': 'title: a, needs: [NOBODY]', 'M-2': 'title: a, due: "2018-02-30"' })
      .with('milestones/c.yaml', Buffer.from([0xff]));
    const { code, json, err } = await validate(workspace);
    const found = json.problems.map(({ code, at }: any) => `${at.file}:${at.line} ${code}`).sort();
    expect([code, found]).toEqual([
      3,
      [
        'dmrel.yaml:1 missing-key',
        'dmrel.yaml:2 unknown-key',
        'milestones/a.yaml:3 unknown-key',
        'milestones/a.yaml:4 missing-key',
        'milestones/a.yaml:4 wrong-type',
        'milestones/b.yaml:3 unknown-id',
        'milestones/b.yaml:4 no-such-date',
        'milestones/c.yaml:1 not-utf8',
      ],
    ]);
    expect(err).toContain('\n8 errors, 0 warnings\n');
  });
});

describe('a file made to do harm, or damaged, is answered at once:', () => {
  const bomb = Array.from({ length: 60 }, (_, level) => {
    const item = level === 0 ? 'x' : `*a${level - 1}`;
    return `a${level}: &a${level} [${Array(10).fill(item).join(', ')}]\n`;
  });
  const indented = Array.from({ length: 1000 }, (_, level) => `${' '.repeat(level + 1)}a:\n`);

  it.each([
    ['aliases that multiply', `schema: dmrel/features/v1\n${bomb.join('')}`, '6:45', 'yaml-aliases'],
    ['100,000 open brackets', `schema: dmrel/features/v1\nfeatures: ${'['.repeat(100_000)}`, '2:75', 'yaml-too-deep'],
    [
      '1,000 maps in each other',
      `schema: dmrel/features/v1\nfeatures:\n${indented.join('')}`,
      '66:65',
      'yaml-too-deep',
    ],
    ['nothing at all', '', '1:1', 'wrong-type'],
    ['a letter of Latin-1', Buffer.from(sound, 'latin1'), '3:17', 'not-utf8'],
    ['a NUL byte in a text', sound.replace('ä', '\0'), '3:17', 'yaml-syntax'],
    ['a NUL byte in a quoted text', sound.replace('näher', '"n\0her"'), '3:18', 'yaml-syntax'],
    ['zeros where a crash cut it off', sound + '\0'.repeat(4000), '4:1', 'yaml-syntax'],
  ])('%s', async (_what, text, place, code) => {
    const err = await answer(aWorkspace().with('milestones/f.yaml', text));
    const [head, line, caret, hint, ...more] = err.trimEnd().split('\n');
    expect(head).toMatch(new RegExp(`^milestones/f\\.yaml:${place || '[0-9]+:[0-9]+'}  error  ${code}  `));
    if (text.length > 0) {
      expect(line).toMatch(/^ {2}[0-9]+ \| .*\S/);
      expect(caret).toMatch(/^ +\| +\^$/);
      expect(line!.length).toBeLessThan(4 * 96 + 20);
      expect(hint).toMatch(/^ {2}= \S/);
      expect(more).toEqual([]);
    }
  });

  it.each([
    ['a file of 100 MB', huge, 'file-too-large', 'files of this kind may have 4 MiB'],
    ['a directory', (path: string) => mkdirSync(path), 'not-a-file', 'put a file in its place'],
    ['a pipe that nobody writes to', pipe, 'not-a-file', 'put a file in its place'],
    ['an endless device', (path: string) => symlinkSync('/dev/zero', path), 'not-a-file', 'put a file in its place'],
    ['a link to itself', (path: string) => symlinkSync(path, path), 'file-unreadable', 'put a file in its place'],
    ['a link to nothing', (path: string) => symlinkSync('nowhere', path), 'file-not-found', 'put it there'],
  ])('%s in place of a file', async (_what, make, code, hint) => {
    const workspace = aWorkspace().with('milestones/other.yaml', sound);
    make(join(workspace.root, 'milestones/f.yaml'));
    const [head, help, ...more] = (await answer(workspace)).trimEnd().split('\n');
    expect(head).toMatch(new RegExp(`^milestones/f\\.yaml  error  ${code}  .*milestones/f\\.yaml`));
    expect(help).toContain(hint);
    expect(more).toEqual([]);
  });

  it.each([
    'dmrel.yaml',
    'milestones',
    'products/repos.yaml',
    'products/manifests/b1.txt',
    'releases/w.2018.18/release.yaml',
    'levels/dev.yaml',
  ])('a pipe in place of %s keeps nobody waiting', async (file) => {
    const workspace = aWorkspace().with(
      'dmrel.yaml',
      `schema: dmrel/workspace/v1
organization: test
products: {index: products/repos.yaml, manifests: products/manifests}
registries: {dev: "layout:dev"}
levels: {dev: {registry: dev}}
`,
    );
    workspace.with('products/repos.yaml', 'p: https://example.org/p\n');
    expect((await validate(workspace)).code).toBe(0);
    rmSync(join(workspace.root, file), { force: true });
    mkdirSync(dirname(join(workspace.root, file)), { recursive: true });
    pipe(join(workspace.root, file));
    const err = await answer(workspace);
    expect(err).toMatch(new RegExp(`^${file}  error  (not-a-file|file-unreadable)  `));
  });

  it('directories that link in a circle', async () => {
    const workspace = aWorkspace().with('milestones/deep/f.yaml', sound);
    symlinkSync('..', join(workspace.root, 'milestones/deep/up'));
    symlinkSync('.', join(workspace.root, 'milestones/deep/here'));
    const { code, json } = await validate(workspace);
    expect([code, json.counts.features]).toEqual([0, 1]);
  });
});

describe('text of a manifest', () => {
  const evil = '\u001b[31mred\u0007\u009b2J\u202egnp';
  const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

  it('never reaches the terminal raw in a finding, nor does the name of its file', async () => {
    const workspace = aWorkspace()
      .with('milestones/f\u001b[31m\u009b.yaml', features(`  F-1: {title: a, "${evil}": 1, due: "${evil}"}`))
      .with('milestones/g.yaml', `schema: "${evil}"\n`)
      .withMilestones('m.yaml', { 'M-1': `title: "${evil}", needs: ["${evil}"]` });
    const text = await dmrel(workspace.root, ['validate']);
    const { json } = await dmrelJson(workspace.root, ['validate']);
    const machine = await dmrel(workspace.root, ['validate', '--json']);
    expect(text.err).toContain('milestones/f\\x1b[31m\\x9b.yaml:3:19');
    expect(text.err).toContain('\\x1b[31mred\\x07\\x9b2J\\u202egnp');
    expect([text.err, text.out, machine.err, machine.out].filter((each) => raw.test(each))).toEqual([]);
    // What a program reads is the text itself.
    expect(json.problems.some(({ message }: any) => message.includes(evil))).toBe(true);
  });

  it('never reaches it raw in an answer either', async () => {
    const workspace = aWorkspace()
      .with(
        'dmrel.yaml',
        'schema: dmrel/workspace/v1\norganization: test\nregistries: {r: "layout:r"}\nlevels: {dev: {registry: r}}\n',
      )
      .with(
        'levels/dev.yaml',
        `schema: dmrel/level/v1\nlevel: dev\ncurrent: []\nheld: {by: "a${evil}", at: "2018-05-08T00:00:00Z", reason: "${evil}"}\n`,
      )
      .withFeatures('f.yaml', {
        'F-1': `title: "${evil}", withdrawn: {reason: "${evil}", ref: "${evil}"}`,
        'F-2': `title: "${evil}", external: E-1`,
      })
      .with(
        'milestones/m\u009b.yaml',
        `schema: dmrel/milestones/v1
milestones:
  M-1:
    title: "${evil}"
    owner: "${evil}"
    note: "${evil}"
    section: "${evil}"
    cycle: "${evil}"
    needs: [F-1, F-2]
    unlisted: {M-2: "${evil}"}
    waivers: [{feature: F-2, reason: "${evil}", by: "${evil}", ref: "${evil}"}]
    completed: {on: "2018-05-08", ref: "${evil}", evidence: [{kind: "${evil}", ref: "${evil}"}]}
  M-2: {title: "${evil}"}
`,
      )
      .withExternals('e.yaml', { 'E-1': `title: "${evil}", owner: "${evil}"` });
    const answers = [
      ['validate'],
      ['milestone', 'list'],
      ['milestone', 'show', 'M-1'],
      ['milestone', 'status', 'M-1', '--all'],
      ['status'],
      ['milestone', 'show', evil],
      ['status', '--level', evil],
    ].flatMap((args) => [args, [...args, '--json']]);
    const heard = await Promise.all(answers.map(async (args) => ({ args, ...(await dmrel(workspace.root, args)) })));
    expect(heard.filter(({ out, err }) => raw.test(out + err)).map(({ args }) => args)).toEqual([]);
    // All of them got as far as to answer.
    expect(heard.map(({ args, code }) => [args[0], code]).filter(([, code]) => code === 3 || code === 70)).toEqual([]);
  });
});

function huge(path: string): void {
  writeFileSync(path, '');
  truncateSync(path, 100 * 2 ** 20);
}

function pipe(path: string): void {
  execFileSync('mkfifo', [path]);
}
