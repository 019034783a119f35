import type { Document } from '../documents/index.ts';
import { canonicalJson, type Digest, didYouMean, digestOf, type Problem } from '../support/index.ts';
import type { WorkspaceConfig } from './config.ts';

/** What is asked of an image, written once under `checks:` and used by levels. */
export type CheckConfig =
  | StructureCheck
  | ContainerCheck
  | CommandCheck
  | VulnerabilitiesCheck
  | MetricsCheck
  | ImportCheck;

/** What every kind of check may say. */
export interface CheckCommon {
  /** Images it looks at; all of a level without it. */
  images?: string[];
  /** How long one try may take. */
  timeout?: string;
  /** How often it is tried again after it failed or could not run. */
  retries?: number;
  /** Where it runs: a name of `runners:`, or `local`, `docker`, `podman`, `slurm`. */
  runner?: string;
  /** Results older than that do not count. */
  fresh?: string;
  /** What it finds is told, and keeps nothing out. */
  advisory?: boolean;
  /** Features that it verifies: when it passes on the images of a release that has them. */
  verifies?: string[];
  /** Of the suite behind it: results of another version do not count. */
  version?: string;
}

export interface StructureCheck extends CheckCommon {
  kind: 'structure';
  /** Labels that must be there; null: with any text. */
  labels?: Record<string, string | null>;
  user?: string;
  entrypoint?: string[];
  present?: string[];
  absent?: string[];
  maxSize?: string;
  /** No private keys, tokens or credentials in any layer; `except` names paths that may have them, with all below. */
  noSecrets?: boolean | { except: string[] };
}

/** What a program that ran must have left. */
export interface Expectations {
  exitCode?: number;
  /** Regular expressions that its output must and must not match. */
  output?: { match?: string[]; refuse?: string[] };
  /** JUnit files, relative to the directory for results. */
  junit?: string;
}

export interface ContainerCheck extends CheckCommon, Expectations {
  kind: 'container';
  /** The command; without it, what the image itself says. */
  run?: string[];
  entrypoint?: string;
  user?: string;
  env?: Record<string, string>;
  network?: 'none' | 'bridge';
  memory?: string;
  cpus?: number;
  pids?: number;
  /** Size of /tmp. */
  tmp?: string;
  /** Directories or files of the workspace that it may read, by their path inside. */
  mounts?: Record<string, string>;
}

export interface CommandCheck extends CheckCommon, Expectations {
  kind: 'command';
  run: string[];
  env?: Record<string, string>;
}

export const severities = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'] as const;
export type Severity = (typeof severities)[number];

export interface VulnerabilitiesCheck extends CheckCommon {
  kind: 'vulnerabilities';
  /** A scanner; its report is on its standard output, unless `report` names the file it writes. */
  run?: string[];
  env?: Record<string, string>;
  /** Relative to the directory for results; without `run`, in the workspace, with {digest} for the image. */
  report?: string;
  max: Partial<Record<Severity, number>>;
}

export interface MetricsCheck extends CheckCommon {
  kind: 'metrics';
  run?: string[];
  env?: Record<string, string>;
  report?: string;
  metrics: Record<string, { min?: number; max?: number }>;
}

export interface ImportCheck extends CheckCommon {
  kind: 'import';
  /** JUnit files of the workspace that name the image they are about. */
  junit?: string;
  /** The property of a suite that holds the image's digest; `dmrel.digest` without it. */
  property?: string;
}

/** Where checks run. */
export type RunnerConfig = LocalRunner | EngineRunner | SlurmRunner;

export interface LocalRunner {
  kind: 'local';
}

export interface EngineRunner {
  kind: 'docker' | 'podman';
}

export interface SlurmRunner {
  kind: 'slurm';
  partition?: string;
  account?: string;
  qos?: string;
  /** The limit given to Slurm; without it, the check's own. */
  time?: string;
  /** More arguments of sbatch, `--name=value`. */
  args?: string[];
  /** How many images at once. */
  parallel?: number;
  /** How long a controller that does not answer is asked again. */
  patience?: string;
}

/** Runners that need no words. */
const builtInRunners: Record<string, RunnerConfig> = {
  local: { kind: 'local' },
  docker: { kind: 'docker' },
  podman: { kind: 'podman' },
  slurm: { kind: 'slurm' },
};

/** The runner of a name, if there is one. */
export function runnerOf(config: Pick<WorkspaceConfig, 'runners'>, name: string): RunnerConfig | undefined {
  if (config.runners && Object.hasOwn(config.runners, name)) return config.runners[name];
  return Object.hasOwn(builtInRunners, name) ? builtInRunners[name] : undefined;
}

