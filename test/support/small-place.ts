import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** A file system in memory that is soon full; root only. Whoever makes it unmounts it. */
export function aSmallPlace(path: string, megabytes: number): string {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  return path;
}
