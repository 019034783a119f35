import { lastWithdrawal, type ReleaseRecord, readAllReleases, requireRelease, standingAt } from '../releases/index.ts';
import { failed, ok, type Problem, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { LevelFacts } from './level-facts.ts';

/** What is taken away, the one that the command is about first, and what stands there then. */
export interface Choice {
  withdrawn: ReleaseRecord[];
  restored: ReleaseRecord | undefined;
}

interface Wanted {
  /** Of a demotion. */
  release?: string;
  /** Of a rollback. */
  to?: string;
  reason: string;
}

/** What stands there now, and what it goes back to. Problem: `not-at-level`. */
export async function chooseBack(
  workspace: Workspace,
  facts: LevelFacts,
  { to, reason }: Wanted,
): Promise<Result<Choice>> {
  const { standing, level } = facts;
  const { current, withheld = [] } = standing;
  const newest = withheld.reduce<(typeof withheld)[0] | undefined>(
    (left, right) => (left && left.at > right.at ? left : right),
    undefined,
  );
  const done = newest && (await requireRelease(workspace.root, newest.release));
  const last = done?.ok ? lastWithdrawal(done.value, level.name) : undefined;
  const back = last?.kind === 'rollback' && last.to === current[0]?.release;
  // Run again, it goes no further: that is said with --to.
  if (done?.ok && back && (to === undefined ? last.reason === reason : to === last.to))
    return ok({ withdrawn: [done.value], restored: undefined });
  const [first] = current;
  if (!first) return nowhere(`nothing stands at ${level.name}`);
  const restored =
    to === undefined
      ? await before(workspace, facts, `dmrel rollback --level ${level.name} --to NAME`)
      : await stoodAt(workspace, level.name, to);
  if (!restored.ok) return restored;
  if (restored.value.name === first.release) return nowhere(`${first.release} is what stands at ${level.name}`);
  const index = current.findIndex(({ release }) => release === restored.value.name);
  const above = level.config.keep && index > 0 ? current.slice(0, index) : [first];
  const withdrawn: ReleaseRecord[] = [];
  for (const { release } of above) {
    const read = await requireRelease(workspace.root, release);
    if (!read.ok) return read;
    withdrawn.push(read.value);
  }
  return ok({ withdrawn, restored: restored.value });
}

/** What stood there before the newest, and was not taken away since. */
async function before(workspace: Workspace, facts: LevelFacts, to?: string): Promise<Result<ReleaseRecord>> {
  const { level, standing } = facts;
  const [first, second] = standing.current;
  if (level.config.keep && second) return requireRelease(workspace.root, second.release);
  const stood = await stoodBefore(workspace, facts, first ? [first.release] : []);
  if (!stood.ok) {
    const named = (hint = '') => `${hint}${hint === '' ? '' : '; '}or name the release that it is to go back to: ${to}`;
    return to === undefined ? stood : failed(...stood.problems.map((each) => ({ ...each, hint: named(each.hint) })));
  }
  const [newest] = stood.value;
  if (newest) return ok(newest);
  const hint = `'dmrel demote' takes it away, and leaves nothing there`;
  return failed(problem('not-at-level', `nothing stood at ${level.name} before ${first?.release}`, { hint }));
}

/**
 * Releases but these that stood at a level and were not taken away since, the last to come first: promoted, or put back
 * in the place of another. Problems: those of a record that cannot be read, where its release may have stood there.
 */
async function stoodBefore(
  workspace: Workspace,
  { level, target }: LevelFacts,
  without: readonly string[],
): Promise<Result<ReleaseRecord[]>> {
  const { records, problems } = await readAllReleases(workspace.root);
  const serious: Problem[] = [];
  for (const each of problems) {
    const [, name] = /^releases\/([^/]+)\//.exec(each.at?.file ?? '') ?? [];
    // What went up to the level has its tag there.
    const tags = level.images.map((image) => name !== undefined && target.resolve(image, name));
    if (name === undefined || (await Promise.all(tags)).some((digest) => digest)) serious.push(each);
  }
  if (serious.length > 0) return failed(...serious);
  const came = new Map<string, string>();
  const note = (release: string, { at, operation }: { at: string; operation: string }): void => {
    const moment = `${at} ${operation}`;
    if (moment > (came.get(release) ?? '')) came.set(release, moment);
  };
  for (const record of records) {
    for (const each of standingAt(record, level.name)?.promotions ?? []) note(record.name, each);
    for (const each of record.withdrawals ?? []) if (each.level === level.name && each.to) note(each.to, each);
  }
  const stood = records.filter((record) => !without.includes(record.name) && standingAt(record, level.name));
  return ok(stood.sort((left, right) => (came.get(left.name)! > came.get(right.name)! ? -1 : 1)));
}

/** Images that nothing else is there for now, of the releases that had them before. */
export async function chooseRest(
  workspace: Workspace,
  facts: LevelFacts,
  { withdrawn, restored }: Choice,
): Promise<Result<{ record: ReleaseRecord; names: string[] }[]>> {
  const { level, standing } = facts;
  const gone = withdrawn.map(({ name }) => name as string);
  const [leaving, left] = [true, false].map((is) =>
    standing.current
      .filter(({ release }) => gone.includes(release) === is)
      .flatMap(({ images }) => Object.keys(images)),
  ) as [string[], string[]];
  const there = [...left, ...Object.keys((restored && standingAt(restored, level.name)?.images) ?? {})];
  const missing = level.images.filter((name) => leaving.includes(name) && !there.includes(name));
  if (level.config.keep || missing.length === 0) return ok([]);
  const stood = await stoodBefore(workspace, facts, gone);
  if (!stood.ok) return stood;
  const rest = new Map<ReleaseRecord, string[]>();
  for (const name of missing) {
    const record = stood.value.find((each) => standingAt(each, level.name)!.images[name]);
    if (record) rest.set(record, [...(rest.get(record) ?? []), name]);
  }
  return ok([...rest].map(([record, names]) => ({ record, names })));
}

async function stoodAt(workspace: Workspace, level: string, name: string): Promise<Result<ReleaseRecord>> {
  const record = await requireRelease(workspace.root, name);
  if (!record.ok || standingAt(record.value, level)) return record;
  const last = lastWithdrawal(record.value, level);
  const message = last
    ? `${name} was taken away from ${level} at ${last.at}: ${last.reason}`
    : `${name} never stood at ${level}`;
  return failed(problem('not-at-level', message, { hint: `'dmrel release show ${name}' says where it stood` }));
}

/** The release that is not fit, and what stood there before it, where nothing else is left. */
export async function chooseDemoted(
  workspace: Workspace,
  facts: LevelFacts,
  { release }: Wanted,
): Promise<Result<Choice>> {
  const { standing, level } = facts;
  const record = await requireRelease(workspace.root, release!);
  if (!record.ok) return record;
  const left = standing.current.filter((each) => each.release !== release);
  const said = record.value.withdrawals?.some((each) => each.level === level.name && each.kind === 'demote');
  // A run that was killed may have said it in the record, and not yet in the level's file.
  if (!said || standingAt(record.value, level.name)) {
    const stood = await stoodAt(workspace, level.name, release!);
    if (!stood.ok) return stood;
  }
  if (left.length === standing.current.length) return ok({ withdrawn: [record.value], restored: undefined });
  const next =
    left[0] && (level.config.keep || standing.current[0]?.release !== release)
      ? requireRelease(workspace.root, left[0].release)
      : before(workspace, facts);
  const restored = await next;
  if (restored.ok) return ok({ withdrawn: [record.value], restored: restored.value });
  const none = restored.problems.every(({ code }) => code === 'not-at-level');
  return none ? ok({ withdrawn: [record.value], restored: undefined }) : restored;
}

const nowhere = (message: string): Result<never> =>
  failed(problem('not-at-level', message, { hint: `'dmrel status' shows what stands where` }));
