import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Envelope, maxBundleBytes, predicateTypes, readAttached, readEnvelopeFile } from '../evidence/index.ts';
import { openReference } from '../levels/index.ts';
import { isRepositoryName, openLayout, type Place } from '../registry/index.ts';
import {
  type Digest,
  failed,
  ok,
  type Problem,
  parseDigest,
  printable,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

type IsWanted = (envelope: Envelope) => boolean;

/** Statements about an image, from wherever it is asked: those that are wanted, and what is wrong with those that cannot be read. */
export interface FoundEnvelopes {
  envelopes: Envelope[];
  /** How many more can be read: anybody may have put them there, and they are not held. */
  others: number;
  problems: Problem[];
}

/** An image that is asked about, and where what is attached to it is read. */
export interface Source {
  image: Digest;
  read(isWanted: IsWanted): Promise<Result<FoundEnvelopes>>;
}

const summaryType = predicateTypes.verificationSummary;
const maxFiles = 2000;

/** The registry that an image names. Problems: `invalid-name`, `usage` for an image without a digest. */
export function registrySource(workspace: Workspace | undefined, text: string, cwd: string): Result<Source> {
  const reference = openReference(workspace, text, cwd);
  if (!reference.ok) return reference;
  const { registry, repository, digest } = reference.value;
  if (digest === undefined) return failed(withoutDigest(text));
  return ok({
    image: digest,
    read: async (isWanted) => {
      const there = await registry.hasManifest(repository, digest);
      if (!there) return ok({ envelopes: [], others: 0, problems: [notThere(text)] });
      return attachedTo({ registry, repository }, digest, isWanted);
    },
  });
}

/**
 * A directory in place of a registry: an OCI layout, a directory of layouts by repository, or one of files with bundles or
 * envelopes. Problems: `usage` for an image without a digest, `file-not-found`.
 */
export function offlineSource(text: string, directory: string, cwd: string): Result<Source> {
  const [, repository = '', hex] = /^(.*?)@(sha256:.*)$/s.exec(text) ?? [];
  const image = hex === undefined ? undefined : parseDigest(hex);
  if (!image) return failed(withoutDigest(text));
  const folder = resolve(cwd, directory);
  if (!existsSync(folder)) {
    const hint = 'name an OCI layout, or a directory of bundles';
    return failed(problem('file-not-found', `${directory} does not exist`, { at: { file: directory }, hint }));
  }
  const layouts = [folder, ...within(folder, repository.replace(/:[^/]*$/, ''))];
  const layout = layouts.find((each) => existsSync(join(each, 'oci-layout')));
  const read = (isWanted: IsWanted) =>
    layout === undefined ? bundlesIn(folder, directory, isWanted) : bundlesOfLayout(layout, image, isWanted);
  return ok({ image, read });
}

/** Where the repository may be below a directory of layouts: as it is named, or without what goes before. */
function within(folder: string, repository: string): string[] {
  const parts = repository.split('/');
  return parts
    .map((_, index) => parts.slice(index).join('/'))
    .filter(isRepositoryName)
    .map((each) => join(folder, each));
}

async function bundlesOfLayout(folder: string, image: Digest, isWanted: IsWanted): Promise<Result<FoundEnvelopes>> {
  const repository = basename(folder);
  if (isRepositoryName(repository))
    return attachedTo({ registry: openLayout(dirname(folder)), repository }, image, isWanted);
  const hint = 'call it by small letters, digits and . _ - between them';
  return failed(problem('invalid-name', `'${printable(repository)}' cannot be read as a layout`, { hint }));
}

async function attachedTo(
  { registry, repository }: Place,
  image: Digest,
  isWanted: IsWanted,
): Promise<Result<FoundEnvelopes>> {
  const found = await readAttached({ registry, repository, image }, summaryType, isWanted);
  if (!found.ok) return found;
  const { bundles, others, problems } = found.value;
  return ok({ envelopes: bundles.map(({ envelope }) => envelope), others, problems });
}

async function bundlesIn(folder: string, shown: string, isWanted: IsWanted): Promise<Result<FoundEnvelopes>> {
  const names = (await readdir(folder).catch(() => [])).filter((each) => !each.startsWith('.')).sort();
  if (names.length > maxFiles) {
    const message = `${shown} has ${names.length} files; at most ${maxFiles} bundles are read`;
    return failed(problem('file-too-large', message, { hint: 'put the bundles of this image alone there' }));
  }
  const found: FoundEnvelopes = { envelopes: [], others: 0, problems: [] };
  for (const name of names) {
    const file = `${shown}/${name}`;
    const bytes = await readFileBounded(join(folder, name), file, maxBundleBytes);
    const envelope = bytes.ok ? readEnvelopeFile(bytes.value, file) : bytes;
    if (envelope.ok && isWanted(envelope.value)) found.envelopes.push(envelope.value);
    else if (envelope.ok) found.others += 1;
    else found.problems.push(...envelope.problems);
  }
  return ok(found);
}

const withoutDigest = (text: string): Problem =>
  problem('usage', `'${printable(text.slice(0, 300))}' names no image by its digest`, {
    hint: 'a tag can name another image at any moment: IMAGE@sha256:…, as levels/LEVEL.yaml has it',
  });

const notThere = (text: string): Problem =>
  problem('unknown-image', `there is no ${printable(text.slice(0, 400))}`, { hint: 'look whether it was promoted' });
