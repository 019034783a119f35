import { isLayout, mediaTypes, type Place, type Referrer, repositoryAt } from '../registry/index.ts';
import { type Digest, failed, type Problem, parseDigest, problem, type Result, unwrap } from '../support/index.ts';
import { type Attachment, attempt, readSmallBlob } from './artifact.ts';
import { bundleType, parseBundle } from './bundle.ts';
import { type Envelope, parseJson } from './dsse.ts';
import { maxStatementBytes, predicateTypes } from './statement.ts';

export const predicateAnnotation = 'dev.sigstore.bundle.predicateType';

/** More than an image ever has; a list that is made to have no end is no answer. */
const maxBundles = 2000;
/** What stands around a statement in a bundle has less than this. */
const bundleOverhead = 2 ** 12;
export const maxBundleBytes = maxStatementBytes + bundleOverhead;
/** Those that are looked for by who wants to know whether an image stands at a level have kilobytes. */
const maxSmallBundleBytes = 2 ** 20;
const smallTypes: readonly string[] = [predicateTypes.verificationSummary, predicateTypes.signature];

export interface AttachedBundle {
  /** Of the artifact's manifest. */
  digest: Digest;
  envelope: Envelope;
}

export interface AttachedBundles {
  bundles: AttachedBundle[];
  /** How many more there are, which were not wanted. */
  others: number;
  problems: Problem[];
}

/**
 * The envelopes that are attached to an image as Sigstore bundles. What is damaged or in another form is reported beside
 * them with its digest as the subject, for it cannot count. Problems: `registry-io` for a list without an end, and those of the registry.
 * @param predicateType leaves out those that say they are of another kind
 * @param isWanted asked of each as it is read: what is not wanted is not held, for anybody may attach as much as they like
 */
export function readAttached(
  image: Attachment,
  predicateType?: string,
  isWanted: (envelope: Envelope) => boolean = () => true,
): Promise<Result<AttachedBundles>> {
  return attempt(async () => {
    const listed = unwrap(await image.registry.listReferrers(image.repository, image.image));
    const candidates = listed.filter((each) => mayBe(each, predicateType));
    if (candidates.length > maxBundles) {
      const message = `${image.image} has ${candidates.length} bundles attached; at most ${maxBundles} are read`;
      unwrap(failed(problem('registry-io', message, { hint: 'look who writes into that repository' })));
    }
    const limit = smallTypes.includes(predicateType ?? '') ? maxSmallBundleBytes : maxBundleBytes;
    const attached: AttachedBundles = { bundles: [], others: 0, problems: [] };
    for (const { digest } of candidates) {
      const found = await readBundleOf(image, digest, limit);
      if (!found.ok) attached.problems.push(...found.problems.map((each) => ({ ...each, subject: digest })));
      else if (isWanted(found.value)) attached.bundles.push({ digest, envelope: found.value });
      else attached.others += 1;
    }
    return attached;
  });
}

/** The list may leave out types and annotations; what it says is only ever used to read less. */
function mayBe({ artifactType, annotations }: Referrer, predicateType: string | undefined): boolean {
  const ofType = artifactType === undefined || artifactType === bundleType;
  const said = annotations?.[predicateAnnotation];
  return ofType && (predicateType === undefined || said === undefined || said === predicateType);
}

/** How what is attached is taken away: dmrel deletes nothing that others wrote. */
export function removalHint({ registry, repository }: Place, digest: Digest): string {
  const place = isLayout(registry)
    ? `--oci-layout ${registry.address.slice('layout:'.length)}/${repository}`
    : repositoryAt(registry.address, repository);
  return `look who wrote it, and take it away, also where the image was copied from: oras manifest delete ${place}@${digest}`;
}

async function readBundleOf(image: Attachment, digest: Digest, limit: number): Promise<Result<Envelope>> {
  const name = `${image.repository}@${digest}`;
  const hint = removalHint(image, digest);
  const refuse = (why: string) =>
    failed(problem('signature-invalid', `${name}, attached to the image: ${why}`, { hint }));
  const read = await image.registry.readManifest(image.repository, digest);
  if (!read.ok) return read;
  const manifest = parseJson(read.value.bytes) as { subject?: { digest?: unknown }; layers?: unknown[] } | undefined;
  if (manifest?.subject?.digest !== image.image) return refuse('it is attached to another image');
  const [layer, ...more] = Array.isArray(manifest.layers) ? (manifest.layers as { digest?: unknown }[]) : [];
  const blob = layer && more.length === 0 ? parseDigest(String(layer.digest)) : undefined;
  if (!blob || read.value.mediaType !== mediaTypes.manifest) return refuse('it does not hold one bundle');
  const bytes = await attempt(() => readSmallBlob(image, blob, limit));
  if (!bytes.ok) {
    const there = await attempt(() => image.registry.hasBlob(image.repository, blob));
    return there.ok && !there.value ? refuse('its bundle is gone') : bytes;
  }
  if (!bytes.value) return refuse(`its bundle has more than ${Math.floor(limit / 2 ** 20)} MiB`);
  const envelope = parseBundle(parseJson(bytes.value), name);
  return envelope.ok ? envelope : failed(...envelope.problems.map((each) => ({ ...each, hint })));
}
