import { hostOf } from './host.ts';
import { main } from './main.ts';

/** Run the command line of a process, and give its exit code. */
export const run = (real: NodeJS.Process, home: string): Promise<number> => main(hostOf(real), home);

/** What bin/dmrel.js calls. */
export async function start(real: NodeJS.Process, home: string): Promise<void> {
  real.exitCode = await run(real, home);
  // With nothing under way it would end by itself, after taking apart all that the system takes back anyway.
  if (real.getActiveResourcesInfo().length === 0) real.exit();
}
