import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import {
  canonicalJson,
  type Digest,
  digestOf,
  Failure,
  failed,
  ok,
  type Problem,
  problem,
  type Result,
} from '../../support/index.ts';
import { type IgnoreRules, readIgnoreRules } from './ignore.ts';

/** Something in a context. `source` is where its bytes come from: a path on disk, or bytes of an extra file. */
export type ContextEntry =
  | { type: 'file'; size: number; executable: boolean; source: string | Uint8Array }
  | { type: 'directory' }
  | { type: 'symlink'; target: string }
  | { type: 'other' };

/** What a Dockerfile can copy, by path relative to the context, with forward slashes, sorted. */
export type Context = ReadonlyMap<string, ContextEntry>;

/**
 * List a context: its files without those that `.dockerignore` names, and the extra files laid over it. Symbolic links
 * are listed as links and never followed. Problem: `context-invalid`.
 * @param extraFiles bytes by path relative to the context; a real file there is a problem
 */
export async function readContext(context: string, extraFiles: Record<string, Uint8Array>): Promise<Result<Context>> {
  const entries = new Map<string, ContextEntry>();
  const problems: Problem[] = [];
  try {
    const rules = await readIgnoreRules(context);
    if (!rules.ok) return rules;
    await walk(context, '', rules.value, entries);
    for (const [name, bytes] of Object.entries(extraFiles))
      problems.push(...(await layOver(context, name, bytes, entries)));
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    if (path?.includes('\ufffd')) {
      const hint = 'rename it, or name it in .dockerignore with a wildcard';
      return failed(problem('context-invalid', `the name of ${path} is no UTF-8`, { at: { file: path }, hint }));
    }
    return failed(
      problem('context-invalid', `cannot read ${path ?? context}: ${code}`, {
        hint: 'see to the context of the image',
      }),
    );
  }
  if (problems.length > 0) return failed(...problems);
  return ok(new Map([...entries].sort(([left], [right]) => (left < right ? -1 : 1))));
}

/** Answers whether anything below was listed: docker sends an ignored directory when something in it is not. */
async function walk(
  context: string,
  folder: string,
  rules: IgnoreRules,
  entries: Map<string, ContextEntry>,
): Promise<boolean> {
  let any = false;
  for (const { name } of await readdir(join(context, folder), { withFileTypes: true })) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const ignored = rules.ignores(path);
    if (ignored && !rules.hasExceptions) continue;
    const entry = await look(join(context, path));
    if (ignored && entry.type !== 'directory') continue;
    const below = entry.type === 'directory' && (await walk(context, path, rules, entries));
    if (ignored && !below) continue;
    entries.set(path, entry);
    any = true;
  }
  return any;
}

async function look(path: string): Promise<ContextEntry> {
  const found = await lstat(path);
  if (found.isDirectory()) return { type: 'directory' };
  if (found.isSymbolicLink()) return { type: 'symlink', target: await readlink(path) };
  if (!found.isFile()) return { type: 'other' };
  return { type: 'file', size: found.size, executable: (found.mode & 0o111) !== 0, source: path };
}

async function layOver(
  context: string,
  name: string,
  bytes: Uint8Array,
  entries: Map<string, ContextEntry>,
): Promise<Problem[]> {
  const normal = posix.normalize(name);
  if (
    name === '' ||
    normal !== name ||
    name.startsWith('/') ||
    name.endsWith('/') ||
    name === '.' ||
    normal.split('/')[0] === '..'
  ) {
    return [problem('context-invalid', `'${name}' is no path inside the context`)];
  }
  const parts = name.split('/');
  for (let length = 1; length <= parts.length; length++) {
    const path = parts.slice(0, length).join('/');
    // Looked for on disk, not in the list: an ignored file of that name is a misunderstanding too.
    const real = await lstat(join(context, path)).catch(() => undefined);
    const listed = entries.get(path);
    if (
      length === parts.length
        ? real || listed
        : (real && !real.isDirectory()) || (listed && listed.type !== 'directory')
    ) {
      const hint = 'rename it: dmrel puts a file of this name there itself';
      return [problem('context-invalid', `the context has a '${path}' of its own`, { hint, subject: path })];
    }
    if (length < parts.length) entries.set(path, { type: 'directory' });
  }
  entries.set(name, { type: 'file', size: bytes.length, executable: false, source: bytes });
  return [];
}

/** The bytes of a file of the context in pieces. Throws a Failure `context-invalid` when it is not what was listed. */
export async function* contentOf(path: string, entry: ContextEntry & { type: 'file' }): AsyncGenerator<Uint8Array> {
  if (typeof entry.source !== 'string') return void (yield entry.source);
  const file = await openListed(path, entry.source);
  let length = 0;
  for await (const chunk of file.createReadStream({ highWaterMark: 2 ** 18 })) {
    length += chunk.length;
    if (length > entry.size) throw changed(path);
    yield chunk;
  }
  if (length !== entry.size) throw changed(path);
}

/** The same at once, for a file that is small. */
export async function wholeContentOf(path: string, entry: ContextEntry & { type: 'file' }): Promise<Uint8Array> {
  if (typeof entry.source !== 'string') return entry.source;
  const file = await openListed(path, entry.source);
  try {
    const bytes = Buffer.alloc(entry.size + 1); // one more, to see that it has grown
    let length = 0;
    for (let more = true; more && length < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      length += bytesRead;
      more = bytesRead > 0;
    }
    if (length !== entry.size) throw changed(path);
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

const changed = (path: string): Failure =>
  new Failure(problem('context-invalid', `${path} changed while it was read`, { hint: 'build again' }));

/** It was a file when it was listed; should it be a link or a pipe by now, it is neither followed nor waited for. */
async function openListed(path: string, source: string): Promise<FileHandle> {
  return open(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => {
    throw changed(path);
  });
}

/**
 * The digest of all that a build could take from a context: sorted paths, each with its executable bit and the sha256 of
 * its content, or the target of the link. Equal for equal trees wherever and whenever they were checked out.
 * Problem: `context-invalid`.
 */
export async function contextDigest(context: string, extraFiles: Record<string, Uint8Array>): Promise<Result<Digest>> {
  const entries = await readContext(context, extraFiles);
  if (!entries.ok) return entries;
  const lines: unknown[] = [];
  try {
    for (const [path, entry] of entries.value) {
      if (entry.type === 'file') lines.push([path, entry.executable ? 'x' : '-', await sha256Of(path, entry)]);
      else lines.push([path, entry.type, entry.type === 'symlink' ? entry.target : '']);
    }
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
  return ok(digestOf(canonicalJson(lines)));
}

async function sha256Of(path: string, entry: ContextEntry & { type: 'file' }): Promise<string> {
  const hash = createHash('sha256');
  if (entry.size <= 2 ** 18) hash.update(await wholeContentOf(path, entry));
  else for await (const chunk of contentOf(path, entry)) hash.update(chunk);
  return hash.digest('hex');
}
