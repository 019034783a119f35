import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { pathWithin, temporaryName } from '../support/index.ts';

declare const DMREL_BUILD: string | undefined;

/** Changes with every build, so that a new dmrel never trusts what an older one understood. */
const build = typeof DMREL_BUILD === 'string' ? DMREL_BUILD : undefined;
const maxBytes = 64 * 2 ** 20;

/**
 * What was understood of the files of one workspace. It lives in the user's own cache directory, never in the workspace:
 * a workspace from elsewhere could bring a cache that says other things than its files. A file that another user owns or
 * may write to is as if it were not there.
 */
export class UserCache {
  #folder: string | undefined;
  #root: string;

  private constructor(folder: string | undefined, root: string) {
    this.#folder = folder;
    this.#root = root;
  }

  static open(root: string, env: NodeJS.ProcessEnv): UserCache {
    const home = build === undefined ? undefined : cacheHome(env);
    const folder = home === undefined || pathWithin(root, home) !== undefined ? undefined : join(home, 'dmrel');
    return new UserCache(folder, root);
  }

  /** What was written under a name by this build, for this workspace. */
  read<T>(name: string): T | undefined {
    if (this.#folder === undefined) return undefined;
    try {
      const stored = JSON.parse(readOwn(this.#path(name)));
      if (stored.build === build && stored.root === this.#root) return stored.value;
    } catch {
      // Absent or damaged: everything is looked at afresh, and the cache written anew.
    }
    return undefined;
  }

  /** A cache that cannot be written is no problem of the user's. */
  async write(name: string, value: unknown): Promise<void> {
    if (this.#folder === undefined) return;
    try {
      const text = JSON.stringify({ build, root: this.#root, value });
      if (text.length <= maxBytes) await writeOwn(this.#path(name), text);
    } catch {
      // Read-only, full, or too long to be one text.
    }
  }

  /** `plan` is `plan-1abcd.json`, `evidence/w.2018.18` is `evidence-1abcd/w.2018.18.json`. */
  #path(name: string): string {
    const [set, ...rest] = name.split('/');
    return `${[join(this.#folder!, `${set}-${shortName(this.#root)}`), ...rest].join('/')}.json`;
  }
}

function readOwn(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { uid, mode } = fstatSync(file);
    const mine = process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
    return mine ? readFileSync(file, 'utf8') : '';
  } finally {
    closeSync(file);
  }
}

/** By rename, so that no reader sees a part. Not brought to the disk at once: what a crash damages is written anew. */
async function writeOwn(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = temporaryName(path);
  try {
    await writeFile(draft, text, { flag: 'wx', mode: 0o600 });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** FNV-1a over the path: names the file; what the file says of its root decides whether it is the right one. */
function shortName(root: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < root.length; index++) hash = Math.imul(hash ^ root.charCodeAt(index), 0x01000193) >>> 0;
  return hash.toString(36);
}

function cacheHome(env: NodeJS.ProcessEnv): string | undefined {
  const configured = env.XDG_CACHE_HOME;
  if (configured !== undefined && isAbsolute(configured)) return configured;
  const home = env.HOME ?? homedir();
  return isAbsolute(home) ? join(home, '.cache') : undefined;
}
