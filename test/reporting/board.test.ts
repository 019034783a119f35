import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { formatLevel, formatRelease, type LevelRecord, type ReleaseRecord } from '../../src/releases/index.ts';
import { readBoard } from '../../src/reporting/index.ts';
import { type CalendarDate, digestOf, ok, problem, unwrap } from '../../src/support/index.ts';
import { aWorkspace, brief, problemsOf } from '../support/workspace.ts';

const config = `schema: dmrel/workspace/v1
organization: test
registries: {r: "layout:r"}
levels:
  dev: {registry: r, within: 24h}
  night: {registry: r, after: [dev]}
  batch: {registry: r, after: [dev, night]}
`;
const digest = digestOf('stack');
const dates: Record<string, string> = {
  'w.2018.18': '2018-05-03',
  'w.2018.19': '2018-05-10',
  'w.2018.20': '2018-05-17',
};

/** A release that was tagged at ten, and then stood at these levels. */
const release = (name: string, levels: string[], images = true, came = `${dates[name]}T12:00:00Z`) =>
  ({
    schema: 'dmrel/release/v1',
    name,
    kind: 'weekly',
    date: dates[name],
    created: { at: `${dates[name]}T10:00:00Z`, by: 'T <t@example.org>', operation: '01ARZ3NDEKTSV4RRFFQ69G5FAV' },
    source: { manifest: null, contentId: '0'.repeat(40) },
    previous: null,
    products: {},
    ...(images
      ? {
          images: { stack: { repository: 'build/stack', digest, inputs: digest, size: 1, platforms: ['linux/amd64'] } },
        }
      : {}),
    promotions: levels.map((level) => ({
      level,
      at: came,
      by: 'T <t@example.org>',
      operation: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
      images: { stack: digest },
    })),
  }) as unknown as ReleaseRecord;

const level = (name: string, current: [release: string, since: string][], held: LevelRecord['held'] = null) =>
  ({
    schema: 'dmrel/level/v1',
    level: name,
    current: current.map(([each, since]) => ({ release: each, since, images: { stack: `layout:r/stack@${digest}` } })),
    held,
  }) as unknown as LevelRecord;

async function workspaceWith(releases: ReleaseRecord[], levels: LevelRecord[] = []) {
  const workspace = aWorkspace().with('dmrel.yaml', config);
  for (const each of releases) workspace.with(`releases/${each.name}/release.yaml`, await formatRelease(each));
  for (const each of levels) workspace.with(`levels/${each.level}.yaml`, await formatLevel(each));
  return unwrap(await workspace.open());
}
async function board(releases: ReleaseRecord[], levels: LevelRecord[] = [], only?: string) {
  return unwrap(await readBoard(await workspaceWith(releases, levels), only));
}
const waiting = ({ levels }: Awaited<ReturnType<typeof board>>) =>
  Object.fromEntries(levels.map((each) => [each.level, each.waiting]));

