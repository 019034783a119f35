import type { CommandContext } from '../plugins/index.ts';

/** One versioned document on standard output: schemas/ has the contract of each. */
export function printJson(context: CommandContext, document: { schema: string }): void {
  context.out(`${safeJson(document)}\n`);
}

/** The same as text, safe to print. */
export const safeJson = (value: unknown): string => JSON.stringify(value, null, 2).replace(unsafe, escaped);

/** What JSON lets through and a terminal acts on, or shows in another order: control characters of eight bits, marks of direction. */
const unsafe = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
