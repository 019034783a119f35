import { type Document, readDocument } from '../documents/index.ts';
import { parseRemoteUrl, type RemoteUrl, type Transport } from '../git/index.ts';
import { failed, ok, type Problem, type Result } from '../support/index.ts';

/** A product of the index: one name, one repository. */
export interface Product {
  name: string;
  url: RemoteUrl;
  /** The branch to use where no commit is given; the remote's own default without it. */
  ref?: string;
}

type RawIndex = Record<string, string | { url: string; ref?: string; lfs?: true }>;

export interface ProductIndex {
  products: Map<string, Product>;
  document: Document<RawIndex>;
}

/**
 * Read an index of products in the format of lsst/repos (etc/repos.yaml). All findings at once.
 * @param transports how repositories may be reached; a URL that wants another is a finding
 */
export async function readProductIndex(
  root: string,
  file: string,
  transports: ReadonlySet<Transport>,
): Promise<Result<ProductIndex>> {
  const read = await readDocument<RawIndex>(root, file, { schemas: ['dmrel/products/v1'], undeclared: true });
  if (!read.ok) return read;
  const document = read.value;
  const products = new Map<string, Product>();
  const problems: Problem[] = [];
  for (const [name, entry] of Object.entries(document.value)) {
    const text = typeof entry === 'string' ? entry : entry.url;
    const url = parseRemoteUrl(text, { root, transports });
    if (!url.ok) {
      const path = typeof entry === 'string' ? [name] : [name, 'url'];
      for (const { code, message, hint } of url.problems) {
        problems.push(
          document.problem(code, path, message, { part: 'value', subject: name, ...(hint ? { hint } : {}) }),
        );
      }
      continue;
    }
    const ref = typeof entry === 'string' ? undefined : entry.ref;
    products.set(name, { name, url: url.value, ...(ref === undefined ? {} : { ref }) });
  }
  return problems.length > 0 ? failed(...problems) : ok({ products, document });
}
