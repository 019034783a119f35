import { resolve } from 'node:path';
import { keyVariable } from '../evidence/index.ts';
import { openRegistry } from '../levels/index.ts';
import { newOperationId } from '../operation/index.ts';
import { type ImageRegistry, isLayout, repositoryAt } from '../registry/index.ts';
import { type Job, localRunner, type Runner, type RunnerPlace, slurmRunner } from '../runners/index.ts';
import {
  canonicalJson,
  type Digest,
  digestOf,
  hexOf,
  ok,
  parseDuration,
  type Result,
  systemClock,
} from '../support/index.ts';
import { type CheckConfig, runnerOf, type Workspace } from '../workspace/index.ts';
import type { PlannedCheck } from './plan.ts';

/** An image where it is checked. */
export interface CheckPlace {
  registry: ImageRegistry;
  repository: string;
  digest: Digest;
}

/** What a check run is about, told to what it runs. */
export interface CheckRun {
  release: string;
  level: string;
}

export const defaultTimeout = '10m';

/** The checks of a workspace at work: where their images are, where they run, and the jobs they are. */
export class Checks {
  readonly workspace: Workspace;
  readonly run: CheckRun;
  readonly #place: RunnerPlace;
  readonly #runners = new Map<string, Runner>();

  constructor(workspace: Workspace, run: CheckRun, env: NodeJS.ProcessEnv) {
    this.workspace = workspace;
    this.run = run;
    this.#place = {
      root: workspace.root,
      env: withoutKeys(workspace, env),
      newId: () => newOperationId(systemClock()),
    };
  }

  configOf(planned: PlannedCheck): CheckConfig {
    return this.workspace.config.checks![planned.check]!;
  }

  placeOf({ released }: PlannedCheck): Result<CheckPlace> {
    return this.place(released.repository, released.digest);
  }

  /** @param where registry and repository, as records name them */
  place(where: string, digest: Digest): Result<CheckPlace> {
    const slash = where.indexOf('/');
    const registry = openRegistry(this.workspace, where.slice(0, slash));
    return registry.ok ? ok({ registry: registry.value, repository: where.slice(slash + 1), digest }) : registry;
  }

  runnerName(config: CheckConfig): string {
    return config.runner ?? (config.kind === 'container' ? 'any engine' : 'local');
  }

  runnerFor(config: CheckConfig): Runner {
    const name = this.runnerName(config);
    const known = this.#runners.get(name);
    if (known) return known;
    const runner = runnerOf(this.workspace.config, name);
    const made = runner?.kind === 'slurm' ? slurmRunner(this.#place, runner) : localRunner(this.#place);
    this.#runners.set(name, made);
    return made;
  }

  /** The environment of what is run, without what is not its own. */
  get env(): NodeJS.ProcessEnv {
    return this.#place.env;
  }

  /** How a check's job stands; undefined where jobs end with us. */
  async lookAtJob(planned: PlannedCheck): Promise<Result<'unknown' | 'waiting' | 'ended' | undefined>> {
    const config = this.configOf(planned);
    if (!runsProgram(config)) return ok(undefined);
    const runner = this.runnerFor(config);
    if (!runner.outlives) return ok(undefined);
    const job = this.jobOf(planned, config);
    return job.ok ? ok(await runner.look(job.value)) : job;
  }

  jobOf(planned: PlannedCheck, config: ProgramCheck): Result<Job> {
    const { check, image, configuration } = planned;
    const place = this.placeOf(planned);
    if (!place.ok) return place;
    const { registry, repository, digest } = place.value;
    const { release, level } = this.run;
    return ok({
      key: hexOf(digestOf(canonicalJson({ check, configuration, digest }))),
      title: `${check} of ${image}`,
      argv: config.run as [string, ...string[]],
      cwd: this.workspace.root,
      env: {
        ...config.env,
        DMREL_IMAGE: `${repositoryAt(registry.address, repository)}@${digest}`,
        DMREL_DIGEST: digest,
        ...(isLayout(registry)
          ? { DMREL_LAYOUT: resolve(this.workspace.root, registry.address.slice('layout:'.length), repository) }
          : {}),
        DMREL_RELEASE: release,
        DMREL_LEVEL: level,
      },
      timeoutSeconds: parseDuration(config.timeout ?? defaultTimeout)!,
      report: config.kind !== 'command' && config.report === undefined,
    });
  }
}

/** A check that is a program to run. */
export type ProgramCheck = Extract<CheckConfig, { kind: 'command' | 'vulnerabilities' | 'metrics' }> & {
  run: string[];
};

export const runsProgram = (config: CheckConfig): config is ProgramCheck =>
  (config.kind === 'command' || config.kind === 'vulnerabilities' || config.kind === 'metrics') &&
  config.run !== undefined;

/**
 * What is checked is not trusted yet: it is not handed the keys that its own results are signed with. A program of the same
 * user can find them all the same (docs/checks.md); a container cannot.
 */
function withoutKeys({ config }: Workspace, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const keys = Object.entries(config.trust?.keys ?? {});
  const named = keys.flatMap(([name, { signer }]) => [
    keyVariable(name),
    ...(signer && 'env' in signer ? [signer.env] : []),
    ...(signer && 'passphraseEnv' in signer && signer.passphraseEnv ? [signer.passphraseEnv] : []),
  ]);
  const hidden = Object.keys(env).filter((each) => each.startsWith('DMREL_KEY_') || named.includes(each));
  return { ...env, ...Object.fromEntries(hidden.map((each) => [each, undefined])) };
}
