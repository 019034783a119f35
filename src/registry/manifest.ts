import { type Digest, failed, ok, parseDigest, problem, type Result } from '../support/index.ts';
import { mediaTypes } from './registry.ts';

/** The fields of a manifest or an index, none of them checked yet. Problem: `registry-io` for what is no JSON object. */
export function parseManifest(bytes: Uint8Array, digest: Digest): Result<Record<string, unknown>> {
  const value = readJson(bytes);
  if (value !== undefined) return ok(value);
  return failed(problem('registry-io', `${digest} is no manifest`, { hint: 'build or copy the image again' }));
}

function readJson(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether content is a manifest or an index of any schema, known or not: what is in it is for others to judge. */
export function isManifest(bytes: Uint8Array): boolean {
  const { schemaVersion, mediaType } = readJson(bytes) ?? {};
  return Number.isInteger(schemaVersion) || (typeof mediaType === 'string' && isManifestType(mediaType));
}

/** Also as who keeps manifests as files may have it. */
export const isManifestType = (type: string): boolean =>
  /^application\/(?:[^\s/]+\+json|json|octet-stream)$/i.test(type);

/** What a manifest names: by digest, so that nothing of it can be another thing. */
export interface Named {
  digest: Digest;
  mediaType: string;
  size?: number;
  /** linux/arm64/v8; of the children of an index. */
  platform?: string;
  annotations?: Record<string, string>;
}

export const isIndex = (mediaType: string): boolean =>
  mediaType === mediaTypes.index || mediaType === mediaTypes.dockerIndex;

/** A manifest as far as it matters to who keeps it, moves it or takes it away. */
export interface Contents {
  mediaType: string;
  /** Of an index. */
  children: Named[];
  /** Configuration and layers; layers that are kept elsewhere, by URL, are not content of a registry. */
  blobs: Named[];
  /** The manifest that this one belongs to. */
  subject?: Named;
  artifactType?: string;
  annotations: Record<string, string>;
}

/**
 * Problem: `registry-io`, for what is no manifest, for what two programs would read as two things (CVE-2021-41190), and
 * for what names something without a sha256 digest.
 * @param kept what the registry says it is
 */
export function readContents(bytes: Uint8Array, digest: Digest, kept = mediaTypeOf(bytes)): Result<Contents> {
  const parsed = parseManifest(bytes, digest);
  if (!parsed.ok) return parsed;
  const { schemaVersion, mediaType, manifests, config, layers, blobs, subject, artifactType, annotations } =
    parsed.value;
  if (schemaVersion === 1) return failed(problem('registry-io', `${digest} is of schema 1`, { hint: oldForm }));
  const hasChildren = isIndex(kept);
  const otherParts = hasChildren ? [layers, config] : [manifests];
  const two = (typeof mediaType === 'string' && mediaType !== kept) || otherParts.some((part) => part !== undefined);
  if (two)
    return failed(problem('registry-io', `${digest} is two things at once, by its own words and its media type`));
  const artifact = Array.isArray(blobs) ? blobs : []; // application/vnd.oci.artifact.manifest.v1+json
  const content = [...inRegistry(layers), ...artifact];
  const named = hasChildren ? namedIn(manifests) : namedIn(config ? [config, ...content] : content);
  const belongsTo = subject === undefined || subject === null ? [] : namedIn([subject]);
  if (!named || !belongsTo) {
    return failed(problem('registry-io', `${digest} names something without a sha256 digest and a size`));
  }
  const type =
    typeof artifactType === 'string' ? artifactType : (config as { mediaType?: unknown } | undefined)?.mediaType;
  return ok({
    mediaType: kept,
    children: hasChildren ? named : [],
    blobs: hasChildren ? [] : named,
    ...(belongsTo[0] ? { subject: belongsTo[0] } : {}),
    ...(typeof type === 'string' ? { artifactType: type } : {}),
    annotations: texts(annotations),
  });
}

const oldForm = 'docker 1.10 and later make schema 2; pull it with one and push it again';

/** Layers; those that may be had elsewhere, by URL, are not in the registry. Of nothing else does a URL say that. */
const inRegistry = (layers: unknown): unknown[] =>
  Array.isArray(layers) ? layers.filter((each) => !Array.isArray(each?.urls) || each.urls.length === 0) : [];

/** Undefined when one of them is none. */
function namedIn(list: unknown): Named[] | undefined {
  if (!Array.isArray(list)) return [];
  const found: Named[] = [];
  for (const each of list as Record<string, unknown>[]) {
    const digest = each && parseDigest(String(each.digest));
    if (!digest || (each.size !== undefined && !isSize(each.size))) return undefined;
    const { os, architecture, variant } = (each.platform ?? {}) as Record<string, unknown>;
    const platform = [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/');
    found.push({
      digest,
      mediaType: typeof each.mediaType === 'string' ? each.mediaType : 'application/octet-stream',
      ...(isSize(each.size) ? { size: each.size } : {}),
      ...(platform ? { platform } : {}),
      ...(each.annotations ? { annotations: texts(each.annotations) } : {}),
    });
  }
  return found;
}

const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && (size as number) >= 0;

function texts(map: unknown): Record<string, string> {
  if (map === null || typeof map !== 'object' || Array.isArray(map)) return {};
  return Object.fromEntries(
    Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** What a manifest says it is; where it does not, what it must be. */
export function mediaTypeOf(bytes: Uint8Array): string {
  const { mediaType, manifests, layers, config } = readJson(bytes) ?? {};
  if (typeof mediaType === 'string') return mediaType;
  if (Array.isArray(manifests)) return mediaTypes.index;
  return Array.isArray(layers) || config ? mediaTypes.manifest : 'application/octet-stream';
}
