import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, readFileBounded, temporaryName } from '../support/index.ts';

/** What each manifest of a repository belongs to: '' for nothing. A digest never changes its subject. */
export type Subjects = Map<Digest, Digest | ''>;

const fileName = '.subjects.json';
const maxBytes = 64 * 2 ** 20;

/** As far as it was looked at before. Absent or damaged: nothing is known, and all is looked at again. */
export async function readSubjects(folder: string): Promise<Subjects> {
  const file = join(folder, fileName);
  const bytes = await readFileBounded(file, file, maxBytes);
  try {
    const stored = JSON.parse(bytes.ok ? bytes.value.toString('utf8') : '{}') as Record<Digest, Digest | ''>;
    return new Map(Object.entries(stored ?? {}) as [Digest, Digest | ''][]);
  } catch {
    return new Map();
  }
}

/** It need not be kept: what cannot be written, and what another process writes over, is found out again. */
export function keepSubjects(folder: string, subjects: Subjects): void {
  const draft = temporaryName(join(folder, fileName));
  try {
    writeFileSync(draft, JSON.stringify(Object.fromEntries(subjects)));
    renameSync(draft, join(folder, fileName));
  } catch {
    rmSync(draft, { force: true }); // read-only, or full
  }
}
