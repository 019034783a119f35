import { isEupsTag } from '../names/index.ts';
import { failed, ok, type Result } from '../support/index.ts';
import { isProductName, isVersion, parseManifestId, quote } from './build-manifest.ts';
import { lineFindings } from './line-findings.ts';

export interface EupsEntry {
  product: string;
  /** What it was built for: `generic`, `Linux64`. */
  flavor: string;
  /** Opaque, as in a build manifest. */
  version: string;
  /** Where it stands in the list, from 1. */
  line: number;
}

/** What EUPS distributes under a tag (`<eupsTag>.list`): the products that a release is of. */
export interface EupsList {
  tag: string;
  /** How the file is called in messages. */
  file: string;
  /** The build it was published from; lists older than d_2018_05_08 do not say. */
  build?: string;
  entries: EupsEntry[];
}

const maxEntries = 20_000;
const title = /^EUPS distribution ([^ ]+) version list\. Version ([^ ]+)$/;
const buildMark = '#BUILD=';

/** The name of a list (SQR-016, "Format of tags"). What it lets through may stand in a path. */
export const parseEupsTag = (text: string): string | undefined => (isEupsTag(text) ? text : undefined);

/** Parse strictly: a line that is not understood is a finding with its number, never skipped. LF or CRLF. */
export function parseEupsList(text: string, file: string, tag: string): Result<EupsList> {
  const { problems, report } = lineFindings(text, file);
  const entries: EupsEntry[] = [];
  const seen = new Map<string, number>();
  let build: { id: string; line: number } | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const number = index + 1;
    const line = raw.replace(/\r$/, '');
    if (number === 1) {
      checkTitle(line, tag, (column, message, hint) => report(1, column, message, hint));
      continue;
    }
    if (line.startsWith(buildMark)) {
      const id = line.slice(buildMark.length).replace(/[ \t]+$/, '');
      if (build) report(number, 1, `a second BUILD line; the first is line ${build.line}`);
      else if (parseManifestId(id) === undefined)
        report(number, buildMark.length + 1, `${quote(id)} is no build`, 'expected b and a number, such as b3595');
      build ??= { id, line: number };
      continue;
    }
    if (/^[ \t]*$/.test(line) || line.startsWith('#')) continue;
    const fields = [...line.matchAll(/[^ \t]+/g)];
    const [product, flavor, version] = fields.map((field) => field[0]) as [string, string, string];
    const columnOf = (field: number) => fields[field]!.index + 1;
    if (fields.length !== 3) report(number, 1, `expected 'product flavor version', found ${fields.length} fields`);
    else if (!isProductName(product)) report(number, columnOf(0), `${quote(product)} is no product name`);
    else if (seen.has(product)) report(number, columnOf(0), `${product} stands in line ${seen.get(product)} already`);
    else {
      seen.set(product, number);
      if (!isProductName(flavor)) report(number, columnOf(1), `${quote(flavor)} is no flavor`);
      else if (!isVersion(version)) report(number, columnOf(2), `${quote(version)} is no version`);
      else entries.push({ product, flavor, version, line: number });
    }
    if (entries.length > maxEntries) {
      report(number, 1, `more than ${maxEntries} products`, 'this is no list of a distribution');
      break;
    }
  }
  if (entries.length === 0 && problems.length === 0) report(1, 1, 'names no product');
  if (problems.length > 0) return failed(...problems);
  return ok({ tag, file, ...(build ? { build: build.id } : {}), entries });
}

function checkTitle(line: string, tag: string, report: (column: number, message: string, hint?: string) => void): void {
  const [, name, format] = title.exec(line) ?? [];
  const expected = `expected 'EUPS distribution ${tag} version list. Version 1.0'`;
  if (name === undefined || format === undefined) report(1, 'does not begin as an EUPS distribution list', expected);
  else if (name !== tag) report('EUPS distribution '.length + 1, `${quote(name)} in the list of ${tag}`, expected);
  else if (format !== '1.0') report(line.length - format.length + 1, `${quote(format)} is no known version`, expected);
}
