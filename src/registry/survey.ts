import { type Digest, digestOf, Failure, failed, ok, type Result, unwrap } from '../support/index.ts';
import { type CopyOptions, copyImage } from './copy.ts';
import { all, lanes } from './lanes.ts';
import { atOrigin, isLayout, type Place } from './place.ts';
import type { ImageRegistry } from './registry.ts';

export interface CopySurvey {
  /** Manifests and tags that a copy would write. None: everything is there, and what belongs to it. */
  changes: number;
  /** Of blobs that those manifests name: what a copy moves at most. */
  bytes: number;
  /** As in `CopyCount`. */
  keptTags: string[];
}

const imagesAtOnce = 4;

/** What copies would do: the copy itself, before a registry that answers questions and only pretends to write. */
export async function surveyCopies(
  from: Place,
  digests: readonly Digest[],
  to: Place,
  options: Pick<CopyOptions, 'keepTags'> = {},
): Promise<Result<Map<Digest, CopySurvey>>> {
  const source = atOrigin(from);
  let names: Promise<string[]> | undefined;
  const listTagNames = () => (names ??= source.registry.listTagNames(source.repository));
  const asked = { ...source, registry: { ...source.registry, listTagNames } };
  const keepTags = options.keepTags ?? !isLayout(to.registry);
  const lane = lanes(imagesAtOnce);
  const survey = async (digest: Digest) => [digest, await surveyOne(asked, digest, atOrigin(to), keepTags)] as const;
  try {
    return ok(new Map(await all(digests.map((digest) => lane(() => survey(digest))))));
  } catch (error) {
    if (error instanceof Failure) return failed(...error.problems);
    throw error;
  }
}

async function surveyOne(from: Place, digest: Digest, to: Place, keepTags: boolean): Promise<CopySurvey> {
  const survey = { changes: 0, bytes: 0 };
  const pretending: ImageRegistry = {
    ...to.registry,
    hasBlob: async () => true,
    mountBlob: async () => true,
    writeBlob: async () => ok({ digest, size: 0 }),
    writeManifest: async (_repository, { bytes }) => {
      survey.changes += 1;
      return ok(digestOf(bytes));
    },
    writeTagged: undefined,
    tag: async () => {
      survey.changes += 1;
      return ok(undefined);
    },
  };
  const progress = ({ total }: { total: number }) => {
    survey.bytes = total;
  };
  const { keptTags } = unwrap(await copyImage(from, digest, { ...to, registry: pretending }, { progress, keepTags }));
  return { ...survey, keptTags };
}
