import { type Digest, Failure, failed, ok, problem, type Result, unwrap } from '../support/index.ts';
import { Beside, saysAllOf } from './beside.ts';
import { all, lanes } from './lanes.ts';
import { type Contents, isIndex, type Named, readContents } from './manifest.ts';
import { once } from './once.ts';
import { atOrigin, isLayout, type Place } from './place.ts';
import type { Manifest } from './registry.ts';
import { keepTag, sidecarTags } from './sidecars.ts';
import { tagNamesOf } from './tag-names.ts';

export interface CopyCount {
  /** Manifests and blobs that were sent, and those that the registry took from another of its repositories. */
  copied: number;
  mounted: number;
  /** What was there. Of a manifest that was there nothing below is looked at. */
  skipped: number;
  /** Of what was sent. */
  bytes: number;
  /** Signatures and the like that are there beside it. */
  sidecars: number;
  /** Tags of sidecars that name something else there, which would be lost: they were left. */
  keptTags: string[];
}

export interface CopyProgress {
  /** Bytes of blobs that are there by now, sent or not. */
  done: number;
  /** As far as is known: it grows while manifests are read. */
  total: number;
}

export interface CopyOptions {
  /** Look at everything below a manifest that is there, too. */
  repair?: boolean;
  /** Tag what has no tag of its own, against garbage collections that go by tags; not in layouts without it. */
  keepTags?: boolean;
  progress?: (progress: CopyProgress) => void;
  signal?: AbortSignal;
  /** Asked right before an image is given a tag. */
  mayTag?: (tag: string, digest: Digest) => Promise<Result<void>>;
}

/** Depths of indexes in indexes, and of signatures of signatures. */
const maxDepth = 4;
const maxManifests = 2000;
const blobsAtOnce = 4;
const manifestsAtOnce = 8;

/**
 * Copy an image with everything it consists of and everything that belongs to it, byte for byte: the same digest is the
 * same image. Of tags, only those of sidecars.
 */
export async function copyImage(
  from: Place,
  digest: Digest,
  to: Place,
  options: CopyOptions = {},
): Promise<Result<CopyCount>> {
  const copy = new Copy(from, to, options);
  const copied = await copy.image(digest);
  return copied.ok ? ok(copy.count) : copied;
}

/** What one manifest of an image is to the others. */
interface Position {
  /** Below the manifest that was asked for. */
  depth: number;
  /** It has no tag. */
  bare: boolean;
  /** Write it even if it is there: so that the registry lists it as a referrer. */
  again?: boolean;
  run: Run;
  tag?: string | undefined;
}

/** The copying of one image. */
interface Run {
  /** Manifests that it may still have. */
  left: number;
  /** Why no more of it is begun. */
  error?: unknown;
}

/** Several images from one repository to another: what they have in common goes once. */
export class Copy {
  readonly count: CopyCount = { copied: 0, mounted: 0, skipped: 0, bytes: 0, sidecars: 0, keptTags: [] };
  readonly #from: Place;
  readonly #to: Place;
  readonly #options: CopyOptions;
  readonly #sameRegistry: boolean;
  readonly #keepTags: boolean;
  readonly #blobLane = lanes(blobsAtOnce);
  readonly #lane = lanes(manifestsAtOnce);
  readonly #beside: Beside;
  /** What is being copied or was, by digest. */
  readonly #blobs = new Map<Digest, Promise<void>>();
  readonly #trees = new Map<Digest, Promise<Digest[]>>();
  readonly #kept = new Map<Digest, Promise<void>>();
  /** Manifests that were there. */
  readonly #present = new Set<Digest>();
  readonly #tagged = new Set<string>();
  readonly #progress: CopyProgress = { done: 0, total: 0 };
  readonly #tagsThere: () => Promise<ReadonlySet<string>>;

