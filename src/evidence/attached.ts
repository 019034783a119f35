import { mediaTypes, type Referrer } from '../registry/index.ts';
import { type Digest, failed, ok, type Problem, parseDigest, problem, type Result, unwrap } from '../support/index.ts';
import { type Attachment, attempt, readSmallBlob } from './artifact.ts';
import { bundleType, parseBundle } from './bundle.ts';
import { type Envelope, parseJson } from './dsse.ts';

export const predicateAnnotation = 'dev.sigstore.bundle.predicateType';

/** More than an image ever has; a list that is made to have no end is no answer. */
const maxBundles = 2000;
const maxBundleBytes = 24 * 2 ** 20;

export interface AttachedBundle {
  /** Of the artifact's manifest. */
  digest: Digest;
  envelope: Envelope;
}

/**
 * The envelopes that are attached to an image as Sigstore bundles. What is damaged or in another form is reported beside
 * them with its digest as the subject, for it cannot count. Problems: `registry-io` for a list without an end, and those of the registry.
 * @param predicateType leaves out those that say they are of another kind
 */
export function readAttached(
  image: Attachment,
  predicateType?: string,
): Promise<Result<{ bundles: AttachedBundle[]; problems: Problem[] }>> {
  return attempt(async () => {
    const listed = unwrap(await image.registry.listReferrers(image.repository, image.image));
    const candidates = listed.filter((each) => mayBe(each, predicateType));
    if (candidates.length > maxBundles) {
      const message = `${image.image} has ${candidates.length} bundles attached; at most ${maxBundles} are read`;
      unwrap(failed(problem('registry-io', message, { hint: 'look who writes into that repository' })));
    }
    const bundles: AttachedBundle[] = [];
    const problems: Problem[] = [];
    for (const { digest } of candidates) {
      const found = await readBundleOf(image, digest);
      if (found.ok) bundles.push({ digest, envelope: found.value });
      else problems.push(...found.problems.map((each) => ({ ...each, subject: digest })));
    }
    return { bundles, problems };
  });
}

/** The list may leave out types and annotations; what it says is only ever used to read less. */
function mayBe({ artifactType, annotations }: Referrer, predicateType: string | undefined): boolean {
  const ofType = artifactType === undefined || artifactType === bundleType;
  const said = annotations?.[predicateAnnotation];
  return ofType && (predicateType === undefined || said === undefined || said === predicateType);
}

async function readBundleOf(image: Attachment, digest: Digest): Promise<Result<Envelope>> {
  const refuse = (why: string) =>
    failed(problem('signature-invalid', `${digest}: ${why}`, { hint: 'attach it again, or look who wrote it' }));
  const read = await image.registry.readManifest(image.repository, digest);
  if (!read.ok) return read;
  const manifest = parseJson(read.value.bytes) as { subject?: { digest?: unknown }; layers?: unknown[] } | undefined;
  if (manifest?.subject?.digest !== image.image) return refuse('it is attached to another image');
  const [layer, ...more] = Array.isArray(manifest.layers) ? (manifest.layers as { digest?: unknown }[]) : [];
  const blob = layer && more.length === 0 ? parseDigest(String(layer.digest)) : undefined;
  if (!blob || read.value.mediaType !== mediaTypes.manifest) return refuse('it does not hold one bundle');
  const bytes = await attempt(() => readSmallBlob(image, blob, maxBundleBytes));
  if (!bytes.ok) {
    const there = await attempt(() => image.registry.hasBlob(image.repository, blob));
    return there.ok && !there.value ? refuse('its bundle is gone') : bytes;
  }
  if (!bytes.value) return refuse(`its bundle has more than ${maxBundleBytes / 2 ** 20} MiB`);
  const envelope = parseBundle(parseJson(bytes.value), digest);
  return envelope.ok ? ok(envelope.value) : envelope;
}
