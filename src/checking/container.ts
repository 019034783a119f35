import { lstatSync, readdirSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ContainerEngine,
  type ContainerSpec,
  containerArguments,
  inspectContainer,
  loadImage,
  probeEngines,
  removeContainer,
  removeImage,
  removeLeftContainers,
} from '../containers/index.ts';
import { newOperationId } from '../operation/index.ts';
import { repositoryAt } from '../registry/index.ts';
import { type JobEnd, markCollected, runLocally, writeBatch } from '../runners/index.ts';
import {
  clip,
  digestOf,
  failed,
  hexOf,
  ok,
  parseDuration,
  parseSize,
  pathWithin,
  pause,
  printable,
  problem,
  type Result,
  systemClock,
} from '../support/index.ts';
import { type ContainerCheck, runnerOf } from '../workspace/index.ts';
import { type CheckPlace, type Checks, defaultTimeout } from './checks.ts';
import type { Look } from './look.ts';
import { OutputSearch } from './output.ts';
import type { PlannedCheck } from './plan.ts';
import { imageFor } from './platforms.ts';
import { conclusive, judgeProgram, type Ran } from './program.ts';
import { lastLineOf } from './verdict.ts';

/** Where the directory for results is, inside. */
const resultsInside = '/results';
const maxResultBytes = 256 * 2 ** 20;
const maxResultFiles = 10_000;
const watchMilliseconds = 500;
/** The exit code of what was ended by SIGKILL. */
const killed = 137;
const defaults = { memory: '2GiB', cpus: 2, pids: 256, tmp: '64MiB' } as const;

/**
 * Run an image, by what its digest names, with almost nothing that it could do harm with, and hold what it left against
 * what is expected. Problems: `engine-unavailable`, `check-inconclusive`, `interrupted`, those of loading it.
 */
export async function lookInContainer(
  checks: Checks,
  planned: PlannedCheck,
  config: ContainerCheck,
  signal: AbortSignal,
): Promise<Result<Look>> {
  const place = checks.placeOf(planned);
  if (!place.ok) return place;
  const engine = await engineFor(checks, config, signal);
  if (!engine.ok) return engine;
  const readable = mountsOf(checks.workspace.root, config);
  if (!readable.ok) return readable;
  const { root } = checks.workspace;
  const owner = hexOf(digestOf(root)).slice(0, 16);
  await removeLeftContainers(engine.value, `${owner}-${planned.check}-${planned.image}`);
  const id = newOperationId(systemClock());
  const name = `dmrel-${id.toLowerCase()}`;
  const alias = `localhost/${name}`;
  const one = await imageFor(place.value, engine.value.platform);
  if (!one.ok) return one;
  const image = await loadImage(engine.value, one.value, one.value.digest, { name: alias, signal });
  if (!image.ok) return signal.aborted ? failed(problem('interrupted', 'loading it was interrupted')) : image;
  const [task] = await writeBatch(root, id, [name]);
  const results = join(task!.folder, 'results');
  await chmod(results, 0o777); // whoever it runs as inside
  const spec: ContainerSpec = {
    image: image.value,
    name,
    owner: `${owner}-${planned.check}-${planned.image}`,
    argv: config.run ?? [],
    ...(config.entrypoint === undefined ? {} : { entrypoint: config.entrypoint }),
    ...(config.user === undefined ? {} : { user: config.user }),
    env: { ...config.env, ...toldOf(checks, place.value), DMREL_RESULTS: resultsInside },
    network: config.network ?? 'none',
    memoryBytes: parseSize(config.memory ?? defaults.memory),
    cpus: config.cpus ?? defaults.cpus,
    pids: config.pids ?? defaults.pids,
    tmpBytes: parseSize(config.tmp ?? defaults.tmp),
    readable: readable.value,
    writable: { from: results, to: resultsInside },
  };
  try {
    const output = new OutputSearch(config.output);
    const ended = await runContainer(engine.value, spec, task!.folder, config, checks.env, output, signal);
    if (!ended.ok) return ended;
    const ran: Ran = { name: nameOf(config), timeout: config.timeout ?? defaultTimeout, root };
    const end = conclusive(ended.value, ran, engine.value.program);
    if (!end.ok) return end;
    const verdict = await judgeProgram(config, end.value, ran, output);
    return verdict.ok ? ok({ verdict: withReason(verdict.value, ended.value.reason) }) : verdict;
  } finally {
    await removeContainer(engine.value, name);
    await removeImage(engine.value, alias);
    await markCollected(task!.folder);
  }
}

const nameOf = ({ run, entrypoint }: ContainerCheck): string =>
  [...(entrypoint === undefined ? [] : [entrypoint]), ...(run ?? [])].join(' ') || 'what the image runs';

const withReason = (verdict: Look['verdict'], reason: string | undefined): Look['verdict'] =>
  reason === undefined ? verdict : { ...verdict, failed: [reason, ...verdict.failed] };

