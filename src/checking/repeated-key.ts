/** A name that an object of a JSON text has twice: which value it meant, nobody can say (RFC 8259, 4). The text is sound JSON. */
export function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  const colon = /\s*:/y;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '{') open.push(new Set());
    else if (char === '}') open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      colon.lastIndex = end;
      if (colon.test(text)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        if (open.at(-1)!.has(key)) return key;
        open.at(-1)!.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** Where a string has ended; an expression for that would overflow in long ones. */
function endOfString(text: string, begin: number): number {
  for (let quote = begin + 1; ; quote += 1) {
    quote = text.indexOf('"', quote);
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
}
