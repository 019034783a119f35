import { createWriteStream } from 'node:fs';
import { chmod, link, lstat, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ok, type Result } from '../../support/index.ts';
import { type ContextEntry, contentOf, readContext } from '../assemble/index.ts';

/**
 * Lay a context out in a directory of its own as every engine is to see it: without what `.dockerignore` names, with the extra
 * files, and with the modes that git keeps, for any other is this machine's umask. Large files are not copied where a link does.
 * Problem: `context-invalid`.
 */
export async function layOutContext(
  context: string,
  extraFiles: Record<string, Uint8Array>,
  folder: string,
): Promise<Result<void>> {
  const entries = await readContext(context, extraFiles);
  if (!entries.ok) return entries;
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const made = new Set<string>([folder]);
  for (const [path, entry] of entries.value) {
    const target = join(folder, path);
    await makeFolder(dirname(target), made);
    if (entry.type === 'directory') await makeFolder(target, made);
    else if (entry.type === 'symlink') await symlink(entry.target, target);
    else if (entry.type === 'file') await layFile(path, entry, target);
    // Of pipes and sockets nothing could be copied.
  }
  return ok(undefined);
}

async function makeFolder(path: string, made: Set<string>): Promise<void> {
  if (made.has(path)) return;
  await makeFolder(dirname(path), made);
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
  made.add(path);
}

/** From here on a link costs less than a copy. */
const large = 2 ** 20;

async function layFile(path: string, entry: ContextEntry & { type: 'file' }, target: string): Promise<void> {
  const mode = entry.executable ? 0o755 : 0o644;
  if (typeof entry.source !== 'string') return void (await writeFile(target, entry.source, { mode }));
  if (entry.size >= large && (await lstat(entry.source)).mode % 0o10000 === mode) {
    const linked = await link(entry.source, target).then(
      () => true,
      () => false, // another file system, another's file
    );
    if (linked) return;
  }
  await pipeline(Readable.from(contentOf(path, entry)), createWriteStream(target));
  await chmod(target, mode);
}
