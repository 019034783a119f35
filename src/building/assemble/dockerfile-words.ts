/** A word of an instruction, as written, and where in its text it begins. */
export interface Word {
  text: string;
  offset: number;
}

/** Raised inside this room for what cannot be understood; the parser makes a problem of it, with its place. */
export class WordError extends Error {}

/** What docker understands and `assemble` does not. */
export class UnsupportedWord extends WordError {}

/** Words divided by blanks; quotes mean nothing yet (docker's parseStringsWhitespaceDelimited). */
export function splitWords(text: string): Word[] {
  return [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], offset: match.index }));
}

/** Words divided by blanks outside of quotes; the quotes stay (docker's parseWords: ENV, LABEL, ARG). */
export function splitQuotedWords(text: string): Word[] {
  return [...text.matchAll(/(?:\\[\s\S]|'[^']*(?:'|$)|"(?:\\[\s\S]|[^"\\])*(?:"|$)|[^\s\\'"]|\\$)+/g)].map((match) => ({
    text: match[0],
    offset: match.index,
  }));
}

/** Images that the flags of COPY, ADD and RUN name. Flags come first, and only there do they mean anything. */
export function imagesOfFlags(keyword: string, text: string): Word[] {
  if (keyword !== 'COPY' && keyword !== 'ADD' && keyword !== 'RUN') return [];
  const [flags = ''] = /^(?:--\S+\s+)*/.exec(text) ?? [];
  return [...flags.matchAll(/(?:^|\s)(?:--from=|--mount=(?:\S*,)?from=)([^\s,]+)/g)].map((match) => {
    const name = match[1]!;
    return { text: name, offset: match.index + match[0].length - name.length };
  });
}

export type Variables = ReadonlyMap<string, string>;

/**
 * Take the quotes off a word and put in the values of `$X`, `${X}`, `${X:-default}`, `${X:+other}`
 * (moby/buildkit, frontend/dockerfile/shell/lex.go). A variable without a value is empty. Throws a WordError, for patterns
 * (`${X%.*}`) and `${X:?message}` an UnsupportedWord.
 */
export function expand(word: string, variables: Variables): string {
  return new Expansion(word, variables).run('');
}

class Expansion {
  private at = 0;
  constructor(
    private readonly word: string,
    private readonly variables: Variables,
  ) {}

  /** Up to an unquoted character of `stop`, or the end. */
  run(stop: string): string {
    let result = '';
    while (this.at < this.word.length && !(stop !== '' && this.word[this.at] === stop)) {
      const char = this.word[this.at]!;
      if (char === "'") result += this.singleQuoted();
      else if (char === '"') result += this.doubleQuoted();
      else if (char === '$') result += this.variable();
      else if (char === '\\') {
        result += this.word[this.at + 1] ?? '\\';
        this.at += 2;
      } else {
        result += char;
        this.at++;
      }
    }
    return result;
  }

  private singleQuoted(): string {
    const end = this.word.indexOf("'", this.at + 1);
    if (end === -1) throw new WordError(`the quote in ${this.word} is not closed`);
    const inside = this.word.slice(this.at + 1, end);
    this.at = end + 1;
    return inside;
  }

  private doubleQuoted(): string {
    let result = '';
    for (this.at++; this.word[this.at] !== '"'; ) {
      const char = this.word[this.at];
      if (char === undefined) throw new WordError(`the quote in ${this.word} is not closed`);
      if (char === '$') result += this.variable();
      else if (char === '\\' && '"$\\'.includes(this.word[this.at + 1] ?? ' ')) {
        result += this.word[this.at + 1];
        this.at += 2;
      } else {
        result += char;
        this.at++;
      }
    }
    this.at++;
    return result;
  }

  private variable(): string {
    const [plain, name] = /^\$([a-zA-Z_][a-zA-Z0-9_]*|[0-9@*#])/.exec(this.word.slice(this.at)) ?? [];
    if (plain !== undefined) {
      this.at += plain.length;
      return this.variables.get(name!) ?? '';
    }
    if (this.word[this.at + 1] !== '{') {
      this.at++;
      return '$';
    }
    const [braced, inner, modifier] = /^\$\{([a-zA-Z_][a-zA-Z0-9_]*)(:?[-+]|\})/.exec(this.word.slice(this.at)) ?? [];
    if (braced === undefined) {
      const rest = this.word.slice(this.at);
      if (/^\$\{[a-zA-Z_][a-zA-Z0-9_]*(?:[#%/]|:?\?)/.test(rest))
        throw new UnsupportedWord(`the assemble engine has no substitution like ${rest}`);
      throw new WordError(`'${rest}' is no substitution`);
    }
    this.at += braced.length;
    const value = this.variables.get(inner!);
    if (modifier === '}') return value ?? '';
    const other = this.run('}');
    if (this.word[this.at] !== '}') throw new WordError(`the brace in ${this.word} is not closed`);
    this.at++;
    const isSet = modifier!.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
    if (modifier!.endsWith('-')) return isSet ? value! : other;
    return isSet ? other : '';
  }
}
