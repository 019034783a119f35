import { chunks, type Descriptor, type ImageRegistry, mediaTypes } from '../registry/index.ts';
import { type Digest, digestOf, Failure, failed, ok, type Result, unwrap } from '../support/index.ts';

/** An image that something is attached to. What is done here throws a `Failure`, which `attempt` makes a value. */
export interface Attachment {
  registry: ImageRegistry;
  repository: string;
  image: Digest;
}

/** image-spec, "Guidelines for Artifact Usage": the configuration of what needs none. */
const emptyType = 'application/vnd.oci.empty.v1+json';

export const putEmptyConfig = (to: Attachment): Promise<Descriptor> => putBlob(to, emptyType, '{}');

/** Content must be in a registry before the manifest that names it. */
export async function putBlob({ registry, repository }: Attachment, mediaType: string, text: string) {
  const bytes = Buffer.from(text, 'utf8');
  const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  if (!(await registry.hasBlob(repository, descriptor.digest, descriptor.size)))
    unwrap(await registry.writeBlob(repository, () => chunks(bytes), descriptor.digest, descriptor.size));
  return descriptor;
}

/** Equal manifests are equal bytes: written again, nothing is new. */
export async function putManifest({ registry, repository }: Attachment, fields: Record<string, unknown>) {
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, ...fields };
  const bytes = Buffer.from(JSON.stringify(manifest), 'utf8');
  return unwrap(await registry.writeManifest(repository, { mediaType: mediaTypes.manifest, bytes }));
}

/** A small piece of content; undefined when it is larger than `limit` bytes. */
export async function readSmallBlob({ registry, repository }: Attachment, digest: Digest, limit: number) {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of registry.readBlob(repository, digest)) {
    size += part.length;
    if (size > limit) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export async function attempt<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work());
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}
