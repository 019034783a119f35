import type { Document } from '../documents/index.ts';
import { findCycles } from '../milestones/index.ts';
import type { ReleaseKind } from '../names/index.ts';
import { didYouMean, type Problem, parseDate, whyNoDate } from '../support/index.ts';
import { type CheckConfig, checkChecks, type RunnerConfig } from './checks.ts';
import type { ImageConfig, ImageDefinition } from './images.ts';
import { checkLevels, type LevelConfig, levelsBefore } from './levels.ts';
import { checkTrust, type TrustConfig } from './trust.ts';

/** dmrel.yaml as it is written; schemas/workspace.schema.json is the contract. */
export interface WorkspaceConfig {
  schema: 'dmrel/workspace/v1';
  organization: string;
  document?: { handle: string; title: string; date?: string };
  products?: {
    index: string;
    /** Directories of the workspace, or https URLs of them. */
    manifests?: string;
    eupsTags?: string;
    /** Products by group, or the file of the workspace that has them. */
    groups?: Record<string, string[]> | string;
    /** Groups whose products may be tagged; all without it. */
    allow?: string[];
    transports?: ('https' | 'http' | 'ssh' | 'git' | 'file')[];
  };
  /** Which tickets are epics: commits do not say. */
  tickets?: { epics?: string[] };
  tags?: TagsConfig;
  registries?: Record<string, string | RegistryConfig>;
  images?: Record<string, ImageConfig>;
  checks?: Record<string, CheckConfig>;
  /** Where checks run, beside `local`, `docker`, `podman` and `slurm`. */
  runners?: Record<string, RunnerConfig>;
  levels?: Record<string, LevelConfig>;
  trust?: TrustConfig;
}

/** Where images are kept, when its address is not all there is to say. */
export interface RegistryConfig {
  address: string;
  /** A file of the workspace with certificates of authorities, beside those that node knows. */
  ca?: string;
  /** Without TLS. */
  plainHttp?: boolean;
  /** Tag the parts of an index too; true without it, but for layouts. */
  keepTags?: boolean;
}

export interface TagsConfig extends Partial<Record<ReleaseKind, TagRule>> {
  weekRule?: 'iso' | 'us';
  message?: string;
  tagger?: { name: string; email: string };
  sign?: 'none' | 'ssh' | 'gpg';
  /** A file of allowed signers (ssh-keygen(1)). */
  allowedSigners?: string;
}

/** What holds for one kind of release. */
export interface TagRule {
  ref?: string[];
  require?: 'manifest' | 'ci-evidence' | 'none';
  /** A name that follows the newest. */
  alias?: string;
}

/** Everything a schema cannot see: names that must exist, orders that must not go round. */
export function checkConfig(
  document: Document<WorkspaceConfig>,
  definitions: ReadonlyMap<string, ImageDefinition>,
): Problem[] {
  const { checks = {}, levels = {}, document: plan } = document.value;
  const images = Object.fromEntries(
    [...definitions.values()].flatMap((each) => [
      [each.name, each],
      [each.family, each],
    ]),
  );
  const problems: Problem[] = [];
  const known = (
    what: string,
    names: Record<string, unknown>,
    path: (string | number)[],
    wanted: readonly string[],
  ) => {
    for (const [index, name] of wanted.entries()) {
      if (Object.hasOwn(names, name)) continue;
      const hint = didYouMean(name, Object.keys(names)) ?? `define it under '${what}s:'`;
      problems.push(document.problem('unknown-name', [...path, index], `there is no ${what} '${name}'`, { hint }));
    }
  };
  const acyclic = (
    what: string,
    section: string,
    names: Record<string, unknown>,
    edges: (name: string) => string[],
  ) => {
    for (const cycle of findCycles(Object.keys(names), edges)) {
      const around = [...cycle, cycle[0]].join(' -> ');
      problems.push(
        document.problem('name-cycle', [section, cycle[0]!], `${what} that wait for each other: ${around}`),
      );
    }
  };

  for (const [name, check] of Object.entries(checks)) {
    known('image', images, ['checks', name, 'images'], check.images ?? []);
  }
  checkLevels(document, definitions, known, problems);
  problems.push(...checkChecks(document), ...checkTrust(document));
  acyclic('levels', 'levels', levels, (name) =>
    levelsBefore(levels[name] ?? {}).levels.filter((each) => Object.hasOwn(levels, each)),
  );
  if (plan?.date !== undefined && parseDate(plan.date) === undefined) {
    const details = { part: 'value', hint: whyNoDate(plan.date) } as const;
    problems.push(document.problem('no-such-date', ['document', 'date'], `there is no day ${plan.date}`, details));
  }
  return problems;
}
