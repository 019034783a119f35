import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Lines of all journals of a workspace, the oldest operation's first. */
export function journalLines(root: string): string[] {
  const folder = join(root, '.dmrel/operations');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((each) =>
      readFileSync(join(folder, each, 'journal.jsonl'), 'utf8')
        .trim()
        .split('\n'),
    );
}
