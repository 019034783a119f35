import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Journals of the operations of a workspace, the oldest first. */
const journalsIn = (root: string): string[] => {
  const folder = join(root, '.dmrel/operations');
  const operations = readdirSync(folder).sort();
  return operations.map((each) => join(folder, each, 'journal.jsonl'));
};

export const newestJournal = (root: string): string => journalsIn(root).at(-1)!;

export const linesIn = (journal: string): string[] => readFileSync(journal, 'utf8').trim().split('\n');

/** Lines of all journals of a workspace. */
export const journalLines = (root: string): string[] => journalsIn(root).flatMap(linesIn);
