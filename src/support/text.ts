import { distance } from 'fastest-levenshtein';

/**
 * Text from a manifest, a remote or a registry, safe to print: control characters (terminal escapes among them)
 * and characters that reorder text become visible escapes.
 */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (char) => {
      const code = char.codePointAt(0)!;
      if (char === '\n') return '\\n';
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
}

/** The candidate nearest to a misspelt name, or undefined when none is near enough to be meant. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.slice(0, 100).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor((wanted.length + 1) / 3)) + 1; // two letters swapped in five are a distance of 2
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const found = distance(wanted, candidate.toLowerCase());
    if (found < bestDistance) [best, bestDistance] = [candidate, found];
  }
  return best;
}

export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const found = nearest(name, candidates);
  return found === undefined ? undefined : `did you mean '${found}'?`;
}

/** Cut to a width in characters, with an ellipsis where something was cut. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** `1 feature`, `3 features`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Sort as people do: digits by value, `4` before `4b` before `10`. */
export function naturalOrder(left: string, right: string): number {
  // By hand: the collator of Intl takes longer to load than most commands take to run.
  const [first, second] = [partsOf(left), partsOf(right)];
  for (const [index, part] of first.entries()) {
    const other = second[index];
    if (other === undefined) return 1;
    const difference = /^[0-9]/.test(part) && /^[0-9]/.test(other) ? compareDigits(part, other) : 0;
    if (difference !== 0) return difference;
    if (part !== other && !(/^[0-9]/.test(part) && /^[0-9]/.test(other))) return part < other ? -1 : 1;
  }
  if (first.length < second.length) return -1;
  return left < right ? -1 : left > right ? 1 : 0;
}

const partsOf = (text: string): string[] => text.toLowerCase().match(/[0-9]+|[^0-9]+/g) ?? [];

/** Digits of any length by value. */
function compareDigits(left: string, right: string): number {
  const [first, second] = [left.replace(/^0+/, ''), right.replace(/^0+/, '')];
  return first.length - second.length || (first < second ? -1 : first > second ? 1 : 0);
}
