import { hostOf } from './host.ts';
import { main } from './main.ts';

/** What bin/dmrel.js calls: run this process's command line, and leave its exit code to node. */
export async function start(home: string): Promise<void> {
  process.exitCode = await main(hostOf(process), home);
}
