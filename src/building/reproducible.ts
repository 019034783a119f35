import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageRegistry, openLayout } from '../registry/index.ts';
import { type Digest, failed, ok, type Problem, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { closeEngines, type OpenedBuild, openBuild } from './build.ts';
import type { Draft } from './draft.ts';
import type { BuildOptions } from './options.ts';
import { buildImage, resolveNow } from './run.ts';
import { type BuildRun, releasedImage } from './steps.ts';

/** An image that was built twice, or why it was not. */
export interface Proof {
  image: string;
  engine: string;
  /** undefined when its engine does not claim to make the same twice. */
  first?: Digest;
  second?: Digest;
  same: boolean;
}

export interface Reproducibility {
  release: string;
  proofs: Proof[];
  problems: Problem[];
}

export interface ProofSettings {
  now: () => Date;
  signal: AbortSignal;
  tell: (text: string) => void;
  follow?: BuildRun['follow'];
}

/**
 * Build every image twice from nothing, each time on what came of its parents that time, and compare. Nothing is published,
 * and what was built is gone afterwards. Problems in the value: `not-reproducible`.
 */
export async function proveReproducible(
  workspace: Workspace,
  options: BuildOptions,
  settings: ProofSettings,
): Promise<Result<Reproducibility>> {
  const opened = await openBuild(workspace, options);
  if (!opened.ok) return opened;
  const { record, drafts } = opened.value;
  const folder = await mkdtemp(join(tmpdir(), 'dmrel-twice-'));
  try {
    const [first, second] = ['first', 'second'].map((time) => openLayout(join(folder, time), 'layout:twice'));
    const runs: [BuildRun, BuildRun] = [
      runOf(workspace, opened.value, options, settings, [first!, first!]),
      runOf(workspace, opened.value, options, settings, [second!, first!]),
    ];
    const proofs: Proof[] = [];
    for (const draft of drafts.values()) {
      const proof = await proveOne(draft, runs, drafts, settings);
      if (!proof.ok) return proof;
      proofs.push(proof.value);
    }
    return ok({ release: record.name, proofs, problems: proofs.flatMap((each) => verdict(each)) });
  } finally {
    await closeEngines(drafts);
    await rm(folder, { recursive: true, force: true });
  }
}

async function proveOne(
  draft: Draft,
  [first, second]: [BuildRun, BuildRun],
  drafts: ReadonlyMap<string, Draft>,
  { tell, signal }: ProofSettings,
): Promise<Result<Proof>> {
  const { name } = draft.image;
  const engine = draft.engine.name;
  if (!draft.engine.reproducible && !isNeeded(name, drafts)) return ok({ image: name, engine, same: false });
  tell(`building ${name} the first time`);
  const one = await buildOnce(draft, first, signal);
  if (!one.ok) return one;
  if (!draft.engine.reproducible) {
    // What is built on it is still asked: both times on the same.
    second.images.set(name, first.images.get(name)!);
    second.elsewhere.add(name);
    return ok({ image: name, engine, same: false });
  }
  tell(`building ${name} the second time`);
  const two = await buildOnce(draft, second, signal);
  if (!two.ok) return two;
  return ok({ image: name, engine, first: one.value, second: two.value, same: one.value === two.value });
}

async function buildOnce(draft: Draft, run: BuildRun, signal: AbortSignal): Promise<Result<Digest>> {
  const now = resolveNow(run, draft);
  if (!now.ok) return now;
  const built = await buildImage(run, draft, now.value, signal);
  if (!built.ok) return failed(...built.problems);
  const { digest, size } = built.value;
  const stored = { digest, size, builtFor: run.record.name };
  run.images.set(draft.image.name, releasedImage(draft, now.value.resolved.inputs, stored, run, {}));
  return ok(digest);
}

/** Whether something that claims to be reproducible is built on it. */
function isNeeded(name: string, drafts: ReadonlyMap<string, Draft>): boolean {
  return [...drafts.values()].some(
    ({ image, engine }) =>
      Object.values(image.parents).includes(name) && (engine.reproducible || isNeeded(image.name, drafts)),
  );
}

/** What a proof says that is no proof. Pure. */
export function verdict({ image, engine, first, second, same }: Proof): Problem[] {
  if (same) return [];
  if (first === undefined) {
    const hint = "build it with 'assemble' or 'buildah' if it has to be the same each time";
    return [
      problem('not-reproducible', `${image} is built by ${engine}, which makes another image each time`, {
        hint,
        subject: image,
      }),
    ];
  }
  const hint = 'look for times, random names and the order of files in what its Dockerfile runs';
  return [
    problem('not-reproducible', `${image} came out as two images: ${first} and ${second}`, { hint, subject: image }),
  ];
}

function runOf(
  workspace: Workspace,
  { record, records, repository, madeAt, drafts }: OpenedBuild,
  options: BuildOptions,
  { now, follow }: ProofSettings,
  [registry, once]: [ImageRegistry, ImageRegistry],
): BuildRun {
  const elsewhere = new Set<string>();
  return {
    operation: 'check-reproducible',
    workspace,
    record,
    records,
    drafts,
    registry,
    fallback: undefined,
    elsewhere,
    repository,
    madeAt,
    images: new Map(),
    placeOf: (name) => ({ registry: elsewhere.has(name) ? once : registry, repository: name }),
    signer: undefined,
    writesRecord: false,
    buildNumber: options.buildNumber,
    noCache: true,
    now,
    env: options.env,
    ...(follow ? { follow } : {}),
  };
}
