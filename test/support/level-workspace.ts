import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { main } from '../../src/cli/main.ts';
import type { ReleaseKind, ReleaseName } from '../../src/names/index.ts';
import { type ImageRegistry, openLayout, openRemoteRegistry, withPrefix } from '../../src/registry/index.ts';
import { type LevelRecord, type ReleaseRecord, writeRelease } from '../../src/releases/index.ts';
import { type Digest, digestOf } from '../../src/support/index.ts';
import { anImage } from '../registry/images.ts';
import { dmrelJson, type Ended, home } from './dmrel.ts';
import { makeTrust } from './keys.ts';
import { git } from './release-workspace.ts';

export interface LevelWorkspaceOptions {
  /** Names of images; `stack` without it. */
  images?: string[];
  /** Levels as dmrel.yaml has them; a dev before a batch without it. */
  levels?: Record<string, string>;
  /** Address of a registry by the name of a level, or `build`; a layout without it. */
  addresses?: Record<string, string>;
  /** Keys by role: the workspace trusts them. */
  roles?: Record<string, string[]>;
}

/** The keys of who may do what at the usual levels. */
export const promoterRoles = {
  'promoter-dev': ['dev-1'],
  'promoter-batch': ['batch-1'],
  demoter: ['demoter-1'],
  rescue: ['rescue-1'],
};

/** A workspace with images that are built and levels that ask for little, in git; no command was run for it. */
export class LevelWorkspace {
  readonly root: string;
  readonly images: string[];
  readonly env: NodeJS.ProcessEnv;
  readonly addresses: Record<string, string>;

  private constructor(root: string, images: string[], env: NodeJS.ProcessEnv, addresses: Record<string, string>) {
    this.root = root;
    this.images = images;
    this.env = env;
    this.addresses = addresses;
  }

  static make(options: LevelWorkspaceOptions = {}): LevelWorkspace {
    const { images = ['stack'], addresses = {}, roles } = options;
    const levels = options.levels ?? { dev: '{registry: dev}', batch: '{registry: batch, after: [dev]}' };
    const root = join(mkdtempSync(join(tmpdir(), 'dmrel-levels-')), 'workspace');
    mkdirSync(root);
    const trust = roles && makeTrust(root, { roles });
    const env = { PATH: process.env.PATH, HOME: mkdtempSync(join(tmpdir(), 'dmrel-home-')), ...trust?.env };
    const own = (name: string) => addresses[name] ?? `layout:.dmrel/registry/${name}`;
    const registry = (name: string) =>
      own(name).startsWith('layout:') ? own(name) : `{address: "${own(name)}", plainHttp: true}`;
    const lines = [
      'schema: dmrel/workspace/v1',
      'organization: test',
      'registries:',
      ...['build', ...Object.keys(levels)].map((name) => `  ${name}: ${registry(name)}`),
      'images:',
      ...images.map((name) => `  ${name}: {context: images/${name}}`),
      'levels:',
      ...Object.entries(levels).map(([name, text]) => `  ${name}: ${text}`),
    ];
    writeFileSync(join(root, 'dmrel.yaml'), `${lines.join('\n')}\n${trust?.section ?? ''}`);
    for (const name of images) {
      mkdirSync(join(root, 'images', name), { recursive: true });
      writeFileSync(join(root, 'images', name, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    }
    writeFileSync(join(root, '.gitignore'), '.dmrel/\n');
    git(root, 'init', '--quiet', '--initial-branch=main');
    const workspace = new LevelWorkspace(root, images, env, addresses);
    workspace.settle('first');
    return workspace;
  }

  settle(name: string): void {
    git(this.root, 'config', 'user.name', `Manager ${name}`);
    git(this.root, 'config', 'user.email', `${name}@example.org`);
  }

  registry(name: string): ImageRegistry {
    const address = this.addresses[name];
    if (address === undefined)
      return openLayout(join(this.root, '.dmrel/registry', name), `layout:.dmrel/registry/${name}`);
    const [host, ...prefix] = address.split('/') as [string, ...string[]];
    const whole = openRemoteRegistry(host, { plainHttp: true });
    return prefix.length === 0 ? whole : withPrefix(whole, prefix.join('/'));
  }

  /** Releases with images of their own; `same` names images that are those of the release before. */
  async built(...names: string[]): Promise<this> {
    const build = this.registry('build');
    for (const name of names) {
      const images: NonNullable<ReleaseRecord['images']> = {};
      for (const image of this.images) {
        const digest = await anImage(build, image, [{ 'etc/release': `${name} ${image}` }]);
        await build.tag(image, name, digest);
        images[image] = {
          repository: `build/${image}`,
          digest,
          inputs: digestOf(name),
          size: 1000,
          platforms: ['linux/amd64'],
        };
      }
      await writeRelease(this.root, aRelease(name, images));
    }
    this.commit();
    return this;
  }

  commit(message = 'workspace'): void {
    git(this.root, 'add', '--all');
    git(this.root, 'commit', '--quiet', '--allow-empty', '-m', message);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), text);
  }

