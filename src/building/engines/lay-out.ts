import { constants, createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failed, ok, type Problem, problem, type Result } from '../../support/index.ts';
import { type ContextEntry, contentOf, readContext } from '../assemble/index.ts';

/**
 * Lay a context out in a directory of its own as every engine is to see it: without what `.dockerignore` names, with the extra
 * files, and with the modes that git keeps, for any other is this machine's umask. What is laid out is the engine's to write
 * into: nothing of it is a file of the workspace. Problem: `context-invalid`.
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
    else return failed(strange(path));
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

/** No image could have it, and an engine that leaves it out would say nothing. */
const strange = (path: string): Problem =>
  problem('context-invalid', `${path} in the context is neither a file, a directory nor a link`, {
    hint: 'take it away, or name it in .dockerignore',
  });

/** From here on the file system is asked to let both share what is on disk. */
const large = 2 ** 20;

async function layFile(path: string, entry: ContextEntry & { type: 'file' }, target: string): Promise<void> {
  const mode = entry.executable ? 0o755 : 0o644;
  if (typeof entry.source !== 'string') return void (await writeFile(target, entry.source, { mode }));
  if (entry.size >= large) await copyFile(entry.source, target, constants.COPYFILE_FICLONE);
  else await pipeline(Readable.from(contentOf(path, entry)), createWriteStream(target));
  await chmod(target, mode);
}