describe('the board', () => {
  it('is empty where nothing was ever released, with all levels in their order', async () => {
    const { levels, releases } = await board([]);
    expect(releases).toEqual([]);
    expect(levels.map(({ level: name, after, current, held }) => [name, after, current, held])).toEqual([
      ['dev', [], [], null],
      ['night', ['dev'], [], null],
      ['batch', ['dev', 'night'], [], null],
    ]);
  });

  it('says what stands where since when, from the records of the levels', async () => {
    const { levels, releases } = await board(
      [release('w.2018.19', ['dev']), release('w.2018.18', ['dev', 'night'])],
      [level('dev', [['w.2018.19', '2018-05-10T12:00:00Z']]), level('night', [['w.2018.18', '2018-05-04T00:00:00Z']])],
    );
    expect(levels.map(({ level: name, current }) => [name, current.map((each) => [each.release, each.since])])).toEqual(
      [
        ['dev', [['w.2018.19', '2018-05-10T12:00:00Z']]],
        ['night', [['w.2018.18', '2018-05-04T00:00:00Z']]],
        ['batch', []],
      ],
    );
    expect(levels[1]!.current[0]).toEqual({
      release: 'w.2018.18',
      date: '2018-05-03',
      since: '2018-05-04T00:00:00Z',
      by: 'T <t@example.org>',
      images: { stack: `layout:r/stack@${digest}` },
    });
    expect(releases).toEqual([
      { name: 'w.2018.18', date: '2018-05-03', products: 0, images: 1, levels: ['dev', 'night'] },
      { name: 'w.2018.19', date: '2018-05-10', products: 0, images: 1, levels: ['dev'] },
    ]);
  });

  it('says how long a release took where its level sets a time, and by how much it was late', async () => {
    const took = async (came: string, since = came) =>
      (await board([release('w.2018.18', ['dev'], true, came)], [level('dev', [['w.2018.18', since]])])).levels[0]!
        .current[0]!;
    expect(await took('2018-05-03T12:00:00Z')).toMatchObject({ took: 7200 });
    expect(await took('2018-05-04T10:00:00Z')).not.toHaveProperty('lateBySeconds');
    expect(await took('2018-05-04T10:00:01Z')).toMatchObject({ took: 86_401, lateBySeconds: 1 });
    // Put back by a rollback, it stands there anew; it was there in time.
    const back = await took('2018-05-03T12:00:00Z', '2018-05-20T12:00:00Z');
    expect([back.took, back.lateBySeconds, back.since]).toEqual([7200, undefined, '2018-05-20T12:00:00Z']);
    const { levels } = await board(
      [release('w.2018.18', ['dev', 'night'])],
      [level('night', [['w.2018.18', '2019-01-01T00:00:00Z']])],
    );
    expect(levels[1]!.current[0]).not.toHaveProperty('took');
  });

  it('says what waits: built, at every level before, newer than what stands there', async () => {
    expect(waiting(await board([release('w.2018.18', []), release('w.2018.19', [], false)]))).toEqual({
      dev: ['w.2018.18'],
      night: [],
      batch: [],
    });
    expect(waiting(await board([release('w.2018.18', ['dev']), release('w.2018.19', ['dev', 'night'])]))).toEqual({
      dev: [],
      night: ['w.2018.18'],
      batch: ['w.2018.19'],
    });
    const releases = [
      release('w.2018.18', ['dev']),
      release('w.2018.19', ['dev', 'night']),
      release('w.2018.20', ['dev']),
    ];
    const night = level('night', [['w.2018.19', '2018-05-10T12:00:00Z']]);
    expect(waiting(await board(releases, [night])).night).toEqual(['w.2018.20']);
  });

  it('reads no more releases than stand somewhere or are newer', async () => {
    const releases = ['w.2018.18', 'w.2018.19', 'w.2018.20'].map((name) => release(name, ['dev', 'night', 'batch']));
    const standing = ['dev', 'night', 'batch'].map((name) => level(name, [['w.2018.20', '2018-05-17T12:00:00Z']]));
    const workspace = await workspaceWith(releases, standing);
    writeFileSync(join(workspace.root, 'releases/w.2018.18/release.yaml'), 'not read');
    writeFileSync(join(workspace.root, 'releases/w.2018.19/release.yaml'), 'not read');
    expect(unwrap(await readBoard(workspace)).releases.map(({ name }) => name)).toEqual(['w.2018.20']);
  });

  it('says what the gate of each level lacks of the newest that waits, and what is waived and owed where it stands', async () => {
    const standing = release('w.2018.18', ['dev']);
    const owed = ['smoke of stack', 'load of stack', 'scan of stack'].map((subject) => ({
      kind: 'check',
      subject,
      text: subject,
    }));
    // What came there in order since, another image, pays nothing of it.
    const [urgent] = standing.promotions!;
    standing.promotions!.push({ ...urgent!, images: { lab: digest } });
    Object.assign(urgent!, { emergency: { reason: 'telescope is down', ref: 'RFC-373' }, owed });
    const workspace = await workspaceWith(
      [standing, release('w.2018.19', [])],
      [level('dev', [['w.2018.18', '2018-05-03T12:00:00Z']])],
    );
    const waiver = { by: 'alice', until: '2018-05-31' as CalendarDate, reason: 'known' };
    const { levels } = unwrap(
      await readBoard(workspace, 'dev', async (_level, record) =>
        ok({
          verdict: 'deny' as const,
          conditions: ['smoke', 'load', 'scan'].map((check, index) => ({
            kind: 'check',
            subject: `${check} of stack`,
            state: ['met', 'waived', 'unmet'][index]!,
            text: `${check} of ${record.name}`,
            ...(check === 'load' ? { waiver } : {}),
          })),
        }),
      ),
    );
    expect(levels[0]).toMatchObject({
      next: { release: 'w.2018.19', verdict: 'deny', missing: ['scan of w.2018.19'] },
      current: [
        {
          release: 'w.2018.18',
          waived: [{ subject: 'load of stack', ...waiver }],
          emergency: { reason: 'telescope is down', ref: 'RFC-373' },
          owed: ['scan of stack'],
        },
      ],
    });
  });

  it('lets nothing up by what is not committed, and says so', async () => {
    const workspace = await workspaceWith([release('w.2018.19', [])]);
    const uncommitted = [problem('policy-uncommitted', 'dmrel.yaml has changes that are not committed')];
    const ask = async () => ok({ verdict: 'allow' as const, conditions: [], uncommitted });
    expect(unwrap(await readBoard(workspace, 'dev', ask)).levels[0]!.next).toEqual({
      release: 'w.2018.19',
      verdict: 'deny',
      missing: ['dmrel.yaml has changes that are not committed'],
    });
  });

  it('shows a hold with its reason', async () => {
    const held = { by: 'Ops', at: '2018-05-08T00:00:00Z', reason: 'storage moves' } as LevelRecord['held'];
    expect((await board([], [level('night', [], held)])).levels[1]!.held).toEqual(held);
  });

  it('can be of one level, and asks which was meant when there is none', async () => {
    const releases = [release('w.2018.18', ['dev'])];
    expect((await board(releases, [], 'night')).levels).toMatchObject([{ level: 'night', waiting: ['w.2018.18'] }]);
    const [unknown] = problemsOf(await readBoard(await workspaceWith([]), 'nigth'));
    expect(unknown).toMatchObject({ code: 'unknown-level', hint: "did you mean 'night'?" });
    const [inherited] = problemsOf(await readBoard(await workspaceWith([]), 'constructor'));
    expect(inherited).toMatchObject({ code: 'unknown-level' });
  });

  it('is not shown from records that cannot be read: all of their findings are', async () => {
    const workspace = aWorkspace()
      .with('dmrel.yaml', config)
      .with('releases/w.2018.18/release.yaml', 'schema: dmrel/release/v1\nname: [\n')
      .with('levels/night.yaml', 'schema: dmrel/level/v1\nlevel: night\ncurrent: 1\nheld: null\n');
    const found = problemsOf(await readBoard(unwrap(await workspace.open())));
    expect(brief(found)).toEqual([
      expect.stringMatching(/^releases\/w\.2018\.18\/release\.yaml:[0-9:]+ yaml-syntax /),
      expect.stringMatching(/^levels\/night\.yaml:3:10 wrong-type /),
    ]);
  });

  it('needs levels', async () => {
    const [found] = problemsOf(await readBoard(unwrap(await aWorkspace().open())));
    expect(found).toMatchObject({ code: 'workspace-lacks', message: expect.stringContaining('no board to show') });
  });
});
