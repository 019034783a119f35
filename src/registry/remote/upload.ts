import { createHash } from 'node:crypto';
import { type Digest, Failure } from '../../support/index.ts';
import type { BlobSource } from '../registry.ts';
import { hasBlob } from './blobs.ts';
import { contentDigest, mismatch } from './digests.ts';
import type { Reply, Session } from './session.ts';
import { retold, Trouble } from './trouble.ts';

export interface Upload {
  repository: string;
  expected: Digest | undefined;
  size: number | undefined;
  /** The reader of its content answers for the digest. */
  checked?: 'checked' | undefined;
}

interface Written {
  digest: Digest;
  size: number;
}

const usualChunkBytes = 16 * 2 ** 20;
const maxDamages = 2;

/**
 * Keep content. A fault in the middle begins it again, when the source can be read again: registries do not reliably go on
 * with an upload that was cut.
 */
export async function uploadBlob(session: Session, source: BlobSource, upload: Upload): Promise<Written> {
  const content = new Content(source, upload.checked === undefined ? undefined : upload.expected);
  let damages = 0;
  let renewed = false;
  return session.retrying(
    async (attempt) => {
      const { repository, expected, size } = upload;
      try {
        // What was cut after its last byte is there.
        if (attempt > 1 && expected !== undefined && (await hasBlob(session, repository, expected, size)))
          return { digest: expected, size: size ?? content.size };
        return await uploadOnce(session, content, upload);
      } catch (error) {
        const damaged = error instanceof Failure && error.problems[0]?.code === 'digest-mismatch';
        if (damaged && content.again && damages++ < maxDamages) throw new Trouble(error.problems[0]!, { again: true });
        if (!(error instanceof Trouble)) throw error;
        const { again, status, ...details } = error.details;
        if (status === 401 && renewed) throw await session.denied({ repository, access: 'pull,push' }, noReply);
        renewed ||= status === 401;
        if (again && expected !== undefined && !content.again && (await hasBlob(session, repository, expected, size)))
          return { digest: expected, size: size ?? content.size };
        throw retold(error, { ...details, again: again === true && content.again });
      }
    },
    { seconds: session.limits.transferSeconds },
  );
}

const noReply: Reply = { status: 401, headers: {}, url: new URL('http://localhost'), bytes: Buffer.alloc(0) };

/** What is to be kept, and whether it can be read from its beginning (still, or again). */
class Content {
  readonly #source: BlobSource;
  #begun = false;
  readonly #checked: Digest | undefined;
  /** Bytes of the last reading. */
  size = 0;

  constructor(source: BlobSource, checked: Digest | undefined) {
    this.#source = source;
    this.#checked = checked;
  }
  get again(): boolean {
    return typeof this.#source === 'function' || !this.#begun;
  }
  /** The last chunk comes only when all is as expected, so that a server never gets the whole of something else. */
  async *read(
    wanted: { digest?: Digest | undefined; size?: number | undefined },
    where: string,
  ): AsyncGenerator<Uint8Array> {
    this.#begun = true;
    this.size = 0;
    const hash = this.#checked === undefined ? createHash('sha256') : undefined;
    let held: Uint8Array | undefined;
    for await (const chunk of typeof this.#source === 'function' ? this.#source() : this.#source) {
      if (chunk.length === 0) continue;
      if (held) yield held;
      hash?.update(chunk);
      this.size += chunk.length;
      held = chunk;
      if (wanted.size !== undefined && this.size > wanted.size) break;
    }
    this.digest = this.#checked ?? (`sha256:${hash!.digest('hex')}` as Digest);
    const right = wanted.size === undefined || wanted.size === this.size;
    if (wanted.digest !== undefined && (!right || this.digest !== wanted.digest))
      throw new Failure(mismatch(`what came for ${where}`, wanted.digest).problem);
    if (held) yield held;
  }
  digest: Digest | undefined;
}

