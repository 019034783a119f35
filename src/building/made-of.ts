import { judge, openTrust, predicateTypes, readAttached, readSigned, signedText } from '../evidence/index.ts';
import { readContents } from '../registry/index.ts';
import { type Digest, hexOf, unwrap } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { ImagePlace } from './engine.ts';

/** What an image says of itself in its annotations; of an index, those of the index. */
export async function annotationsOf(
  { registry, repository }: ImagePlace,
  digest: Digest,
): Promise<Record<string, string>> {
  const manifest = unwrap(await registry.readManifest(repository, digest));
  return unwrap(readContents(manifest.bytes, digest, manifest.mediaType)).annotations;
}

/**
 * Whether a builder whom the workspace trusts says that an image was made of these inputs: whoever may write into a
 * registry can give any image any tag, and any annotation. True where nobody is trusted, for nothing is signed then.
 */
export async function isVouchedFor(
  workspace: Workspace,
  place: ImagePlace,
  digest: Digest,
  inputs: Digest,
): Promise<boolean> {
  const trust = unwrap(await openTrust(workspace));
  if (!trust) return true;
  const { bundles } = unwrap(await readAttached({ ...place, image: digest }, predicateTypes.provenance));
  for (const { digest: bundle, envelope } of bundles) {
    const read = await readSigned(Buffer.from(signedText(envelope)), bundle, trust);
    if (!read.ok || judge({ ...read.value, file: bundle, digest: bundle }, trust)) continue;
    const { subject, predicateType, predicate } = read.value.statement;
    const said = (predicate as { buildDefinition?: { internalParameters?: { inputs?: unknown } } }).buildDefinition;
    const isOfIt = subject.some((each) => each.digest.sha256 === hexOf(digest));
    if (predicateType === predicateTypes.provenance && isOfIt && said?.internalParameters?.inputs === inputs)
      return true;
  }
  return false;
}
