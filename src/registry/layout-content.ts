import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  afterRefusal,
  type Digest,
  Failure,
  hexOf,
  makeFolder,
  type Problem,
  problem,
  syncDirectory,
  temporaryName,
} from '../support/index.ts';
import type { BlobSource } from './registry.ts';

/** Where a repository's content is, by the hex of its digest. */
export const contentFolder = (folder: string): string => join(folder, 'blobs', 'sha256');

/** Write content so that it appears whole or not at all. Throws a `Failure` when it is not what was expected. */
export async function writeContent(
  folder: string,
  content: BlobSource,
  where: string,
  expected?: { digest?: Digest | undefined; size?: number | undefined },
): Promise<{ digest: Digest; size: number }> {
  makeFolder(folder);
  const draft = temporaryName(join(folder, 'draft'));
  const hash = createHash('sha256');
  let size = 0;
  try {
    const file = await open(draft, 'wx');
    try {
      for await (const chunk of typeof content === 'function' ? content() : content) {
        hash.update(chunk);
        size += chunk.length;
        if (size > (expected?.size ?? Infinity)) throw tooLong(where, expected!.size!);
        await file.writeFile(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const digest = `sha256:${hash.digest('hex')}` as Digest;
    if (digest !== (expected?.digest ?? digest))
      throw new Failure(damaged(`what came for ${where}`, expected!.digest!));
    if (size !== (expected?.size ?? size)) throw tooLong(where, expected!.size!);
    await rename(draft, join(folder, hexOf(digest)));
    await syncDirectory(folder);
    return { digest, size };
  } finally {
    await rm(draft, { force: true });
  }
}

/** The last chunk comes when the whole has the digest. */
export async function* readContent(path: string, digest: Digest, where: string): AsyncIterable<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) {
      if (held) yield held;
      hash.update(chunk as Buffer);
      held = chunk as Buffer;
    }
  } catch (error) {
    throw new Failure(ioProblem(`${where}@${digest}`, error));
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Failure(damaged(where, digest));
  if (held) yield held;
}

/** Remove the drafts of processes that were killed on this machine while they wrote. */
export async function sweepDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, pid] = /^\.draft\.([0-9]+)\..*\.tmp$/.exec(name) ?? [];
    if (pid === undefined || Number(pid) === process.pid) continue;
    try {
      process.kill(Number(pid), 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') await rm(join(folder, name), { force: true });
    }
  }
}

export const damaged = (where: string, digest: Digest): Problem =>
  problem('digest-mismatch', `${where} does not have the content of ${digest}`, {
    hint: 'it is damaged; build or copy it again',
  });

const tooLong = (where: string, size: number): Failure =>
  new Failure(
    problem('digest-mismatch', `what came for ${where} has not the ${size} bytes that its manifest says`, {
      hint: 'it is damaged; build or copy it again',
    }),
  );

export function ioProblem(where: string, error: unknown): Problem {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return problem('registry-io', `${where}: ${message}`);
  return problem('registry-io', `${where}: ${code}`, { hint: afterRefusal(code) });
}
