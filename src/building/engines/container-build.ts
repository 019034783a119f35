import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerEngine, runStreamed, type StreamedEnd, saveImage } from '../../containers/index.ts';
import { copyImage, openLayout } from '../../registry/index.ts';
import {
  errorsOf,
  Failure,
  failed,
  formatDuration,
  type Problem,
  parseDigest,
  problem,
  type Result,
  run,
  unwrap,
} from '../../support/index.ts';
import { contextIs } from '../assemble/index.ts';
import type { BuildParents, BuildRequest, BuiltImage, Engine, ImagePlace } from '../engine.ts';
import { daemonlessFlavour } from './daemonless.ts';
import { dockerFlavour } from './docker.ts';
import { failedStep } from './failed-step.ts';
import type { Flavour } from './flavour.ts';
import { type Holdings, holdingsOf } from './holdings.ts';
import { layOutContext } from './lay-out.ts';
import { type BuildLog, openLog, valuesOf } from './log.ts';
import { parentsOf, renameParents, strangers } from './parents.ts';
import { keyOf, openWorkplace, type Workplace } from './workplace.ts';

/** A container engine of this machine as one that builds images. */
export function containerEngine(engine: ContainerEngine): Engine {
  const made = known.get(engine) ?? makeEngine(engine);
  known.set(engine, made);
  return made;
}

/** One for each, whichever images ask for it: what it holds in the engine serves them all. */
const known = new WeakMap<ContainerEngine, Engine>();

function makeEngine(engine: ContainerEngine): Engine {
  const flavour = engine.name === 'docker' ? dockerFlavour(engine) : daemonlessFlavour(engine);
  const { version, exactVersion, reproducible } = flavour;
  const holdings = holdingsOf(engine, flavour.parents);
  const check = (request: BuildRequest): Problem[] => [
    ...strangers(request.dockerfile, request.args, request.from, request.platform),
    ...flavour.check(request),
    ...checkSecrets(request),
  ];
  return {
    name: engine.name,
    version,
    exactVersion,
    reproducible,
    check,
    build: async (request, parents, destination) => {
      const errors = errorsOf(check(request));
      if (errors.length > 0) return failed(...errors);
      const workplace = await openWorkplace(engine);
      try {
        return await build({ engine, flavour, request, parents, destination, workplace, holdings });
      } catch (error) {
        if (error instanceof Failure) return failed(...error.problems);
        const { code, path } = error as NodeJS.ErrnoException;
        if (code === undefined) throw error;
        const message = `cannot prepare the build of ${request.name} in ${path ?? workplace.folder}: ${code}`;
        return failed(problem('file-unwritable', message, { hint: 'make room there, or set TMPDIR to another place' }));
      } finally {
        await workplace.end();
      }
    },
    close: holdings.release,
  };
}

