import { parseApproval, parseWaiver, readEvidence, type VerifiedStatement } from '../evidence/index.ts';
import { openRepository, type Repository } from '../git/index.ts';
import { requireLevel } from '../levels/index.ts';
import {
  type LevelRecord,
  levelFile,
  type ReleaseRecord,
  readAllReleases,
  readLevel,
  readLevelSubject,
} from '../releases/index.ts';
import { didYouMean, errorsOf, failed, type Instant, instantOf, ok, problem, type Result } from '../support/index.ts';
import { need, type Workspace } from '../workspace/index.ts';

export type Deed =
  | 'promote'
  | 'rollback'
  | 'demote'
  | 'approve'
  | 'waive'
  | 'hold'
  | 'release-hold'
  | 'recommend'
  | 'withhold';

/** Somebody did something to a release at a level. */
export interface HistoryEvent {
  at: Instant;
  did: Deed;
  level: string;
  /** Absent where it was about a whole level. */
  release?: string;
  by: string;
  /** The key that signed it. */
  key?: string;
  why?: string;
  /** The change that an emergency refers to. */
  ref?: string;
  images?: string[];
  /** What was waived, until when; in which role somebody approved; what took its place. */
  check?: string;
  until?: string;
  role?: string;
  to?: string;
  operation?: string;
  /** The file of the statement. */
  file?: string;
}

export interface HistoryRequest {
  level?: string | undefined;
  image?: string | undefined;
}

/**
 * Who did what, when and why, from records, statements and, for what no record keeps once it is over, the log of git;
 * oldest first. Problems: `unknown-level`, `unknown-image`.
 */
export async function readHistory(
  workspace: Workspace,
  { level, image }: HistoryRequest,
): Promise<Result<HistoryEvent[]>> {
  const levels = need(workspace, 'levels', 'there is no history of them');
  if (!levels.ok) return levels;
  if (level !== undefined) {
    const known = requireLevel(workspace, level, 'there is no history of it');
    if (!known.ok) return known;
  }
  const { records, problems } = await readAllReleases(workspace.root);
  if (problems.length > 0) return failed(...problems);
  const names = new Set([...Object.keys(workspace.config.images ?? {}), ...records.flatMap(imagesOf)]);
  if (image !== undefined && !names.has(image)) {
    const hint = didYouMean(image, names) ?? `known: ${[...names].join(', ')}`;
    return failed(problem('unknown-image', `there is no image '${image}'`, { hint }));
  }
  const events: HistoryEvent[] = [];
  for (const name of Object.keys(levels.value)) {
    const read = await readLevel(workspace.root, name);
    if (!read.ok) return read;
    events.push(...withheldIn(read.value));
  }
  const repository = await openRepository(workspace.root);
  if (repository.ok) events.push(...(await saidInLog(repository.value, Object.keys(levels.value))));
  for (const record of records) {
    events.push(...deedsOf(record));
    const { statements, problems: found } = await readEvidence(workspace, record.name);
    if (errorsOf(found).length > 0) return failed(...errorsOf(found));
    for (const statement of statements) events.push(...saidIn(statement, record));
  }
  const wanted = events
    .filter((each) => level === undefined || each.level === level)
    .filter((each) => image === undefined || each.images === undefined || each.images.includes(image));
  return ok(wanted.sort(inOrder));
}

const imagesOf = ({ images = {} }: ReleaseRecord): string[] => Object.keys(images);

const inOrder = (left: HistoryEvent, right: HistoryEvent): number => {
  const [first, second] = [left, right].map(
    ({ at, operation = '', level, did }) => `${at} ${operation} ${level} ${did}`,
  );
  return first! < second! ? -1 : first! > second! ? 1 : 0;
};

/** Releases that may not come back now. */
function withheldIn({ level, withheld = [] }: LevelRecord): HistoryEvent[] {
  return withheld.map(({ at, by, reason, release }) => ({ at, did: 'withhold', level, release, by, why: reason }));
}

/** What was held, let go and recommended: a level's record has what holds now, and commits have all of it. */
async function saidInLog(repository: Repository, levels: readonly string[]): Promise<HistoryEvent[]> {
  const entries = await repository.log(levels.map(levelFile), ['Dmrel-Level', 'Dmrel-Operation']);
  return entries.flatMap(({ author, epochSeconds, subject, trailers }) => {
    const { 'Dmrel-Level': level = '', 'Dmrel-Operation': operation = '' } = trailers;
    if (!levels.includes(level) || operation === '') return [];
    const at = instantOf(new Date(epochSeconds * 1000));
    const deed = readLevelSubject(subject);
    return deed ? [{ at, level, by: author, ...deed, operation }] : [];
  });
}

function deedsOf({ name, promotions = [], withdrawals = [] }: ReleaseRecord): HistoryEvent[] {
  return [
    ...promotions.map(({ level, at, by, operation, images, emergency }): HistoryEvent => {
      const past = emergency ? { why: emergency.reason, ref: emergency.ref } : {};
      return { at, did: 'promote', level, release: name, by, ...past, images: Object.keys(images), operation };
    }),
    ...withdrawals.map(({ level, at, by, operation, kind, images, reason, to }): HistoryEvent => {
      const after = to === undefined ? {} : { to };
      return { at, did: kind, level, release: name, by, why: reason, images: Object.keys(images), ...after, operation };
    }),
  ];
}

function saidIn(statement: VerifiedStatement, { name: release }: ReleaseRecord): HistoryEvent[] {
  const { file, signedBy } = statement;
  const key = signedBy ? { key: signedBy.key } : {};
  const approval = parseApproval(statement);
  if (approval && approval !== 'unsound') {
    const { at, by, level, role, message } = approval;
    const why = message === undefined ? {} : { why: message };
    return [{ at, did: 'approve', level, release, by, ...key, ...why, role, file }];
  }
  const waiver = parseWaiver(statement);
  if (!waiver || waiver === 'unsound') return [];
  const { at, by, level, check, image, reason, until } = waiver;
  const images = image === undefined ? {} : { images: [image] };
  return [{ at, did: 'waive', level, release, by, ...key, why: reason, ...images, check, until, file }];
}
