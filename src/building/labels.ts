import type { Repository } from '../git/index.ts';
import { repositoryAt } from '../registry/index.ts';
import type { Digest } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { isAsCommitted, isOfOneProduct, pathsOf } from './as-committed.ts';
import type { Draft } from './draft.ts';
import type { BuildParents } from './engine.ts';
import type { BuildRun } from './steps.ts';

/** Where what is built comes from: a repository and a commit of it. */
export interface Origin {
  source?: string;
  revision?: string;
}

/**
 * The repository of the workspace, and the last commit that touched an image's files: not the newest, which any record makes. None
 * where they are not in git as they are.
 */
export async function originOf(workspace: Workspace, repository: Repository, draft: Draft): Promise<Origin> {
  const [product] = Object.values(draft.products);
  if (product && isOfOneProduct(draft)) return { source: product.url, revision: product.commit };
  const source = await repository.remoteUrl();
  const revision = (await isAsCommitted(workspace, repository, draft))
    ? await repository.lastCommitOf(pathsOf(workspace, draft))
    : undefined;
  return { ...(source === undefined ? {} : { source }), ...(revision === undefined ? {} : { revision }) };
}

/**
 * What an image says of itself, in its labels and in the annotations of its manifest (image-spec, annotations.md). Set when
 * it is built, for later would change its digest: the release is the one that it was built for.
 * @param base what the Dockerfile calls the parent that it is built on
 */
export function labelsOf(
  { workspace, record, madeAt }: Pick<BuildRun, 'workspace' | 'record' | 'madeAt'>,
  draft: Draft,
  {
    inputs,
    origin,
    parents,
    base,
  }: { inputs: Digest; origin: Origin; parents: BuildParents; base: string | undefined },
): Record<string, string> {
  const parent = base === undefined ? undefined : parents[base];
  return {
    'org.opencontainers.image.created': madeAt,
    'org.opencontainers.image.title': draft.image.name,
    'org.opencontainers.image.vendor': workspace.config.organization,
    'org.opencontainers.image.version': record.name,
    ...(origin.source === undefined ? {} : { 'org.opencontainers.image.source': origin.source }),
    ...(origin.revision === undefined ? {} : { 'org.opencontainers.image.revision': origin.revision }),
    ...(parent === undefined
      ? {}
      : {
          'org.opencontainers.image.base.name': repositoryAt(parent.registry.address, parent.repository),
          'org.opencontainers.image.base.digest': parent.digest,
        }),
    'org.lsst.dmrel.content-id': record.source.contentId,
    'org.lsst.dmrel.inputs': inputs,
    'org.lsst.dmrel.release': record.name,
  };
}
