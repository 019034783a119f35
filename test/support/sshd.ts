import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { answers, freePort } from './ports.ts';

const program = '/usr/sbin/sshd';

export interface Sshd {
  /** `ssh://USER@127.0.0.1:PORT` */
  url: string;
  /** What git is to run: with the key that this server takes, and no other. */
  command: string;
  stop(): void;
}

/** Whether there is one; where it is required its absence throws. */
export function hasSshd(): boolean {
  if (existsSync(program)) return true;
  if (process.env.DMREL_REQUIRE_COUNTERPARTS === '1') throw new Error(`${program} is required and not there`);
  return false;
}

/** A real sshd that lets this user in with a key. */
export async function startSshd(folder: string): Promise<Sshd | undefined> {
  if (!hasSshd()) return undefined;
  mkdirSync(folder, { recursive: true });
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const [host, key] = ['host', 'user'].map((name) => join(folder, name)) as [string, string];
  for (const file of [host, key]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  const port = await freePort();
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${host}`,
    `AuthorizedKeysFile ${key}.pub`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'MaxStartups 200:30:400',
  ];
  writeFileSync(join(folder, 'sshd_config'), `${settings.join('\n')}\n`);
  const known = readFileSync(`${host}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${port} ${known}\n`);
  const child: ChildProcess = spawn(program, ['-D', '-f', join(folder, 'sshd_config')], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 200 && !(await answers(port)); attempt++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    // One connection serves all: what is tested is git over it, not its making.
    command: `ssh -F none -o ControlMaster=auto -o ControlPersist=5 -o ControlPath=${join(folder, 'socket')} -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=${join(folder, 'known_hosts')} -i ${key}`,
    stop: () => void child.kill(),
  };
}
