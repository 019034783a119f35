import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson, home } from '../support/dmrel.ts';

describe("the project's own workspace, the plan of LDM-564", () => {
  it('is valid, with two warnings', async () => {
    const { code, json } = await dmrelJson(home, ['validate']);
    expect(code).toBe(0);
    expect(json.counts).toMatchObject({ milestones: 19, features: 115, externals: 4 });
    expect(json.problems.map(({ code }: { code: string }) => code)).toEqual(['due-inversion', 'blank-title']);
  });

  it('answers for a milestone under any spelling of its id', async () => {
    for (const id of ['LDM-503-3', 'LDM-503-03', 'ldm-503-3']) {
      const { code, json } = await dmrelJson(home, ['milestone', 'status', id, '--as-of', '2017-08-09']);
      expect([code, json.id, json.status, json.flags, json.counts.features]).toEqual([
        0,
        'LDM-503-3',
        'planned',
        [],
        6,
      ]);
    }
  });

  it('shows what a milestone needs: its features, prerequisites and externals, and the list of the document', async () => {
    const { json } = await dmrelJson(home, ['milestone', 'show', 'LDM-503-8']);
    expect(json.features).toHaveLength(13);
    expect(json.requires.map(({ id }: { id: string }) => id)).toEqual(['LDM-503-4b']);
    expect(json.external.map(({ id }: { id: string }) => id)).toEqual(['DLP-561', 'T&SC-2600-1250']);
    expect(json.items.at(-1)).toEqual({
      id: 'LDM-503-4b',
      kind: 'milestone',
      title: 'Aux Tel DAQ Interface Integration Verification and Spectrograph Operations Rehearsal',
    });
  });

  it('is late on the day after it was due, and blocked by the first of the chain', async () => {
    const { json } = await dmrelJson(home, ['milestone', 'status', 'LDM-503-11', '--as-of', '2019-11-01']);
    expect(json.flags).toEqual(['late', 'blocked']);
    expect(json.daysLate).toBe(1);
    expect(json.blockedBy).toContainEqual({
      chain: ['LDM-503-11a', 'LDM-503-10', 'LDM-503-4'],
      missing: expect.any(Array),
    });
  });

  it('says in one sentence what it lacks to tag and to promote, and how to get it', async () => {
    for (const [args, lacks] of [
      [['tag', 'weekly'], 'this workspace names no products, so there is nothing to tag'],
      [['promote', '--level', 'batch'], 'this workspace names no levels, so nothing can be promoted'],
      [['build'], 'this workspace names no images, so there is nothing to build'],
    ] as const) {
      const { code, err } = await dmrel(home, [...args]);
      expect(code).toBe(3);
      expect(err).toContain(lacks);
      expect(err).toContain("'dmrel demo DIR'");
      expect(err.trim().split('\n')).toHaveLength(2);
    }
  });
});

