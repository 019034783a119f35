import { count, type Problem, problem, warning } from '../support/index.ts';
import type { BuildManifest } from './build-manifest.ts';
import type { EupsList } from './eups-list.ts';

/** What a build manifest and the list of what was distributed say together. */
export interface CrossCheck {
  /** The products to tag: those of the list, in its order, as far as the manifest has a commit for them. */
  products: string[];
  /** Their versions as they were distributed; the manifest's may differ where that is ignored. */
  versions: Map<string, string>;
  /** Errors and warnings. */
  problems: Problem[];
}

const maxNamed = 50;

/**
 * Hold the list of what was distributed against the manifest that says from which commits. The list has the say: what
 * only the manifest has is not tagged, and is named in one warning. All problems at once.
 */
export function crossCheck(
  manifest: Pick<BuildManifest, 'id' | 'entries'>,
  list: EupsList,
  { ignoreVersions = false }: { ignoreVersions?: boolean } = {},
): CrossCheck {
  const checked: CrossCheck = { products: [], versions: new Map(), problems: [] };
  const { file, tag } = list;
  if (list.build !== undefined && list.build !== manifest.id) {
    const hint = `take that manifest, or another list: the commits of ${manifest.id} are not what ${tag} distributes`;
    const message = `${tag} was published from ${list.build}, not from ${manifest.id}`;
    checked.problems.push(problem('manifest-mismatch', message, { hint, at: { file } }));
  }
  const built = new Map(manifest.entries.map(({ product, version }) => [product, version]));
  for (const { product, version, line } of list.entries) {
    const found = built.get(product);
    const at = { file, line };
    if (found === undefined) {
      const message = `${tag} has ${product}, which ${manifest.id} does not have`;
      const hint = 'without a commit it cannot be tagged; take the manifest that the list was published from';
      checked.problems.push(problem('manifest-mismatch', message, { hint, at, subject: product }));
      continue;
    }
    if (found !== version && !ignoreVersions) {
      const message = `${product} is ${version} in ${tag} and ${found} in ${manifest.id}`;
      const hint = 'take the manifest that the list was published from, or let versions differ on purpose';
      checked.problems.push(problem('manifest-mismatch', message, { hint, at, subject: product }));
    }
    checked.products.push(product);
    checked.versions.set(product, version);
  }
  const listed = new Set(list.entries.map(({ product }) => product));
  const extra = manifest.entries.map(({ product }) => product).filter((product) => !listed.has(product));
  if (extra.length > 0) {
    const named = extra.slice(0, maxNamed).join(', ') + (extra.length > maxNamed ? ', …' : '');
    const message = `${manifest.id} has ${count(extra.length, 'product')} that ${tag} does not have: ${named}`;
    checked.problems.push(warning('manifest-mismatch', message, { hint: 'they are not tagged', at: { file } }));
  }
  return checked;
}
