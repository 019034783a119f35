import { type Document, readDocument, withPositions } from '../documents/index.ts';
import { didYouMean, failed, ok, type Problem, pathWithin, printable, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

/** Which products belong together. Three groups mean something to dmrel; any other may be named by `allow`. */
export interface Groups {
  /** The groups that a product is in. */
  of(product: string): ReadonlySet<string>;
  /** Upstream code: its official tags get a `v`, for its own versions begin with a digit (SQR-016, "Github teams"). */
  external: ReadonlySet<string>;
  /** Tagged last. */
  auxiliary: ReadonlySet<string>;
  /** Never tagged. */
  deny: ReadonlySet<string>;
}

type RawGroups = Record<string, string[]>;
/** Groups as they are written, and where: in dmrel.yaml or in a file of their own. */
interface Written {
  groups: RawGroups;
  document: Pick<Document<unknown>, 'file' | 'problem'>;
  path: string[];
}

/**
 * The groups of `products: groups:`, which stand in dmrel.yaml or in a file that it names. Products that the index does
 * not have are findings, and so are groups that `allow` names and nobody defines.
 */
export async function readGroups(
  workspace: Pick<Workspace, 'root' | 'config' | 'document'>,
  products: Iterable<string>,
): Promise<Result<Groups>> {
  const known = new Set(products);
  const written = await findGroups(workspace);
  if (!written.ok) return written;
  const problems = await withPositions(() => [
    ...unknownProducts(written.value, known, workspace.config.products?.index ?? 'the index'),
    ...unknownGroups(workspace, written.value),
  ]);
  return problems.length > 0 ? failed(...problems) : ok(groupsOf(written.value.groups));
}

export function groupsOf(groups: RawGroups): Groups {
  const byProduct = new Map<string, Set<string>>();
  for (const [group, names] of Object.entries(groups)) {
    for (const name of names) byProduct.set(name, (byProduct.get(name) ?? new Set()).add(group));
  }
  const none = new Set<string>();
  const members = (group: string) => new Set(Object.hasOwn(groups, group) ? groups[group] : []);
  return {
    of: (product) => byProduct.get(product) ?? none,
    external: members('external'),
    auxiliary: members('auxiliary'),
    deny: members('deny'),
  };
}

async function findGroups({ root, config, document }: Pick<Workspace, 'root' | 'config' | 'document'>) {
  const inline = (groups: RawGroups): Result<Written> => ok({ groups, document, path: ['products', 'groups'] });
  const given = config.products?.groups;
  if (typeof given !== 'string') return inline(given ?? {});
  if (pathWithin(root, given) === undefined) {
    const message = `'${printable(given)}' leads out of the workspace`;
    const problems = await withPositions(() => [
      document.problem('unsafe-path', ['products', 'groups'], message, {
        part: 'value',
        hint: 'name a file of the workspace',
      }),
    ]);
    return failed<Written>(...problems);
  }
  const read = await readDocument<{ groups: RawGroups }>(root, given, { schemas: ['dmrel/groups/v1'] });
  return read.ok ? ok<Written>({ groups: read.value.value.groups, document: read.value, path: ['groups'] }) : read;
}

function unknownProducts({ groups, document, path }: Written, known: ReadonlySet<string>, index: string): Problem[] {
  const problems: Problem[] = [];
  for (const [group, names] of Object.entries(groups)) {
    for (const [position, name] of names.entries()) {
      if (known.has(name)) continue;
      const hint = didYouMean(name, known) ?? `add it to ${index}`;
      const message = `there is no product '${name}'`;
      problems.push(document.problem('unknown-product', [...path, group, position], message, { hint, subject: name }));
    }
  }
  return problems;
}

function unknownGroups({ config, document }: Pick<Workspace, 'config' | 'document'>, written: Written): Problem[] {
  const problems: Problem[] = [];
  for (const [position, name] of (config.products?.allow ?? []).entries()) {
    if (Object.hasOwn(written.groups, name)) continue;
    const hint = didYouMean(name, Object.keys(written.groups)) ?? `define it in the groups of ${written.document.file}`;
    const message = `there is no group '${name}'`;
    problems.push(document.problem('unknown-name', ['products', 'allow', position], message, { hint }));
  }
  return problems;
}

/** Whether each product may be tagged: not when it is in `deny`; where `allow` is given, only when it is in one of its groups. */
export function judgeGroups(
  products: Iterable<string>,
  groups: Pick<Groups, 'of' | 'deny'>,
  allow?: readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  for (const product of products) {
    const instead = `leave it out with --except ${product}`;
    if (groups.deny.has(product)) {
      const hint = `${instead}, or take it out of the group 'deny'`;
      const message = `${product} is in the group 'deny' and is never tagged`;
      problems.push(problem('product-denied', message, { hint, subject: product }));
    } else if (allow !== undefined && !allow.some((group) => groups.of(product).has(group))) {
      const own = [...groups.of(product)];
      const message = `${product} is in no group that may be tagged${own.length > 0 ? `, only in ${own.join(', ')}` : ''}`;
      const hint = `${instead}, or put it into a group of 'allow': ${allow.join(', ')}`;
      problems.push(problem('product-not-allowed', message, { hint, subject: product }));
    }
  }
  return problems;
}
