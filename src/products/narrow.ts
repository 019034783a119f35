import { didYouMean, failed, ok, type Problem, problem, type Result } from '../support/index.ts';

/** Which of a run's products are meant. */
export interface Narrowing {
  only?: readonly string[] | undefined;
  except?: readonly string[] | undefined;
  /** The first so many of what the others leave. */
  limit?: number | undefined;
}

/**
 * Some of the products, in their own order: those of `only` without those of `except`, and of these the first `limit`.
 * A name that is none of the products is a problem: whoever leaves out a misspelt product would tag it.
 */
export function narrow(products: readonly string[], { only, except, limit }: Narrowing): Result<string[]> {
  const known = new Set(products);
  const problems: Problem[] = [];
  for (const [option, names] of [
    ['--only', only],
    ['--except', except],
  ] as const) {
    for (const name of new Set(names)) {
      if (known.has(name)) continue;
      const hint = didYouMean(name, products) ?? 'take the name that the index of products has';
      const message = `${option} names '${name}', which is none of the products of this run`;
      problems.push(problem('usage', message, { hint, subject: name }));
    }
  }
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    problems.push(problem('usage', `--limit ${limit} is no number of products`, { hint: 'expected 1 or more' }));
  }
  if (problems.length > 0) return failed(...problems);
  const wanted = new Set(only ?? products);
  const unwanted = new Set(except);
  const left = products.filter((name) => wanted.has(name) && !unwanted.has(name)).slice(0, limit);
  if (left.length > 0 || products.length === 0) return ok(left);
  const hint = 'name other products with --only, or fewer with --except';
  return failed(problem('usage', '--only and --except leave no product', { hint }));
}
