import { type Digest, hexOf, parseDigest } from '../support/index.ts';

/**
 * What is kept beside an image and belongs to it. Two forms: manifests that name it as their `subject`, and manifests under
 * a tag that is made from its digest (cosign's, older than subjects).
 */
const suffixes = ['sig', 'att', 'sbom'] as const;

export const sidecarTags = (digest: Digest): string[] => suffixes.map((suffix) => `sha256-${hexOf(digest)}.${suffix}`);

/** The tag of the list of referrers where a registry keeps none (distribution-spec, "Referrers Tag Schema"). */
export const referrersTag = (subject: Digest): string => `sha256-${hexOf(subject)}`;

/** The digest that a tag belongs to: cosign's, and lists of referrers where a registry keeps none (`sha256-HEX`). */
export function subjectOfTag(tag: string): Digest | undefined {
  const [, hex] = /^sha256-([0-9a-f]{64})(?:\.[a-z]{1,20})?$/.exec(tag) ?? [];
  return hex === undefined ? undefined : parseDigest(`sha256:${hex}`);
}

/**
 * A tag for a manifest that has none of its own, such as the image of one platform: the garbage collection of docker's
 * registry (--delete-untagged) takes those away, though a tagged index names them.
 */
export const keepTag = (digest: Digest): string => `keep-${hexOf(digest).slice(0, 24)}`;

const isKeepTag = (tag: string): boolean => /^keep-[0-9a-f]{24}$/.test(tag);

/** A tag that an image is found by when something is to be built of the same: made of the digest of all that went into it. */
export const inputsTag = (inputs: Digest): string => `inputs-${hexOf(inputs)}`;

/** A tag that is brought, or made, with the image that it belongs to. */
export const comesAlong = (tag: string): boolean => {
  const subject = subjectOfTag(tag);
  if (subject === undefined) return isKeepTag(tag);
  return tag === referrersTag(subject) || sidecarTags(subject).includes(tag);
};

/** A tag that programs make for programs. */
export const isTechnicalTag = (tag: string): boolean =>
  isKeepTag(tag) || /^inputs-[0-9a-f]{64}$/.test(tag) || subjectOfTag(tag) !== undefined;