  constructor(from: Place, to: Place, options: CopyOptions = {}) {
    const [source, destination] = [atOrigin(from), atOrigin(to)];
    this.#sameRegistry = source.registry.address === destination.registry.address;
    [this.#from, this.#to] = this.#sameRegistry ? [source, destination] : [from, to];
    this.#options = options;
    this.#beside = new Beside(this.#from, this.#lane);
    this.#tagsThere = tagNamesOf(this.#to, this.#lane);
    this.#keepTags = options.keepTags ?? !isLayout(to.registry);
  }

  /**
   * Content first, children before their index; then what belongs to it. The caller tags, last of all.
   * @param tag one that it will have: where nothing else is to come before it, and that saves a step, it is given already
   */
  async image(digest: Digest, tag?: string): Promise<Result<void>> {
    try {
      const inPlace = this.#sameRegistry && this.#from.repository === this.#to.repository;
      if (inPlace && (await this.#to.registry.hasManifest(this.#to.repository, digest))) return ok(undefined);
      const run: Run = { left: maxManifests };
      const seen = new Set<Digest>();
      const asked = this.#beside.referrersOf(digest).catch(() => {}); // what it answers is looked at further down
      try {
        await this.#sidecars(await this.#tree(digest, { depth: 0, bare: false, run, tag }), 0, seen, run);
      } finally {
        await asked;
      }
      return ok(undefined);
    } catch (error) {
      if (error instanceof Failure) return failed(...error.problems);
      throw error;
    }
  }

  /** A manifest with all below it, once. Answers every manifest of it, so that what belongs to each can be found. */
  async #tree(digest: Digest, position: Position): Promise<Digest[]> {
    const tree = await once(this.#trees, digest, () => this.#manifest(digest, position));
    // It may be an image of its own, too, and have been copied as one: that tag moves on one day.
    if (position.bare) await this.#keep(digest);
    return tree;
  }

  async #manifest(digest: Digest, position: Position): Promise<Digest[]> {
    const { depth, run, again } = position;
    if (depth > maxDepth) throw bad(`${digest}: indexes inside indexes, more than ${maxDepth} deep`);
    run.left -= 1;
    if (run.left < 0) throw bad(`${digest} is one of more than ${maxManifests} manifests of one image`);
    const { registry, repository } = this.#to;
    const manifest = await this.#read(digest);
    const contents = unwrap(readContents(manifest.bytes, digest, manifest.mediaType));
    if (contents.children.length > run.left) throw bad(`${digest} has more than ${maxManifests} manifests`);
    const present = !again && (await this.#lane(() => registry.hasManifest(repository, digest)));
    if (present) this.#present.add(digest);
    const below = await this.#children(contents, position, present && this.#options.repair !== true);
    if (present && !this.#options.repair) this.count.skipped += 1;
    else {
      await all(contents.blobs.map((blob) => this.#blob(blob, run)));
      this.#stopIfOver(run);
      // Written though it may be there: a repair is over when the registry takes it.
      unwrap(await this.#write(digest, manifest, contents, position.tag));
      this.count.copied += 1;
      this.count.bytes += manifest.bytes.length;
    }
    return [digest, ...below];
  }

  async #write(digest: Digest, manifest: Manifest, { children }: Contents, tag?: string): Promise<Result<Digest>> {
    const { registry, repository } = this.#to;
    if (tag === undefined || !registry.writeTagged || children.length > 0 || !(await this.#beside.isNothing(digest)))
      return this.#lane(() => registry.writeManifest(repository, manifest));
    unwrap((await this.#options.mayTag?.(tag, digest)) ?? ok(undefined));
    const written = await this.#lane(() => registry.writeTagged!(repository, manifest, tag));
    if (written.ok) this.#tagged.add(tag);
    return written;
  }

  /** Whether an image got its tag when it was written. */
  hasTagged(tag: string): boolean {
    return this.#tagged.has(tag);
  }

  /** Of an index that is there, only the names of its images matter, and that they are kept. */
  async #children({ children }: Contents, { depth, run }: Position, present: boolean): Promise<Digest[]> {
    const position = { depth: depth + 1, bare: true, run };
    const isKept = async (digest: Digest) => !this.#keepTags || (await this.#tagsThere()).has(keepTag(digest));
    const found = await all(
      children.map(async ({ digest, mediaType }) =>
        present && !isIndex(mediaType) && (await isKept(digest)) ? [digest] : this.#tree(digest, position),
      ),
    );
    return found.flat();
  }

  /** Give what has no tag of its own one. Of what was there, the list of tags tells whether it has it. */
  #keep(digest: Digest): Promise<void> {
    if (!this.#keepTags) return Promise.resolve();
    const { registry, repository } = this.#to;
    const tag = keepTag(digest);
    return once(this.#kept, digest, async () => {
      if (this.#present.has(digest) && (await this.#tagsThere()).has(tag)) return;
      unwrap(await this.#lane(() => registry.tag(repository, tag, digest)));
    });
  }

  #blob(blob: Named, run: Run): Promise<void> {
    return once(this.#blobs, blob.digest, () => {
      const { size = 0 } = blob;
      this.#report(0, size);
      return this.#blobLane(async () => {
        this.#stopIfOver(run);
        const sent = await this.#moveBlob(blob, run).catch((error) => {
          run.error ??= error;
          throw error;
        });
        this.#report(size - sent, 0);
      });
    });
  }

  /** Answers how many bytes of it were reported while they were sent. */
  async #moveBlob({ digest, size }: Named, run: Run): Promise<number> {
    const { registry, repository } = this.#to;
    const has = () => registry.hasBlob(repository, digest, size);
    if (this.#sameRegistry && (await this.#mount(digest))) {
      this.count.mounted += 1;
      return 0;
    }
    if (await has()) {
      this.count.skipped += 1;
      return 0;
    }
    let sent = 0;
    const source = () => {
      this.#report(-sent, 0);
      sent = 0;
      return this.#watched(this.#from.registry.readBlob(this.#from.repository, digest), run, (bytes) => {
        sent += bytes;
        this.#report(bytes, 0);
      });
    };
    const written = unwrap(await registry.writeBlob(repository, source, digest, size, 'checked'));
    this.count.copied += 1;
    this.count.bytes += written.size;
    return sent;
  }

  /** Where it cannot be had without moving it, for lack of a right perhaps, it is moved. */
  async #mount(digest: Digest): Promise<boolean> {
    if (this.#from.repository === this.#to.repository) return false;
    try {
      return await this.#to.registry.mountBlob(this.#to.repository, digest, this.#from.repository);
    } catch (error) {
      if (error instanceof Failure && !this.#options.signal?.aborted) return false;
      throw error;
    }
  }

  async *#watched(content: AsyncIterable<Buffer>, run: Run, note: (bytes: number) => void): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      this.#stopIfOver(run);
      note(chunk.length);
      yield chunk;
    }
  }

