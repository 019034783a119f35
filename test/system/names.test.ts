import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson, home } from '../support/dmrel.ts';

const cwd = tmpdir(); // no workspace: names mean the same everywhere

const parse = async (...args: string[]) => (await dmrelJson(cwd, ['release', 'parse', ...args])).json.names;
const silent = {
  version: null,
  date: null,
  cycle: null,
  cycleBuild: null,
  rspBuild: null,
  architecture: null,
  extra: null,
  stack: null,
};

describe('dmrel release parse', () => {
  it('says of a tag what it means, with everything that it does not say as null', async () => {
    const names = ['r21_0_1_c0020.002_20210703-arm64', 'w.2018.18', 'v15.0.rc2', '15.0', 'm.ldm.503.4b', 'main'];
    expect(await parse(...names)).toEqual([
      {
        ...silent,
        name: names[0],
        kind: 'release',
        display: 'Release r21.0.1 (SAL Cycle 0020, Build 002) [20210703] [arm64]',
        version: '21.0.1',
        cycle: 20,
        cycleBuild: 2,
        extra: '20210703',
        architecture: 'arm64',
      },
      {
        ...silent,
        name: 'w.2018.18',
        kind: 'weekly',
        display: 'Weekly 2018_18',
        version: '2018.18.0',
        date: '2018-05-03',
      },
      {
        ...silent,
        name: 'v15.0.rc2',
        kind: 'release-candidate',
        display: 'Release Candidate 15.0.0-rc2',
        version: '15.0.0-rc2',
      },
      { ...silent, name: '15.0', kind: 'release', display: 'Release 15.0.0', version: '15.0.0' },
      { ...silent, name: 'm.ldm.503.4b', kind: 'milestone', display: 'Milestone LDM-503-4b' },
      { ...silent, name: 'main', kind: 'unknown', display: 'main' },
    ]);
  });

  it('says what a tag of a stack image is, though a menu of images does not know it', async () => {
    const [name] = await parse('7-stack-lsst_distrib-w_2018_22-20180531T081503Z');
    expect(name).toMatchObject({
      kind: 'unknown',
      stack: {
        os: '7',
        product: 'lsst_distrib',
        eupsTag: 'w_2018_22',
        timestamp: '20180531T081503Z',
        moves: false,
      },
    });
  });

  it('reads EUPS tags where it is told that they are such', async () => {
    expect(await parse('v15_0_rc2', 'w_latest')).toMatchObject([{ kind: 'unknown' }, { kind: 'unknown' }]);
    expect(await parse('--form', 'eups', 'v15_0_rc2', 'w_latest', '7-stack-a-w_2018_18')).toMatchObject([
      { kind: 'release-candidate', version: '15.0.0-rc2' },
      { kind: 'alias', display: 'Latest Weekly' },
      { kind: 'unknown', stack: null },
    ]);
    expect(await parse('--form', 'docker', 'w.2018.18')).toMatchObject([{ kind: 'unknown' }]);
    expect(await parse('--form=git', 'w_2018_18', 'w.2018.18')).toMatchObject([
      { kind: 'unknown' },
      { kind: 'weekly' },
    ]);
  });

  it('calls an alias what is named as one', async () => {
    expect(await parse('latest_weekly', 'latest', '--aliases', 'recommended,latest_weekly')).toMatchObject([
      { kind: 'alias', display: 'Latest Weekly' },
      { kind: 'unknown' },
    ]);
  });

  it('takes no empty name for one', async () => {
    for (const args of [[''], ['18.0', ' ']])
      expect(await dmrelJson(home, ['release', 'parse', ...args])).toMatchObject({
        code: 2,
        json: { problems: [{ code: 'usage', message: 'a name is empty' }] },
      });
  });

  it('prints a table for people, no name of which can move their cursor', async () => {
    const { code, out, err } = await dmrel(cwd, ['release', 'parse', 'w_2021_22', 'w_2021_22_\x1b[31m\u202e']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toBe(
      [
        'NAME                      KIND    VERSION    DATE        MEANING',
        'w_2021_22                 weekly  2021.22.0  2021-06-03  Weekly 2021_22',
        'w_2021_22_\\x1b[31m\\u202e  weekly  2021.22.0  2021-06-03  Weekly 2021_22 [\\x1b[31m\\u202e]',
        '',
      ].join('\n'),
    );
    const [name] = await parse('x\u202e\x9b31m');
    expect(name.name).toBe('x\u202e\x9b31m');
  });

  it.each([
    [['--form', 'dokcer', 'x'], "--form: there is no form 'dokcer'", "did you mean 'docker'?"],
    [['--form', 'svn', 'x'], "--form: there is no form 'svn'", 'expected docker, git, eups'],
  ])('refuses %j', async (args, message, hint) => {
    expect(await dmrel(cwd, ['release', 'parse', ...args])).toEqual({
      code: 2,
      out: '',
      err: `error  usage  ${message}\n  = ${hint}\n`,
    });
  });
});

describe('dmrel release sort', () => {
  const sorted = ['r21_0_1', 'w_2021_22', 'w.2021.21', 'd_2021_05_27', 'r22_0_0_rc10', 'r22_0_0_rc2', 'recommended'];
  const shuffled = ['r22_0_0_rc2', 'd_2021_05_27', 'w.2021.21', 'recommended', 'r22_0_0_rc10', 'r21_0_1', 'w_2021_22'];
  const lines = (names: string[]) => names.map((name) => `${name}\n`).join('');

  it('prints names in the order of a menu, and the other way round', async () => {
    expect(await dmrel(cwd, ['release', 'sort', ...shuffled])).toEqual({ code: 0, out: lines(sorted), err: '' });
    const reversed = await dmrel(cwd, ['release', 'sort', '--reverse', ...shuffled]);
    expect(reversed.out).toBe(lines(sorted.toReversed()));
  });

  it('reads them from standard input, whatever ends their lines, where there are none on the command line', async () => {
    for (const input of [lines(shuffled), shuffled.join('\r\n'), `\n\n${shuffled.join('\n \n')}`])
      expect((await dmrel(cwd, ['release', 'sort'], { input })).out).toBe(lines(sorted));
    const both = await dmrel(cwd, ['release', 'sort', 'w_2021_22'], { input: lines(shuffled) });
    expect(both.out).toBe('w_2021_22\n');
  });

  it('prints each as parse does, as JSON', async () => {
    const args = ['release', 'sort', '--aliases', 'recommended'];
    const { code, json } = await dmrelJson(cwd, args, { input: lines(shuffled) });
    expect(code).toBe(0);
    expect(json.names.map(({ name }: { name: string }) => name)).toEqual(['recommended', ...sorted.slice(0, -1)]);
    expect(json.names).toEqual(await parse('--aliases', 'recommended', 'recommended', ...sorted.slice(0, -1)));
  });

  it('prints nothing of nothing', async () => {
    expect(await dmrel(cwd, ['release', 'sort'])).toEqual({ code: 0, out: '', err: '' });
    expect((await dmrelJson(cwd, ['release', 'sort'])).json.names).toEqual([]);
  });

  it('takes bytes that are no text, and refuses more than it can hold', async () => {
    const bytes = await dmrel(cwd, ['release', 'sort'], { input: Uint8Array.of(0xff, 0x0a, 0x77, 0x0a) });
    expect(bytes).toMatchObject({ code: 0, out: '\ufffd\nw\n' });
    for (const input of ['x\n'.repeat(100_001), 'x'.repeat(16 * 1024 * 1024 + 1)]) {
      const { code, out, err } = await dmrel(cwd, ['release', 'sort'], { input });
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/^error {2}usage {2}standard input is longer than (16 MiB|100000 names)\n {2}= give it/);
    }
  });

  it('works in any directory, and says what it can do', async () => {
    const { code, out } = await dmrel(home, ['release', 'sort', '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: dmrel release sort \[options\] \[name\.\.\.\]\n/);
  });
});
