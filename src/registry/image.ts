import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { type Digest, Failure, failed, ok, parseDigest, problem, type Result, unwrap } from '../support/index.ts';
import { parseManifest } from './manifest.ts';
import { type Descriptor, type ImageRegistry, maxManifestBytes } from './registry.ts';

export interface Image {
  config: unknown;
  /** Where the configuration is kept. */
  configuration: Descriptor;
  layers: Descriptor[];
  /** Bytes of the layers and the configuration, as they are kept. */
  size: number;
}

export interface ImageFile {
  type: 'file' | 'directory' | 'link' | 'other';
  size: number;
  mode: number;
  /** Of a symbolic link; a hard link has none, and is the file itself. */
  target?: string;
}

/** Some six times what the LSST stack has; a bound for an archive made to fill the memory. */
const maxFiles = 3_000_000;

/** No system lets a path be longer (PATH_MAX). */
const maxTarget = 4096;

/** The configuration and layers of a single-platform image. */
export async function readImage(registry: ImageRegistry, repository: string, digest: Digest): Promise<Result<Image>> {
  try {
    const manifest = unwrap(parseManifest(unwrap(await registry.readManifest(repository, digest)).bytes, digest));
    const config = manifest.config as Descriptor | undefined;
    const layers = manifest.layers as Descriptor[];
    if (!Array.isArray(layers) || !config || ![config, ...layers].every(isDescriptor)) {
      return failed(problem('registry-io', `${repository}@${digest} is no image of one platform`));
    }
    const read = await readConfiguration(registry, repository, config.digest);
    if (!read.ok) {
      const what = `the configuration of ${repository}@${digest}`;
      return failed(...read.problems.map((each) => ({ ...each, message: `${what}: ${each.message}` })));
    }
    const { value, length } = read.value;
    const size = layers.reduce((sum, layer) => sum + layer.size, 0) + length;
    return ok({ config: value, configuration: { ...config, size: length }, layers, size });
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}

async function readConfiguration(
  registry: ImageRegistry,
  repository: string,
  digest: Digest,
): Promise<Result<{ value: unknown; length: number }>> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of registry.readBlob(repository, digest)) {
      length += chunk.length;
      if (length > maxManifestBytes) return failed(problem('registry-io', `${digest} is too large`));
      parts.push(chunk);
    }
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
  const parsed = parseManifest(Buffer.concat(parts), digest);
  if (parsed.ok) return ok({ value: parsed.value, length });
  // Its digest is right: a copy of the image would be no better.
  return failed(problem('registry-io', `${digest} is no JSON object`, { hint: 'build the image again' }));
}

const isDescriptor = (each: Descriptor | null): boolean =>
  parseDigest(String(each?.digest)) !== undefined && Number.isSafeInteger(each?.size);

/** One layer: what it adds, and what of the layers below it takes away (image-spec, layer.md, "Whiteouts"). */
interface LayerChange {
  added: Map<string, ImageFile>;
  removed: Set<string>;
  /** Directories of which nothing below shows through. */
  opaque: Set<string>;
}

/** Every path of an image's file system, absolute: its layers in order. Each is read once, and no content kept. */
export async function listImageFiles(
  registry: ImageRegistry,
  repository: string,
  digest: Digest,
): Promise<Result<Map<string, ImageFile>>> {
  const image = await readImage(registry, repository, digest);
  if (!image.ok) return image;
  const files = new Map<string, ImageFile>();
  for (const layer of image.value.layers) {
    try {
      applyLayer(files, await readLayer(registry.readBlob(repository, layer.digest), /gzip$/.test(layer.mediaType)));
    } catch (error) {
      if (error instanceof Failure) return failed(...error.problems);
      return failed(problem('registry-io', `layer ${layer.digest} cannot be read: ${(error as Error).message}`));
    }
  }
  return ok(files);
}

async function readLayer(content: AsyncIterable<Buffer>, zipped: boolean): Promise<LayerChange> {
  const change: LayerChange = { added: new Map(), removed: new Set(), opaque: new Set() };
  await extractLayer(content, zipped, async (header, body) => {
    body.resume();
    return note(change, header);
  });
  return change;
}

