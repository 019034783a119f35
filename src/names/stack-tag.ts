import { eupsAliases, isEupsTag } from './eups.ts';

/** What the tag of a stack image says: `7-stack-lsst_distrib-w_2018_22-20180531T081503Z`, or an alias alone, `w_latest`. */
export interface StackTag {
  /** The release of CentOS. */
  os: string | null;
  product: string | null;
  eupsTag: string;
  /** When the build began, on a clock of 12 hours: two moments of a day may be one timestamp. Null for the tag that moves. */
  timestamp: string | null;
  /** Whether it follows the newest release of its series. */
  moves: boolean;
}

/** Undefined when it is none. Menus of images do not know these tags; the EUPS tag in them says which release it is. */
export function parseStackTag(text: string): StackTag | undefined {
  const moves = (tag: string): boolean => (eupsAliases as readonly string[]).includes(tag);
  if (moves(text)) return { os: null, product: null, eupsTag: text, timestamp: null, moves: true };
  const [os, stack, product, eupsTag, timestamp, ...more] = text.slice(0, 300).split('-');
  if (stack !== 'stack' || !/^[a-z0-9.]+$/.test(os!) || !/^[a-z0-9_]+$/.test(product ?? '')) return undefined;
  if (eupsTag === undefined || !isEupsTag(eupsTag) || more.length > 0) return undefined;
  if (timestamp !== undefined && !/^[0-9]{8}T[0-9]{6}Z$/.test(timestamp)) return undefined;
  return { os: os!, product: product!, eupsTag, timestamp: timestamp ?? null, moves: moves(eupsTag) };
}
