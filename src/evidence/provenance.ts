import type { Instant } from '../support/index.ts';
import { ownPredicates, predicateTypes, type Statement, type Subject, statementType } from './statement.ts';

/** SLSA, provenance/v1: something that went into a build. */
export interface Material {
  uri: string;
  /** Hex: `gitCommit` of a repository, `sha256` of an image. */
  digest: { gitCommit: string } | { sha256: string };
  name: string;
}

/** How images were built. */
export interface Provenance {
  /** What who started the build chose. */
  external: Record<string, unknown>;
  /** What the builder added to it. */
  internal: Record<string, unknown>;
  materials: Material[];
  /** What built it, such as `buildah`. */
  engine: { name: string; version: string };
  /** The operation in the journal. */
  invocation: string;
  startedOn: Instant;
  finishedOn: Instant;
}

/** What these external parameters mean: docs/build.md. */
export const buildType = `${ownPredicates}build/v1`;

export function provenanceStatement(subject: Subject[], provenance: Provenance): Statement {
  const { external, internal, materials, engine, invocation, startedOn, finishedOn } = provenance;
  return {
    _type: statementType,
    subject,
    predicateType: predicateTypes.provenance,
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: external,
        internalParameters: internal,
        resolvedDependencies: materials,
      },
      runDetails: {
        builder: { id: `${ownPredicates}builder/${engine.name}`, version: { [engine.name]: engine.version } },
        metadata: { invocationId: invocation, startedOn, finishedOn },
      },
    },
  };
}

/** What deciding needs of a provenance. */
export interface ReadProvenance {
  builder: string;
  /** Commits by the name of the product. */
  commits: Record<string, string>;
  /** Digests of parents by name, without `sha256:`. */
  parents: Record<string, string>;
  finishedOn: string | undefined;
}

/** Undefined for another kind, and for what is no provenance. Of any builder, not of dmrel alone. */
export function parseProvenance({ predicateType, predicate }: Statement): ReadProvenance | undefined {
  if (predicateType !== predicateTypes.provenance) return undefined;
  // biome-ignore lint/suspicious/noExplicitAny: it comes from anywhere; each step is asked for with `?.`
  const { buildDefinition, runDetails } = predicate as any;
  const builder = runDetails?.builder?.id;
  if (typeof builder !== 'string' || typeof buildDefinition?.buildType !== 'string') return undefined;
  const read: ReadProvenance = { builder, commits: {}, parents: {}, finishedOn: undefined };
  const materials: unknown[] = Array.isArray(buildDefinition.resolvedDependencies)
    ? buildDefinition.resolvedDependencies
    : [];
  for (const each of materials as Partial<Record<'name' | 'uri' | 'digest', unknown>>[]) {
    const digest = (each?.digest ?? {}) as Record<string, unknown>;
    const name = typeof each?.name === 'string' ? each.name : String(each?.uri ?? '');
    if (typeof digest.gitCommit === 'string') read.commits[name] = digest.gitCommit;
    else if (typeof digest.sha256 === 'string') read.parents[name] = digest.sha256;
  }
  if (typeof runDetails.metadata?.finishedOn === 'string') read.finishedOn = runDetails.metadata.finishedOn;
  return read;
}
