import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, parseDigest, readFileBounded } from '../support/index.ts';

/** What each manifest of a repository belongs to. A digest never changes its subject: what was once found out is kept. */
export interface Subjects {
  /** `nothing` where it is known to belong to none; undefined where it was not looked at. */
  of(digest: Digest): Digest | typeof nothing | undefined;
  learn(digest: Digest, subject: Digest | undefined): void;
  /** Write down what was learnt, for the next process. It need not succeed: what cannot be written is found out again. */
  keep(): void;
}

const nothing = '-';
const fileName = '.subjects';
const maxBytes = 64 * 2 ** 20;

/**
 * A line for each digest, added at the end: the file grows with the repository, the work does not. A line that is damaged,
 * or was torn by a crash, is not there.
 */
export async function openSubjects(folder: string): Promise<Subjects> {
  const file = join(folder, fileName);
  const bytes = await readFileBounded(file, file, maxBytes);
  const known = new Map<string, Digest | typeof nothing>();
  const lines = bytes.ok ? bytes.value.toString('utf8').split('\n').slice(0, -1) : [];
  for (const line of lines) {
    const [digest = '', subject = ''] = line.split(' ', 2);
    const named = subject === nothing ? nothing : parseDigest(subject);
    if (named && line.length === digest.length + 1 + subject.length) known.set(digest, named);
  }
  let learnt: string[] = [];
  return {
    of: (digest) => known.get(digest),
    learn: (digest, subject) => {
      known.set(digest, subject ?? nothing);
      learnt.push(`${digest} ${subject ?? nothing}\n`);
    },
    keep: () => {
      if (learnt.length === 0) return;
      try {
        appendFileSync(file, learnt.join(''));
      } catch {
        // Read-only, or full.
      }
      learnt = [];
    },
  };
}