async function uploadOnce(session: Session, content: Content, upload: Upload): Promise<Written> {
  const { repository, expected, size } = upload;
  const request = { repository, access: 'pull,push' as const };
  const begun = await session.askOnce({ ...request, method: 'POST', to: 'blobs/uploads/' });
  if (begun.status !== 202) throw session.refused(begun, repository, '', 'look whether images may be written there');
  let location = await session.location(begun);
  try {
    const where = session.display(repository, '');
    const source = content.read({ digest: expected, size }, where);
    if (!session.chunked && expected !== undefined && size !== undefined) {
      const put = await session.upload({ ...request, method: 'PUT', to: withDigest(location, expected) }, source, size);
      return written(session, put, upload, { digest: expected, size });
    }
    const send = session.chunked ? sendChunks : sendStream;
    location = await send(session, repository, location, source);
    const done: Written = { digest: content.digest!, size: content.size };
    const put = await session.askOnce({
      ...request,
      method: 'PUT',
      to: withDigest(location, done.digest),
      body: Buffer.alloc(0),
    });
    return written(session, put, upload, done);
  } catch (error) {
    await cancelUpload(session, repository, location);
    throw error;
  }
}

/** docker's way when the length is not known: one PATCH, as long as it takes. */
async function sendStream(
  session: Session,
  repository: string,
  to: URL,
  source: AsyncIterable<Uint8Array>,
): Promise<URL> {
  const reply = await session.upload({ method: 'PATCH', to, repository, access: 'pull,push' }, source);
  return nextLocation(session, reply, repository, to);
}

/** distribution-spec, "Pushing a blob in chunks". */
async function sendChunks(
  session: Session,
  repository: string,
  to: URL,
  source: AsyncIterable<Uint8Array>,
): Promise<URL> {
  const chunkBytes = session.options.chunkBytes ?? usualChunkBytes;
  let location = to;
  let start = 0;
  for await (const body of inPieces(source, chunkBytes)) {
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Range': `${start}-${start + body.length - 1}`,
    };
    const reply = await session.askOnce({
      method: 'PATCH',
      to: location,
      repository,
      access: 'pull,push',
      headers,
      body,
    });
    location = await nextLocation(session, reply, repository, location);
    start += body.length;
  }
  return location;
}

async function nextLocation(session: Session, reply: Reply, repository: string, before: URL): Promise<URL> {
  if (reply.status !== 202 && reply.status !== 204) throw refusedUpload(session, reply, repository);
  return reply.headers.location === undefined ? before : session.location(reply);
}

async function* inPieces(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (let chunk of source) {
    while (length + chunk.length >= bytes) {
      pieces.push(chunk.subarray(0, bytes - length));
      chunk = chunk.subarray(bytes - length);
      yield Buffer.concat(pieces);
      [pieces, length] = [[], 0];
    }
    if (chunk.length > 0) pieces.push(chunk);
    length += chunk.length;
  }
  if (length > 0) yield Buffer.concat(pieces);
}

function written(session: Session, reply: Reply, { repository }: Upload, done: Written): Written {
  if (reply.status !== 201) throw refusedUpload(session, reply, repository);
  const where = session.display(repository, '');
  const kept = contentDigest(reply.headers, where);
  if (kept !== undefined && kept !== done.digest) throw mismatch(where, done.digest, true);
  return done;
}

/** Begun again where the token has ended, where it is too large for one piece, or where it was lost or damaged on its way. */
function refusedUpload(session: Session, reply: Reply, repository: string): Trouble {
  const trouble = session.refused(reply, repository, '', 'look whether images may be written there');
  const { codes } = session.refusal(reply);
  const tooLarge = reply.status === 413 && !session.chunked;
  if (tooLarge) session.chunked = true;
  const lost = codes.some((code) => /^(?:DIGEST_INVALID|SIZE_INVALID|BLOB_UPLOAD_(?:UNKNOWN|INVALID))$/.test(code));
  const again = tooLarge || lost || reply.status === 401 || reply.status === 416;
  return retold(trouble, { ...trouble.details, again });
}

/** What the registry has of it so far is of no use to anybody. Nothing depends on that it hears this. */
export async function cancelUpload(session: Session, repository: string, location: URL): Promise<void> {
  await session.askOnce({ method: 'DELETE', to: location, repository, access: 'pull,push' }).catch(() => {});
}

/** The query of a Location is the registry's own affair: kept to the letter. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search = `${location.search === '' ? '?' : `${location.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}
