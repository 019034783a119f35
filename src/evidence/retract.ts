import type { ImageRegistry } from '../registry/index.ts';
import { type Digest, Failure, type Problem, type Result, unwrap } from '../support/index.ts';
import { type Attachment, attempt } from './artifact.ts';
import { readAttached } from './attached.ts';
import { hasCosignSignatureOf, removeCosignSignatures } from './cosign.ts';
import { type Envelope, isEnvelopeBy, parseJson } from './dsse.ts';
import type { PublicKey } from './public-key.ts';
import { parseStatement } from './statement.ts';
import { parseSummary } from './vsa.ts';

/** What of an image is to go, by who signed it. */
export interface Retraction {
  image: Digest;
  level: string;
  /** All that these signed goes. */
  keys: readonly PublicKey[];
  /** These answer for the image at another level, too: of theirs, what says that it stands at this one goes. */
  shared: readonly PublicKey[];
}

/**
 * Take away from an image what some keys signed: bundles of any kind, and layers of `.sig`. cosign takes any bundle of a
 * key for its yes, so that nothing it signed may be left. What others signed stays. Where the registry refuses one, what
 * can go goes all the same. Problems: those of the registry, for what cannot be read, too, for it may be a yes.
 */
export function retractSigned(
  registry: ImageRegistry,
  repository: string,
  retraction: Retraction,
): Promise<Result<void>> {
  return attempt(async () => {
    const to = { registry, repository, image: retraction.image };
    let refused: Problem | undefined;
    for (const digest of await bundlesToGo(to, retraction)) {
      const deleted = await registry.deleteManifest(repository, digest);
      if (!deleted.ok) refused ??= deleted.problems[0];
    }
    await removeCosignSignatures(to, retraction.keys);
    if (refused) throw new Failure(refused);
  });
}

/** Whether there is something that `retractSigned` would take away. */
export function hasSigned(
  registry: ImageRegistry,
  repository: string,
  retraction: Retraction,
): Promise<Result<boolean>> {
  return attempt(async () => {
    const to = { registry, repository, image: retraction.image };
    return (await bundlesToGo(to, retraction)).length > 0 || (await hasCosignSignatureOf(to, retraction.keys));
  });
}

async function bundlesToGo(to: Attachment, { keys, shared, level }: Retraction): Promise<Digest[]> {
  const isOf = (some: readonly PublicKey[], envelope: Envelope): boolean =>
    some.some((key) => isEnvelopeBy(key, envelope));
  const isToGo = (envelope: Envelope) => isOf(keys, envelope) || (speaksOf(level, envelope) && isOf(shared, envelope));
  const { bundles, problems } = unwrap(await readAttached(to, undefined, isToGo));
  for (const each of problems) {
    // What is damaged is nobody's yes; of what a list names and nobody has, there is nothing to take away.
    if (each.code === 'signature-invalid') continue;
    if (await to.registry.hasManifest(to.repository, each.subject as Digest)) throw new Failure(each);
  }
  return bundles.map(({ digest }) => digest);
}

function speaksOf(level: string, { payload }: Envelope): boolean {
  const statement = parseStatement(parseJson(payload));
  return (statement && parseSummary(statement)?.levels.includes(level)) === true;
}
