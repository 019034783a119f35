import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { linesIn, newestJournal } from '../support/journals.ts';
import { git, ReleaseWorkspace, withImage } from '../support/release-workspace.ts';
import { aHook } from '../support/remotes.ts';
import { moments } from '../support/sample.ts';
import { refuse } from '../support/tags.ts';
import { inBatches, Upstream } from '../support/upstream.ts';

const tag = 'w.2018.18';
const weekly = ['tag', 'weekly', '--date', '2018-05-03'];
const nothing = 'nothing was begun that is not finished\n';

async function must(workspace: ReleaseWorkspace, ...lines: string[][]): Promise<string> {
  let printed = '';
  for (const args of lines) {
    const { code, out, err } = await dmrel(workspace.root, args);
    if (code !== 0) throw new Error(`dmrel ${args.join(' ')} ended with ${code}:\n${err}`);
    printed += out;
  }
  return printed;
}

/** A run that was killed after a line of its journal, and what that run had made. */
async function killed(template: Upstream, line: number) {
  const upstream = template.copy();
  const machine = upstream.machine('first');
  const heads = upstream.products.map((product) => machine.head(product));
  const { code } = await dmrel(machine.root, weekly, { dieAt: { line } });
  const made = new Map(machine.tagged(tag).map((product) => [product, machine.tag(product, tag)!.object]));
  for (const product of upstream.products) machine.addCommits(product, 1); // work goes on meanwhile
  return { upstream, machine, heads, code, made };
}

