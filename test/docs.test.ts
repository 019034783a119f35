import './support/as-built.ts';
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseDockerfile } from '../src/building/assemble/index.ts';
import { parseDocument } from '../src/documents/index.ts';
import { weeklyName } from '../src/names/index.ts';
import { catalogue } from '../src/support/catalogue.ts';
import { dateOf } from '../src/support/index.ts';
import { aWeekAfterTheDemo, must } from './support/demo-workspace.ts';
import { dmrel, home } from './support/dmrel.ts';

/**
 * Every example in the documents is run. A fenced block says in its first line what it is:
 *   console root            commands in the project's own workspace
 *   console demo [verb...]  commands in the demonstration's, a week after it ran; the verbs are run before, unseen
 *   yaml KIND, dockerfile   text that must be read without a complaint
 *   crontab                 commands that must end well, in the demonstration's workspace
 * UPDATE_DOCS=1 writes what the commands print today into the documents.
 */
const update = process.env.UPDATE_DOCS === '1';
const pages = ['README.md', ...readdirSync(join(home, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);

const unseen: Record<string, string[][]> = {
  tag: [['tag', 'weekly']],
  build: [['build']],
  dev: [
    ['check', '--level', 'dev'],
    ['promote', '--level', 'dev'],
  ],
  commissioning: [
    ['check', '--level', 'commissioning'],
    ['promote', '--level', 'commissioning'],
  ],
  jupyterlab: [
    ['check', '--level', 'jupyterlab'],
    ['promote', '--level', 'jupyterlab'],
  ],
  batch: [['check', '--level', 'batch']],
  approve: [['approve', '--level', 'batch', '--release', weeklyName(dateOf(new Date()))]],
};

interface Block {
  info: string[];
  body: string;
  /** Where the body stands in the page. */
  start: number;
}

function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    info: match[1]!.split(' '),
    body: match[2]!,
    start: match.index + match[0].indexOf('\n') + 1,
  }));
}

/** What differs from run to run, made equal: ids, digests, days, times, and the spaces that line them up. */
function masked(text: string): string {
  return text
    .replace(/\b[0-9a-f]{12,64}\b/g, 'ID')
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'INSTANT')
    .replace(/\b\d{4}-\d\d-\d\d\b/g, 'DATE')
    .replace(/\bw\.\d{4}\.\d\d\b/g, 'WEEKLY')
    .replace(/\b\d+ days ago/g, 'SO MANY days ago')
    .replace(/\b(\d+(ms|s|m|h|d) ?)+\b/g, 'DURATION')
    .replace(/^\[(\d+)\/(\d+)\] .*$/gm, 'PROGRESS')
    .replace(/ +/g, ' ');
}

/** The commands of a block, each with what it printed. */
async function perform(body: string, cwd: string): Promise<string> {
  let last = 0;
  let out = '';
  for (const [, written] of body.matchAll(/^\$ (.*)$/gm)) {
    // The demonstration is of this week; so is what the documents say of it.
    const today = Date.now();
    const week = (ago: number) => weeklyName(dateOf(new Date(today - ago * 7 * 86_400_000)));
    const weeks = [...new Set(written!.match(/\bw\.\d{4}\.\d\d\b/g))].sort();
    // Of two, the earlier is last week's.
    const line = written!.replace(/\bw\.\d{4}\.\d\d\b/g, (name) => week(weeks.length - 1 - weeks.indexOf(name)));
    out += `$ ${line}\n`;
    if (line === 'echo $?') {
      out += `${last}\n`;
      continue;
    }
    const [program, ...args] = line.split(' ');
    if (program !== 'dmrel') throw new Error(`an example of something else than dmrel: ${line}`);
    const ended = await dmrel(cwd, args);
    last = ended.code ?? 0;
    // As on a terminal, but for the progress of each step.
    out += ended.err.replace(/^(\[\d+\/\d+\]|looking at) .*\n/gm, '') + ended.out;
  }
  return out.replaceAll(cwd, '/srv/releases').replace(/[ \t]+$/gm, '');
}

let demo: string;
beforeAll(async () => {
  demo = await aWeekAfterTheDemo();
});

describe.each(pages.filter((page) => blocksOf(readFileSync(join(home, page), 'utf8')).length > 0))(
  'the examples of %s',
  (page) => {
    const text = readFileSync(join(home, page), 'utf8');
    const updates: { start: number; length: number; body: string }[] = [];
    let workspace: string | undefined;
    const done = new Set<string>();

    /** A copy of the workspace for this page, with what came before. */
    async function demoOf(verbs: string[]): Promise<string> {
      if (workspace === undefined) {
        workspace = join(mkdtempSync(join(tmpdir(), 'dmrel-page-')), 'releases');
        cpSync(demo, workspace, { recursive: true });
      }
      for (const verb of verbs.filter((each) => !done.has(each))) {
        await must(workspace, ...unseen[verb]!);
        done.add(verb);
      }
      return workspace;
    }

    it.each(blocksOf(text).map((block) => [block.body.split('\n')[0]!, block] as const))(
      '%s',
      async (_first, { info, body, start }) => {
        const [language, kind = '', ...verbs] = info;
        switch (language) {
          case 'console': {
            const cwd = kind === 'root' ? home : await demoOf(verbs);
            const printed = await perform(body, cwd);
            if (update) updates.push({ start, length: body.length, body: printed });
            else expect(masked(body)).toBe(masked(printed));
            return;
          }
          case 'yaml':
            expect(await parseDocument('example.yaml', body, { schemas: [`dmrel/${kind}/v1`] })).toMatchObject({
              ok: true,
            });
            return;
          case 'dockerfile':
            expect(parseDockerfile({ file: 'Dockerfile', text: body }, {}, ['base'])).toMatchObject({ ok: true });
            return;
          case 'crontab':
            await must(
              await demoOf([]),
              ...[...body.matchAll(/&& dmrel ([^&\n]*)/g)].map((match) => match[1]!.trim().split(' ')),
            );
            return;
          default:
            throw new Error(`nothing runs a block of ${language}`);
        }
      },
    );

    afterAll(() => {
      let changed = text;
      for (const { start, length, body } of updates.reverse()) {
        changed = changed.slice(0, start) + body + changed.slice(start + length);
      }
      if (changed !== text) writeFileSync(join(home, page), changed);
    });
  },
);

describe('the page of problems', () => {
  it('has a section for every code, under its exit code, and no other', () => {
    const explained: Record<string, { exit: number }> = {};
    let exit = Number.NaN;
    for (const line of readFileSync(join(home, 'docs/problems.md'), 'utf8').split('\n')) {
      exit = Number(/^## .*\(exit code (\d+)\)$/.exec(line)?.[1] ?? exit);
      const code = /^### (.*)$/.exec(line)?.[1];
      if (code !== undefined) explained[code] = { exit };
    }
    expect(explained).toEqual(catalogue);
  });
});
