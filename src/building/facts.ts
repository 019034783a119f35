import { all, type ImageRegistry, inputsTag, lanes } from '../registry/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { type Digest, Failure, type Problem, unwrap } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { Draft } from './draft.ts';
import { type BuildInputs, inputsDigest } from './inputs.ts';
import { annotationsOf, isVouchedFor } from './made-of.ts';
import type { BuildOptions } from './options.ts';
import type { ImageFacts, StoredImage } from './plan.ts';
import { sizeOfImage } from './platforms.ts';
import { resolveDraft } from './resolve.ts';

/** How many images are looked up at once. */
const imagesAtOnce = 16;

export interface Found {
  workspace: Workspace;
  record: ReleaseRecord;
  /** All releases, oldest first. */
  records: readonly ReleaseRecord[];
  registry: ImageRegistry;
  /** Where images are looked for too, and never written. */
  fallback: ImageRegistry | undefined;
  options: BuildOptions;
}

/**
 * Ask the registry for every image, parents first: an image whose parents are all there is looked for by the digest of its
 * inputs. One request an image where the record is right about it, and one for each further tag.
 */
export async function gatherFacts(
  drafts: ReadonlyMap<string, Draft>,
  found: Found,
  problems: Problem[],
): Promise<ImageFacts[]> {
  const lane = lanes(imagesAtOnce);
  const facts = new Map<string, Promise<ImageFacts>>();
  const factsOf = (draft: Draft): Promise<ImageFacts> => {
    const { name, parents } = draft.image;
    const known = facts.get(name);
    if (known) return known;
    const made = (async () => {
      const digests = new Map<string, Digest>();
      for (const parent of Object.values(parents)) {
        const { stored, forced } = await factsOf(drafts.get(parent)!);
        if (stored && !forced) digests.set(parent, stored.digest);
      }
      return lane(() => imageFacts(draft, digests, found));
    })();
    facts.set(name, made);
    return made;
  };
  const gathered = await all(
    [...drafts.values()].map((draft) =>
      factsOf(draft).catch((error) => {
        if (!(error instanceof Failure)) throw error;
        problems.push(...error.problems);
        return undefined;
      }),
    ),
  );
  return gathered.filter((each) => each !== undefined);
}

async function imageFacts(draft: Draft, parents: ReadonlyMap<string, Digest>, found: Found): Promise<ImageFacts> {
  const { record, records, registry, options, workspace } = found;
  const { image, engine, engineBecause } = draft;
  const { name } = image;
  const from = [...new Set(Object.values(image.parents))];
  const forced = options.force && (options.only?.some((each) => each === name || each === image.family) ?? true);
  const released = record.images?.[name];
  const known = from.every((parent) => parents.has(parent));
  const inputs = known
    ? unwrap(
        resolveDraft(workspace, record, draft, parents, {
          address: registry.address,
          buildNumber: options.buildNumber,
        }),
      ).inputs
    : undefined;
  const tags = await all(draft.tags.map(async (tag) => ({ tag, names: await registry.resolve(name, tag) })));
  const wanted = Object.entries(image.config.aliases ?? {}).filter(([, kinds]) => kinds.includes(record.kind));
  const aliases = await all(
    wanted.map(async ([tag, kinds]) => ({ tag, kinds, names: await registry.resolve(name, tag) })),
  );
  return {
    name,
    from,
    inputs,
    stored: inputs && (await findStored(name, inputs, found, tags[0]!.names)),
    released,
    last: lastOf(name, records),
    tags,
    aliases,
    forced,
    engine: { name: engine.name, because: engineBecause },
  };
}

type Searched = Pick<Found, 'workspace' | 'record' | 'records' | 'registry' | 'fallback'>;

/**
 * The image of these inputs: the one of the record, where the release's tag still names it, or the one that its tag finds.
 * A tag alone is not believed: a record has to say that it was made of them, or the image itself and who built it.
 */
export async function findStored(
  name: string,
  inputs: BuildInputs,
  found: Searched,
  tagged?: Digest,
): Promise<StoredImage | undefined> {
  const { record, records, registry, fallback } = found;
  const wanted = inputsDigest(inputs);
  const released = record.images?.[name];
  if (released?.inputs === wanted && released.digest === tagged)
    return { digest: released.digest, size: released.size, builtFor: released.builtFor ?? record.name };
  for (const place of fallback ? [registry, fallback] : [registry]) {
    const tag = inputsTag(wanted);
    const digest = place.readTagged ? (await place.readTagged(name, tag))?.digest : await place.resolve(name, tag);
    if (digest === undefined) continue;
    const elsewhere = place === fallback ? ({ elsewhere: true } as const) : {};
    // The oldest that has it says for which release it was built.
    const holder = records.find(({ images }) => images?.[name]?.digest === digest && images[name].inputs === wanted);
    const image = holder?.images?.[name];
    if (holder && image) return { digest, size: image.size, builtFor: image.builtFor ?? holder.name, ...elsewhere };
    const at = { registry: place, repository: name };
    const said = await annotationsOf(at, digest);
    if (said['org.lsst.dmrel.inputs'] !== wanted) continue;
    // What is kept here is signed by nobody.
    const isOwn = fallback !== undefined && place === registry;
    if (!isOwn && !(await isVouchedFor(found.workspace, at, digest, wanted))) continue;
    const size = unwrap(await sizeOfImage(at, digest));
    return { digest, size, builtFor: said['org.lsst.dmrel.release'] ?? record.name, ...elsewhere };
  }
  return undefined;
}

/** What went into the newest image of this name, as far as records tell. */
function lastOf(name: string, records: readonly ReleaseRecord[]): ImageFacts['last'] {
  const record = records.findLast((each) => each.images?.[name] !== undefined);
  if (!record) return undefined;
  const { sources, engine, platforms } = record.images![name]!;
  const products = (sources?.products ?? []).map((product) => [product, record.products[product]?.commit ?? '']);
  return {
    release: record.name,
    inputs: {
      ...sources,
      ...(engine === undefined ? {} : { engine }),
      platforms,
      products: Object.fromEntries(products),
    },
  };
}
