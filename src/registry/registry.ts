import type { Digest, Result } from '../support/index.ts';

/** OCI image-spec, descriptor.md. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
}

/** A manifest that says of itself that it belongs to another: a signature, a list of what is inside. */
export type Referrer = Descriptor & { artifactType?: string; annotations?: Record<string, string> };

/** Content to be kept. A function can be called again, for an upload that has to begin anew. */
export type BlobSource = AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

export interface Manifest {
  mediaType: string;
  bytes: Buffer;
}

export interface TaggedManifest extends Manifest {
  digest: Digest;
}

/**
 * Where images are kept. Everything but a tag is named by digest, and every byte is compared with it.
 * A name outside its grammar is thrown as a `Failure`: none should come this far.
 */
export interface ImageRegistry {
  /** As references begin: `layout:DIR`, `registry.example.org/batch`. */
  address: string;
  /** When it is a part of another one: content of its other parts needs no moving. */
  origin?: { registry: ImageRegistry; prefix: string };
  resolve(repository: string, tag: string): Promise<Digest | undefined>;
  /** The same asked anew, where answers are remembered. */
  resolveAnew?(repository: string, tag: string): Promise<Digest | undefined>;
  /** What a tag names with its content, where that takes no longer. */
  readTagged?(repository: string, tag: string): Promise<TaggedManifest | undefined>;
  listTags(repository: string): Promise<{ tag: string; digest: Digest }[]>;
  /** Without the digests, which may cost a request each. */
  listTagNames(repository: string): Promise<string[]>;
  /** What other programs keep there under names that are no tags, or under none at all; nothing where only tags name. */
  listOtherNames?: ((repository: string) => Promise<{ digest: Digest; name: string | undefined }[]>) | undefined;
  hasManifest(repository: string, digest: Digest): Promise<boolean>;
  readManifest(repository: string, digest: Digest): Promise<Result<Manifest>>;
  /** @param size when known: content of another length is damaged, and not there */
  hasBlob(repository: string, digest: Digest, size?: number): Promise<boolean>;
  /** The content in chunks; the last one comes only when the whole has the digest, else it throws a `Failure`. */
  readBlob(repository: string, digest: Digest): AsyncIterable<Buffer>;
  /**
   * Keep content; refused when it is not that of the digest and size expected.
   * @param checked who reads it answers for that digest, as `readBlob` does: its bytes need not be hashed once more
   */
  writeBlob(
    repository: string,
    content: BlobSource,
    expected?: Digest,
    size?: number,
    checked?: 'checked',
  ): Promise<Result<Omit<Descriptor, 'mediaType'>>>;
  /** Let a repository have what another one of this registry has, without moving it; false when that cannot be done. */
  mountBlob(repository: string, digest: Digest, fromRepository: string): Promise<boolean>;
  /** Everything it names must be there. */
  writeManifest(repository: string, manifest: Manifest): Promise<Result<Digest>>;
  /** The same under a tag at once, where that is one step; whether the tag names it is for the caller to look. */
  writeTagged?: ((repository: string, manifest: Manifest, tag: string) => Promise<Result<Digest>>) | undefined;
  /**
   * Manifests whose `subject` is this one (distribution-spec, "Listing Referrers"); those that tags follow instead are not among them.
   * @param tagNames the repository's, where they are asked for: a tag in the place of the list is then not looked for in vain
   */
  listReferrers(repository: string, digest: Digest, tagNames?: TagNames): Promise<Result<Referrer[]>>;
  /** With all its tags. Other manifests stay, whatever they name or are named by; content that none of them names goes. */
  deleteManifest(repository: string, digest: Digest): Promise<Result<void>>;
  /** Let a tag name a manifest that is there already, and look whether it does. */
  tag(repository: string, tag: string, digest: Digest): Promise<Result<void>>;
}

/** Tags of a repository, or the question for them. */
export type TagNames = ReadonlySet<string> | Promise<ReadonlySet<string>>;

export const maxManifestBytes = 4 * 2 ** 20;

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const;
