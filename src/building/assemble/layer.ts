import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { type ContextEntry, contentOf, wholeContentOf } from './context.ts';
import type { Owner } from './interpret.ts';

/** One entry of a layer, by absolute path in the image. */
export type LayerEntry = Owner & { mode: number } & (
    | { type: 'directory' }
    | { type: 'symlink'; target: string }
    | { type: 'file'; path: string; entry: ContextEntry & { type: 'file' } }
  );

/** The last second that a ustar header holds as tar-stream writes it. */
const lastSecond = 0x7fffffff;

/**
 * A layer as an uncompressed tar: entries sorted, one time for all, no names of users. The same entries give the same
 * bytes everywhere; gzip would not, since its output differs from one zlib to the next. Files are streamed.
 * @param created seconds since 1970
 */
export async function* packLayer(
  entries: ReadonlyMap<string, LayerEntry>,
  created: number,
): AsyncGenerator<Uint8Array> {
  const archive = pack();
  const filling = fill(archive, entries, new Date(Math.min(created, lastSecond) * 1000)).catch((error: Error) =>
    archive.destroy(error),
  );
  yield* inLargePieces(archive as AsyncIterable<Uint8Array>);
  await filling;
}

async function fill(archive: Pack, entries: ReadonlyMap<string, LayerEntry>, mtime: Date): Promise<void> {
  for (const [path, entry] of [...entries].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const { uid, gid, mode, type } = entry;
    const header = { name: path.slice(1), uid, gid, mode, mtime, type, uname: '', gname: '' };
    if (type === 'file') await addFile(archive, header, entry);
    else if (type === 'symlink') archive.entry({ ...header, linkname: entry.target });
    else archive.entry({ ...header, name: `${header.name}/` });
  }
  archive.finalize();
}

/** A small file is added whole: a stream for each of many thousand takes longer than all their bytes. */
const maxWhole = 2 ** 18;

async function addFile(
  archive: Pack,
  header: Parameters<Pack['entry']>[0],
  { path, entry }: LayerEntry & { type: 'file' },
): Promise<void> {
  if (entry.size <= maxWhole) {
    const bytes = await wholeContentOf(path, entry);
    await new Promise<void>((resolve, reject) => {
      archive.entry({ ...header, size: entry.size }, bytes, (error) => (error ? reject(error) : resolve()));
    });
    return;
  }
  const sink = archive.entry({ ...header, size: entry.size }) as unknown as NodeJS.WritableStream;
  await pipeline(Readable.from(contentOf(path, entry)), sink);
}

/** An archive comes in blocks of 512 bytes; each would be a write to the disk of its own. */
async function* inLargePieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    length += chunk.length;
    if (length < maxWhole) continue;
    yield Buffer.concat(held);
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(held);
}
