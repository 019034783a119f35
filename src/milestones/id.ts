import { type Brand, naturalOrder } from '../support/index.ts';

/** The one form of a plan id by which things are found: `LDM-503-3`, `LDM-503-03` and `ldm-503-3` have one key. */
export type IdKey = Brand<string, 'IdKey'>;

/** Case and leading zeros do not tell ids apart (the schedule pads numbers, LDM-564 does not). */
export function keyOf(id: string): IdKey {
  return id.toLowerCase().replace(/(?<![0-9])0+(?=[0-9])/g, '') as IdKey;
}

/** By due date, those without one last, then naturally: 4, 4b, 5; and 11a before 11 when it is due before. */
export function byDueDate(left: { id: string; due?: string }, right: { id: string; due?: string }): number {
  const [first, second] = [left.due ?? 'never', right.due ?? 'never'];
  return first < second ? -1 : first > second ? 1 : naturalOrder(left.id, right.id);
}
