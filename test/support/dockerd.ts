import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { counterpart } from './counterparts.ts';

/** Debian's, statically linked: alone in an image it is enough for RUN steps. */
const busybox = '/bin/busybox';
/** The client of the same version as the daemon: one that stands before it on PATH may lack what it needs. */
export const dockerClient = '/usr/bin/docker';

export interface DockerDaemon {
  /** `unix://SOCKET`, for DOCKER_HOST. */
  host: string;
  /** The environment in which clients reach this daemon, and no other. */
  env: NodeJS.ProcessEnv;
  pid: number;
  /** At once, as a crash would: with its containerd. */
  kill(): Promise<void>;
  /** In order, and everything it kept is removed. */
  stop(): Promise<void>;
}

/** Whether a daemon can be started here: it needs root. Where it is required its absence throws. */
export function hasDockerd(): boolean {
  if (process.getuid?.() !== 0) {
    if (process.env.DMREL_REQUIRE_COUNTERPARTS === '1') throw new Error('dockerd is required and needs root');
    return false;
  }
  return counterpart('dockerd') && counterpart('containerd') && counterpart('runc') && hasBusybox();
}

/** Whether busybox is there to be put into images. */
export function hasBusybox(): boolean {
  if (existsSync(busybox)) return true;
  if (process.env.DMREL_REQUIRE_COUNTERPARTS === '1') throw new Error(`${busybox} is required and not there`);
  return false;
}

/** Put busybox into a context, as `busybox`. */
export function addBusybox(context: string): void {
  mkdirSync(context, { recursive: true });
  copyFileSync(busybox, join(context, 'busybox'));
}

/**
 * A docker daemon of its own on a socket of its own, without networks: builds and containers need `--network none`.
 * @param dataRoot where it keeps images, when that matters: a small file system, for one that gets full
 */
export async function startDockerd(options: { dataRoot?: string } = {}): Promise<DockerDaemon> {
  // A new directory each time: what a killed daemon left in its exec-root stops the next one from starting.
  const base = mkdtempSync(join(tmpdir(), 'dmrel-dockerd-'));
  const at = (name: string): string => join(base, name);
  const dataRoot = options.dataRoot ?? at('data');
  const host = `unix://${at('docker.sock')}`;
  const log = openSync(at('log'), 'a');
  const settings = ['--storage-driver', 'vfs', '--iptables=false', '--bridge=none'];
  const places = ['--pidfile', at('pid'), '--data-root', dataRoot, '--exec-root', at('exec'), '-H', host];
  const child = spawn('dockerd', [...settings, ...places], { stdio: ['ignore', log, log], detached: true });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  closeSync(log);
  for (const begun = Date.now(); !(await listens(at('docker.sock'))); ) {
    if (child.exitCode !== null || Date.now() - begun > 30_000) {
      end(child.pid, 'SIGKILL');
      throw new Error(`dockerd does not start: ${readFileSync(at('log'), 'utf8').slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  mkdirSync(at('client'));
  writeFileSync(at('client/config.json'), '{}\n'); // buildah looks for it too, wherever DOCKER_CONFIG says
  const daemon: DockerDaemon = {
    host,
    env: { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: at('client') },
    pid: child.pid!,
    kill: async () => {
      for (const pid of family(child.pid!)) end(pid, 'SIGKILL');
      await ended;
    },
    stop: async () => {
      const all = family(child.pid!);
      end(child.pid, 'SIGTERM');
      await endedWithin(child, ended, 15_000);
      for (const pid of all) end(pid, 'SIGKILL');
      unmountBelow(base);
      rmSync(base, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return daemon;
}

/** A process and all that it and those have started: a daemon that is killed lets its containers live on. */
function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const each of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    try {
      parents.set(each, Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1]));
    } catch {
      // It has ended.
    }
  }
  const isBelow = (each: number): boolean => each === pid || (parents.has(each) && isBelow(parents.get(each)!));
  return [...parents.keys()].filter(isBelow);
}

/** Those that a killed daemon leaves in what it kept hold it there. */
function unmountBelow(base: string): void {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const point of points.filter((each) => each.startsWith(`${base}/`)).reverse())
    execFileSync('umount', ['-l', point]);
}

async function endedWithin(child: ChildProcess, ended: Promise<void>, milliseconds: number): Promise<void> {
  const timer = setTimeout(() => end(child.pid, 'SIGKILL'), milliseconds);
  await ended;
  clearTimeout(timer);
}

function end(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

const listens = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket, () => resolve(true));
    connection.on('error', () => resolve(false)).on('connect', () => connection.end());
  });
