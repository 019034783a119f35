import { join } from 'node:path';
import { decodeUtf8 } from '../documents/index.ts';
import type { ReleasedProduct, ReleaseRecord } from '../releases/index.ts';
import {
  type Digest,
  digestOf,
  errorsOf,
  failed,
  nameWithin,
  ok,
  type Problem,
  parseDuration,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import type { ImageDefinition, Workspace } from '../workspace/index.ts';
import { contextDigest } from './assemble/index.ts';
import { readDefinition } from './definition.ts';
import { type DockerfileUses, productsFileName, releaseFileName } from './dockerfile-uses.ts';
import type { BuildRequest, BuildSecret, Engine, ImagePlace } from './engine.ts';
import { chooseEngine } from './engines/index.ts';
import type { BuildOptions } from './options.ts';
import { resolveOutside } from './outside.ts';
import { realPathWithin } from './within.ts';

const maxDockerfileBytes = 2 ** 20;

/** An image with everything that is known before the digests of its parents are. */
export interface Draft {
  image: ImageDefinition;
  context: string;
  dockerfile: { file: string; text: string };
  dockerfileDigest: Digest;
  contextDigest: Digest;
  uses: DockerfileUses;
  /** What of the release is in it. */
  products: Record<string, ReleasedProduct>;
  extraFiles: Record<string, Uint8Array>;
  platforms: string[];
  engine: Engine;
  engineBecause: string;
  /** What its engine cannot do of what it asks for, and builds it all the same. */
  warnings: Problem[];
  /** Images outside of the workspace that it is built on, by the name that the Dockerfile calls them. */
  outside: Record<string, ImagePlace & { digest: Digest }>;
  secrets: BuildSecret[];
  tags: string[];
}

/** Read an image's definition and its files, choose its engine, and find every fault that can be found without building. */
export async function draftImage(
  workspace: Workspace,
  record: ReleaseRecord,
  image: ImageDefinition,
  options: BuildOptions,
): Promise<Result<Draft>> {
  const { config } = image;
  const context = await inside(workspace, image, 'context', config.context);
  if (!context.ok) return context;
  const path = await inside(workspace, image, 'Dockerfile', config.dockerfile ?? join(config.context, 'Dockerfile'));
  if (!path.ok) return path;
  const dockerfile = await readDockerfile(path.value, nameWithin(workspace.root, path.value), image.name);
  if (!dockerfile.ok) return dockerfile;

  const platforms = config.platforms ?? [config.platform ?? 'linux/amd64'];
  const { args, uses, products, secrets, tags, problems } = await readDefinition(
    workspace,
    record,
    image,
    dockerfile.value,
    platforms[0]!,
    options,
  );
  const extraFiles = filesOf(image, uses, record, products);
  const digest = await contextDigest(context.value, extraFiles);
  if (!digest.ok) problems.push(...digest.problems);
  const outside = await resolveOutside(workspace, image, uses.images, problems);
  if (problems.length > 0 || !digest.ok) return failed(...problems);

  const draft = {
    image,
    context: context.value,
    dockerfile: dockerfile.value,
    dockerfileDigest: digestOf(dockerfile.value.text),
    contextDigest: digest.value,
    uses,
    products,
    extraFiles,
    platforms,
    outside,
    secrets,
    tags,
  };
  const request = requestOf(draft, args, platforms[0]!);
  const engine = await chooseEngine(options.engine ?? config.engine ?? 'auto', request, options.env);
  if (!engine.ok) return engine;
  const chosen = engine.value.engine;
  const faults = [...(chosen.check?.(request) ?? []), ...((await chosen.look?.(request)) ?? [])];
  if (errorsOf(faults).length > 0) return failed(...faults);
  return ok({ ...draft, engine: chosen, engineBecause: engine.value.because, warnings: faults });
}

type Unengined = Omit<Draft, 'engine' | 'engineBecause' | 'warnings'>;

/** What an engine is asked for, without what only the build itself knows: times, labels, parents, a log. */
export function requestOf(draft: Unengined, args: Record<string, string>, platform: string): BuildRequest {
  const { image, context, contextDigest, dockerfile, extraFiles, outside, secrets } = draft;
  const { target, timeout, resources, network } = image.config;
  const memory = resources?.memory === undefined ? undefined : bytesOf(resources.memory);
  return {
    name: image.name,
    context,
    dockerfile,
    ...(target === undefined ? {} : { target }),
    args,
    from: [...Object.keys(image.parents), ...Object.keys(outside)],
    extraFiles,
    contextDigest,
    labels: {},
    created: 0,
    platform,
    secrets,
    ...(network === undefined ? {} : { network }),
    ...(resources === undefined
      ? {}
      : {
          resources: {
            ...(memory === undefined ? {} : { memoryBytes: memory }),
            ...(resources.cpus === undefined ? {} : { cpus: resources.cpus }),
          },
        }),
    ...(timeout === undefined ? {} : { timeoutSeconds: parseDuration(timeout)! }),
  };
}

/** Bytes in `512MiB`; the schema has seen to its form. */
function bytesOf(text: string): number {
  const [, number, unit] = /^([0-9]+)([KMGT])?i?B$/.exec(text)!;
  return Number(number) * 2 ** (10 * ' KMGT'.indexOf(unit ?? ' '));
}

async function inside(
  workspace: Workspace,
  image: ImageDefinition,
  what: string,
  path: string,
): Promise<Result<string>> {
  const full = await realPathWithin(workspace.root, path);
  if (full !== undefined) return ok(full);
  const details = { at: { file: image.document.file }, hint: 'name a path inside it', subject: image.name };
  return failed(problem('unsafe-path', `the ${what} of ${image.name} leads out of the workspace: ${path}`, details));
}

async function readDockerfile(path: string, file: string, image: string): Promise<Result<Draft['dockerfile']>> {
  const bytes = await readFileBounded(path, file, maxDockerfileBytes);
  if (bytes.ok) {
    const text = decodeUtf8(bytes.value, file);
    return text.ok ? ok({ file, text: text.value }) : text;
  }
  if (!bytes.problems.every(({ code }) => code === 'file-not-found')) return bytes;
  const hint = 'every image has a Dockerfile in its context; see docs/build.md';
  return failed(problem('file-not-found', `${image} has no ${file}`, { at: { file }, hint, subject: image }));
}

/** Only what the Dockerfile names: a file that nobody takes would still make every release another context. */
function filesOf(
  { name }: ImageDefinition,
  uses: DockerfileUses,
  record: ReleaseRecord,
  products: Record<string, ReleasedProduct>,
): Record<string, Uint8Array> {
  const pick = (fields: readonly (keyof ReleasedProduct)[]) =>
    Object.fromEntries(
      Object.entries(products).map(([product, each]) => [
        product,
        Object.fromEntries(fields.flatMap((field) => (each[field] === undefined ? [] : [[field, each[field]]]))),
      ]),
    );
  const json = (value: object): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
  const { name: release, date } = record;
  const whole = { release, date, image: name, products: pick(['url', 'commit', 'tag']) };
  return {
    ...(uses.releaseFile ? { [releaseFileName]: json(whole) } : {}),
    ...(uses.productsFile ? { [productsFileName]: json(pick(['url', 'commit', 'version'])) } : {}),
  };
}
