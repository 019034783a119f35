import { join } from 'node:path';
import { type CommitId, type ObjectId, openRemote, signatureSettings, verifyRemoteTag } from '../git/index.ts';
import type { Product } from '../products/index.ts';
import { ok, type Problem, problem, type Result } from '../support/index.ts';
import { askRemotes, type Look } from './look.ts';

/**
 * What a remote has of a recorded tag: `ok`, on another commit (`moved`), gone (`deleted`), another object on the same
 * commit (`recreated`), or no object of its own (`lightweight`).
 */
export type TagState = 'ok' | 'moved' | 'deleted' | 'recreated' | 'lightweight';

export interface RecordedTag {
  url: string;
  commit: CommitId;
  tag: string;
  object: ObjectId;
}

export interface TagVerdict {
  product: string;
  tag: string;
  state: TagState;
  expected: { object: ObjectId; commit: CommitId };
  found: { object: ObjectId; commit: CommitId } | null;
}

type Looking = Pick<Look, 'jobsPerHost' | 'signal' | 'looked'>;

/** Compare recorded tags with what their remotes have now. Remotes that cannot be asked are problems. */
export async function compareTags(
  recorded: Readonly<Record<string, RecordedTag>>,
  products: ReadonlyMap<string, Product>,
  look: Looking,
): Promise<{ results: TagVerdict[]; problems: Problem[] }> {
  const byRelease = await compareReleases({ only: recorded }, products, look);
  return { results: byRelease.results.only!, problems: byRelease.problems };
}

/** The same for several releases at once: each remote is asked once for all its tags. */
export async function compareReleases(
  releases: Readonly<Record<string, Readonly<Record<string, RecordedTag>>>>,
  products: ReadonlyMap<string, Product>,
  look: Looking,
): Promise<{ results: Record<string, TagVerdict[]>; problems: Problem[] }> {
  const tagsOf = new Map<string, Set<string>>();
  for (const record of Object.values(releases)) {
    for (const [name, { tag }] of Object.entries(record)) tagsOf.set(name, (tagsOf.get(name) ?? new Set()).add(tag));
  }
  const missing: Problem[] = [];
  const asked: { product: Product; refs: string[] }[] = [];
  for (const [name, tags] of tagsOf) {
    const product = products.get(name);
    if (product) asked.push({ product, refs: [...tags].map((tag) => `refs/tags/${tag}`) });
    else {
      const hint = 'put it back into the index to look at it';
      missing.push(problem('unknown-product', `the index does not have ${name}`, { hint, subject: name }));
    }
  }
  const { answers, problems } = await askRemotes(asked, look, ({ product, refs }) =>
    openRemote(product.url, { signal: look.signal }).listRefs(refs),
  );
  const results: Record<string, TagVerdict[]> = {};
  for (const [release, record] of Object.entries(releases)) {
    results[release] = Object.entries(record).flatMap(([name, { tag, object, commit }]) => {
      const answer = answers.get(name);
      if (!answer) return [];
      const there = answer.refs.get(`refs/tags/${tag}`);
      const target = answer.peeled.get(`refs/tags/${tag}`) ?? there;
      const found = there && { object: there, commit: target as string as CommitId };
      return [
        {
          product: name,
          tag,
          state: stateOf({ object, commit }, found),
          expected: { object, commit },
          found: found ?? null,
        },
      ];
    });
  }
  return { results, problems: [...missing, ...problems] };
}

function stateOf(
  expected: { object: ObjectId; commit: CommitId },
  found: { object: ObjectId; commit: CommitId } | undefined,
): TagState {
  if (!found) return 'deleted';
  if (found.object === expected.object) return 'ok';
  if (found.commit !== expected.commit) return 'moved';
  return (found.object as string) === found.commit ? 'lightweight' : 'recreated';
}

export interface SignatureResult {
  product: string;
  good: boolean;
  says: string;
}

/**
 * Read tags of a release from their remotes and verify their signatures. A tag that is only a name for its commit
 * cannot be signed.
 */
export async function checkSignatures(
  recorded: Readonly<Record<string, RecordedTag>>,
  products: ReadonlyMap<string, Product>,
  look: Looking & { root: string; scratch: string; allowedSigners?: string },
): Promise<{ results: SignatureResult[]; problems: Problem[] }> {
  const asked = Object.keys(recorded)
    .flatMap((name) => products.get(name) ?? [])
    .map((product) => ({ product }));
  const settings = await signatureSettings(look.root, look.allowedSigners);
  const { answers, problems } = await askRemotes(asked, look, async ({ product }): Promise<Result<SignatureResult>> => {
    const { tag, object, commit } = recorded[product.name]!;
    if ((object as string) === commit) return ok({ product: product.name, good: false, says: 'not signed' });
    const scratch = join(look.scratch, product.name);
    const verdict = await verifyRemoteTag(product.url, { tag, object, scratch, signal: look.signal, settings });
    return verdict.ok ? ok({ product: product.name, ...verdict.value }) : verdict;
  });
  const results = [...answers.values()].sort((left, right) => (left.product < right.product ? -1 : 1));
  return { results, problems };
}
