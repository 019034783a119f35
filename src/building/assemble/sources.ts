import { posix } from 'node:path';
import type { Problem } from '../../support/index.ts';
import type { Context, ContextEntry } from './context.ts';
import type { Instruction } from './dockerfile-lines.ts';
import type { Word } from './dockerfile-words.ts';
import { hasWildcard, matchesComponent } from './glob.ts';

/** A source of COPY as it was found: a directory stands for what is in it, the context itself is ''. */
export interface Source {
  /** As it was asked for: what was found through a link is called after the link. */
  name: string;
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
  if (relative === '.') return [{ name: '', path: '', entry: { type: 'directory' } }];
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
 * docker copies what a named link points to, so a relative link inside the context is followed, also one on the way. One
 * that is absolute or leads outside stays a link: what it would point to on this machine is no part of the build.
 */
function follow(name: string, context: Context): Source | undefined {
  const rest = name.split('/');
  let path = '';
  let entry: ContextEntry = { type: 'directory' };
  /** What is copied when the last link leads nowhere. */
  let link: Source | undefined;
  for (let hops = 0; rest.length > 0; ) {
    const part = rest.shift()!;
    if (part === '' || part === '.') continue;
    if (part === '..' && path === '') return link;
    path = part === '..' ? posix.dirname(path).replace(/^\.$/, '') : posix.join(path, part);
    const found = path === '' ? ({ type: 'directory' } as const) : context.get(path);
    if (found === undefined) return link;
    entry = found;
    if (entry.type !== 'symlink') continue;
    hops += 1;
    if (hops > 40) return undefined;
    if (rest.length === 0) link = { name, path, entry };
    if (entry.target.startsWith('/')) return link;
    path = posix.dirname(path).replace(/^\.$/, '');
    rest.unshift(...entry.target.split('/'));
  }
  return { name, path, entry };
}
