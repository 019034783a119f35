import { parseGitName } from './git.ts';
import { nothing, type ParsedName } from './parsed.ts';

/** Whether SQR-016 allows it as a git tag: small letters, digits and dots; and git's own rules for dots and `.lock`. */
export const isGitTag = (text: string): boolean =>
  text.length <= 200 && /^[a-z0-9]+(?:\.[a-z0-9]+)*$/.test(text) && !text.endsWith('.lock');

/** Whether EUPS and SQR-016 allow it: small letters, digits and underscores, no digit first. */
export const isEupsTag = (text: string): boolean => text.length <= 200 && /^[a-z_][a-z0-9_]*$/.test(text);

/** The EUPS tag of a git tag. There is no way back: 888.0.0 and v888.0.0 both give v888_0_0. */
export const eupsTagOf = (gitTag: string): string =>
  (/^[0-9]/.test(gitTag) ? `v${gitTag}` : gitTag).replace(/[.-]/g, '_');

/** Tags that follow the newest weekly, daily and official release. */
export const eupsAliases = ['w_latest', 'd_latest', 'o_latest'] as const;
const series = { w_latest: 'Weekly', d_latest: 'Daily', o_latest: 'Release' } as const satisfies Record<
  (typeof eupsAliases)[number],
  string
>;
const isAlias = (text: string): text is (typeof eupsAliases)[number] =>
  (eupsAliases as readonly string[]).includes(text);

const sims = 'sims_';

/** An EUPS tag says what the git tags say that give it; `sims_w_2018_22` is the weekly of the simulations. */
export function parseEupsName(text: string): ParsedName {
  const unknown: ParsedName = { ...nothing, name: text, kind: 'unknown', display: text, base: text };
  if (!isEupsTag(text)) return unknown;
  if (isAlias(text)) return { ...unknown, kind: 'alias', display: `Latest ${series[text]}` };
  const simulations = text.startsWith(`${sims}w_`);
  const plain = simulations ? text.slice(sims.length) : text;
  const parsed = parseGitName(plain.replaceAll('_', '.'));
  if (!parsed) return unknown;
  return {
    ...parsed,
    name: text,
    ...(simulations ? { extra: 'sims', display: `${parsed.display} [sims]` } : {}),
  };
}
