import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import type { ContentPackage } from '../evidence/index.ts';
import { copyImage, openLayout } from '../registry/index.ts';
import { clip, type Digest, failed, ok, printable, problem, type Result, run } from '../support/index.ts';
import type { ImagePlace } from './engine.ts';

/** A large image has some ten thousand packages. */
const maxOutputBytes = 256 * 2 ** 20;
const timeoutSeconds = 1800;

/**
 * The packages in an image, as syft finds them; undefined where syft is not on PATH. It is given a directory with nothing
 * but this image. Problem: `command-failed`.
 */
export async function scanImage(
  from: ImagePlace,
  digest: Digest,
  env: NodeJS.ProcessEnv,
): Promise<Result<ContentPackage[] | undefined>> {
  const scanner = findProgram('syft', env.PATH);
  if (scanner === undefined) return ok(undefined);
  const folder = await mkdtemp(join(tmpdir(), 'dmrel-scan-'));
  try {
    const layout = openLayout(folder);
    const copied = await copyImage(from, digest, { registry: layout, repository: 'image' });
    if (!copied.ok) return copied;
    const tagged = await layout.tag('image', 'image', digest);
    if (!tagged.ok) return tagged;
    const args = ['scan', '--quiet', '--output', 'cyclonedx-json', `oci-dir:${join(folder, 'image')}`];
    const scanned = await run(scanner, args, {
      env: { ...env, SYFT_CHECK_FOR_APP_UPDATE: 'false' },
      timeoutSeconds,
      maxOutputBytes,
      ownGroup: true,
    });
    if (scanned.exitCode !== 0 || scanned.failure) {
      const why = printable(scanned.stderr.trim().split('\n').at(-1) ?? '') || scanned.failure || 'it failed';
      const hint = 'mend it, or take syft off PATH';
      return failed(problem('command-failed', `syft on ${from.repository}: ${clip(why, 300)}`, { hint }));
    }
    return packagesIn(scanned.stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function packagesIn(text: string): Result<ContentPackage[]> {
  try {
    const { components } = JSON.parse(text) as { components?: unknown };
    if (components === undefined) return ok([]);
    if (Array.isArray(components)) {
      return ok(
        components.filter(
          (each): each is ContentPackage => typeof each?.type === 'string' && typeof each?.name === 'string',
        ),
      );
    }
  } catch {
    // Said below.
  }
  return failed(problem('command-failed', 'syft wrote no list of CycloneDX', { hint: 'take another version of it' }));
}

/** Relative entries of PATH are passed over: they would run what a workspace brings. */
function findProgram(name: string, path = ''): string | undefined {
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Look on.
    }
  }
  return undefined;
}
