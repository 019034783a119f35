import { readdirSync, readFileSync } from 'node:fs';

/**
 * What a process started, and what that started, in whatever process group: its descendants, and who is in the session of
 * one. What made a session of its own and outlived its parent is not found. Linux alone (proc(5)); elsewhere it is nobody.
 */
export function descendantsOf(pid: number): number[] {
  const others = processes();
  const found = new Set([pid]);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const each of others) if (found.has(each.parent) || found.has(each.session)) found.add(each.pid);
  }
  found.delete(pid);
  return [...found];
}

function processes(): { pid: number; parent: number; session: number }[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (processOf(name) ?? []) : []));
  } catch {
    return [];
  }
}

function processOf(pid: string) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold anything.
    const [, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid: Number(pid), parent: Number(parent), session: Number(session) };
  } catch {
    return undefined; // it has ended
  }
}