  release(name: string): ReleaseRecord {
    return parse(readFileSync(join(this.root, `releases/${name}/release.yaml`), 'utf8'));
  }

  level(name: string): LevelRecord {
    return parse(readFileSync(join(this.root, `levels/${name}.yaml`), 'utf8'));
  }

  /** Releases at a level, in its order. */
  current(level: string): string[] {
    return existsSync(join(this.root, `levels/${level}.yaml`))
      ? this.level(level).current.map(({ release }) => release as string)
      : [];
  }

  digest(release: string, image = 'stack'): Digest {
    return this.release(release).images![image]!.digest;
  }

  tag(level: string, tag: string, image = 'stack'): Promise<Digest | undefined> {
    return this.registry(level).resolve(image, tag);
  }

  /** A command in this process: nothing is started but git. */
  async run(...args: string[]): Promise<Ended> {
    return this.runAs(this.env, ...args);
  }

  async runAs(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> {
    let [out, err] = ['', ''];
    const code = await main(
      {
        argv: ['node', 'dmrel', '-C', this.root, ...args],
        execPath: process.execPath,
        version: process.version,
        env,
        cwd: () => this.root,
        stdout: { write: (text: string) => (out += text) },
        stderr: { write: (text: string) => (err += text) },
        on: () => {},
        exit: () => {},
      },
      home,
    );
    return { code, out, err };
  }

  /** One that must end well; gives what it printed. */
  async done(...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(...args);
    if (code !== 0) throw new Error(`dmrel ${args.join(' ')} ended with ${code}: ${err}`);
    return out;
  }

  /** Its problems, as `code: message`. */
  async refused(...args: string[]): Promise<{ code: number | null; problems: string[] }> {
    const { code, json } = await dmrelJson(this.root, args, { env: this.env });
    const problems = json.problems.map((each: { code: string; message: string }) => `${each.code}: ${each.message}`);
    return { code, problems };
  }

  promote(level: string, release: string, ...more: string[]): Promise<string> {
    return this.done('promote', '--level', level, '--release', release, ...more);
  }

  /** A bare repository that it is pushed to, and clones beside it; registries that are layouts are shared. */
  withUpstream(...clones: string[]): LevelWorkspace[] {
    const base = dirname(this.root);
    git(base, 'clone', '--quiet', '--bare', this.root, 'origin.git');
    git(this.root, 'remote', 'add', 'origin', '../origin.git');
    git(this.root, 'fetch', '--quiet', 'origin');
    git(this.root, 'branch', '--quiet', '--set-upstream-to=origin/main');
    return clones.map((name) => {
      const root = join(base, name);
      git(base, 'clone', '--quiet', 'origin.git', name);
      git(root, 'remote', 'set-url', 'origin', '../origin.git');
      const clone = new LevelWorkspace(root, this.images, this.env, this.addresses);
      clone.settle(name);
      return clone;
    });
  }

  get upstream(): string {
    return join(dirname(this.root), 'origin.git');
  }

  /** All of it once more, elsewhere: clones and upstream too. */
  copy(): LevelWorkspace {
    const base = mkdtempSync(join(tmpdir(), 'dmrel-levels-'));
    cpSync(dirname(this.root), base, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    return this.at(join(base, this.root.slice(dirname(this.root).length + 1)));
  }

  at(root: string): LevelWorkspace {
    return new LevelWorkspace(root, this.images, this.env, this.addresses);
  }
}

function aRelease(name: string, images: NonNullable<ReleaseRecord['images']>): ReleaseRecord {
  const kinds: Record<string, ReleaseKind> = { w: 'weekly', d: 'daily' };
  return {
    schema: 'dmrel/release/v1',
    name: name as ReleaseName,
    kind: kinds[name[0]!] ?? 'release',
    date: dateOf(name) as ReleaseRecord['date'],
    created: {
      at: '2018-05-03T00:00:00Z' as never,
      by: 'Zoë <zoe@example.org>',
      operation: '01CE1ZB4W0000000000000000',
    },
    source: { contentId: '0'.repeat(40) },
    previous: null,
    products: {},
    images,
  };
}

/** w.2018.18 is of the day so many weeks into its year, d.2018.05.03 of its own. */
function dateOf(name: string): string {
  const [, year = '2018', week = '1', day] = /^[wd]\.(\d+)\.(\d+)(?:\.(\d+))?$/.exec(name) ?? [];
  if (day !== undefined) return `${year}-${week}-${day}`;
  return new Date(Date.UTC(Number(year), 0, 4 + 7 * (Number(week) - 1))).toISOString().slice(0, 10);
}
