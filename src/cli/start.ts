import { hostOf } from './host.ts';
import { main } from './main.ts';

/** What bin/dmrel.js calls: run the command line of its process, and leave the exit code to node. */
export async function start(real: NodeJS.Process, home: string): Promise<void> {
  real.exitCode = await main(hostOf(real), home);
  // With nothing under way it would end by itself, after taking apart all that the system takes back anyway.
  if (real.getActiveResourcesInfo().length === 0) real.exit();
}
