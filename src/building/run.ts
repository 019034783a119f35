import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from '../git/index.ts';
import { type Digest, epochSeconds, failed, ok, type Problem, pause, problem, type Result } from '../support/index.ts';
import { readUses } from './dockerfile-uses.ts';
import { type Draft, requestOf } from './draft.ts';
import type { BuildParents, BuildRequest, Engine, ImagePlace } from './engine.ts';
import { inputsDigest } from './inputs.ts';
import { labelsOf, originOf } from './labels.ts';
import { type PlatformImage, parentsForPlatform, sizeOfImage, writeIndex } from './platforms.ts';
import { type Resolved, resolveDraft } from './resolve.ts';
import type { BuildRun } from './steps.ts';

/** An image that was built just now, in the registry and without a tag. */
export interface FreshImage {
  digest: Digest;
  size: number;
  resolved: Resolved;
  parents: BuildParents;
}

/** What may pass, so that it is worth another try. */
const passing: ReadonlySet<string> = new Set([
  'build-failed',
  'build-timeout',
  'engine-unavailable',
  'registry-io',
  'registry-unreachable',
]);

/** The name of an image's log, from the root of the workspace. */
export const logFile = (release: string, image: string): string => `.dmrel/logs/${release}/${image}.log`;

/** What an image is built of, with the images it is built on as they are now. */
export function resolveNow(run: BuildRun, draft: Draft): Result<{ resolved: Resolved; parents: BuildParents }> {
  const digests = new Map<string, Digest>();
  const parents: BuildParents = { ...draft.outside };
  for (const [called, name] of Object.entries(draft.image.parents)) {
    const image = run.images.get(name)!;
    digests.set(name, image.digest);
    parents[called] = { ...run.placeOf(name), digest: image.digest };
  }
  const { address } = run.registry;
  const resolved = resolveDraft(run.workspace, run.record, draft, digests, { address, buildNumber: run.buildNumber });
  return resolved.ok ? ok({ resolved: resolved.value, parents }) : resolved;
}

/** Build an image for each of its platforms, into the destination. It has no tags yet. */
export async function buildImage(
  run: BuildRun,
  draft: Draft,
  { resolved, parents }: { resolved: Resolved; parents: BuildParents },
  signal: AbortSignal,
): Promise<Result<FreshImage>> {
  const { name } = draft.image;
  const inputs = inputsDigest(resolved.inputs);
  const origin = await originOf(run.workspace, run.repository as Repository, draft);
  const labelsWith = (base: string | undefined) => labelsOf(run, draft, { inputs, origin, parents, base });
  const bases = new Map(draft.platforms.map((each) => [each, baseFor(draft, resolved.args, each)]));
  const log = await beginLog(run, draft);
  const destination = run.placeOf(name);
  const images: PlatformImage[] = [];
  for (const platform of draft.platforms) {
    const own = await parentsForPlatform(parents, platform);
    if (!own.ok) return own;
    const labels = labelsWith(bases.get(platform));
    const request: BuildRequest = {
      ...requestOf(draft, resolved.args, platform),
      created: epochSeconds(run.madeAt),
      labels,
      annotations: labels,
      log: { file: join(run.workspace.root, log), ...(run.follow ? { follow: run.follow(name) } : {}) },
      signal,
      ...(run.noCache ? { noCache: true } : {}),
    };
    const attempts = (draft.image.config.retries ?? 0) + 1;
    const built = await attempt(draft.engine, request, own.value, destination, attempts);
    if (!built.ok) return failed(...built.problems.map((each) => withLog(each, name, log, signal)));
    images.push({ platform, digest: built.value.digest });
  }
  // The index is built on what all of its images are.
  const shared = new Set(bases.values()).size === 1 ? bases.get(draft.platforms[0]!) : undefined;
  const annotations = labelsWith(shared);
  const whole = images.length === 1 ? ok(images[0]!.digest) : await writeIndex(destination, images, annotations);
  if (!whole.ok) return whole;
  const size = await sizeOfImage(destination, whole.value);
  if (!size.ok) return size;
  return ok({ digest: whole.value, size: size.value, resolved, parents });
}

/** FROM may name another image for each platform. */
const baseFor = (draft: Draft, args: Record<string, string>, platform: string): string | undefined =>
  readUses(draft.dockerfile, args, platform, draft.image.config.target).base;

async function beginLog({ workspace, record }: BuildRun, { image, engine }: Draft): Promise<string> {
  const log = logFile(record.name, image.name);
  const path = join(workspace.root, log);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `${image.name} for ${record.name}, by ${engine.exactVersion ?? engine.version}\n`);
  return log;
}

async function attempt(
  engine: Engine,
  request: BuildRequest,
  parents: BuildParents,
  destination: ImagePlace,
  attempts: number,
): ReturnType<Engine['build']> {
  for (let tried = 1; ; tried++) {
    const built = await engine.build(request, parents, destination);
    const again = !built.ok && built.problems.every(({ code }) => passing.has(code));
    if (!again || tried >= attempts || request.signal?.aborted) return built;
    const seconds = 2 ** Math.min(tried, 6) * Math.random();
    const line = `attempt ${tried} of ${attempts} failed; the next in ${seconds.toFixed(1)} s\n`;
    await appendFile(request.log!.file, line);
    request.log!.follow?.(line.trimEnd());
    await pause(seconds, request.signal);
  }
}

function withLog(each: Problem, name: string, log: string, signal: AbortSignal): Problem {
  if (signal.aborted) {
    return problem('interrupted', `the build of ${name} was ended`, { subject: name });
  }
  const hint = each.hint === undefined ? `all of it is in ${log}` : `${each.hint}; all of it is in ${log}`;
  return { ...each, subject: name, ...(passing.has(each.code) ? { hint } : {}) };
}
