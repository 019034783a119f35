import { type Digest, Failure, failed, ok, type Problem, problem, type Result } from '../support/index.ts';
import { readClosure } from './closure.ts';
import { all, lanes } from './lanes.ts';
import type { Named } from './manifest.ts';
import type { Place } from './place.ts';

export interface Verified {
  manifests: number;
  blobs: number;
  bytes: number;
  /** What is not there, or not what its digest says. */
  problems: Problem[];
}

const blobsAtOnce = 4;

/** Read all of an image, its signatures and what else belongs to it, and hash every byte. */
export async function verifyImage(
  place: Place,
  digest: Digest,
  { progress, signal }: { progress?: (bytes: number) => void; signal?: AbortSignal } = {},
): Promise<Result<Verified>> {
  const closure = await readClosure(place, [digest]);
  if (!closure.ok) return closure;
  const { nodes } = closure.value;
  const verified: Verified = {
    manifests: nodes.size,
    blobs: 0,
    bytes: [...nodes.values()].reduce((sum, { size }) => sum + size, 0),
    problems: closure.value.problems.map((each) => each.problem),
  };
  const blobs = new Map(
    [...nodes.values()].flatMap(({ contents }) => contents.blobs.map((each) => [each.digest, each])),
  );
  const lane = lanes(blobsAtOnce);
  const readOne = async (blob: Named): Promise<void> => {
    let size = 0;
    try {
      for await (const chunk of place.registry.readBlob(place.repository, blob.digest)) {
        if (signal?.aborted) throw new Failure(problem('interrupted', 'interrupted'));
        size += chunk.length;
        progress?.(chunk.length);
      }
      verified.blobs += 1;
      verified.bytes += size;
      if (blob.size === undefined || blob.size === size) return;
      const message = `${blob.digest} has ${size} bytes; its manifest says ${blob.size}`;
      verified.problems.push(problem('digest-mismatch', message, { hint: 'build or copy the image again' }));
    } catch (error) {
      if (!(error instanceof Failure) || signal?.aborted) throw error;
      verified.problems.push(...error.problems);
    }
  };
  try {
    await all([...blobs.values()].map((blob) => lane(() => readOne(blob))));
    return ok(verified);
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}
