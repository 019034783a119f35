import type { CommitId, ObjectId, TagContent } from '../git/index.ts';
import { type Problem, problem } from '../support/index.ts';

/** What is found of a tag on a remote, other than what was planned. */
export type Difference = 'conflict' | 'lightweight' | 'message' | 'tagger';

/** The tag of one product as its remote has it. */
export interface ExistingTag {
  object: ObjectId;
  /** What it points to, when that is a commit. */
  commit?: CommitId;
  /** Its tagger and message; read only when they decide. */
  content?: TagContent;
}

export interface WantedTag {
  product: string;
  tag: string;
  url: string;
  commit: CommitId;
  object: ObjectId;
  tagger: { name: string; email: string };
  message: string;
}

/** Whether what is there can only be judged when its tagger and message are known. */
export function needsContent(existing: ExistingTag, wanted: { commit: CommitId; object: ObjectId }): boolean {
  return existing.object !== wanted.object && existing.commit === wanted.commit && !isLightweight(existing);
}

const isLightweight = ({ object, commit }: ExistingTag): boolean => (commit as string | undefined) === object;

/**
 * In what a tag that is there differs from the one that is wanted: nothing when it is in sync. The date of a tag does
 * not count (codekit github_tag_release.py, check_existing_git_tag).
 */
export function differencesOf(existing: ExistingTag, wanted: WantedTag): Difference[] {
  if (existing.object === wanted.object) return [];
  if (existing.commit !== wanted.commit) return ['conflict'];
  if (isLightweight(existing)) return ['lightweight'];
  const differences: Difference[] = [];
  const { content } = existing;
  if (content?.message.trim() !== wanted.message.trim()) differences.push('message');
  if (content?.tagger.name !== wanted.tagger.name || content.tagger.email !== wanted.tagger.email)
    differences.push('tagger');
  return differences;
}

/** Why a difference stops everything, and what may be done about it. */
export function problemOf(difference: Difference, existing: ExistingTag, wanted: WantedTag): Problem {
  const { product, tag, commit } = wanted;
  const subject = product;
  switch (difference) {
    case 'conflict': {
      const found = existing.commit ?? existing.object;
      const message = `${product}: ${tag} exists there on ${found.slice(0, 12)}, wanted ${commit.slice(0, 12)}`;
      const hint = 'take commits that agree with it, or another tag; --force conflict moves it';
      return problem('tag-conflict', message, { hint, subject });
    }
    case 'lightweight': {
      const hint = '--ignore-lightweight takes it as it is, --force lightweight replaces it by an annotated one';
      return problem('lightweight-tag', `${product}: ${tag} is a lightweight tag there`, { hint, subject });
    }
    case 'message': {
      const found = existing.content?.message.split('\n')[0]?.slice(0, 80) ?? '';
      const hint = `expected '${wanted.message}'; --ignore-message takes it as it is, --force message replaces it`;
      return problem('tag-differs', `${product}: ${tag} exists there with the message '${found}'`, { hint, subject });
    }
    case 'tagger': {
      const { name = '', email = '' } = existing.content?.tagger ?? {};
      const hint = `expected ${wanted.tagger.name} <${wanted.tagger.email}>; --ignore-tagger takes it as it is, --force tagger replaces it`;
      return problem('tag-differs', `${product}: ${tag} exists there by ${name} <${email}>`, { hint, subject });
    }
    default:
      return difference satisfies never;
  }
}