/** Engines are told of a secret in one text with commas between its parts. */
const checkSecrets = ({ name, secrets = [] }: BuildRequest): Problem[] =>
  secrets.flatMap(({ id, source }) => {
    if (!('file' in source) || !/[,"\u0000-\u001f]/.test(source.file)) return [];
    const message = `the file of the secret ${id} of ${name} has a comma or a quote in its path`;
    return [problem('unsafe-path', message, { hint: 'keep it under another name', subject: name })];
  });

interface Build {
  engine: ContainerEngine;
  flavour: Flavour;
  request: BuildRequest;
  parents: BuildParents;
  destination: ImagePlace;
  workplace: Workplace;
  holdings: Holdings;
}

async function build(given: Build): Promise<Result<BuiltImage>> {
  const { engine, flavour, request, parents, destination, workplace } = given;
  const at = (name: string): string => join(workplace.folder, name);
  unwrap(await layOutContext(request.context, request.extraFiles, at('context')));
  unwrap(await contextIs(request.contextDigest, { ...request, context: at('context'), extraFiles: {} }));
  const { names, layouts } = await provideParents(given);
  await writeFile(at('Dockerfile'), renameParents(request.dockerfile, request.args, names, request.platform));
  await writeFile(at('marker'), '');
  await writeFile(at('engine'), keyOf(engine));
  const args = [
    ...flavour.arguments(request, { marker: at('marker'), layouts }),
    ...['--file', at('Dockerfile'), '--iidfile', at('id')],
    ...(request.noCache ? ['--no-cache'] : []),
    ...(request.target === undefined ? [] : ['--target', request.target]),
    ...Object.entries(argumentsOf(request)).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...Object.entries(request.labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    at('context'),
  ];
  const env = { ...engine.env, ...flavour.env };
  const log = openLog(request.log, valuesOf(request.secrets ?? [], env));
  const { timeoutSeconds, signal } = request;
  const [program = engine.program, ...first] = [...flavour.startedBy(request), engine.program];
  const end = await runStreamed(program, [...first, ...args], {
    env,
    line: log.line,
    started: workplace.working,
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(signal ? { signal } : {}),
  });
  await log.close();
  if (end.failure !== undefined) await workplace.stopped();
  // Ended by a signal, docker may say that all went well.
  if (end.exitCode !== 0 || end.failure !== undefined) return failed(await whyFailed(given, end, log));
  const id = parseDigest((await readFile(at('id'), 'utf8')).trim());
  if (id === undefined)
    return failed(problem('build-failed', `${engine.name} does not say what it built ${request.name} as`));
  await given.holdings.built(id);
  return await saveImage(engine, id, destination, {
    parents: Object.values(parents),
    ...(request.annotations === undefined ? {} : { annotations: request.annotations }),
    ...(signal ? { signal } : {}),
  });
}

/** Those of the request, and the time of everything for a Dockerfile that asks for it (reproducible-builds.org). */
const argumentsOf = ({ args, created, dockerfile }: BuildRequest): Record<string, string> =>
  dockerfile.text.includes('SOURCE_DATE_EPOCH') ? { SOURCE_DATE_EPOCH: String(created), ...args } : args;

/** Let the engine have what the Dockerfile builds on, and nothing else: by what it is called there. */
async function provideParents(given: Build): Promise<{ names: Map<string, string>; layouts: Map<string, string> }> {
  const { flavour, request, parents, workplace, holdings } = given;
  const names = new Map<string, string>();
  const layouts = new Map<string, string>();
  for (const parent of parentsOf(request.dockerfile, request.args, request.platform)) {
    const place = Object.hasOwn(parents, parent) ? parents[parent] : undefined;
    if (place === undefined) continue; // named by digest: the engine finds it
    if (flavour.parents === 'in-layouts') {
      const name = `dmrel-parent-${layouts.size}`;
      layouts.set(name, await layoutOf(place, join(workplace.folder, name)));
      names.set(parent, name);
      continue;
    }
    names.set(parent, unwrap(await holdings.provide(place, place.digest, request.signal)));
  }
  return { names, layouts };
}

/** For a builder of its own, which knows nothing of the engine's images (docker buildx, `--build-context`). */
async function layoutOf(place: BuildParents[string], folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const layout = openLayout(folder);
  unwrap(await copyImage(place, place.digest, { registry: layout, repository: 'image' }));
  unwrap(await layout.tag('image', 'parent', place.digest));
  return `${join(folder, 'image')}:parent`;
}

async function whyFailed({ engine, request }: Build, end: StreamedEnd, log: BuildLog): Promise<Problem> {
  const { name, dockerfile, timeoutSeconds = 0 } = request;
  const step = failedStep(log.lines, dockerfile);
  const where = step ? ` at step ${step.number}: ${step.text}` : '';
  const output = step?.output ?? log.lines.slice(-10);
  const details = {
    subject: name,
    at: step?.at ?? { file: dockerfile.file },
    output,
  };
  if (end.failure === 'interrupted')
    return problem('interrupted', `the build of ${name} was interrupted`, { subject: name });
  if (end.failure === 'missing')
    return problem('engine-unavailable', `${engine.program} cannot be started`, { subject: name });
  if (end.failure === 'timeout')
    return problem(
      'build-timeout',
      `${name} was not built within ${formatDuration(timeoutSeconds)}, and stood${where || ' before its first step'}`,
      details,
    );
  if (engine.docker && !(await daemonAnswers(engine)))
    return problem('engine-unavailable', `the docker daemon ended while it built ${name}${where}`, {
      subject: name,
      hint: 'start it, then run the same command again',
    });
  const full = log.lines.some((line) => /no space left on device|disk quota exceeded/i.test(line));
  const hint = full ? { hint: `make room where ${engine.name} keeps images` } : {};
  return problem(
    'build-failed',
    `${engine.name} could not build ${name}: it failed${where || ' before its first step'}`,
    { ...details, ...hint },
  );
}

async function daemonAnswers(engine: ContainerEngine): Promise<boolean> {
  const asked = await run(engine.program, ['version', '--format', '{{.Server.Version}}'], {
    env: engine.env,
    timeoutSeconds: 10,
  });
  return asked.exitCode === 0;
}
