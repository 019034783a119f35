import { repositoryAt } from '../registry/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { type Digest, ok, type Problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { Draft } from './draft.ts';
import type { BuildInputs } from './inputs.ts';
import { fillFor, type KnownParent } from './variables.ts';

/** A draft with the digests of its parents filled in. */
export interface Resolved {
  args: Record<string, string>;
  inputs: BuildInputs;
}

/**
 * @param parents by the name of the image; all of them must be known
 * @param address where images are built to, as others name it
 */
export function resolveDraft(
  workspace: Workspace,
  record: ReleaseRecord,
  draft: Draft,
  parents: ReadonlyMap<string, Digest>,
  { address, buildNumber }: { address: string; buildNumber: number | undefined },
): Result<Resolved> {
  const { image, uses, platforms, engine, outside } = draft;
  const own: Record<string, KnownParent> = Object.fromEntries(
    Object.entries(image.parents).map(([called, name]) => [
      called,
      { digest: parents.get(name)!, repository: repositoryAt(address, name) },
    ]),
  );
  const { organization } = workspace.config;
  const problems: Problem[] = [];
  const args: Record<string, string> = uses.args.has('RELEASE') ? { RELEASE: record.name } : {};
  for (const [name, text] of Object.entries(image.config.args ?? {}))
    args[name] = fillFor({ organization, record, image, parents: own, buildNumber }, text, ['args', name], problems);
  if (problems.length > 0) return { ok: false, problems };
  const digests = Object.entries({ ...own, ...outside }).map(([name, { digest }]) => [name, digest]);
  return ok({
    args,
    inputs: {
      engine: engine.version,
      platforms,
      dockerfile: draft.dockerfileDigest,
      ...(image.config.target === undefined ? {} : { target: image.config.target }),
      context: draft.contextDigest,
      args,
      parents: Object.fromEntries(digests),
      products: Object.fromEntries(Object.entries(draft.products).map(([name, { commit }]) => [name, commit])),
    },
  });
}
