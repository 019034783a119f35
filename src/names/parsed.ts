import type { CalendarDate } from '../support/index.ts';

/** What a name names, in the order in which menus show them; `milestone` exists in git only. */
export const nameKinds = [
  'alias',
  'release',
  'milestone',
  'weekly',
  'daily',
  'release-candidate',
  'experimental',
  'unknown',
] as const;
export type NameKind = (typeof nameKinds)[number];

/** What a name says. Null stands for what it does not say. */
export interface ParsedName {
  name: string;
  kind: NameKind;
  /** For people: `Weekly 2021_13 (SAL Cycle 0012, Build 003)`. */
  display: string;
  /** SemVer: `21.0.1`, `22.0.0-rc1`; a week is `2021.13.0`, a day `2021.5.27`. */
  version: string | null;
  /** The day of a daily, the Thursday of a weekly. */
  date: CalendarDate | null;
  /** The schema of the telescope's messages (SAL) that the image speaks. */
  cycle: number | null;
  cycleBuild: number | null;
  /** The build of the Science Platform's image. */
  rspBuild: number | null;
  architecture: string | null;
  extra: string | null;
  /** Of a name without a version: what it is ordered by. */
  base: string | null;
}

export const nothing = {
  version: null,
  date: null,
  cycle: null,
  cycleBuild: null,
  rspBuild: null,
  architecture: null,
  extra: null,
  base: null,
} as const satisfies Partial<ParsedName>;

/** Digits as a number of SemVer has them: of any length, without leading zeros. */
export const plainDigits = (digits: string): string => digits.replace(/^0+(?=[0-9])/, '');
