/**
 * A second run of the tests, on another Node, looks whether that Node does the same: where a test walks over every
 * moment of a run or repeats a race, it takes a sample then. Without DMREL_SAMPLE it takes all.
 */
const sampling = process.env.DMREL_SAMPLE === '1';

/** How many rounds of so many. */
export const rounds = (all: number): number => (sampling ? Math.ceil(all / 10) : all);

/** Which moments of these: the first, the last, and every fourth between them. */
export const moments = <T>(all: readonly T[]): T[] =>
  sampling ? all.filter((_, index) => index % 4 === 0 || index === all.length - 1) : [...all];

/** What a count over all rounds or moments must at least be. */
export const atLeast = (ofAll: number): number => (sampling ? Math.floor(ofAll / 10) : ofAll);
