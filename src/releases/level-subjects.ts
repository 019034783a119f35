/** What commits of a level's file say was done: for `git log`, and for `dmrel history`, which reads it again. */
export const levelSubjects = {
  hold: (level: string, reason: string): string => `Hold ${level}: ${reason}`,
  /** @param release the one that may come back, where it is not the level that is held */
  releaseHold: (level: string, release?: string): string =>
    `Release the hold of ${release === undefined ? level : `${release} at ${level}`}`,
  recommend: (level: string, release: string): string => `Recommend ${release} at ${level}`,
};

export interface LevelDeed {
  did: 'hold' | 'release-hold' | 'recommend';
  release?: string;
  why?: string;
}

const forms: [LevelDeed['did'], RegExp][] = [
  ['hold', /^Hold [^:]+: (?<why>.*)$/],
  ['release-hold', /^Release the hold of (?<release>\S+) at \S+$/],
  ['release-hold', /^Release the hold of \S+(?<why>)$/],
  ['recommend', /^Recommend (?<release>\S+) at \S+$/],
];

/** The level itself is in the commit's trailers. */
export function readLevelSubject(subject: string): LevelDeed | undefined {
  for (const [did, form] of forms) {
    const groups = form.exec(subject)?.groups;
    if (groups) return { did, ...Object.fromEntries(Object.entries(groups).filter(([, value]) => value !== '')) };
  }
  return undefined;
}
