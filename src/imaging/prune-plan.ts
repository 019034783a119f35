import { isTechnicalTag, keepTag, referrersTag, subjectOfTag } from '../registry/index.ts';
import type { Digest } from '../support/index.ts';
import { type KeepRules, tagsToLetGo } from './keep.ts';

export interface PruneFacts {
  /** Every tag of the repository. */
  tags: readonly { tag: string; digest: Digest }[];
  /** What other programs keep in a layout, under names that are no tags or under none: nothing takes that away. */
  others: readonly { digest: Digest; name: string | undefined }[];
  /** What earlier prunes were to delete and did not come to say was deleted, in their order; some of it is gone. */
  begun: readonly Digest[];
  /** Of all that, what is there. */
  present: ReadonlySet<Digest>;
  /** What is reached from a manifest in one step: images of an index, and what belongs to it. */
  below: ReadonlyMap<Digest, readonly Digest[]>;
  /** Manifests that could not be read: nobody knows what they hold. */
  unread: ReadonlySet<Digest>;
  /** What records and levels name, and how they do. */
  named: ReadonlyMap<Digest, string>;
  rules: KeepRules;
  now: Date;
}

export interface Deletion {
  digest: Digest;
  /** Tags that go with it. */
  tags: string[];
  because: string;
}

export interface PrunePlanResult {
  /** In the order in which they go: what names before what is named. */
  deletions: Deletion[];
  /** Tags that the rules let go and something else keeps. */
  spared: { tag: string; digest: Digest; because: string }[];
}

/**
 * What may be deleted. A pure function, and careful: what a kept tag, a record or a level names stays, with all that is
 * reached from it and whatever other tags it has; a registry deletes by digest, and every tag of it goes along.
 */
export function planPrune(facts: PruneFacts): PrunePlanResult {
  const { tags, begun, present, below, rules, now } = facts;
  const own = tags.filter(({ tag }) => !isTechnicalTag(tag));
  const leaving = tagsToLetGo(
    own.map(({ tag }) => tag),
    rules,
    now,
  );
  const kept = keptBecause(facts, leaving);
  const spared: PrunePlanResult['spared'] = [];
  const deletions = new Map<Digest, Deletion>();
  const tagsOf = (digest: Digest) => tags.filter((each) => each.digest === digest).map(({ tag }) => tag);

  const add = (digest: Digest, because: string) => {
    if (!deletions.has(digest)) deletions.set(digest, { digest, tags: tagsOf(digest), because });
  };

  for (const { tag, digest } of own) {
    const because = leaving.get(tag);
    if (because === undefined) continue;
    const reason = kept.get(digest);
    if (reason !== undefined) spared.push({ tag, digest, because: reason });
    else add(digest, `${tag} is ${because}`);
  }
  const left = begun.filter((digest) => present.has(digest) && !kept.has(digest));
  const parts = walk([...deletions.keys(), ...left], below);
  const gone = new Set([...parts, ...begun]);
  // Lists of referrers, and signatures, where nothing but their tag leads to them. A list goes before what it lists: taking
  // that out of it would write another one.
  const beside = tags
    .map((each) => ({ ...each, subject: subjectOfTag(each.tag) }))
    .filter(
      ({ digest, subject }) => subject !== undefined && gone.has(subject) && !kept.has(subject) && !kept.has(digest),
    );
  for (const { tag, digest, subject } of beside) if (tag === referrersTag(subject!)) add(digest, belongs);
  for (const digest of left) add(digest, 'left by a prune that was not finished');
  const isGone = (digest: Digest) => begun.includes(digest) && !present.has(digest);
  for (const digest of parts) if (!kept.has(digest) && !isGone(digest)) add(digest, 'part of what is deleted');
  for (const { digest } of beside) add(digest, belongs);
  return { deletions: [...deletions.values()], spared };
}

const belongs = 'belongs to what is deleted';

/** Every manifest that stays, and why. */
function keptBecause(facts: PruneFacts, leaving: ReadonlyMap<string, string>): Map<Digest, string> {
  const { tags, others, begun, present, below, unread, named } = facts;
  const kept = new Map<Digest, string>();
  const keep = (digest: Digest, because: string) => {
    for (const each of walk([digest], below)) if (!kept.has(each)) kept.set(each, because);
  };
  for (const [digest, by] of named) keep(digest, `named by ${by}`);
  for (const { digest, name } of others)
    keep(digest, name === undefined ? 'it stands in index.json without a tag' : `named by ${name} too`);
  // What an earlier prune deleted holds nothing.
  const isUnknown = (digest: Digest) => unread.has(digest) && (present.has(digest) || !begun.includes(digest));
  for (const { tag, digest } of tags) {
    // What an unreadable index holds is unknown, so that nothing may be said to be in no other.
    if (walk([digest], below).some(isUnknown)) keep(digest, 'it cannot be read whole');
    if (!isTechnicalTag(tag) && !leaving.has(tag)) keep(digest, `named by ${tag} too`);
  }
  // A technical tag keeps what it names only while that, or what it belongs to, is no part of anything that goes.
  const own = tags.filter(({ tag }) => !isTechnicalTag(tag)).map(({ digest }) => digest);
  const reached = new Set(walk([...own, ...begun], below));
  for (const { tag, digest } of tags) {
    const subject = subjectOfTag(tag);
    if (
      subject !== undefined
        ? kept.has(subject) || !(reached.has(subject) || begun.includes(digest))
        : tag === keepTag(digest) && !reached.has(digest)
    )
      keep(digest, `named by ${tag}`);
  }
  return kept;
}

/** These and all that is reached from them, what names before what is named. */
function walk(roots: readonly Digest[], below: ReadonlyMap<Digest, readonly Digest[]>): Digest[] {
  const seen = new Set(roots);
  for (const digest of seen) for (const each of below.get(digest) ?? []) seen.add(each);
  return [...seen];
}
