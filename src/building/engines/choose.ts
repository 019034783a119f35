import { type EngineProbe, probeEngine } from '../../containers/index.ts';
import { errorsOf, failed, ok, type Problem, problem, type Result } from '../../support/index.ts';
import { assembleEngine } from '../assemble/index.ts';
import type { BuildRequest, Engine } from '../engine.ts';
import { containerEngine } from './container-build.ts';

export interface ChosenEngine {
  engine: Engine;
  /** Why this one, in one sentence: what `--dry-run` and `dmrel doctor` say. */
  because: string;
}

/** An engine of this machine, with what was found out about it. */
interface Candidate {
  name: string;
  says: string;
  /** Only when it works. */
  engine: Engine | undefined;
  problem?: Problem;
}

/**
 * The engine that builds this image: the one that is asked for, when it works here; for `auto` the first that works and
 * can do what the request needs. `assemble` comes first wherever it can read the Dockerfile, for what it makes is the same
 * on every machine. Machines are probed once a run. Problem: `engine-unavailable`, one sentence for each engine.
 */
export async function chooseEngine(
  wanted: string,
  request: BuildRequest,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Result<ChosenEngine>> {
  if (wanted === assembleEngine.name) return ok({ engine: assembleEngine, because: 'it is asked for' });
  const unread = assembleEngine.check!(request);
  if (wanted === 'auto') {
    // What is wrong with the Dockerfile anyway is best said by the one that knows its lines.
    const lacks = unread.find(({ code }) => code === 'dockerfile-unsupported');
    if (lacks === undefined)
      return ok({ engine: assembleEngine, because: 'it can read the Dockerfile, and needs nothing on this machine' });
  }
  if (wanted !== 'auto') {
    const name = order.find((each) => each === wanted);
    const candidates = name === undefined ? [] : [candidateOf(await probeEngine(name, env, signal))];
    return chooseNamed(wanted, request, candidates);
  }
  // One after the other: to look whether an engine works takes it a second or two.
  const candidates: Candidate[] = [];
  let chosen: Result<ChosenEngine>;
  do {
    candidates.push(candidateOf(await probeEngine(order[candidates.length]!, env, signal)));
    chosen = chooseFirst(request, unread, candidates);
  } while (!chosen.ok && candidates.length < order.length);
  return chosen;
}

const candidateOf = ({ name, says, engine, problem }: EngineProbe): Candidate => ({
  name,
  says,
  engine: engine && containerEngine(engine),
  ...(problem === undefined ? {} : { problem }),
});

/** Those whose builds repeat themselves come first. */
const order = ['buildah', 'docker', 'podman'] as const;

/** Pure. */
export function chooseFirst(
  request: BuildRequest,
  unread: readonly Problem[],
  candidates: readonly Candidate[],
): Result<ChosenEngine> {
  const why = unread.find(({ code }) => code === 'dockerfile-unsupported')!;
  const line = why.at?.line === undefined ? '' : ` (line ${why.at.line})`;
  const reasons = [`${why.message}${line}`];
  for (const name of order) {
    const candidate = candidates.find((each) => each.name === name);
    if (candidate === undefined) continue;
    const refusals = candidate.engine ? errorsOf(candidate.engine.check?.(request) ?? []) : [];
    const [stranger] = refusals.filter(({ code }) => code !== 'engine-unavailable');
    // The same whoever builds it.
    if (stranger) return failed(...refusals);
    if (candidate.engine && refusals.length === 0)
      return ok({
        engine: candidate.engine,
        because: `${reasons.join('; ')}; ${candidate.engine.exactVersion} works here`,
      });
    reasons.push(candidate.engine ? refusals[0]!.message : candidate.says);
  }
  const hint = 'install buildah, or start a docker daemon; dmrel doctor shows what each engine lacks';
  const message = `no engine here can build ${request.name}: ${reasons.join('; ')}`;
  return failed(
    problem('engine-unavailable', message, { hint, subject: request.name, ...(why.at ? { at: why.at } : {}) }),
  );
}

/** Pure. */
export function chooseNamed(
  wanted: string,
  { name }: BuildRequest,
  candidates: readonly Candidate[],
): Result<ChosenEngine> {
  const candidate = candidates.find((each) => each.name === wanted);
  if (candidate?.engine)
    return ok({ engine: candidate.engine, because: `it is asked for; ${candidate.engine.exactVersion} works here` });
  const why = candidate?.says ?? `there is no engine of this name`;
  const hint =
    candidate?.problem?.hint ?? `install ${wanted}, or name another engine: 'engine: auto' takes one that works`;
  return failed(problem('engine-unavailable', `${name} is to be built by ${wanted}: ${why}`, { hint, subject: name }));
}
