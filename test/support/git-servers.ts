import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { answers, freePort } from './ports.ts';

/** A real git daemon for the repositories below a directory. */
export async function gitDaemon(base: string): Promise<{ port: number; stop(): void }> {
  const port = await freePort();
  // Not through `git daemon`: that would be a second process, left over when the first is ended.
  const program = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon');
  const args = ['--listen=127.0.0.1', `--port=${port}`, '--reuseaddr', '--export-all', `--base-path=${base}`, base];
  const env = { PATH: process.env.PATH, HOME: base, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const daemon: ChildProcess = spawn(program, args, { env, stdio: 'ignore' });
  for (let attempt = 0; attempt < 200 && !(await answers(port)); attempt++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  return { port, stop: () => void daemon.kill() };
}

/** A server that takes every connection and never says a word. */
export async function silentServer(): Promise<{ port: number; stop(): void; connections(): number }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, stop, connections: () => sockets.length };
}