  /** What belongs to these manifests, and what belongs to that. Its subject is there before it, as some registries ask. */
  async #sidecars(subjects: Digest[], depth: number, seen: Set<Digest>, run: Run): Promise<void> {
    const fresh = subjects.filter((digest) => !seen.has(digest));
    for (const digest of fresh) seen.add(digest);
    if (fresh.length === 0) return;
    if (depth > maxDepth) throw bad(`${fresh[0]}: what belongs to it is more than ${maxDepth} deep`);
    const found = await all(fresh.map((digest) => this.#sidecarsOf(digest, seen, run)));
    await this.#sidecars(found.flat(), depth + 1, seen, run);
  }

  async #sidecarsOf(subject: Digest, seen: ReadonlySet<Digest>, run: Run): Promise<Digest[]> {
    const to = this.#to;
    /** A tag of nothing says nothing. */
    const isPartOf = async (standing: Digest, coming: Digest) => {
      if (!(await this.#lane(() => to.registry.hasManifest(to.repository, standing)))) return true;
      const there = unwrap(await this.#lane(() => to.registry.readManifest(to.repository, standing)));
      return saysAllOf(await this.#read(coming), there);
    };
    const referrers = await this.#beside.referrersOf(subject);
    const wanted = referrers.filter(({ digest }) => !seen.has(digest));
    const listed =
      wanted.length === 0 ? [] : unwrap(await this.#lane(() => to.registry.listReferrers(to.repository, subject)));
    const found: Digest[] = [];
    // One after the other: where the registry keeps no list of them, each changes the same tag.
    for (const { digest } of wanted) {
      const again = !listed.some((each) => each.digest === digest);
      found.push(...(await this.#tree(digest, { depth: 0, bare: true, again, run })));
    }
    for (const tag of sidecarTags(subject)) {
      const digest = await this.#beside.named(tag);
      if (digest === undefined) continue;
      const standing = await this.#lane(() => to.registry.resolve(to.repository, tag));
      if (standing !== undefined && standing !== digest && !(await isPartOf(standing, digest))) {
        this.count.keptTags.push(tag);
        continue;
      }
      if (!seen.has(digest)) found.push(...(await this.#tree(digest, { depth: 0, bare: false, run })));
      if (standing !== digest) unwrap(await this.#lane(() => to.registry.tag(to.repository, tag, digest)));
    }
    this.count.sidecars += found.length;
    return found;
  }

  async #read(digest: Digest): Promise<Manifest> {
    return unwrap(await this.#lane(() => this.#from.registry.readManifest(this.#from.repository, digest)));
  }

  #report(done: number, total: number): void {
    this.#progress.done += done;
    this.#progress.total += total;
    if (done !== 0 || total !== 0) this.#options.progress?.({ ...this.#progress });
  }

  #stopIfOver({ error }: Run): void {
    if (this.#options.signal?.aborted) throw new Failure(problem('interrupted', 'the copy was interrupted'));
    if (error !== undefined) throw error;
  }
}

const bad = (message: string): Failure =>
  new Failure(problem('registry-io', message, { hint: 'look who made this image, and how' }));