/**
 * The part of a check that says what is looked for: when it changes, older results are of another suite. How often it
 * is tried, where, on which images, how long its results hold and what they verify does not change what they mean.
 */
function definitionOf(check: CheckConfig): Partial<CheckConfig> {
  const { images, retries, runner, fresh, verifies, ...definition } = check;
  return definition;
}

/** Digest of that part, as canonical JSON (RFC 8785): what results are bound to. */
export const definitionDigest = (check: CheckConfig): Digest => digestOf(canonicalJson(definitionOf(check)));

/** What a schema cannot see of `checks:` and `runners:`. */
export function checkChecks(document: Document<WorkspaceConfig>): Problem[] {
  const { checks = {} } = document.value;
  return Object.entries(checks).flatMap(([name, check]) => [
    ...runnerProblems(document, name, check),
    ...reportProblems(document, name, check),
    ...patternProblems(document, name, check),
    ...boundProblems(document, name, check),
  ]);
}

function runnerProblems(document: Document<WorkspaceConfig>, name: string, check: CheckConfig): Problem[] {
  if (check.runner === undefined) return [];
  const path = ['checks', name, 'runner'];
  const runner = runnerOf(document.value, check.runner);
  if (!runner) {
    const known = [...Object.keys(document.value.runners ?? {}), ...Object.keys(builtInRunners)];
    const hint = didYouMean(check.runner, known) ?? `define it under 'runners:', or take one of: ${known.join(', ')}`;
    const message = `there is no runner '${check.runner}'`;
    return [document.problem('unknown-name', path, message, { hint, part: 'value' })];
  }
  const fit: Record<CheckConfig['kind'], RunnerConfig['kind'][]> = {
    structure: ['local'],
    import: ['local'],
    container: ['docker', 'podman'],
    command: ['local', 'slurm'],
    vulnerabilities: ['local', 'slurm'],
    metrics: ['local', 'slurm'],
  };
  if (fit[check.kind].includes(runner.kind)) return [];
  const of = check.runner === runner.kind ? '' : `, which is ${runner.kind}`;
  const message = `a check of kind ${check.kind} cannot run on '${check.runner}'${of}`;
  const hint =
    check.kind === 'command' && runner.kind !== 'slurm'
      ? `to run a command inside the image, make it 'kind: container'`
      : `it runs on: ${fit[check.kind].join(', ')}`;
  return [document.problem('wrong-value', path, message, { hint, part: 'value' })];
}

/** A report that was made before must be known to be of this image. */
function reportProblems(document: Document<WorkspaceConfig>, name: string, check: CheckConfig): Problem[] {
  if (check.kind !== 'vulnerabilities' && check.kind !== 'metrics') return [];
  if (check.run !== undefined) return [];
  if (check.report === undefined) {
    const hint = `say 'run:' with the program that makes it, or 'report:' with the file that has it`;
    return [document.problem('missing-key', ['checks', name], `'${name}' has no report to read`, { hint })];
  }
  if (check.report.includes('{digest}')) return [];
  const hint = `put {digest} into its path, as in 'reports/{digest}.json', or make it here with 'run:'`;
  const message = 'nothing says which image the report is about';
  return [document.problem('wrong-value', ['checks', name, 'report'], message, { hint, part: 'value' })];
}

function patternProblems(document: Document<WorkspaceConfig>, name: string, check: CheckConfig): Problem[] {
  if (check.kind !== 'container' && check.kind !== 'command') return [];
  return (['match', 'refuse'] as const).flatMap((side) =>
    (check.output?.[side] ?? []).flatMap((pattern, index) => {
      try {
        new RegExp(pattern, 'u');
        return [];
      } catch (error) {
        const message = `no regular expression: ${(error as Error).message.replace(/^Invalid regular expression: /, '')}`;
        return [document.problem('wrong-value', ['checks', name, 'output', side, index], message, { part: 'value' })];
      }
    }),
  );
}

function boundProblems(document: Document<WorkspaceConfig>, name: string, check: CheckConfig): Problem[] {
  if (check.kind !== 'metrics') return [];
  return Object.entries(check.metrics).flatMap(([metric, { min, max }]) => {
    if (min === undefined || max === undefined || min <= max) return [];
    const message = `nothing is at least ${min} and at most ${max}`;
    return [document.problem('wrong-value', ['checks', name, 'metrics', metric], message)];
  });
}