/** Every entry of a layer, in the order of its archive. What is not read of an entry is passed over; a refusal ends it. */
async function extractLayer(
  content: AsyncIterable<Buffer>,
  zipped: boolean,
  visit: (header: Header, body: NodeJS.EventEmitter & { resume(): unknown }) => Promise<Error | undefined>,
): Promise<void> {
  const archive = extract();
  archive.on('entry', (header, body, next) => {
    const ended = new Promise<void>((end) => body.on('end', end));
    visit(header, body).then(
      async (refusal) => {
        body.resume();
        await ended;
        next(refusal);
      },
      (error) => next(error),
    );
  });
  if (zipped) await pipeline(Readable.from(content), createGunzip(), archive);
  else await pipeline(Readable.from(content), archive);
}

/**
 * The beginning of every regular file of every layer, also of those that a later layer takes away: they are there for
 * whoever pulls the image. One file at a time is held.
 * @param limit bytes of each file
 */
export async function readLayerFiles(
  registry: ImageRegistry,
  repository: string,
  layers: readonly Descriptor[],
  limit: number,
  visit: (path: string, beginning: Buffer) => void,
): Promise<Result<void>> {
  for (const layer of layers) {
    let files = 0;
    try {
      await extractLayer(
        registry.readBlob(repository, layer.digest),
        /gzip$/.test(layer.mediaType),
        async (header, body) => {
          if (header.type !== 'file') return undefined;
          files += 1;
          if (files > maxFiles) return new Error(`more than ${maxFiles} files`);
          const chunks: Buffer[] = [];
          let length = 0;
          body.on('data', (chunk: Buffer) => {
            if (length < limit) chunks.push(chunk.subarray(0, limit - length));
            length += chunk.length;
          });
          await new Promise<void>((end) => body.on('end', end));
          visit(`/${header.name.replace(/^(?:\.?\/)+/, '')}`, Buffer.concat(chunks));
          return undefined;
        },
      );
    } catch (error) {
      if (error instanceof Failure) return failed(...error.problems);
      return failed(problem('registry-io', `layer ${layer.digest} cannot be read: ${(error as Error).message}`));
    }
  }
  return ok(undefined);
}

function note(change: LayerChange, { name: path, type, size = 0, mode = 0, linkname }: Header): Error | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return new Error(`'${path}' leads out of the image`);
  const name = parts.pop();
  if (name === undefined) return undefined; // the root itself
  const folder = parts.map((part) => `/${part}`).join('');
  if (name === '.wh..wh..opq') change.opaque.add(folder);
  else if (name.startsWith('.wh.')) change.removed.add(`${folder}/${name.slice('.wh.'.length)}`);
  else {
    const kind = type === 'file' || type === 'directory' ? type : /link$/.test(type ?? '') ? 'link' : 'other';
    const target = type === 'symlink' && linkname && linkname.length <= maxTarget ? { target: linkname } : {};
    change.added.set(`${folder}/${name}`, { type: kind, size, mode: mode & 0o7777, ...target });
  }
  return change.added.size > maxFiles ? new Error(`more than ${maxFiles} files`) : undefined;
}

/** Whiteouts hide what lies below, never what the same layer adds, wherever in the archive they stand. */
function applyLayer(files: Map<string, ImageFile>, { added, removed, opaque }: LayerChange): void {
  for (const path of files.keys()) {
    const hidden =
      removed.has(path) ||
      ancestors(path).some((each) => {
        const over = added.get(each);
        return removed.has(each) || opaque.has(each) || (over !== undefined && over.type !== 'directory');
      });
    if (hidden) files.delete(path);
  }
  for (const [path, file] of added) {
    for (const each of ancestors(path)) {
      if (each !== '' && !files.has(each) && !added.has(each)) {
        files.set(each, { type: 'directory', size: 0, mode: 0o755 });
      }
    }
    files.set(path, file);
  }
}

/** `/a/b/c` -> '', `/a`, `/a/b`. */
function ancestors(path: string): string[] {
  const found: string[] = [];
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) found.push(path.slice(0, end));
  return found;
}
