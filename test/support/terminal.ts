import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { cleanEnv, home } from './dmrel.ts';

/**
 * Run the built dmrel on a terminal (script(1) of util-linux makes one); `answer` is typed when it asks.
 * @param shell the kind of terminal, and where standard output or error go to if not there
 */
export async function onTerminal(
  cwd: string,
  args: string[],
  answer: string,
  shell: { TERM?: string; CI?: string; columns?: number; out?: string; err?: string } = {},
): Promise<{ code: number | null; screen: string }> {
  const { columns, out, err, ...kind } = shell;
  const words = [process.execPath, join(home, 'bin/dmrel.js'), ...args].map((each) => `'${each}'`).join(' ');
  const command = `${columns ? `stty cols ${columns};` : ''} ${words} ${out ? `> '${out}'` : ''} ${err ? `2> '${err}'` : ''}`;
  const env = { ...(await cleanEnv()), TERM: 'dumb', SHELL: '/bin/sh', ...kind };
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd,
    env,
    stdio: 'pipe',
  });
  let screen = '';
  let answered = false;
  child.stdin.on('error', () => {}); // it may have ended without asking
  child.stdout.on('data', (chunk) => {
    screen += chunk;
    if (answered || !screen.includes('[y/N]')) return;
    answered = true;
    child.stdin.write(`${answer}\n`);
  });
  return new Promise((resolve) =>
    child.on('close', (code) => resolve({ code, screen: screen.replaceAll('\r\n', '\n') })),
  );
}
