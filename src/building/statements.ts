import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  attachSignature,
  attachStatement,
  type ContentProduct,
  contentsList,
  contentsStatement,
  evidenceFolder,
  type Material,
  provenanceStatement,
  type Statement,
  type Subject,
  signStatement,
  writeEvidence,
} from '../evidence/index.ts';
import { repositoryAt } from '../registry/index.ts';
import type { ReleasedImage, ReleasedProduct, ReleaseRecord } from '../releases/index.ts';
import { type Digest, hexOf, type Instant, ok, type Result } from '../support/index.ts';
import type { Draft } from './draft.ts';
import type { BuildParents } from './engine.ts';
import { inputsDigest } from './inputs.ts';
import type { FreshImage } from './run.ts';
import { scanImage } from './scan.ts';
import type { BuildRun } from './steps.ts';

/** Say how an image was built and what it is made of; keep both beside the record, and attach them where they are signed. */
export async function stateImage(
  run: BuildRun,
  draft: Draft,
  image: FreshImage,
  times: { startedOn: Instant; finishedOn: Instant },
): Promise<Result<{ provenance: Digest; contents: Digest }>> {
  const { name } = draft.image;
  const place = run.placeOf(name);
  const repository = repositoryAt(place.registry.address, place.repository);
  const subject: Subject[] = [{ name: repository, digest: { sha256: hexOf(image.digest) } }];
  const packages = await scanImage(place, image.digest, run.env);
  if (!packages.ok) return packages;
  const statements = [
    provenanceStatement(subject, {
      external: externalOf(run.record, draft, image.resolved.args),
      internal: { inputs: inputsDigest(image.resolved.inputs), sourceDateEpoch: run.madeAt },
      materials: [...materialsOf(draft.products), ...parentsOf(image.parents)],
      engine: { name: draft.engine.name, version: draft.engine.exactVersion ?? draft.engine.version },
      invocation: run.operation,
      ...times,
    }),
    contentsStatement(subject, {
      name,
      kind: 'container',
      version: image.digest,
      image: { repository, digest: image.digest },
      at: times.finishedOn,
      products: contentsOf(productsWithin(run, draft)),
      ...(packages.value ? { packages: packages.value } : {}),
    }),
  ];
  const digests: Digest[] = [];
  for (const statement of statements) {
    const kept = await keep(run, draft, image.digest, statement);
    if (!kept.ok) return kept;
    digests.push(kept.value);
  }
  if (run.signer) {
    const signed = await attachSignature(place.registry, place.repository, image.digest, run.signer, repository);
    if (!signed.ok) return signed;
  }
  return ok({ provenance: digests[0]!, contents: digests[1]! });
}

async function keep(run: BuildRun, draft: Draft, image: Digest, statement: Statement): Promise<Result<Digest>> {
  const signed = await signStatement(statement, run.signer);
  if (!signed.ok) return signed;
  const { registry, repository } = run.placeOf(draft.image.name);
  const attached = await attachStatement(registry, repository, image, signed.value);
  if (!attached.ok) return attached;
  if (run.writesRecord) await writeEvidence(run.workspace.root, evidenceFolder(run.record.name), signed.value);
  return ok(signed.value.digest);
}

function externalOf(record: ReleaseRecord, draft: Draft, args: Record<string, string>): Record<string, unknown> {
  const { image, dockerfile, platforms, secrets } = draft;
  const { target } = image.config;
  return {
    release: record.name,
    image: image.name,
    dockerfile: dockerfile.file,
    context: image.config.context,
    ...(target === undefined ? {} : { target }),
    args,
    platforms,
    ...(secrets.length === 0 ? {} : { secrets: secrets.map(({ id }) => id) }),
  };
}

function materialsOf(products: Record<string, ReleasedProduct>): Material[] {
  return Object.entries(products).map(([name, { url, commit, tag }]) => {
    const scheme = /^[a-z]+:\/\//.test(url) ? `git+${url}` : url;
    return { uri: `${scheme}@refs/tags/${tag}`, digest: { gitCommit: commit }, name };
  });
}

function parentsOf(parents: BuildParents): Material[] {
  return Object.entries(parents).map(([name, { registry, repository, digest }]) => {
    return {
      uri: `oci://${repositoryAt(registry.address, repository)}@${digest}`,
      digest: { sha256: hexOf(digest) },
      name,
    };
  });
}

/** Its own products, and those of what it is built on. */
function productsWithin(run: BuildRun, draft: Draft): Record<string, ReleasedProduct> {
  const below = Object.values(draft.image.parents).map((name) => productsWithin(run, run.drafts.get(name)!));
  return Object.assign({}, ...below, draft.products);
}

const contentsOf = (products: Record<string, ReleasedProduct>): ContentProduct[] =>
  Object.entries(products)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, { version, url, commit }]) => ({ name, url, commit, ...(version === undefined ? {} : { version }) }));

/** The list of all that a release is made of, in one file: its products and its images. */
export function releaseContents(record: ReleaseRecord): string {
  const images = Object.entries(record.images ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, { repository, digest }]) => ({ name, repository, digest }));
  const { name, created, products } = record;
  const contents = { name, kind: 'application' as const, version: name, at: created.at };
  return `${JSON.stringify(contentsList({ ...contents, products: contentsOf(products), images }), null, 1)}\n`;
}

export const contentsFile = (release: string): string => `releases/${release}/contents.cdx.json`;

/** What was stated of an image when it was built is true of it in every later release: the same files stand there too. */
export async function carryStatements(
  root: string,
  { from, to }: { from: string; to: string },
  { provenance, contents }: Pick<ReleasedImage, 'provenance' | 'contents'>,
): Promise<Pick<ReleasedImage, 'provenance' | 'contents'>> {
  const carried: Pick<ReleasedImage, 'provenance' | 'contents'> = {};
  for (const [key, digest] of Object.entries({ provenance, contents }) as ['provenance' | 'contents', Digest][]) {
    if (digest === undefined) continue;
    const file = `${hexOf(digest)}.json`;
    const [source, target] = [from, to].map((release) => join(root, evidenceFolder(release), file)) as [string, string];
    try {
      await mkdir(join(target, '..'), { recursive: true });
      if (source !== target) await copyFile(source, target);
      else await readFile(source);
      carried[key] = digest;
    } catch {
      // Taken away by hand: what is not there is not named.
    }
  }
  return carried;
}
