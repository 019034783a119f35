import { posix } from 'node:path';
import type { Problem } from '../../support/index.ts';
import type { Context, ContextEntry } from './context.ts';
import type { Instruction } from './dockerfile-lines.ts';
import type { Word } from './dockerfile-words.ts';
import { hasWildcard, matchesComponent } from './glob.ts';

/** A source of COPY as it was found: a directory stands for what is in it, the context itself is ''. */
export interface Source {
  path: string;
  entry: ContextEntry;
}

/** Find what a source of COPY names. Nothing outside the context can be found: only what was listed is looked at. */
export function findSources(word: Word, context: Context, instruction: Instruction, problems: Problem[]): Source[] {
  const fail = (message: string, hint: string): Source[] => {
    problems.push(instruction.problem('context-invalid', message, { offset: word.offset, hint }));
    return [];
  };
  const relative = posix.normalize(word.text.replace(/^\/+/, '') || '.').replace(/\/+$/, '');
  if (relative === '..' || relative.startsWith('../')) {
    return fail(`'${word.text}' leads out of the context`, 'copy it into the context first');
  }
  if (relative === '.') return [{ path: '', entry: { type: 'directory' } }];
  const paths = hasWildcard(relative) ? [...context.keys()].filter((path) => matchesPath(relative, path)) : [relative];
  const found = paths.flatMap((path) => follow(path, context) ?? []);
  if (found.length > 0) return found;
  return fail(`the context has no '${relative}'`, 'see to its name, and whether .dockerignore names it');
}

function matchesPath(pattern: string, path: string): boolean {
  const [patterns, names] = [pattern.split('/'), path.split('/')];
  return patterns.length === names.length && patterns.every((each, number) => matchesComponent(each, names[number]!));
}

/**
 * docker copies what a named link points to, so a relative link inside the context is followed. One that is absolute or
 * leads outside stays a link: what it would point to on this machine is no part of the build.
 */
function follow(path: string, context: Context): Source | undefined {
  let current = path;
  for (let hops = 0; hops < 40; hops++) {
    const entry = context.get(current);
    if (entry === undefined) break;
    if (entry.type !== 'symlink' || entry.target.startsWith('/'))
      return { path: current === path ? path : current, entry };
    const next = posix.normalize(posix.join(posix.dirname(current), entry.target)).replace(/\/+$/, '');
    if (!context.has(next)) return { path: current, entry };
    current = next;
  }
  return undefined;
}
