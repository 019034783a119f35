import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserCache } from '../documents/index.ts';
import { problem, run } from '../support/index.ts';
import type { ContainerEngine, EngineProbe } from './engine.ts';
import { findPrograms } from './find.ts';
import { firstLine, thisArchitecture } from './probe-docker.ts';

const seconds = 10;
const token = 'dmrel-runs-here';

/**
 * Look at buildah or podman: its version, whether it can open its storage, and whether RUN works, for which it must be
 * able to make containers. Where its usual isolation cannot and `chroot` can, that is taken.
 */
export async function probeDaemonless(
  name: 'buildah' | 'podman',
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
  afresh: boolean,
): Promise<EngineProbe> {
  const [program] = await findPrograms(name, env);
  if (program === undefined) return { name, says: `${name} is not installed` };
  const options = { env, timeoutSeconds: seconds, ownGroup: true, ...(signal ? { signal } : {}) };
  const [said, info, ways] = await Promise.all([
    run(program, ['--version'], options),
    run(program, ['info'], options),
    waysToRun(program, env, signal, afresh),
  ]);
  const [, version] = / version ([0-9][^\s]*)/.exec(said.stdout) ?? [];
  const broken = (says: string, hint: string): EngineProbe => {
    return { name, says, problem: problem('engine-unavailable', says, { hint, subject: name }) };
  };
  if (version === undefined)
    return broken(`${name} (${program}) does not say its version`, 'see whether it is the program of this name');
  const client = `${name} ${version} (${program})`;
  if (info.exitCode !== 0) {
    const why = info.failure === 'timeout' ? `no answer within ${seconds} s` : lastLine(info.stderr);
    return broken(`${client} does not start: ${why}`, `run '${name} info' to see more`);
  }
  const { isolation, why } = ways;
  const engine = { name, program, version, platform: `linux/${thisArchitecture}` };
  if (isolation === 'usual')
    return { name, engine: { ...engine, env, ...(await ownNetwork(env, signal)) }, says: client };
  if (isolation === 'none')
    return broken(`${client} cannot run anything: ${why}`, 'see to its OCI runtime, or set BUILDAH_ISOLATION=chroot');
  const says = `${client}, with chroot isolation, for it makes no containers here: ${why}`;
  const chroot = withChroot(env);
  return { name, engine: { ...engine, env: chroot, ...(await ownNetwork(chroot, signal)) }, says };
}

/** What makes a network of its own with nothing in it (util-linux, unshare(1)), for an isolation that makes none. */
async function ownNetwork(
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<Pick<ContainerEngine, 'unshare'>> {
  if (env.BUILDAH_ISOLATION !== 'chroot') return {};
  const [unshare] = await findPrograms('unshare', env);
  if (unshare === undefined) return {};
  const tried = await run(unshare, ['--net', '--', unshare, '--version'], {
    env,
    timeoutSeconds: seconds,
    ...(signal ? { signal } : {}),
  });
  return tried.exitCode === 0 ? { unshare } : {};
}

interface Ways {
  isolation: 'usual' | 'chroot' | 'none';
  /** What the usual one complains of. */
  why: string;
}

const withChroot = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ ...env, BUILDAH_ISOLATION: 'chroot' });

/** It takes a second to find out, and stays true until the machine starts again or the program is another one. */
async function waysToRun(
  program: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
  afresh: boolean,
): Promise<Ways> {
  const cache = UserCache.open('engines', env);
  const key = await stateOf(program, env);
  const known = afresh || key === undefined ? undefined : cache.read<Record<string, Ways>>('engines')?.[key];
  if (known) return known;
  const why = await tryRun(program, env, signal);
  let ways: Ways = { isolation: why === undefined ? 'usual' : 'none', why: why ?? '' };
  if (why !== undefined && env.BUILDAH_ISOLATION === undefined && !(await tryRun(program, withChroot(env), signal)))
    ways = { isolation: 'chroot', why };
  if (key !== undefined && ways.isolation !== 'none')
    await cache.write('engines', { ...cache.read<Record<string, Ways>>('engines'), [key]: ways });
  return ways;
}

/** What decides whether it can run something; undefined where that cannot be told. */
async function stateOf(program: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const { mtimeMs, size } = await stat(program);
    const { BUILDAH_ISOLATION, BUILDAH_RUNTIME, CONTAINERS_STORAGE_CONF, CONTAINERS_CONF } = env;
    const settings = [BUILDAH_ISOLATION, BUILDAH_RUNTIME, CONTAINERS_STORAGE_CONF, CONTAINERS_CONF];
    return JSON.stringify([boot.trim(), program, mtimeMs, size, process.getuid?.(), ...settings]);
  } catch {
    return undefined;
  }
}

/**
 * Let a build run this machine's own programs, over an empty image that is never finished. Answers why that fails.
 */
async function tryRun(
  program: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'dmrel-try-'));
  try {
    const lines = ['FROM scratch', `RUN ["/usr/bin/printf", "${token}"]`, 'RUN ["/usr/bin/false"]'];
    await writeFile(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`);
    const folders = ['/usr:/usr', '/usr/lib:/lib', '/usr/lib64:/lib64']
      .filter((each) => existsSync(each.split(':')[0]!))
      .flatMap((each) => ['--volume', `${each}:ro`]);
    const args = ['build', '--layers=false', '--force-rm', '--network', 'host', ...folders, folder];
    const tried = await run(program, args, {
      env,
      timeoutSeconds: seconds,
      ownGroup: true,
      ...(signal ? { signal } : {}),
    });
    if (tried.stdout.replaceAll(/STEP .*/g, '').includes(token)) return undefined;
    if (tried.failure === 'timeout') return `no answer within ${seconds} s`;
    return firstLine(tried.stderr) || 'it does not say why';
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const lastLine = (text: string): string => firstLine(text.trim().split('\n').at(-1) ?? '');
