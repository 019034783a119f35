import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dateOf, instantOf, isoText } from '../../src/support/index.ts';

describe('moments as text', () => {
  it('are what the language says they are, in any year that it has', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (moment) => {
        expect(isoText(moment)).toBe(moment.toISOString());
      }),
    );
  });

  it.each([
    '0000-01-01T00:00:00.000Z',
    '0999-12-31T23:59:59.999Z',
    '9999-12-31T23:59:59.999Z',
    '+010000-01-01T00:00:00.000Z',
    '-000001-12-31T23:59:59.999Z',
  ])('are so at the ends of four digits: %s', (text) => {
    expect(isoText(new Date(text))).toBe(text);
  });

  it('have whole seconds, and days, of UTC', () => {
    const moment = new Date('2026-03-29T23:59:59.999Z');
    expect(instantOf(moment)).toBe('2026-03-29T23:59:59Z');
    expect(dateOf(moment)).toBe('2026-03-29');
  });

  it('are none of what is no moment', () => {
    expect(() => isoText(new Date(Number.NaN))).toThrow(RangeError);
  });
});
