import { cpSync, existsSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { git, ReleaseWorkspace } from './release-workspace.ts';

function settle(base: string, name: string): void {
  const root = join(base, name);
  symlinkSync('../remotes', join(root, 'remotes'));
  writeFileSync(join(root, '.git/info/exclude'), 'remotes\n');
  git(root, 'config', 'user.name', `Manager ${name}`);
  git(root, 'config', 'user.email', `${name}@example.org`);
}

/**
 * A workspace with an upstream and several machines: a bare repository, clones of it, and the repositories of the
 * products, all by relative paths in one folder, so that a copy of it is another one.
 */
export class Upstream {
  readonly base: string;
  readonly products: string[];

  constructor(products = 2, config = '', made = new ReleaseWorkspace(products, config)) {
    this.base = mkdtempSync(join(tmpdir(), 'dmrel-upstream-'));
    this.products = made.products;
    renameSync(made.root, join(this.base, 'first'));
    renameSync(join(this.base, 'first/remotes'), join(this.base, 'remotes'));
    git(this.base, 'init', '--quiet', '--bare', '--initial-branch=main', 'origin.git');
    settle(this.base, 'first');
    const { root } = this.machine('first');
    git(root, 'remote', 'add', 'origin', '../origin.git');
    git(root, 'push', '--quiet', '--set-upstream', 'origin', 'main');
  }

  /** The clone of that name; `first` is there. */
  machine(name: string): ReleaseWorkspace {
    const root = join(this.base, name);
    if (!existsSync(root)) {
      git(this.base, 'clone', '--quiet', 'origin.git', name);
      git(root, 'remote', 'set-url', 'origin', '../origin.git');
      settle(this.base, name);
    }
    return Object.assign(Object.create(ReleaseWorkspace.prototype) as ReleaseWorkspace, {
      root,
      products: this.products,
    });
  }

  /** All of it once more, elsewhere. */
  copy(): Upstream {
    const base = mkdtempSync(join(tmpdir(), 'dmrel-upstream-'));
    cpSync(this.base, base, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    return Object.assign(Object.create(Upstream.prototype) as Upstream, { base, products: this.products });
  }

  get path(): string {
    return join(this.base, 'origin.git');
  }

  /** Refs of the upstream by full name. */
  refs(): Record<string, string> {
    const lines = git(this.path, 'for-each-ref', '--format=%(refname) %(objectname)').split('\n');
    return Object.fromEntries(lines.filter((line) => line !== '').map((line) => line.split(' ')));
  }

  file(path: string): string | undefined {
    try {
      return git(this.path, 'show', `main:${path}`);
    } catch {
      return undefined;
    }
  }

  /** Put a claim of a release there by hand. */
  claim(tag: string, text: string | Uint8Array): void {
    const blob = join(this.base, 'claim');
    writeFileSync(blob, text);
    git(this.path, 'update-ref', `refs/dmrel/claims/${tag}`, git(this.path, 'hash-object', '-w', blob));
  }
}

/** Do something with each of many, a few at once. */
export async function inBatches<T>(all: readonly T[], atOnce: number, work: (each: T) => Promise<void>): Promise<void> {
  const queue = [...all];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
