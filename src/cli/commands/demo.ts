import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import {
  commitDelivered,
  isYetToMake,
  makeDemoWorkspace,
  unfinishedWeek,
  untilNobodyWorks,
  writeRemotes,
} from '../../demonstration/index.ts';
import { weeklyName } from '../../names/index.ts';
import type { CommandContext, CommandRun } from '../../plugins/index.ts';
import { listReleases, readLevel } from '../../releases/index.ts';
import { type CalendarDate, dateOf, Failure, problem, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { createPaint } from '../output/paint.ts';
import { shellWord } from '../shell-word.ts';

const levels = ['dev', 'jupyterlab', 'commissioning', 'batch'];
const milestone = 'LDM-503-3';

export const run: CommandRun = async (context, [dir = 'dmrel-demo']) => {
  if (context.json) {
    const hint = 'run it without --json';
    throw new Failure(problem('usage', 'demo shows what commands print, and has no JSON of its own', { hint }));
  }
  const root = resolve(context.cwd, dir);
  const paint = await createPaint(context.color);
  const say = (text: string) => context.out(`${paint.strong(`\n# ${text}`)}\n`);
  const unfinished = await prepare(context, root, say);
  const date = unfinished ?? weekAfter((await listReleases(root)).at(-1), dateOf(context.now()));
  const dmrel = (...args: string[]) => runSelf(context, root, args);

  await dmrel('validate');
  say(`Tag every repository with the weekly of ${date}: all of them, or none and the reasons`);
  await dmrel('tag', 'weekly', '--date', date);
  const release = weeklyName(date);
  const changed = unwrap(await commitDelivered(root, release, milestone));
  if (changed.length > 0) {
    say(`People write down that ${release} delivers the features of ${milestone}`);
    context.out(`changed ${changed.join(', ')}\n`);
  }
  say('Build its images, reproducibly, without docker');
  await dmrel('build');
  for (const level of levels) {
    say(`Check it for ${level}, and let it up`);
    await dmrel('check', '--level', level);
    if (level === 'batch') await dmrel('approve', '--level', level, '--release', release);
    await dmrel('promote', '--level', level);
  }
  say('Where everything stands');
  await dmrel('status');
  say('What an operator asks before running it, of the registry and a public key alone');
  const standing = unwrap(await readLevel(root, 'batch'));
  await dmrel('verify', standing.current[0]!.images.stack!, '--level', 'batch', '--key', 'trust/batch.pub');
  say(`What that means for ${milestone}`);
  await dmrel('milestone', 'status', milestone);
  say('Try next');
  const name = resolve(context.cwd) === root ? '' : `  cd ${shellWord(dir)}\n`;
  context.out(
    `${name}  dmrel tag weekly                  changes nothing: every repository is in sync
  dmrel promote --level batch       changes nothing: ${release} stands there
  dmrel milestone status LDM-503-8  what it waits for, and why
  git log --stat                    who did what, when: every record is a commit
  dmrel demo .                      the next week
${context.env.npm_lifecycle_event === undefined ? '' : `\n(dmrel is 'node ${context.self[1]}' until you install it: npm link)\n`}`,
  );
  return 0;
};

/**
 * Make the workspace, or find the one that an earlier run made: let a week pass in its repositories, or give the day of
 * the week that was not finished.
 */
async function prepare(
  context: CommandContext,
  root: string,
  say: (text: string) => void,
): Promise<CalendarDate | undefined> {
  if (unwrap(await isYetToMake(root))) {
    say(`Make a workspace with twelve repositories in ${root}`);
    unwrap(await makeDemoWorkspace(root, context.home));
    context.out('dmrel.yaml, milestones/, products/, images/, checks/; repositories in remotes/\n');
    return undefined;
  }
  const opened = await openWorkspace(root, context.env);
  if (!opened.ok || opened.value.root !== root || opened.value.config.organization !== 'demo') {
    const hint = 'name a directory that is empty, not there yet, or made by an earlier demonstration';
    throw new Failure(problem('usage', `${root} holds something else than a demonstration`, { hint }));
  }
  const waiting = () => context.err('waiting for a command of an earlier demonstration that is still at work\n');
  unwrap(await untilNobodyWorks(root, { now: context.now, waiting, seconds: 120 }));
  const unfinished = await unfinishedWeek(root, levels.at(-1)!);
  if (unfinished !== undefined) {
    say(`The week of ${unfinished} was not finished in ${root}: go on with it`);
    return unfinished;
  }
  const made = await listReleases(root);
  if (made.length > 0) {
    say(`A week has passed in ${root}: some repositories have new commits`);
    unwrap(await writeRemotes(root, made.length));
  }
  return undefined;
}

/** Today, or a week after the newest release when that week is done already. */
function weekAfter(newest: string | undefined, today: CalendarDate): CalendarDate {
  let date = today;
  while (newest !== undefined && weeklyName(date) <= newest) {
    date = dateOf(new Date(Date.parse(date) + 7 * 86_400_000));
  }
  return date;
}

/** Run dmrel as a person would, in view. */
async function runSelf(context: CommandContext, root: string, args: string[]): Promise<void> {
  context.out(`$ dmrel ${args.join(' ')}\n`);
  const [program, ...lead] = context.self;
  const code = await new Promise<number>((settle) => {
    const child = spawn(program, [...lead, ...args], { cwd: root, stdio: 'inherit' });
    child.on('error', () => settle(127));
    child.on('close', (status) => settle(status ?? 130));
  });
  if (code === 0) return;
  const hint = `look at what it said above; the workspace is in ${root}`;
  throw new Failure(problem('step-failed', `dmrel ${args.join(' ')} ended with exit code ${code}`, { hint }));
}