describe('dmrel resume', () => {
  it('finishes a tag run that was killed after any line of its journal, as it was begun', async () => {
    const template = new Upstream(2);
    const whole = template.copy().machine('first');
    await must(whole, weekly);
    const lines = linesIn(newestJournal(whole.root)).length; // begin, two for each of eight steps, end
    expect(lines).toBe(18);
    await inBatches(moments(Array.from({ length: lines - 1 }, (_, index) => index + 1)), 2, async (line) => {
      const { upstream, machine, heads, code, made } = await killed(template, line);
      expect([line, code]).toEqual([line, null]);
      const resumed = await dmrel(machine.root, ['resume']);
      expect([line, resumed.code, resumed.code === 0 ? '' : resumed.err]).toEqual([line, 0, '']);
      const record = parse(upstream.file(`releases/${tag}/release.yaml`)!);
      for (const [index, product] of upstream.products.entries()) {
        const { object, commit } = record.products[product];
        expect(commit).toBe(heads[index]);
        expect(machine.tag(product, tag)).toEqual({ object, commit, type: 'tag' });
        expect(object).toBe(made.get(product) ?? object);
      }
      expect(Object.keys(upstream.refs()).sort()).toEqual(['refs/heads/main', `refs/tags/${tag}`]);
      expect(git(upstream.path, 'log', '--format=%s').split('\n')).toEqual([`Tag ${tag}`, 'workspace']);
      expect(git(machine.root, 'status', '--porcelain')).toBe('');
      expect((await dmrel(machine.root, ['resume'])).out).toBe(nothing);
    });
  });

  it.each([3, 6, 11, 15])('--undo takes back what was done until line %i', async (line) => {
    const { upstream, machine } = await killed(new Upstream(2), line);
    const { code, err } = await dmrel(machine.root, ['resume', '--undo']);
    expect([code, code === 0 ? '' : err]).toEqual([0, '']);
    expect(machine.tagged(tag)).toEqual([]);
    expect(Object.keys(upstream.refs())).toEqual(['refs/heads/main']);
    expect(git(machine.root, 'tag', '--list')).toBe('');
    expect(existsSync(join(machine.root, 'releases', tag))).toBe(false);
    expect(git(machine.root, 'status', '--porcelain')).toBe('');
    expect(await must(machine, ['resume'])).toBe(nothing);
    await must(machine, weekly);
    for (const product of upstream.products) expect(machine.tag(product, tag)!.commit).toBe(machine.head(product));
  });

  it('--undo ends a run that has made nothing: the next one is of the commits of then', async () => {
    const workspace = new ReleaseWorkspace(1);
    const allow = refuse(workspace, 'p00');
    expect((await dmrel(workspace.root, weekly)).code).toBe(4);
    expect(await must(workspace, ['resume', '--undo'])).toBe(`${tag}: nothing is left to be undone\n`);
    expect(await must(workspace, ['resume', '--undo'])).toBe(nothing);
    allow();
    workspace.addCommits('p00', 1);
    await must(workspace, weekly);
    expect(workspace.tag('p00', tag)!.commit).toBe(workspace.head('p00'));
  });

  it('says when there is nothing, to programs too, and what it would do', async () => {
    const template = new Upstream(1);
    const machine = template.machine('first');
    expect(await must(machine, ['resume'])).toBe(nothing);
    expect(await dmrelJson(machine.root, ['resume'])).toMatchObject({ code: 0, json: { unfinished: [] } });
    const { machine: dead } = await killed(template, 4);
    const before = dead.state();
    const { code, out, err } = await dmrel(dead.root, ['resume', '--dry-run']);
    expect([code, out]).toEqual([0, 'dmrel tag weekly --date 2018-05-03\n']);
    expect(err).toMatch(/^tag w\.2018\.18, begun \d{4}-\d\d-\d\dT\S+Z: \d of 7 steps done\n$/);
    expect((await dmrelJson(dead.root, ['resume', '--dry-run'])).json.unfinished).toMatchObject([
      { command: 'tag', release: tag, run: 'dmrel tag weekly --date 2018-05-03', exit: null, result: null },
    ]);
    expect((await dmrel(dead.root, ['resume', '--undo', '--dry-run'])).out).toBe(`dmrel tag undo ${tag}\n`);
    expect(dead.state()).toBe(before);
  });

  it('tells programs what came of each in one document', async () => {
    const { machine } = await killed(new Upstream(1), 4);
    await dmrel(machine.root, ['tag', 'weekly', '--date', '2018-05-10'], { dieAt: { line: 4 } });
    const { code, json } = await dmrelJson(machine.root, ['resume']);
    expect([code, json.unfinished]).toMatchObject([
      0,
      [tag, 'w.2018.19'].map((release) => ({
        release,
        exit: 0,
        result: { schema: 'dmrel/operation/v1', status: 'done' },
      })),
    ]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('waits at %s for what it has started, and hands it on', async (signal) => {
    const { upstream, machine } = await killed(new Upstream(2), 4);
    const began = join(upstream.base, 'began');
    aHook({ path: machine.remote('p01'), name: 'p01', commits: [] }, `touch ${began}\nsleep 1\n`);
    const { code, err } = await dmrel(machine.root, ['resume'], {
      during: async ({ kill }) => {
        while (!existsSync(began)) await new Promise((resolve) => setTimeout(resolve, 20));
        kill(signal);
      },
    });
    expect([code, err]).toEqual([130, expect.stringContaining('what was begun is finished')]);
    expect(machine.tagged(tag)).toEqual(['p00', 'p01']);
    expect(existsSync(join(machine.root, 'releases', tag))).toBe(false);
    expect(existsSync(join(machine.root, '.dmrel/lock'))).toBe(false);
  });

  it('reads past a line that was torn by a crash, and writes none into it', async () => {
    const { machine, heads, upstream } = await killed(new Upstream(2), 4);
    appendFileSync(newestJournal(machine.root), '{"at":"2018-05-03T00:00:00Z","step":"tag:p0');
    await must(machine, ['resume']);
    expect(upstream.products.map((product) => machine.tag(product, tag)!.commit)).toEqual(heads);
    const lines = linesIn(newestJournal(machine.root));
    const torn = lines.indexOf('{"at":"2018-05-03T00:00:00Z","step":"tag:p0');
    expect(torn).toBeGreaterThan(0);
    expect(JSON.parse(lines[torn + 1]!)).toMatchObject({ event: 'begin', argv: weekly });
    expect(await must(machine, ['resume'])).toBe(nothing);
  });

  it.each(['null\n5\n', '{"event":5}\n\u0000', '[]\n{"event":"done","step":7}\n'])(
    'is not led astray by %j in a journal',
    async (text) => {
      const { machine } = await killed(new Upstream(1), 4);
      appendFileSync(newestJournal(machine.root), text);
      await must(machine, ['resume']);
      expect(await must(machine, ['resume'])).toBe(nothing);
    },
  );

  it('runs no other programs, whatever a journal says', async () => {
    const { machine } = await killed(new Upstream(1), 4);
    for (const argv of [['evil'], [], ['-C', '/', 'tag'], [5]]) {
      const line = JSON.stringify({ at: '2018-05-03T00:00:00Z', event: 'begin', argv });
      writeFileSync(newestJournal(machine.root), `${line}\n`);
      const { code, json } = await dmrelJson(machine.root, ['resume']);
      expect([argv, code, json.problems[0].code]).toEqual([argv, 4, 'step-failed']);
    }
  });

  it('finishes an undo that was killed, and does not when the release was made again since', async () => {
    const upstream = new Upstream(2);
    const machine = upstream.machine('first');
    await must(machine, weekly);
    const undo = ['tag', 'undo', tag];
    const dead = await dmrel(machine.root, undo, { dieAt: { line: 3 } });
    expect(dead.code).toBeNull();
    const again = upstream.copy();
    await must(machine, ['resume']);
    expect(Object.keys(upstream.refs())).toEqual(['refs/heads/main']);
    expect(await must(machine, ['resume'])).toBe(nothing);

    const other = again.machine('first');
    await must(other, weekly);
    expect(other.tagged(tag)).toEqual(again.products);
    expect(await must(other, ['resume'])).toBe(nothing);
    expect(other.tagged(tag)).toEqual(again.products);
  });

  it('goes on to the next when one cannot be finished, and says so at the end', async () => {
    const { upstream, machine } = await killed(new Upstream(2), 4);
    const later = ['tag', 'weekly', '--date', '2018-05-10'];
    await dmrel(machine.root, later, { dieAt: { line: 4 } });
    rmSync(join(upstream.base, 'remotes/p01.git'), { recursive: true });
    writeFileSync(
      join(machine.root, 'products/repos.yaml'),
      machine.read('products/repos.yaml').replace(/^p01.*\n/m, ''),
    );
    const { code, err } = await dmrel(machine.root, ['resume']);
    expect(code).not.toBe(0);
    expect(err).toContain(`tag ${tag}, begun`);
    expect(err).toContain('tag w.2018.19, begun');
  });
});

describe('dmrel resume of what follows the tags', () => {
  const commands = [['build'], ['check', '--level', 'dev'], ['promote', '--level', 'dev']];

  it.each(commands.map((args, index) => [args.join(' '), index] as const))(
    'finishes a %s that was killed, of the release that it was about',
    async (_name, index) => {
      const workspace = withImage(1);
      await must(workspace, weekly, ...commands.slice(0, index));
      for (const line of [2, 3])
        expect((await dmrel(workspace.root, commands[index]!, { dieAt: { line } })).code).toBeNull();
      // A newer release is there by the time somebody resumes.
      workspace.addCommits('p00', 1);
      await must(workspace, ['tag', 'weekly', '--date', '2018-05-10']);
      const { code, out, err } = await dmrel(workspace.root, ['resume']);
      expect([code, code === 0 ? '' : err]).toEqual([0, '']);
      expect(out).toContain(tag);
      expect(out).not.toContain('w.2018.19');
      expect(await must(workspace, ['resume'])).toBe(nothing);
      expect(await must(workspace, [...commands[index]!, '--release', tag])).toContain('nothing to do');
    },
  );
});
