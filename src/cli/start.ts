import { hostOf } from './host.ts';
import { main } from './main.ts';

/** Run the command line of a process, and give its exit code. */
export const run = (real: NodeJS.Process, home: string): Promise<number> => main(hostOf(real), home);

/** What bin/dmrel.js calls. */
export async function start(real: NodeJS.Process, home: string): Promise<void> {
  real.exitCode = await run(real, home);
  // With nothing under way it would end by itself, after taking apart all that the system takes back anyway, and after
  // timers of libraries that nobody waits for. What has just ended may seem to be under way until the next turn.
  const idle = () => real.getActiveResourcesInfo().every((kind) => kind === 'Timeout');
  if (!idle()) await new Promise(setImmediate);
  if (idle()) real.exit();
}
