import { placeOf } from '../git/index.ts';
import type { Product } from '../products/index.ts';
import { type Problem, problem } from '../support/index.ts';
import type { PlannedTag } from './plan.ts';

/** Products whose repository is the one that the workspace is pushed to: its own tag of the release has that name there. */
export function ownRepositoryProblems(
  products: readonly Product[],
  upstream: string | undefined,
  tag: string,
): Problem[] {
  const own = upstream === undefined ? [] : products.filter(({ url }) => placeOf(url) === upstream);
  return own.map(({ name, url }) => {
    const message = `${name}: the workspace is pushed to ${url.display}, where ${tag} will be its own tag`;
    return problem('tag-conflict', message, { hint: `take ${name} out of the index, or leave it out`, subject: name });
  });
}

/** Products of one repository that would have one tag on two commits. */
export function sharedPlaceProblems(
  products: readonly Product[],
  planned: Readonly<Record<string, PlannedTag>>,
): Problem[] {
  const first = new Map<string, string>();
  return products.flatMap(({ name, url }) => {
    const { tag, commit, object } = planned[name]!;
    const key = `${placeOf(url)} ${tag}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, name);
    const was = other === undefined ? undefined : planned[other]!;
    if (!was || (was.commit === commit && was.object === object)) return [];
    const message = `${name}: ${tag} would be on ${commit.slice(0, 12)}, and on ${was.commit.slice(0, 12)} for ${other}, in one repository`;
    return [problem('tag-conflict', message, { hint: `leave ${name} or ${other} out`, subject: name })];
  });
}