const toldOf = (checks: Checks, { registry, repository, digest }: CheckPlace): Record<string, string> => ({
  DMREL_IMAGE: `${repositoryAt(registry.address, repository)}@${digest}`,
  DMREL_DIGEST: digest,
  DMREL_RELEASE: checks.run.release,
  DMREL_LEVEL: checks.run.level,
});

/** The engine that is asked for, or the first that works. */
async function engineFor(
  checks: Checks,
  config: ContainerCheck,
  signal: AbortSignal,
): Promise<Result<ContainerEngine>> {
  const runner = config.runner === undefined ? undefined : runnerOf(checks.workspace.config, config.runner);
  const wanted = runner?.kind === 'docker' || runner?.kind === 'podman' ? [runner.kind] : ['docker', 'podman'];
  const probes = (await probeEngines(checks.env, signal)).filter(({ name }) => wanted.includes(name));
  const works = probes.find(({ engine }) => engine !== undefined);
  if (works) return ok(works.engine!);
  const hint = `install one and start it, or name another machine's with DOCKER_HOST; 'dmrel doctor' looks again`;
  const says = probes.map((each) => each.says).join('; ');
  return failed(problem('engine-unavailable', `nothing here runs containers: ${says}`, { hint }));
}

function mountsOf(root: string, { mounts = {} }: ContainerCheck): Result<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [inside, path] of Object.entries(mounts)) {
    const from = pathWithin(root, path);
    if (from === undefined || /[,:]/.test(from)) {
      const hint = 'name a directory or a file of the workspace';
      return failed(
        problem('unsafe-path', `${path} cannot be mounted: it leads out of the workspace, or has , or :`, { hint }),
      );
    }
    found[inside] = from;
  }
  return ok(found);
}

async function runContainer(
  engine: ContainerEngine,
  spec: ContainerSpec,
  folder: string,
  config: ContainerCheck,
  env: NodeJS.ProcessEnv,
  output: OutputSearch,
  signal: AbortSignal,
): Promise<Result<JobEnd>> {
  const flooded = new AbortController();
  const watch = setInterval(() => {
    if (isTooMuch(spec.writable.from)) flooded.abort();
  }, watchMilliseconds);
  const end = await runLocally({
    argv: [engine.program, ...containerArguments(spec)],
    cwd: folder,
    env: {},
    base: { ...env, ...engine.env },
    timeoutSeconds: parseDuration(config.timeout ?? defaultTimeout)!,
    log: join(folder, 'log'),
    heard: output.hear,
    signal: AbortSignal.any([signal, flooded.signal]),
  });
  clearInterval(watch);
  if (end.status === 'interrupted' && !signal.aborted) {
    const reason = `${resultsInside} holds more than ${maxResultBytes / 2 ** 20} MiB or ${maxResultFiles} files`;
    return ok({ status: 'failed', tail: end.tail, folder, reason });
  }
  if (end.status === 'timeout' || end.status === 'interrupted') return ok({ ...end, folder });
  // The client's exit code is the container's, or its own when there is none.
  let known = await inspectContainer(engine, spec.name);
  // Somebody may be taking it away, who ends it first: it is gone in a moment, and what it did says nothing.
  for (let looks = 0; looks < 6 && known?.exitCode === killed && !known.outOfMemory; looks += 1) {
    await pause(watchMilliseconds / 1000, signal);
    known = await inspectContainer(engine, spec.name);
  }
  if (!known) {
    const hint = 'nothing was recorded; look at the engine, and run the same command again';
    return failed(problem('check-inconclusive', `${engine.name} did not run it: ${lastLineOf(end.tail)}`, { hint }));
  }
  const { exitCode, outOfMemory, neverRan } = known;
  const error = known.error === '' && neverRan ? lastLineOf(end.tail) : known.error;
  const reason = outOfMemory
    ? `it wanted more memory than ${config.memory ?? defaults.memory}`
    : error === '' && !neverRan
      ? undefined
      : `it cannot be started: ${clip(printable(error), 300)}`;
  return ok({
    status: exitCode === 0 && !neverRan ? 'passed' : 'failed',
    exitCode,
    tail: end.tail,
    folder,
    ...(reason === undefined ? {} : { reason }),
  });
}

/** Whether a directory holds more than it may. Links are counted, not followed. */
function isTooMuch(folder: string): boolean {
  let [bytes, files] = [0, 0];
  const walk = (path: string): boolean => {
    let names: string[];
    try {
      names = readdirSync(path);
    } catch {
      return false; // it changes while we look
    }
    return names.some((name) => {
      files += 1;
      try {
        const found = lstatSync(join(path, name));
        bytes += found.size;
        return bytes > maxResultBytes || files > maxResultFiles || (found.isDirectory() && walk(join(path, name)));
      } catch {
        return false;
      }
    });
  };
  return walk(folder);
}
