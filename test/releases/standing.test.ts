import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { holdOn, type LevelRecord, type Promotion, standingAt, type Withdrawal } from '../../src/releases/index.ts';
import type { Digest, Instant } from '../../src/support/index.ts';

const at = (second: number) => `2018-05-08T00:00:${String(second).padStart(2, '0')}Z` as Instant;
const digest = (digit: string) => `sha256:${digit.repeat(64)}` as Digest;
const by = 'Zoë <zoe@example.org>';
const promotion = (second: number, images: Record<string, Digest>, level = 'batch'): Promotion => {
  return { level, at: at(second), by, operation: `01P${second}`, images };
};
const withdrawal = (second: number, level = 'batch'): Withdrawal => {
  return { level, at: at(second), by, operation: `01W${second}`, kind: 'rollback', images: {}, reason: 'slow' };
};

describe('what of a release stands at a level', () => {
  it('is all that was let up since it was last taken away, image by image', () => {
    const promotions = [
      promotion(1, { stack: digest('1'), lab: digest('2') }),
      promotion(5, { stack: digest('3') }),
      promotion(6, { lab: digest('4') }),
    ];
    expect(standingAt({ promotions }, 'batch')).toMatchObject({
      since: at(1),
      images: { stack: digest('3'), lab: digest('4') },
    });
    expect(standingAt({ promotions, withdrawals: [withdrawal(2)] }, 'batch')).toMatchObject({ since: at(5) });
    expect(standingAt({ promotions, withdrawals: [withdrawal(9)] }, 'batch')).toBeUndefined();
    expect(standingAt({ promotions, withdrawals: [withdrawal(9, 'dev')] }, 'batch')).toMatchObject({ since: at(1) });
    expect(standingAt({ promotions }, 'dev')).toBeUndefined();
  });

  it('is nothing after a withdrawal, whatever was before it, and something again after a promotion', () => {
    const seconds = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(seconds, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (times, kinds) => {
        const events = times.sort((left, right) => left - right).map((time, index) => ({ time, up: kinds[index]! }));
        const stands = standingAt(
          {
            promotions: events.filter(({ up }) => up).map(({ time }) => promotion(time, { stack: digest('1') })),
            withdrawals: events.filter(({ up }) => !up).map(({ time }) => withdrawal(time)),
          },
          'batch',
        );
        expect(stands !== undefined).toBe(events.at(-1)!.up);
      }),
    );
  });
});

describe('what keeps a release from a level', () => {
  const record = (more: Partial<LevelRecord>): LevelRecord => {
    return { schema: 'dmrel/level/v1', level: 'batch', current: [], held: null, ...more };
  };
  const hold = { by, at: at(1), reason: 'the disks' };

  it('is a hold of the level, for all, or one of that release alone', () => {
    expect(holdOn(record({}), 'w.2018.18')).toBeUndefined();
    expect(holdOn(record({ held: hold }), 'w.2018.18')).toEqual(hold);
    const withheld = [{ ...hold, release: 'w.2018.18' }] as LevelRecord['withheld'] & {};
    expect(holdOn(record({ withheld }), 'w.2018.18')).toMatchObject(hold);
    expect(holdOn(record({ withheld }), 'w.2018.19')).toBeUndefined();
  });
});
