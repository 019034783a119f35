import { join } from 'node:path';
import { type Document, type DocumentCache, parseDocument, readDocument, withPositions } from '../documents/index.ts';
import { byRelease, parseReleaseName, type ReleaseName } from '../names/index.ts';
import {
  draftsFolder,
  failed,
  listFolder,
  ok,
  type Problem,
  parseDate,
  parseInstant,
  problem,
  type Result,
  writeFileAtomic,
} from '../support/index.ts';
import { byDate, type LevelRecord, orderedLevel, orderedRecord, type ReleaseRecord } from './record.ts';

export const releaseFile = (name: ReleaseName): string => `releases/${name}/release.yaml`;
export const levelFile = (level: string): string => `levels/${level}.yaml`;
/** Statements about a level that are about no release: holds, and their ends. */
export const levelEvidenceFolder = (level: string): string => `levels/${level}/evidence`;

/** The record of a release; undefined when there is none. */
export async function readRelease(
  root: string,
  name: string,
  cache?: DocumentCache,
): Promise<Result<ReleaseRecord | undefined>> {
  const parsed = parseReleaseName(name);
  if (!parsed) return ok(undefined);
  const file = releaseFile(parsed.name);
  const read = await readDocument<ReleaseRecord>(root, file, {
    schemas: ['dmrel/release/v1'],
    ...(cache ? { cache } : {}),
  });
  if (!read.ok) return read.problems.every(({ code }) => code === 'file-not-found') ? ok(undefined) : read;
  const { value } = read.value;
  if (value.name !== parsed.name) {
    const message = `the record of '${value.name}' stands in ${file}`;
    return failed(await withPositions(() => read.value.problem('wrong-value', ['name'], message, { part: 'value' })));
  }
  return withTimes(read.value, [
    [['date'], value.date],
    [['created', 'at'], value.created.at],
    ...(value.promotions ?? []).map(({ at }, index): Time => [['promotions', index, 'at'], at]),
    ...(value.withdrawals ?? []).map(({ at }, index): Time => [['withdrawals', index, 'at'], at]),
  ]);
}

/** Where a day or a moment stands, and what stands there. */
type Time = [path: (string | number)[], text: string];

/** The value of a record, if every day and moment in it exists: schemas see digits only. */
async function withTimes<T>(document: Document<T>, times: readonly Time[]): Promise<Result<T>> {
  const wrong = times.filter(([, text]) => !parseDate(text) && !parseInstant(text));
  if (wrong.length === 0) return ok(document.value);
  const say = ([path, text]: Time) => document.problem('no-such-date', path, `there is no ${text}`, { part: 'value' });
  return failed(...(await withPositions(() => wrong.map(say))));
}

/** The record of a release that must be there. Problem: `unknown-release`. */
export async function requireRelease(
  root: string,
  name: string,
  cache?: DocumentCache,
): Promise<Result<ReleaseRecord>> {
  const read = await readRelease(root, name, cache);
  if (!read.ok) return read;
  if (read.value) return ok(read.value);
  const known = await listReleases(root);
  const hint = known.length > 0 ? `known: ${known.slice(-5).join(', ')}` : `make one with 'dmrel tag weekly'`;
  return failed(problem('unknown-release', `there is no release '${name}' in this workspace`, { hint }));
}

/** Names of all releases that have a record, oldest first within their kind. */
export async function listReleases(root: string): Promise<ReleaseName[]> {
  const names = listFolder(join(root, 'releases'));
  return names.flatMap(({ name }) => parseReleaseName(name)?.name ?? []).sort(byRelease);
}

/** Every record, oldest first by date; findings beside them. */
export async function readAllReleases(
  root: string,
  cache?: DocumentCache,
): Promise<{ records: ReleaseRecord[]; problems: Problem[] }> {
  const problems: Problem[] = [];
  const records: ReleaseRecord[] = [];
  for (const name of await listReleases(root)) {
    const read = await readRelease(root, name, cache);
    if (!read.ok) problems.push(...read.problems);
    else if (read.value) records.push(read.value);
  }
  return { records: records.sort(byDate), problems };
}

/** What stands at a level; an empty one when nothing was ever promoted there. */
export async function readLevel(root: string, level: string, cache?: DocumentCache): Promise<Result<LevelRecord>> {
  const read = await readDocument<LevelRecord>(root, levelFile(level), {
    schemas: ['dmrel/level/v1'],
    ...(cache ? { cache } : {}),
  });
  if (read.ok) return levelIn(level, read.value);
  if (!read.problems.every(({ code }) => code === 'file-not-found')) return read;
  return ok({ schema: 'dmrel/level/v1', level, current: [], held: null });
}

/** The same from text that is at hand: of another moment. */
export async function parseLevel(level: string, text: string): Promise<Result<LevelRecord>> {
  const parsed = await parseDocument<LevelRecord>(levelFile(level), text, { schemas: ['dmrel/level/v1'] });
  return parsed.ok ? levelIn(level, parsed.value) : parsed;
}

async function levelIn(level: string, document: Document<LevelRecord>): Promise<Result<LevelRecord>> {
  const { value } = document;
  if (value.level !== level) {
    const message = `the record of level '${value.level}' stands in ${levelFile(level)}`;
    return failed(await withPositions(() => document.problem('wrong-value', ['level'], message, { part: 'value' })));
  }
  const held: Time[] = value.held ? [[['held', 'at'], value.held.at]] : [];
  const since = value.current.map((each, index): Time => [['current', index, 'since'], each.since]);
  const withheld = (value.withheld ?? []).map(({ at }, index): Time => [['withheld', index, 'at'], at]);
  return withTimes(document, [...since, ...held, ...withheld]);
}

export async function formatRelease(record: ReleaseRecord): Promise<string> {
  const { formatDocument } = await import('../documents/write.ts');
  return formatDocument(orderedRecord(record), '../../schemas/release.schema.json');
}

export async function formatLevel(record: LevelRecord): Promise<string> {
  const { formatDocument } = await import('../documents/write.ts');
  return formatDocument(orderedLevel(record), '../schemas/level.schema.json');
}

export async function writeRelease(root: string, record: ReleaseRecord): Promise<void> {
  await writeFileAtomic(join(root, releaseFile(record.name)), await formatRelease(record), draftsFolder(root));
}

export async function writeLevel(root: string, record: LevelRecord): Promise<void> {
  await writeFileAtomic(join(root, levelFile(record.level)), await formatLevel(record), draftsFolder(root));
}
