import { createHash } from 'node:crypto';
import { type CommitId, parseCommitId } from '../git/index.ts';
import { clip, failed, ok, printable, type Result } from '../support/index.ts';
import { lineFindings } from './line-findings.ts';

export interface ManifestEntry {
  product: string;
  commit: CommitId;
  /** Opaque: git describe output, upstream versions, rebuild numbers (`15.0-24-g02ed2a30c+1`). */
  version: string;
  dependencies: string[];
}

/** A set of product commits that were built and tested together (versiondb manifests/bNNNN.txt). */
export interface BuildManifest {
  id: string;
  entries: ManifestEntry[];
  /** Equal for equal contents, whatever the build: see contentIdOf. */
  contentId: string;
}

/** Longer than any; a record and a tag's message must hold it. */
const maxVersionLength = 200;
const maxNameLength = 100;
const productNameForm = /^[A-Za-z0-9_]+(?:[.+-][A-Za-z0-9_]+)*$/;

export const quote = (field: string): string => `'${printable(clip(field, 100))}'`;

/** Any text that people see as one word. */
export const isVersion = (text: string): boolean =>
  text.length <= maxVersionLength && !/\s/.test(text) && printable(text) === text;

export const isProductName = (text: string): boolean => text.length <= maxNameLength && productNameForm.test(text);

export const parseManifestId = (text: string): string | undefined =>
  /^b[1-9][0-9]{0,7}$/.test(text) ? text : undefined;

/**
 * SHA-1 over `name<TAB>sha<TAB>version<LF>` of each product in the order of the file; dependencies and the build's own
 * number do not count (versiondb manifests/content_sha.db.txt).
 */
export function contentIdOf(entries: readonly Pick<ManifestEntry, 'product' | 'commit' | 'version'>[]): string {
  const hash = createHash('sha1');
  for (const { product, commit, version } of entries) hash.update(`${product}\t${commit}\t${version}\n`);
  return hash.digest('hex');
}

/** Parse strictly: a line that is not understood is a finding with its number, never skipped. LF or CRLF. */
export function parseBuildManifest(text: string, file: string, id: string): Result<BuildManifest> {
  const { problems, report } = lineFindings(text, file);
  const entries: ManifestEntry[] = [];
  const seen = new Map<string, number>();
  let build: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const number = index + 1;
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (line.startsWith('BUILD=')) {
      if (build !== undefined) report(number, 1, `a second BUILD line`);
      build = line.slice('BUILD='.length).trim();
      if (build !== id)
        report(number, 7, `${quote(build)} in the manifest of ${id}`, 'the line must equal the name of the file');
      continue;
    }
    const fields = [...line.matchAll(/[^ \t]+/g)];
    const [product, sha, version, dependencies] = fields.map((field) => field[0]);
    const columnOf = (field: number) => (fields[field]?.index ?? line.length) + 1;
    if (fields.length < 3 || fields.length > 4) {
      report(number, 1, `expected 'product commit version [dependencies]', found ${fields.length} fields`);
    } else if (!isProductName(product!)) report(number, columnOf(0), `${quote(product!)} is no product name`);
    else if (seen.has(product!)) report(number, columnOf(0), `${product} stands in line ${seen.get(product!)} already`);
    else {
      const commit = parseCommitId(sha!);
      if (commit && isVersion(version!)) {
        entries.push({ product: product!, commit, version: version!, dependencies: dependencies?.split(',') ?? [] });
      } else if (commit) report(number, columnOf(2), `${quote(version!)} is no version`);
      else report(number, columnOf(1), `${quote(sha!)} is no commit id (40 lower-case hex digits)`);
      seen.set(product!, number);
    }
  }
  if (build === undefined && problems.length === 0)
    report(1, 1, 'no BUILD line', `expected 'BUILD=${id}' near the top`);
  if (entries.length === 0 && problems.length === 0) report(1, 1, 'names no product');
  return problems.length > 0 ? failed(...problems) : ok({ id, entries, contentId: contentIdOf(entries) });
}
