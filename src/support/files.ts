import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { failed, ok, problem, type Result } from './problem.ts';

/** The one thing here that takes long: all else is done before asking for it in the background would have begun. */
const inBackground = promisify(fsync);

/** What else may be under way while the disk is waited for; where nothing is, asking in the background only takes longer. */
export type Meanwhile = 'others' | 'nothing';

const toDisk = (file: number, meanwhile: Meanwhile) => (meanwhile === 'nothing' ? fsyncSync(file) : inBackground(file));

/**
 * Write a file so that a reader, or a crash at any moment, sees the old content or the new, never a part.
 * @param drafts a directory of the same file system for what is not whole yet; without it, that of the file
 * @returns what the system said of the file before it got its name
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  drafts?: string,
  meanwhile: Meanwhile = 'others',
): Promise<BigIntStats> {
  makeFolder(dirname(path));
  if (drafts !== undefined) makeFolder(drafts);
  const temporary = temporaryName(drafts === undefined ? path : join(drafts, basename(path)));
  let written: BigIntStats;
  try {
    const file = openSync(temporary, 'wx');
    try {
      writeFileSync(file, content);
      await toDisk(file, meanwhile);
      written = fstatSync(file, { bigint: true });
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeFile(temporary);
    throw error;
  }
  await syncDirectory(dirname(path), meanwhile);
  return written;
}

/**
 * Make a directory, and those above it. Not by what node has for that (`recursive`): where a file system says that
 * nothing is there, whatever is asked of it (proc does), that goes on asking for ever.
 */
export function makeFolder(path: string): void {
  const above = dirname(path);
  try {
    makeOne(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    makeFolder(above);
    makeOne(path);
  }
}

function makeOne(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** What is not there need not be removed. `rmSync` says the same, and loads what removes trees. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Where what is written into a workspace is until it is whole: git sees nothing of a run that was killed. */
export const draftsFolder = (root: string): string => join(root, '.dmrel', 'drafts');

let made = 0;

/** A name beside a file that no other process, and nothing else in this one, uses. Not of crypto: it loads slowly. */
export function temporaryName(path: string): string {
  made += 1;
  const chance = Math.floor(Math.random() * 2 ** 40).toString(36);
  return join(dirname(path), `.${basename(path)}.${process.pid}.${made}.${chance}.tmp`);
}

/** What a rename did to a directory is on disk after this. */
export async function syncDirectory(path: string, meanwhile: Meanwhile = 'others'): Promise<void> {
  const directory = openSync(path, 'r');
  try {
    await toDisk(directory, meanwhile);
  } finally {
    closeSync(directory);
  }
}

/**
 * What is in a directory; nothing where there is none. It waits for the disk, as `readFileBounded` does.
 * @param unreadable told the system's code when something else stands in its way
 */
export function listFolder(path: string, unreadable?: (code: string | undefined) => void): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') unreadable?.(code);
    return [];
  }
}

/** A file of our own or of the kernel's as text; undefined where it cannot be read, for whatever reason. */
export function textIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Read a regular file of at most `limit` bytes. Never blocks on a pipe or a device, never reads an endless file.
 * Problems: `file-not-found`, `not-a-file`, `file-too-large`, `file-unreadable`. It does wait for the disk: dozens of small
 * files take a tenth of the time that asking for each in the background does.
 * @param name how the file is called in messages
 */
export async function readFileBounded(path: string, name: string, limit: number): Promise<Result<Buffer>> {
  const at = { file: name };
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = fstatSync(file);
      if (!found.isFile()) {
        const kind = found.isDirectory() ? 'a directory' : 'not a regular file';
        return failed(
          problem('not-a-file', `${name} is ${kind}`, { at, hint: 'put a file in its place, or remove it' }),
        );
      }
      if (found.size > limit) {
        const size = `${(found.size / 2 ** 20).toFixed(1)} MiB`;
        const hint = `files of this kind may have ${limit / 2 ** 20} MiB; split it, or move what does not belong here`;
        return failed(problem('file-too-large', `${name} has ${size}`, { at, hint }));
      }
      const bytes = Buffer.allocUnsafe(found.size);
      let length = 0;
      while (length < bytes.length) {
        const read = readSync(file, bytes, length, bytes.length - length, length);
        if (read === 0) break;
        length += read;
      }
      return ok(bytes.subarray(0, length));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    if (reason === 'ENOENT' || reason === 'ENOTDIR') {
      return failed(
        problem('file-not-found', `${name} does not exist`, { at, hint: 'put it there, or mend what names it' }),
      );
    }
    const hint =
      reason === 'ELOOP' ? 'a symbolic link leads to itself; put a file in its place' : 'let your user read it';
    return failed(problem('file-unreadable', `cannot read ${name}: ${reason}`, { at, hint }));
  }
}

/** The path relative to a root, with forward slashes: how files are named in messages and records. */
export function nameWithin(root: string, path: string): string {
  return relative(root, path).split(sep).join('/') || '.';
}

/** Join a path that a manifest names to its root; undefined when it would lead outside. */
export function pathWithin(root: string, path: string): string | undefined {
  const full = resolve(root, path);
  return full === root || full.startsWith(root.endsWith(sep) ? root : root + sep) ? full : undefined;
}
