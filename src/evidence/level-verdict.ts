import { count, type Digest, type Instant, instantOf } from '../support/index.ts';
import { type Envelope, isEnvelopeBy, parseJson } from './dsse.ts';
import type { PublicKey } from './public-key.ts';
import { parseStatement } from './statement.ts';
import { parseSummary, type ReadSummary } from './vsa.ts';

/** Whether an image stands at a level, as one key says. */
export interface LevelVerdict {
  verified: boolean;
  /** When the newest word about it was said. */
  at?: Instant;
  reason: string;
}

export interface LevelAsked {
  image: Digest;
  level: string;
  key: PublicKey;
  now: Date;
  /** How many statements there are beside those at hand, by anybody else. */
  others?: number;
}

/** How far clocks may differ. */
const toleranceSeconds = 300;

/**
 * Whether the newest word of a key about an image and a level is a yes: a pure function of the envelopes found. Of two of
 * one moment the no counts; a no that does not say of which level it is counts for every one; a yes from the future does
 * not count yet. What others signed, what is about other images, and what is no summary, say nothing.
 */
export function decideLevel(
  envelopes: readonly Envelope[],
  { image, level, key, now, others = 0 }: LevelAsked,
): LevelVerdict {
  const no = (reason: string): LevelVerdict => ({ verified: false, reason });
  const signed = envelopes.filter((each) => isEnvelopeBy(key, each));
  const found = envelopes.length + others;
  if (found === 0) return no('no statement is attached to it');
  if (signed.length === 0)
    return no(`this key signed nothing of what is attached to it (${count(found, 'statement')})`);
  const summaries = signed.flatMap(({ payload }) => summaryIn(payload) ?? []);
  const about = summaries.filter(({ digests }) => digests.includes(image));
  if (about.length === 0)
    return no(
      summaries.length > 0
        ? 'what this key signed is about other images'
        : 'this key signed no summary of a verification',
    );
  const words = about.filter(({ levels, passed }) => levels.includes(level) || (!passed && levels.length === 0));
  const newest = words.sort(newestFirst)[0];
  if (!newest) {
    const others = [...new Set(about.flatMap(({ levels }) => levels))].sort().join(', ');
    return no(`this key speaks of ${others === '' ? 'no level' : `level ${others}`}, not of ${level}`);
  }
  const at = instantOf(new Date(newest.time));
  if (!newest.passed) return { verified: false, at, reason: `it was taken back from ${level} at ${at}` };
  if (newest.time > now.getTime() + toleranceSeconds * 1000)
    return { verified: false, at, reason: `the word about it is of the future: ${at}` };
  return { verified: true, at, reason: `it was verified for ${level} at ${at}` };
}

const newestFirst = (left: ReadSummary, right: ReadSummary): number =>
  right.time - left.time || Number(left.passed) - Number(right.passed);

function summaryIn(payload: Buffer): ReadSummary | undefined {
  const statement = parseStatement(parseJson(payload));
  return statement && parseSummary(statement);
}
