import { readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { textIfThere } from './files.ts';

/** A process, told from others that have its id: on other machines, in other containers, after it. */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /** The boot of the kernel and the space of process ids that `pid` counts in. Linux only. */
  space?: string;
  /** When the process began, in the kernel's own count. Linux only. */
  started?: string;
}

export function ownIdentity(): ProcessIdentity {
  const [space, started] = [ownSpace(), startOf(process.pid)];
  return {
    pid: process.pid,
    host: hostName(),
    ...(space === undefined ? {} : { space }),
    ...(started === undefined ? {} : { started }),
  };
}

/** Whether a process is known to have ended: only of one that ran where this one runs. */
export function hasProcessEnded({ pid, space, started }: ProcessIdentity): boolean {
  if (space === undefined || started === undefined || space !== ownSpace()) return false;
  const now = startOf(pid);
  if (now !== undefined) return now !== started;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Whether something of this machine is of a time before it was started last: whoever was at it then has ended. */
export function wasBeforeStart(space: string, at: string, now: Date): boolean {
  const boot = bootOf(ownSpace() ?? space);
  return boot !== bootOf(space) && Date.parse(at) < now.getTime() - uptime() * 1000;
}

const bootOf = (space: string): string | undefined => space.split(' ')[0];

/** Whether the processes that are seen here are those among which this one runs, or ran. */
export const isSeenFromHere = ({ host, space }: ProcessIdentity): boolean =>
  host === hostName() && (space === undefined || space === ownSpace());

/** What this machine calls itself. The kernel tells it sooner than node, which loads what it knows of the machine first. */
export const hostName = (): string => textIfThere('/proc/sys/kernel/hostname')?.trim() || hostname();

function ownSpace(): string | undefined {
  const boot = textIfThere('/proc/sys/kernel/random/boot_id');
  try {
    return boot && `${boot.trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** Field 22 of proc_pid_stat(5). The program's name before it may hold spaces and brackets. */
export function startOf(pid: number): string | undefined {
  const stat = textIfThere(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
