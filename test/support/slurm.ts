import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { counterpart } from './counterparts.ts';
import { freePort } from './ports.ts';

export interface SlurmCluster {
  /** In which the programs of Slurm find this cluster, and no other. */
  env: NodeJS.ProcessEnv;
  /** The controller alone, at once; what it knew is on disk. */
  killController(): Promise<void>;
  startController(): Promise<void>;
  /** Everything, and all that it kept. */
  stop(): Promise<void>;
}

/** Whether a cluster can be started here: it needs root. Where it is required its absence throws. */
export function hasSlurm(): boolean {
  if (process.getuid?.() !== 0) {
    if (process.env.DMREL_REQUIRE_COUNTERPARTS === '1') throw new Error('slurmctld is required and needs root');
    return false;
  }
  return ['slurmctld', 'slurmd', 'sbatch', 'munged'].every(counterpart);
}

/** A cluster of one node with a munge of its own, on ports of its own. */
export async function startSlurm(settings: readonly string[] = []): Promise<SlurmCluster> {
  const base = mkdtempSync(join(tmpdir(), 'dmrel-slurm-'));
  chmodSync(base, 0o755);
  const at = (name: string): string => join(base, name);
  for (const folder of ['state', 'spool', 'munge']) mkdirSync(at(folder), { mode: folder === 'munge' ? 0o711 : 0o755 });
  writeFileSync(at('munge/key'), execFileSync('head', ['-c', '1024', '/dev/urandom']), { mode: 0o600 });
  chownSync(at('munge/key'), 0, 0);
  const socket = at('munge/socket');
  const munged = background(at('munge/out'), 'munged', [
    '--foreground',
    '--force',
    '--socket',
    socket,
    '--key-file',
    at('munge/key'),
    '--log-file',
    at('munge/log'),
    '--pid-file',
    at('munge/pid'),
    '--seed-file',
    at('munge/seed'),
  ]);
  const [controllerPort, nodePort] = [await freePort(), await freePort()];
  const host = hostname().split('.')[0]!;
  const memory = Math.floor(totalmem() / 2 ** 20 / 2);
  writeFileSync(
    at('slurm.conf'),
    [
      'ClusterName=dmrel',
      `SlurmctldHost=${host}(127.0.0.1)`,
      'SlurmUser=root',
      `SlurmctldPort=${controllerPort}`,
      `SlurmdPort=${nodePort}`,
      'AuthType=auth/munge',
      `AuthInfo=socket=${socket}`,
      'CredType=cred/munge',
      `StateSaveLocation=${at('state')}`,
      `SlurmdSpoolDir=${at('spool')}`,
      `SlurmctldPidFile=${at('slurmctld.pid')}`,
      `SlurmdPidFile=${at('slurmd.pid')}`,
      `SlurmctldLogFile=${at('slurmctld.log')}`,
      `SlurmdLogFile=${at('slurmd.log')}`,
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'JobAcctGatherType=jobacct_gather/none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_Core',
      'SchedulerParameters=sched_interval=1,batch_sched_delay=0',
      'ReturnToService=2',
      'MpiDefault=none',
      ...settings,
      `NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=${memory} State=UNKNOWN`,
      'PartitionName=batch Nodes=ALL Default=YES State=UP',
      '',
    ].join('\n'),
  );
  const env = { ...process.env, SLURM_CONF: at('slurm.conf') };
  let controller: ChildProcess;
  const startController = async () => {
    controller = background(at('slurmctld.out'), 'slurmctld', ['-D', '-f', at('slurm.conf')], env);
    await until('slurmctld', base, () => succeeds('scontrol', ['ping'], env, / is UP/));
  };
  await until('munged', base, () => succeeds('munge', ['-n', '-S', socket], env, /MUNGE/));
  await startController();
  const node = background(at('slurmd.out'), 'slurmd', ['-D', '-f', at('slurm.conf'), '-N', host], env);
  await until('slurmd', base, () => succeeds('sinfo', ['--noheader', '--format=%T'], env, /^idle/));
  return {
    env,
    killController: () => end(controller, 'SIGKILL'),
    startController,
    stop: async () => {
      for (const each of [node, controller, munged]) await end(each, 'SIGKILL');
      rmSync(base, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function background(log: string, program: string, args: string[], env = process.env): ChildProcess {
  const output = openSync(log, 'a');
  const child = spawn(program, args, { stdio: ['ignore', output, output], env });
  closeSync(output);
  child.on('error', () => {});
  return child;
}

function succeeds(program: string, args: string[], env: NodeJS.ProcessEnv, wanted: RegExp): boolean {
  try {
    return wanted.test(
      execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5000 }),
    );
  } catch {
    return false;
  }
}

async function until(what: string, base: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const logs = ['slurmctld.out', 'slurmctld.log', 'slurmd.log', 'munge/log'].map((each) => {
    try {
      return readFileSync(join(base, each), 'utf8').slice(-1000);
    } catch {
      return '';
    }
  });
  throw new Error(`${what} does not start:\n${logs.join('\n')}`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill(signal);
  await ended;
}
