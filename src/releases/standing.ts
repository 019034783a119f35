import type { Digest, Instant } from '../support/index.ts';
import type { Hold, LevelRecord, Promotion, ReleaseRecord, Withdrawal } from './record.ts';

/** What of a release was let up to a level and was not taken away since. */
export interface Standing {
  /** When the first of its images came there. */
  since: Instant;
  images: Record<string, Digest>;
  /** Newest last. */
  promotions: Promotion[];
}

/** Promotions come image by image, too; a withdrawal ends all that were before it. Undefined: nothing of it is there. */
export function standingAt(
  { promotions = [], withdrawals = [] }: Pick<ReleaseRecord, 'promotions' | 'withdrawals'>,
  level: string,
): Standing | undefined {
  const ended = lastWithdrawal({ withdrawals }, level);
  const valid = promotions.filter((each) => each.level === level && (!ended || isAfter(each, ended)));
  const [first] = valid;
  if (!first) return undefined;
  return { since: first.at, images: Object.assign({}, ...valid.map(({ images }) => images)), promotions: valid };
}

/** When and why a release was taken away from a level last. */
export const lastWithdrawal = (
  { withdrawals }: Pick<ReleaseRecord, 'withdrawals'>,
  level: string,
): Withdrawal | undefined => withdrawals?.findLast((each) => each.level === level);

/** Times are of seconds; ids of operations sort by the millisecond. */
function isAfter(promotion: { at: Instant; operation: string }, ended: { at: Instant; operation: string }): boolean {
  return promotion.at === ended.at ? promotion.operation > ended.operation : promotion.at > ended.at;
}

/** Why a release may not go up to a level: the level is held, or this release was taken away from it. */
export function holdOn({ held, withheld = [] }: LevelRecord, release: string): Hold | undefined {
  return held ?? withheld.find((each) => each.release === release);
}
