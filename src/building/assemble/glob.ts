/**
 * Whether a name fits a pattern of one path component: `*`, `?`, `[a-z]`, `[^a]`, `\x` (Go's path/filepath.Match, which
 * docker uses). Walks both without a regular expression, so no pattern takes more than pattern times name steps.
 */
export function matchesComponent(pattern: string, name: string): boolean {
  const tokens = parse(pattern);
  let [at, position] = [0, 0];
  let retry: { token: number; position: number } | undefined;
  while (position < name.length) {
    const token = tokens[at];
    if (token === '*') {
      retry = { token: ++at, position };
    } else if (token?.(name[position]!)) {
      at++;
      position++;
    } else if (retry) {
      position = ++retry.position;
      at = retry.token;
    } else return false;
  }
  return tokens.slice(at).every((token) => token === '*');
}

export const hasWildcard = (pattern: string): boolean => /[*?[\\]/.test(pattern);

type Token = '*' | ((char: string) => boolean);

function parse(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!;
    const set = char === '[' ? /^\[(\^?)((?:\\.|[^\]\\])+)\]/.exec(pattern.slice(at)) : null;
    if (char === '*') tokens.push('*');
    else if (char === '?') tokens.push(() => true);
    else if (set) {
      tokens.push(setOf(set[2]!, set[1] === '^'));
      at += set[0].length - 1;
    } else {
      const literal = char === '\\' ? (pattern[++at] ?? '\\') : char;
      tokens.push((other) => other === literal);
    }
  }
  return tokens;
}

function setOf(body: string, isNegated: boolean): Token {
  const ranges = [...body.matchAll(/(\\.|[^\\])(?:-(\\.|[^\\]))?/g)].map(([, low, high]) => [
    low!.at(-1)!,
    (high ?? low)!.at(-1)!,
  ]);
  return (char) => ranges.some(([low, high]) => low! <= char && char <= high!) !== isNegated;
}
