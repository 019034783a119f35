import { copyImage, type Descriptor, listImageFiles, mediaTypes, readImage, writeImage } from '../../registry/index.ts';
import { canonicalJson, Failure, failed, ok, type Problem, problem, type Result, unwrap } from '../../support/index.ts';
import type { BuildParents, BuildRequest, BuiltImage, Engine, ImagePlace } from '../engine.ts';
import { applyAction, type ImageFiles } from './apply.ts';
import { readContext } from './context.ts';
import { parseDockerfile } from './dockerfile.ts';
import { type ContainerConfig, interpret, withoutParent } from './interpret.ts';
import { packLayer } from './layer.ts';
import { findSources } from './sources.ts';
import { contextIs } from './unchanged.ts';

export interface Assembled extends BuiltImage {
  layers: Descriptor[];
}

/** An image that another is built on, or nothing yet. */
interface Base {
  config: Record<string, unknown> & { config?: ContainerConfig; history?: object[]; rootfs?: { diff_ids?: string[] } };
  layers: Descriptor[];
  files: ImageFiles;
}

/**
 * Build an image without a daemon and without running anything: copy files, set the configuration. The same request
 * gives the same digest on every machine. The image is stored in the destination and not tagged.
 * Problems: `dockerfile-syntax`, `dockerfile-unsupported`, `unknown-name`, `context-invalid`, and those of the registry.
 */
export async function assemble(
  request: BuildRequest,
  parents: BuildParents,
  destination: ImagePlace,
): Promise<Result<Assembled>> {
  const { args, platform, created } = request;
  const dockerfile = parseDockerfile(request.dockerfile, args, Object.keys(parents), platform);
  if (!dockerfile.ok) return dockerfile;
  const context = await readContext(request.context, request.extraFiles);
  if (!context.ok) return context;
  try {
    const base = await readBase(dockerfile.value.from, parents, platform, destination);
    const problems: Problem[] = [];
    const { config, actions } = interpret(dockerfile.value, args, base.config.config, problems);
    const layers = [...base.layers];
    const diffIds = [...(base.config.rootfs?.diff_ids ?? [])];
    const history: object[] = [...(base.config.history ?? [])];
    for (const { createdBy, action } of actions) {
      const applied = action ? applyAction(action, context.value, base.files) : ok(new Map());
      if (!applied.ok) problems.push(...applied.problems);
      const entries = applied.ok ? applied.value : new Map();
      const entry = { created: rfc3339(created), created_by: createdBy };
      history.push(entries.size === 0 ? { ...entry, empty_layer: true } : entry);
      for (const [path, each] of entries)
        base.files.set(path, each.type === 'symlink' ? { type: 'link', target: each.target } : { type: each.type });
      // From the first problem on, the rest is looked at for more problems and nothing is written.
      if (entries.size === 0 || problems.length > 0) continue;
      const blob = unwrap(await destination.registry.writeBlob(destination.repository, packLayer(entries, created)));
      layers.push({ mediaType: mediaTypes.layer, ...blob });
      diffIds.push(blob.digest); // not compressed, so it is the digest of its content too
    }
    if (problems.length > 0) return failed(...problems);
    // Once all was read: what was written of it is what it was then.
    unwrap(await contextIs(request.contextDigest, request));
    const [os, architecture, variant] = platform.split('/');
    const image = {
      ...base.config,
      created: rfc3339(created),
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      config: { ...config, Labels: { ...config.Labels, ...request.labels } },
      rootfs: { type: 'layers', diff_ids: diffIds },
      history,
    };
    const written = unwrap(
      await writeImage(destination, Buffer.from(canonicalJson(image)), layers, request.annotations),
    );
    return ok({ ...written, layers });
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}

/** As an engine among others. Its version changes when the same request would give other bytes. */
export const assembleEngine: Engine = {
  name: 'assemble',
  version: 'assemble/2',
  reproducible: true,
  check: ({ dockerfile, args, from, platform }) => {
    const parsed = parseDockerfile(dockerfile, args, from, platform);
    if (!parsed.ok) return parsed.problems;
    const problems: Problem[] = [];
    interpret(withoutParent(parsed.value), args, undefined, problems);
    return problems;
  },
  look: async ({ dockerfile, args, from, platform, context, extraFiles }) => {
    const [parsed, found] = [parseDockerfile(dockerfile, args, from, platform), await readContext(context, extraFiles)];
    if (!parsed.ok || !found.ok) return []; // said by who else reads them
    const problems: Problem[] = [];
    for (const { action } of interpret(withoutParent(parsed.value), args, undefined, []).actions) {
      if (action?.kind !== 'copy') continue;
      for (const word of action.sources) findSources(word, found.value, action.instruction, problems);
    }
    return problems;
  },
  build: assemble,
};

async function readBase(
  from: string | undefined,
  parents: BuildParents,
  platform: string,
  destination: ImagePlace,
): Promise<Base> {
  if (from === undefined) return { config: {}, layers: [], files: new Map() };
  const { registry, repository, digest } = parents[from]!;
  const image = unwrap(await readImage(registry, repository, digest));
  const config = image.config as Base['config'];
  const fits = [config.os, config.architecture].join('/') === platform.split('/').slice(0, 2).join('/');
  if (!fits || config.rootfs?.diff_ids?.length !== image.layers.length) {
    const message = fits
      ? 'has not as many layers as it says'
      : `is for ${config.os}/${config.architecture}, not ${platform}`;
    throw new Failure(
      problem('registry-io', `${from} (${repository}@${digest}) ${message}`, { hint: `build ${from} again` }),
    );
  }
  const files = unwrap(await listImageFiles(registry, repository, digest));
  // With its manifest, which is small: then the destination has the parent as an image too.
  unwrap(await copyImage({ registry, repository }, digest, destination));
  return { config, layers: image.layers, files };
}

const rfc3339 = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
