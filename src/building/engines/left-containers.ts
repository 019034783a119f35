import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerEngine } from '../../containers/index.ts';
import { run } from '../../support/index.ts';

const listing = {
  buildah: ['containers', '--all', '--quiet', '--notruncate'],
  podman: ['ps', '--all', '--external', '--quiet', '--no-trunc'],
};

/**
 * Remove the containers of builds that did not end by themselves: buildah, and podman which is the same inside, leave one
 * for each. What it was told as it was made says whose it is; their `inspect` does not show that, so it is read where
 * they keep it (containers/storage, `<graph root>/<driver>-containers/<id>/userdata`).
 * @param folders the builds' directories: each build was told of a file in its own
 */
export async function removeContainersOf(engine: ContainerEngine, folders: readonly string[]): Promise<void> {
  if (engine.name === 'docker') return; // its daemon ends what a client asked for
  const options = { env: engine.env, timeoutSeconds: 60 };
  const kept = await containersFolder(engine);
  if (kept === undefined) return;
  const listed = await run(engine.program, listing[engine.name], options);
  for (const id of listed.stdout.split('\n').filter((line) => /^[0-9a-f]{64}$/.test(line))) {
    const told = await readFile(join(kept, id, 'userdata', 'buildah.json'), 'utf8').catch(() => '');
    if (folders.some((folder) => told.includes(`src=${folder}/`)))
      await run(engine.program, ['rm', ...(engine.name === 'podman' ? ['--force'] : []), id], options);
  }
}

async function containersFolder({ name, program, env }: ContainerEngine): Promise<string | undefined> {
  const format = name === 'podman' ? ['--format', 'json'] : [];
  const { stdout } = await run(program, ['info', ...format], { env, timeoutSeconds: 60 });
  const [, driver] = /"graphDriverName": *"([^"/\\]+)"/i.exec(stdout) ?? [];
  const [, root] = /"graphRoot": *"(\/[^"\\]+)"/i.exec(stdout) ?? [];
  return driver === undefined || root === undefined ? undefined : join(root, `${driver}-containers`);
}
