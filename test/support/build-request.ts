import type { BuildRequest } from '../../src/building/engine.ts';

/** What an engine is asked for, without network, as the daemons of tests have none. */
export const aBuildRequest = (
  name: string,
  context: string,
  lines: readonly string[],
  changes: Partial<BuildRequest> = {},
): BuildRequest => ({
  name,
  context,
  dockerfile: { file: `images/${name}/Dockerfile`, text: `${lines.join('\n')}\n` },
  args: {},
  from: [],
  extraFiles: {},
  labels: {},
  created: 1_525_000_000,
  platform: 'linux/amd64',
  network: 'none',
  ...changes,
});