describe('the command line', () => {
  it('shows help, for all and for one, and the version', async () => {
    expect((await dmrel(home, ['--help'])).out).toContain('Usage: dmrel');
    expect((await dmrel(home, [])).out).toContain('Usage: dmrel');
    expect((await dmrel(home, ['tag', 'weekly', '--help'])).out).toContain('--manifest <id>');
    expect((await dmrel(home, ['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('answers wrong usage with exit code 2 and what was meant', async () => {
    for (const [args, hint] of [
      [['milstone'], 'milestone'],
      [['milestone', 'stauts', 'LDM-503-3'], 'status'],
      [['promote', '--levle', 'batch'], '--level'],
      [['milestone', 'status', 'LDM-503-33'], 'LDM-503-'],
      [['tag', 'weekly', '--date', '2018-02-30'], 'YYYY-MM-DD'],
      [['promote'], '--level'],
      [['milestone'], 'say what: list, show, status'],
      [['promote', '--level', 'dev', '--level', 'batch'], "'--level <level>' is given twice"],
    ] as const) {
      const { code, out, err } = await dmrel(home, [...args]);
      expect([args, code, out]).toEqual([args, 2, '']);
      expect(err).toContain(hint);
    }
  });

  it('finds the workspace upwards or by -C, and says so when there is none', async () => {
    expect((await dmrel(join(home, 'src'), ['milestone', 'list'])).code).toBe(0);
    const elsewhere = mkdtempSync(join(tmpdir(), 'dmrel-nowhere-'));
    expect((await dmrel(elsewhere, ['-C', home, 'milestone', 'list'])).code).toBe(0);
    const { code, err } = await dmrel(elsewhere, ['validate']);
    expect([code, err]).toEqual([3, expect.stringContaining('no dmrel.yaml here or above')]);
  });

  it('runs dmrel-NAME of PATH for a command it does not know', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dmrel-plugin-'));
    writeFileSync(join(folder, 'dmrel-hello'), '#!/bin/sh\necho "hello $1"\nexit 7\n', { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env.PATH}` };
    expect(await dmrel(home, ['hello', 'you'], { env })).toMatchObject({ code: 7, out: 'hello you\n' });
    // Options of all commands may stand before its name.
    writeFileSync(join(folder, 'dmrel-where'), '#!/bin/sh\necho "$PWD:$NO_COLOR:$*"\n', { mode: 0o755 });
    for (const [lead, out] of [
      [['-C', folder], `${folder}::a`],
      [[`--directory=${folder}`, '--json'], `${folder}::a --json`],
      [['--no-color'], `${home}:1:a`],
    ] as const)
      expect((await dmrel(home, [...lead, 'where', 'a'], { env })).out).toBe(`${out}\n`);
    expect((await dmrel(home, ['hello'])).code).toBe(2);
    expect((await dmrel(home, ['../../bin/sh'])).code).toBe(2);
  });

  it('says of such a program that it does not start, or was ended, and how it calls dmrel back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dmrel plugins '));
    const programs = {
      lost: '#!/no/such/interpreter\n',
      shot: '#!/bin/sh\nkill -SEGV $$\n',
      back: '#!/bin/sh\n"$DMREL" --version\n',
    };
    for (const [name, text] of Object.entries(programs))
      writeFileSync(join(folder, `dmrel-${name}`), text, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env.PATH}` };
    const [lost, shot] = [await dmrel(home, ['lost'], { env }), await dmrel(home, ['shot'], { env })];
    expect([lost.code, lost.err]).toEqual([4, expect.stringContaining('dmrel-lost cannot be started: ENOENT')]);
    expect([shot.code, shot.err]).toEqual([139, expect.stringContaining('dmrel-shot was ended by SIGSEGV')]);
    expect((await dmrel(home, ['back'], { env })).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    const place = join(folder, 'with blanks');
    mkdirSync(place);
    for (const part of ['bin', 'dist']) cpSync(join(home, part), join(place, part), { recursive: true });
    const there = execFileSync(process.execPath, [join(place, 'bin/dmrel.js'), 'back'], { env, encoding: 'utf8' });
    expect(there).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('never shows a stack trace, whatever dmrel.yaml is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dmrel-bad-'));
    for (const text of [
      '',
      '[]',
      '- a',
      'schema: 7',
      'schema: dmrel/workspace/v1\norganization: [',
      '\u0000',
      '{{{{',
      'a: &a [*a]',
      '\ufeffschema: x',
    ]) {
      writeFileSync(join(folder, 'dmrel.yaml'), text);
      for (const args of [['validate'], ['tag', 'weekly'], ['milestone', 'status', 'X']]) {
        const { code, err, out } = await dmrel(folder, args);
        expect([text, code]).toEqual([text, 3]);
        expect(err + out).not.toMatch(/\n\s+at |internal/);
        expect(err).toContain('dmrel.yaml');
      }
    }
  });
});
