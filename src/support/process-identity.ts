import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** A process, told from others that have its id: on other machines, in other containers, after it. */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /** The boot of the kernel and the space of process ids that `pid` counts in. Linux only. */
  space?: string;
  /** When the process began, in the kernel's own count. Linux only. */
  started?: string;
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  const [space, started] = [await ownSpace(), await startOf(process.pid)];
  return {
    pid: process.pid,
    host: hostname(),
    ...(space === undefined ? {} : { space }),
    ...(started === undefined ? {} : { started }),
  };
}

/** Whether a process is known to have ended: only of one that ran where this one runs. */
export async function hasProcessEnded({ pid, space, started }: ProcessIdentity): Promise<boolean> {
  if (space === undefined || started === undefined || space !== (await ownSpace())) return false;
  const now = await startOf(pid);
  if (now !== undefined) return now !== started;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function ownSpace(): Promise<string | undefined> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined);
  const ids = await readlink('/proc/self/ns/pid').catch(() => undefined);
  return boot === undefined || ids === undefined ? undefined : `${boot.trim()} ${ids}`;
}

/** Field 22 of proc_pid_stat(5). The program's name before it may hold spaces and brackets. */
export async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
