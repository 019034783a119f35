import { DocumentCache } from '../documents/index.ts';
import { requireLevel } from '../levels/index.ts';
import {
  type LevelRecord,
  type ReleaseRecord,
  readLevel,
  readNewest,
  readRelease,
  standingAt,
} from '../releases/index.ts';
import { type CalendarDate, failed, type Instant, ok, type Problem, type Result } from '../support/index.ts';
import { levelsBefore, need, type Workspace } from '../workspace/index.ts';
import { type BoardEntry, entryOf } from './board-entry.ts';

/** What a gate says of a release, as far as the board shows it. */
export interface GateAnswer {
  verdict: 'allow' | 'deny' | 'defer';
  until?: Instant;
  /** What is not committed: as long as there is any, nothing is let up. */
  uncommitted?: readonly Problem[];
  conditions: readonly {
    state: string;
    kind: string;
    subject: string;
    text: string;
    waiver?: { by: string; until: CalendarDate; reason: string };
  }[];
}

export type AskGate = (standing: LevelRecord, record: ReleaseRecord) => Promise<Result<GateAnswer>>;

export interface BoardLevel {
  level: string;
  after: string[];
  current: BoardEntry[];
  /** The release that the tag `recommended` names. */
  recommended?: string;
  held: LevelRecord['held'];
  /** Releases that were taken away and may not come back by themselves. */
  withheld?: NonNullable<LevelRecord['withheld']>;
  /** Releases that stand at the levels before and not here, newest last. */
  waiting: string[];
  /** The newest that waits, and what its gate says. */
  next?: { release: string; verdict: GateAnswer['verdict']; until?: Instant; missing: string[] };
}

export interface Board {
  levels: BoardLevel[];
  /** The newest ones, and those that stand somewhere, oldest first. */
  releases: { name: string; date: string; products: number; images: number; levels: string[] }[];
}

/**
 * Which release stands at which level, since when, by whom, and what is missing for the next. Of the releases only those
 * that stand somewhere and what is newer than the oldest of them are read.
 * @param ask the gates; without it nothing is said of what is missing, waived or owed
 */
export async function readBoard(workspace: Workspace, only?: string, ask?: AskGate): Promise<Result<Board>> {
  const levels = need(workspace, 'levels', 'there is no board to show');
  if (!levels.ok) return levels;
  if (only !== undefined) {
    const known = requireLevel(workspace, only, 'there is no board to show');
    if (!known.ok) return known;
  }
  const cache = DocumentCache.of(workspace.userCache, 'board');
  const shown = Object.keys(levels.value).filter((name) => only === undefined || name === only);
  const standing = new Map<string, LevelRecord>();
  const levelProblems: Problem[] = [];
  for (const name of shown) {
    const read = await readLevel(workspace.root, name, cache);
    if (read.ok) standing.set(name, read.value);
    else levelProblems.push(...read.problems);
  }
  const { records, problems } = await readShown(workspace.root, [...standing.values()], cache);
  await cache.close();
  problems.push(...levelProblems);
  if (problems.length > 0) return failed(...problems);
  const board: Board = { levels: [], releases: records.map(summary) };
  for (const name of shown) {
    const level = await boardLevel(workspace, name, standing.get(name)!, records, ask);
    if (!level.ok) return level;
    board.levels.push(level.value);
  }
  return ok(board);
}

async function readShown(
  root: string,
  levels: readonly LevelRecord[],
  cache: DocumentCache,
): Promise<{ records: ReleaseRecord[]; problems: Problem[] }> {
  const names = [...new Set(levels.flatMap(({ current }) => current.map(({ release }) => release)))];
  const standing: ReleaseRecord[] = [];
  const problems: Problem[] = [];
  for (const name of names) {
    const read = await readRelease(root, name, cache);
    if (!read.ok) problems.push(...read.problems);
    else if (read.value) standing.push(read.value);
  }
  // Newer than what stands at a level, a release may be waiting for it; where nothing stands, any may be.
  const tops = levels.map(({ current }) => standing.find(({ name }) => name === current[0]?.release)?.date ?? '');
  const oldest = tops.sort()[0] ?? '';
  const newest = await readNewest(root, ({ date }) => date <= oldest, { cache });
  const known = new Set(newest.records.map(({ name }) => name));
  const reported = new Set(newest.problems.map(({ at }) => at?.file));
  return {
    records: [...standing.filter(({ name }) => !known.has(name)), ...newest.records],
    problems: [...newest.problems, ...problems.filter(({ at }) => !reported.has(at?.file))],
  };
}

async function boardLevel(
  workspace: Workspace,
  level: string,
  standing: LevelRecord,
  records: readonly ReleaseRecord[],
  ask: AskGate | undefined,
): Promise<Result<BoardLevel>> {
  const config = workspace.config.levels![level]!;
  const { any, levels: after } = levelsBefore(config);
  const { held, recommended, withheld = [] } = standing;
  const current: BoardEntry[] = [];
  for (const each of standing.current) {
    const record = records.find(({ name }) => name === each.release);
    const answer = record && ask ? await ask(standing, record) : undefined;
    if (answer && !answer.ok) return answer;
    current.push(entryOf(level, config, each, record, answer?.value));
  }
  const top = records.find(({ name }) => name === standing.current[0]?.release);
  const waits = records
    .filter((record) => Object.keys(record.images ?? {}).length > 0 && !stoodAt(record, level))
    .filter(
      (record) => after.length === 0 || after[any ? 'some' : 'every']((each) => standingAt(record, each) !== undefined),
    )
    .filter(({ date }) => top === undefined || date > top.date);
  const next = waits.at(-1);
  const answer = next && ask ? await ask(standing, next) : undefined;
  if (answer && !answer.ok) return answer;
  return ok({
    level,
    after,
    current,
    ...(recommended === undefined ? {} : { recommended }),
    held,
    ...(withheld.length > 0 ? { withheld } : {}),
    waiting: waits.map(({ name }) => name as string),
    ...(next && answer ? { next: nextOf(next.name, answer.value) } : {}),
  });
}

function nextOf(
  release: string,
  { verdict: said, until, uncommitted = [], conditions }: GateAnswer,
): NonNullable<BoardLevel['next']> {
  const open = conditions.filter(({ state }) => state === 'unmet' || state === 'wait').map(({ text }) => text);
  const missing = [...open, ...uncommitted.map(({ message }) => message)];
  const verdict = uncommitted.length > 0 ? 'deny' : said;
  return { release, verdict, ...(until === undefined ? {} : { until }), missing };
}

const stoodAt = (record: ReleaseRecord, level: string): boolean =>
  (record.promotions ?? []).some((promotion) => promotion.level === level);

function summary({ name, date, products, images = {}, promotions = [] }: ReleaseRecord): Board['releases'][number] {
  const levels = [...new Set(promotions.map(({ level }) => level))];
  return { name, date, products: Object.keys(products).length, images: Object.keys(images).length, levels };
}
