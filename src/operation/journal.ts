import {
  appendFileSync,
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { isoText, listFolder, removeFile, textIfThere, writeFileAtomic } from '../support/index.ts';
import type { Plan } from './plan.ts';

const inBackground = promisify(fdatasync);

/** What need not be on the disk before anything else happens: the next step's start brings it there. */
const mayBeLost = new Set<JournalEntry['event']>(['begin', 'done', 'failed']);

/** One line of a journal. */
export interface JournalEntry {
  at: string;
  step?: string;
  event: 'begin' | 'start' | 'done' | 'failed' | 'end' | 'interrupted' | 'overtaken';
  message?: string;
  /** With `begin`: the command line. */
  argv?: string[];
}

/**
 * What an operation intended and how far it came: .dmrel/operations/<id>/plan.json and journal.jsonl, with a line
 * before and after each step. After a crash it says what was begun, and what was done; the plan in it is what a re-run
 * finishes, so that dates and commits stay those of the first run.
 */
export class Journal {
  #file: number;
  #now: () => Date;
  #mark: string;
  readonly #underWay = new Set<string | undefined>();

  private constructor(file: number, now: () => Date, mark: string) {
    this.#file = file;
    this.#now = now;
    this.#mark = mark;
  }

  static async open(root: string, plan: Plan, now: () => Date, argv: readonly string[] = []): Promise<Journal> {
    const folder = join(operationsFolder(root), plan.operation);
    markOthers(root);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(unfinishedFolder(root), plan.operation), '');
    await writeFileAtomic(join(folder, 'plan.json'), `${JSON.stringify(plan, null, 1)}\n`, undefined, 'nothing');
    const journal = Journal.#at(folder, now);
    await journal.write({ event: 'begin', argv: [...argv] });
    return journal;
  }

  /** A journal that is gone on with. What was torn by a crash gets a line of its own, so that it spoils no other. */
  static #at(folder: string, now: () => Date): Journal {
    const path = join(folder, 'journal.jsonl');
    const text = textIfThere(path) ?? '';
    const mark = join(folder, '..', '..', 'unfinished', basename(folder));
    const journal = new Journal(openSync(path, 'a'), now, mark);
    if (text !== '' && !text.endsWith('\n')) appendFileSync(journal.#file, '\n');
    return journal;
  }

  /** Say of an operation that it is over, though its own process did not come to say so. */
  static async end(
    root: string,
    plan: Plan,
    event: 'end' | 'overtaken',
    message: string,
    now: () => Date,
  ): Promise<void> {
    const journal = Journal.#at(join(operationsFolder(root), plan.operation), now);
    await journal.write({ event, message });
    journal.close();
  }

  async write(entry: Omit<JournalEntry, 'at'>): Promise<void> {
    const line = JSON.stringify({ at: isoText(this.#now()), ...entry });
    appendFileSync(this.#file, `${line}\n`);
    if (entry.event === 'done' || entry.event === 'failed') this.#underWay.delete(entry.step);
    const alone = this.#underWay.size === 0;
    if (entry.event === 'start') this.#underWay.add(entry.step);
    if (!mayBeLost.has(entry.event)) await this.#toDisk(alone);
    if (entry.event === 'end' || entry.event === 'overtaken') removeFile(this.#mark);
  }

  /** In the background while steps are under way, which go on meanwhile; else asking there only takes longer. */
  async #toDisk(alone: boolean): Promise<void> {
    if (alone) fdatasyncSync(this.#file);
    else await inBackground(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

const operationsFolder = (root: string): string => join(root, '.dmrel', 'operations');

/**
 * A file for each operation that did not come to its end: the next one looks for what it makes pointless among these
 * alone, however many there were.
 */
const unfinishedFolder = (root: string): string => join(root, '.dmrel', 'unfinished');

/** Operations of a workspace from before there were marks get theirs. */
function markOthers(root: string): void {
  const folder = unfinishedFolder(root);
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  for (const begun of operations(root)) {
    if (!isOver(begun)) writeFileSync(join(folder, begun.plan.operation), '');
  }
}

/** An operation that was begun. */
interface Begun {
  plan: Plan;
  entries: JournalEntry[];
}

/**
 * Operations of a workspace, the one that was begun last first: a plan that was saved may have been made long before. A
 * plan that cannot be read was never begun: it is written before the first step.
 */
function* operations(root: string, among = operationsFolder(root), but?: string): Generator<Begun> {
  const journals = listFolder(among)
    .map((each) => each.name)
    .filter((each) => /^[0-9A-Z]{26}$/.test(each) && each !== but)
    .map((name) => ({ name, entries: readJournal(root, name) }))
    .map(({ name, entries }) => ({ name, entries, order: `${entries.findLast(isBegin)?.at ?? ''} ${name}` }));
  journals.sort((left, right) => (left.order < right.order ? 1 : -1));
  for (const { name, entries } of journals) {
    const plan = planIn(textIfThere(join(operationsFolder(root), name, 'plan.json')) ?? '');
    if (plan) yield { plan, entries };
  }
}

const isBegin = ({ event }: JournalEntry): boolean => event === 'begin';

function planIn(text: string): Plan | undefined {
  try {
    const plan = JSON.parse(text);
    return plan?.schema === 'dmrel/plan/v1' ? plan : undefined;
  } catch {
    return undefined;
  }
}

/** What an operation's journal says, oldest first. A torn last line (a crash while writing) counts as not written. */
export function readJournal(root: string, operation: string): JournalEntry[] {
  const text = textIfThere(join(operationsFolder(root), operation, 'journal.jsonl')) ?? '';
  return text.split('\n').flatMap((line) => {
    try {
      const entry = line === '' ? null : (JSON.parse(line) as JournalEntry | null);
      return typeof entry?.event === 'string' ? [entry] : [];
    } catch {
      return [];
    }
  });
}

/** Whether an operation was begun in this workspace. */
export function isKnownOperation(root: string, operation: string): boolean {
  if (!/^[0-9A-Z]{26}$/.test(operation)) return false;
  return listFolder(join(operationsFolder(root), operation)).length > 0;
}

/** What the journal says since it was begun last: what was over may be begun again. */
const lastRun = ({ entries }: Begun): JournalEntry[] => entries.slice(Math.max(0, entries.findLastIndex(isBegin)));
const hasEnded = (begun: Begun): boolean => lastRun(begun).some(({ event }) => event === 'end');
const wasOvertaken = (begun: Begun): boolean => lastRun(begun).some(({ event }) => event === 'overtaken');
const isOver = (begun: Begun): boolean => hasEnded(begun) || wasOvertaken(begun);

/**
 * The plan of the newest operation of a command on a release, when it was begun and never came to its end, nor was undone.
 */
export async function findUnfinished<Details>(
  root: string,
  command: string,
  release: string,
): Promise<Plan<Details> | undefined> {
  for (const begun of operations(root)) {
    if (begun.plan.release !== release) continue;
    if (begun.plan.command === `${command} undo` && hasEnded(begun)) return undefined;
    if (begun.plan.command === command) return isOver(begun) ? undefined : (begun.plan as Plan<Details>);
  }
  return undefined;
}

/** Plans of operations that never came to their end, newest first: also of those that a later one went on with. */
export function plansBegun(root: string): Plan[] {
  return [...operations(root)].filter((begun) => !hasEnded(begun)).map(({ plan }) => plan);
}

export interface UnfinishedOperation {
  plan: Plan;
  /** The command line that began it. */
  argv: string[];
  /** How many steps it did. */
  done: number;
}

/** What a later operation of the same kind makes pointless: its command, its release, and its level where it has one. */
function keyOf({ plan, entries }: Begun): string {
  const argv = argvOf(entries);
  const level = argv.includes('--level') ? argv[argv.indexOf('--level') + 1] : '';
  return [plan.command, plan.release, level].join(' ');
}

function argvOf(entries: readonly JournalEntry[]): string[] {
  const argv = entries.findLast((entry) => Array.isArray(entry.argv))?.argv ?? [];
  return argv.filter((each) => typeof each === 'string');
}

/**
 * Every operation that was begun and never came to its end, oldest first. One that was overtaken by a later one of the
 * same command on the same release, or undone, is not among them; what takes a release back stands for what made it.
 */
export async function listUnfinished(root: string): Promise<UnfinishedOperation[]> {
  const seen = new Set<string>();
  const unfinished: UnfinishedOperation[] = [];
  for (const begun of operations(root)) {
    const { plan, entries } = begun;
    if (wasOvertaken(begun)) continue;
    const key = keyOf(begun).replace(/^tag undo /, 'tag ');
    if (seen.has(key)) continue;
    seen.add(key);
    if (hasEnded(begun)) continue;
    const done = new Set(entries.filter(({ event }) => event === 'done').map(({ step }) => step)).size;
    unfinished.unshift({ plan, argv: argvOf(entries), done });
  }
  return unfinished;
}

/**
 * Before an operation begins: those that it makes pointless are over. Making a release again is the end of taking it
 * back; taking it back reads what was begun, so that stays.
 */
export async function overtake(root: string, plan: Plan, argv: readonly string[], now: () => Date): Promise<void> {
  const key = keyOf({ plan, entries: [{ at: '', event: 'begin', argv: [...argv] }] });
  for (const begun of operations(root, unfinishedFolder(root), plan.operation)) {
    if (isOver(begun)) continue;
    const other = keyOf(begun);
    const same = other === key || (plan.command === 'tag' && other.replace(/^tag undo /, 'tag ') === key);
    if (same) await Journal.end(root, begun.plan, 'overtaken', `by ${plan.operation}`, now);
  }
}

/**
 * Nothing is left to be done: what was begun and did not come to say so has come to its end. A release that is wholly
 * there is no longer being taken back, and one of which nothing is left is no longer being made.
 */
export async function endUnfinished(root: string, plan: Plan, argv: readonly string[], now: () => Date): Promise<void> {
  const key = keyOf({ plan, entries: [{ at: '', event: 'begin', argv: [...argv] }] });
  markOthers(root);
  for (const begun of operations(root, unfinishedFolder(root))) {
    const other = keyOf(begun);
    if (isOver(begun)) continue;
    if (other === key) await Journal.end(root, begun.plan, 'end', 'found done', now);
    else if (plan.command === 'tag' && other.replace(/^tag undo /, 'tag ') === key)
      await Journal.end(root, begun.plan, 'overtaken', `${plan.release} is there`, now);
    else if (plan.command === 'tag undo' && key.replace(/^tag undo /, 'tag ') === other)
      await Journal.end(root, begun.plan, 'overtaken', `nothing of ${plan.release} is left`, now);
  }
}
