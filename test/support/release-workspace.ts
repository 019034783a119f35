import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What `git init` copies: no examples of hooks, which are more files than all else. */
const gitTemplate = mkdtempSync(join(tmpdir(), 'dmrel-git-template-'));
for (const folder of ['hooks', 'info']) mkdirSync(join(gitTemplate, folder));

const gitEnv = {
  PATH: process.env.PATH,
  HOME: tmpdir(),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'T',
  GIT_AUTHOR_EMAIL: 't@example.org',
  GIT_COMMITTER_NAME: 'T',
  GIT_COMMITTER_EMAIL: 't@example.org',
  GIT_TEMPLATE_DIR: gitTemplate,
};

export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, env: gitEnv, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).trim();
}

/** The same with something on standard input. */
export function gitInput(cwd: string, input: string | Uint8Array, ...args: string[]): string {
  return execFileSync('git', args, { cwd, env: gitEnv, input, encoding: 'utf8' }).trim();
}

/** A workspace with real bare repositories beside it, for the commands that write. */
export class ReleaseWorkspace {
  readonly root: string;
  readonly products: string[];

  constructor(products: number, config = '') {
    this.root = mkdtempSync(join(tmpdir(), 'dmrel-test-'));
    this.products = Array.from({ length: products }, (_, index) => `p${String(index).padStart(2, '0')}`);
    mkdirSync(join(this.root, 'remotes'));
    for (const product of this.products) {
      git(this.root, 'init', '--quiet', '--bare', '--initial-branch=main', this.remote(product));
      this.addCommits(product, 3);
    }
    this.write('dmrel.yaml', `${baseConfig}${config}`);
    this.write(
      'products/repos.yaml',
      this.products.map((product) => `${product}: ./remotes/${product}.git\n`).join(''),
    );
    this.write('.gitignore', 'remotes/\n.dmrel/\n');
    git(this.root, 'init', '--quiet', '--initial-branch=main');
    git(this.root, 'config', 'user.name', 'Release Manager');
    git(this.root, 'config', 'user.email', 'rm@example.org');
    this.commitAll();
  }

  /** All of it once more, elsewhere. */
  copy(): ReleaseWorkspace {
    const root = mkdtempSync(join(tmpdir(), 'dmrel-test-'));
    cpSync(this.root, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    return Object.assign(Object.create(ReleaseWorkspace.prototype) as ReleaseWorkspace, {
      root,
      products: this.products,
    });
  }

  remote(product: string): string {
    return join(this.root, 'remotes', `${product}.git`);
  }

  write(file: string, content: string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), content);
  }

  read(file: string): string {
    return readFileSync(join(this.root, file), 'utf8');
  }

  commitAll(): void {
    git(this.root, 'add', '--all');
    git(this.root, 'commit', '--quiet', '-m', 'workspace');
  }

  addCommits(product: string, number: number): void {
    const parent = this.head(product);
    const now = Math.floor(Date.now() / 1000);
    const commits = Array.from({ length: number }, (_, index) => {
      const message = `work ${index} on ${product}\n`;
      const from = index === 0 && parent !== undefined ? `from ${parent}\n` : '';
      return `commit refs/heads/main\ncommitter T <t@example.org> ${now} +0000\ndata ${message.length}\n${message}${from}\n`;
    });
    gitInput(this.remote(product), commits.join(''), 'fast-import', '--quiet', '--date-format=raw');
  }

  head(product: string): string | undefined {
    try {
      return git(this.remote(product), 'rev-parse', '--verify', '--quiet', 'refs/heads/main');
    } catch {
      return undefined;
    }
  }

  /** What a tag of a remote points to, and what the tag itself is. */
  tag(product: string, tag: string): { object: string; type: string; commit: string } | undefined {
    const remote = this.remote(product);
    try {
      const object = git(remote, 'rev-parse', '--verify', '--quiet', `refs/tags/${tag}`);
      return {
        object,
        type: git(remote, 'cat-file', '-t', object),
        commit: git(remote, 'rev-parse', `${object}^{commit}`),
      };
    } catch {
      return undefined;
    }
  }

  tagged(tag: string): string[] {
    return this.products.filter((product) => this.tag(product, tag) !== undefined);
  }

  /** Everything that a command could have changed. */
  state(): string {
    const remotes = this.products.map((product) => git(this.remote(product), 'for-each-ref')).join('\n');
    return [remotes, git(this.root, 'for-each-ref'), git(this.root, 'status', '--porcelain')].join('\n');
  }
}

const baseConfig = `schema: dmrel/workspace/v1
organization: test
products: {index: products/repos.yaml, manifests: products/manifests, transports: [file]}
`;

/** Images, checks and levels on top: one image through two levels. */
export const imageConfig = `registries:
  build: layout:.dmrel/registry/build
  dev: layout:.dmrel/registry/dev
  batch: layout:.dmrel/registry/batch
images:
  stack: {context: images/stack}
checks:
  structure: {kind: structure, labels: {org.lsst.dmrel.release: null}, present: [/etc/stack]}
  smoke: {kind: command, run: [node, smoke.mjs]}
levels:
  dev: {registry: dev, checks: [structure]}
  batch: {registry: batch, after: [dev], checks: [structure, smoke]}
`;

export function withImage(products = 3, config = imageConfig): ReleaseWorkspace {
  const workspace = new ReleaseWorkspace(products, config);
  workspace.write(
    'images/stack/Dockerfile',
    'FROM scratch\nCOPY stack /etc/stack\nCOPY dmrel-release.json /etc/release.json\n',
  );
  workspace.write('images/stack/stack', 'the stack\n');
  workspace.write('smoke.mjs', 'if (!process.env.DMREL_DIGEST.startsWith("sha256:")) process.exit(1);\n');
  workspace.commitAll();
  return workspace;
}
