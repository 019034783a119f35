import { sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { preAuthEncoding } from '../../src/evidence/dsse.ts';
import { decideLevel, type Envelope, type Statement, verificationSummary } from '../../src/evidence/index.ts';
import { type PublicKey, readPublicKey } from '../../src/evidence/public-key.ts';
import { type Digest, digestOf, hexOf, type Instant } from '../../src/support/index.ts';
import { aKeyPair, type KeyPair } from '../support/keys.ts';

const [promoter, other] = [aKeyPair(), aKeyPair()];
const [image, another] = [digestOf('image'), digestOf('another')];
const key = readPublicKey(promoter.publicPem) as PublicKey;
const now = new Date('2018-06-01T00:00:00Z');

function envelope(statement: Statement, { privateKey }: KeyPair = promoter): Envelope {
  const payload = Buffer.from(JSON.stringify(statement));
  return { payload, signature: sign('sha256', preAuthEncoding(payload), privateKey), keyid: '' };
}

function word(passed: boolean, time: string, { level = 'batch', of = image }: { level?: string; of?: Digest } = {}) {
  return verificationSummary([{ name: 'batch/stack', digest: { sha256: hexOf(of) } }], {
    level,
    passed,
    at: `2018-05-${time}:00Z` as Instant,
    verifier: 'https://lsst.org/dmrel',
    resource: 'batch/stack',
    policy: { uri: 'dmrel.yaml', digest: digestOf('policy') },
    inputs: [],
  });
}

const decide = (...envelopes: Envelope[]) => decideLevel(envelopes, { image, level: 'batch', key, now });

describe('whether an image stands at a level', () => {
  it('is yes when the key said so, and tells since when', () => {
    expect(decide(envelope(word(true, '03T12:00')))).toEqual({
      verified: true,
      at: '2018-05-03T12:00:00Z',
      reason: 'it was verified for batch at 2018-05-03T12:00:00Z',
    });
  });

  it.each<[string, Envelope[], string]>([
    ['nothing is attached', [], 'no statement is attached to it'],
    [
      'another key signed it',
      [envelope(word(true, '03T12:00'), other)],
      'this key signed nothing of what is attached to it (1 statement)',
    ],
    [
      'it is about another image',
      [envelope(word(true, '03T12:00', { of: another }))],
      'what this key signed is about other images',
    ],
    [
      'it is of another level',
      [envelope(word(true, '03T12:00', { level: 'dev' }))],
      'this key speaks of level dev, not of batch',
    ],
    [
      'the key signed something else about it',
      [envelope({ ...word(true, '03T12:00'), predicateType: 'https://sigstore.dev/cosign/sign/v1' })],
      'this key signed no summary of a verification',
    ],
    [
      'it was taken back since',
      [envelope(word(true, '03T12:00')), envelope(word(false, '04T12:00'))],
      'it was taken back from batch at 2018-05-04T12:00:00Z',
    ],
    [
      'it was taken back at the same moment',
      [envelope(word(true, '03T12:00')), envelope(word(false, '03T12:00'))],
      'it was taken back from batch at 2018-05-03T12:00:00Z',
    ],
    [
      'it says so of the future',
      [envelope(later(word(true, '31T23:59')))],
      'the word about it is of the future: 2018-06-01T00:06:00Z',
    ],
  ])('is no when %s', (_what, envelopes, reason) => {
    expect(decide(...envelopes)).toMatchObject({ verified: false, reason });
  });

  function later(statement: Statement): Statement {
    return { ...statement, predicate: { ...(statement.predicate as object), timeVerified: '2018-06-01T00:06:00Z' } };
  }

  it('is yes again when the key said yes again, and clocks may differ by minutes', () => {
    const words = [word(true, '03T12:00'), word(false, '04T12:00'), word(true, '05T12:00')];
    expect(decide(...words.map((each) => envelope(each))).verified).toBe(true);
    const soon = { ...word(true, '03T12:00') };
    soon.predicate = { ...(soon.predicate as object), timeVerified: '2018-06-01T00:04:00Z' };
    expect(decide(envelope(soon)).verified).toBe(true);
  });

  it('is no at every level where a no does not say at which', () => {
    const no = word(false, '04T12:00');
    no.predicate = { ...(no.predicate as object), policy: { uri: 'elsewhere' } };
    expect(decide(envelope(word(true, '03T12:00')), envelope(no)).verified).toBe(false);
  });

  it('is not changed by a no at another level, of another image or by a stranger', () => {
    const verdict = decide(
      envelope(word(true, '03T12:00')),
      envelope(word(false, '04T12:00', { level: 'dev' })),
      envelope(word(false, '04T12:00', { of: another })),
      envelope(word(false, '04T12:00'), other),
    );
    expect(verdict.verified).toBe(true);
  });

  it('is the newest word’s matter, in whatever order they come', () => {
    const words = [
      { passed: true, time: '01T00:00' },
      { passed: false, time: '02T00:00' },
      { passed: true, time: '03T00:00' },
      { passed: false, time: '03T00:00' },
      { passed: true, time: '04T00:00' },
    ].map(({ passed, time }) => ({ passed, time, envelope: envelope(word(passed, time)) }));
    fc.assert(
      fc.property(fc.shuffledSubarray(words, { minLength: 1 }), (some) => {
        const last = some
          .map(({ time }) => time)
          .sort()
          .at(-1);
        const expected = some.filter(({ time }) => time === last).every(({ passed }) => passed);
        expect(decide(...some.map((each) => each.envelope)).verified).toBe(expected);
      }),
    );
  });

  it('is never yes for a summary that has been changed', () => {
    const sound = envelope(word(true, '03T12:00'));
    fc.assert(
      fc.property(fc.nat(sound.payload.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const payload = Buffer.from(sound.payload);
        payload[at] = payload[at]! ^ bits;
        expect(decide({ ...sound, payload }).verified).toBe(false);
      }),
    );
  });

  it('is never yes for anything else, whatever the key signed', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const payload = Buffer.from(JSON.stringify(value) ?? '');
        const signature = sign('sha256', preAuthEncoding(payload), promoter.privateKey);
        expect(decide({ payload, signature, keyid: '' }).verified).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  it.each<[string, object]>([
    ['of neither yes nor no', { verificationResult: 'WARNED' }],
    ['without a time', { timeVerified: undefined }],
    ['of a time that does not exist', { timeVerified: '2018-05-32T00:00:00Z' }],
    ['with levels that are no list', { verifiedLevels: 'DMREL_LEVEL_BATCH' }],
    ['with a level in small letters', { verifiedLevels: ['dmrel_level_batch'] }],
    ['with a level that begins alike', { verifiedLevels: ['DMREL_LEVEL_BATCH2', 'XDMREL_LEVEL_BATCH'] }],
  ])('is not yes for a summary %s', (_what, change) => {
    const statement = word(true, '03T12:00');
    statement.predicate = { ...(statement.predicate as object), ...change };
    expect(decide(envelope(statement)).verified).toBe(false);
  });
});

describe('a verification summary', () => {
  it('is what SLSA says it is', () => {
    expect(word(true, '03T12:00')).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'batch/stack', digest: { sha256: hexOf(image) } }],
      predicateType: 'https://slsa.dev/verification_summary/v1',
      predicate: {
        verifier: { id: 'https://lsst.org/dmrel' },
        timeVerified: '2018-05-03T12:00:00Z',
        resourceUri: 'batch/stack',
        policy: { uri: 'dmrel.yaml#/levels/batch', digest: { sha256: hexOf(digestOf('policy')) } },
        inputAttestations: [],
        verificationResult: 'PASSED',
        verifiedLevels: ['SLSA_BUILD_LEVEL_UNEVALUATED', 'DMREL_LEVEL_BATCH'],
        slsaVersion: '1.1',
      },
    });
    expect(word(false, '03T12:00').predicate).toMatchObject({
      verificationResult: 'FAILED',
      verifiedLevels: ['FAILED'],
    });
  });
});
