/** One way to authenticate that a server offers with 401 (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In small letters: `bearer`. */
  scheme: string;
  parameters: Record<string, string>;
}

const part = /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y;

/** What cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const found: Challenge[] = [];
  part.lastIndex = 0;
  for (;;) {
    const [whole, name, quoted, bare] = part.exec(header) ?? [];
    if (whole === undefined || name === undefined) return found;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? bare;
    if (value === undefined) found.push({ scheme: name.toLowerCase(), parameters: Object.create(null) });
    else {
      const last = found.at(-1);
      if (!last) return found;
      last.parameters[name.toLowerCase()] ??= value;
    }
  }
}

const scopeForm = /^repository:[a-z0-9][a-z0-9._\-/:]{0,511}:[a-z*]+(?:,[a-z*]+)*$/;

/** The scopes of a challenge that are of repositories: a server may name those we did not think of, and not many. */
export function scopesOf(parameter: string | undefined): string[] {
  const scopes = (parameter ?? '').split(' ').filter((scope) => scopeForm.test(scope));
  return scopes.slice(0, 4).map(inOrder);
}

/** Servers name actions in any order: `push,pull` is what was asked for as `pull,push`. */
function inOrder(scope: string): string {
  const colon = scope.lastIndexOf(':');
  return `${scope.slice(0, colon + 1)}${scope
    .slice(colon + 1)
    .split(',')
    .sort()
    .join(',')}`;
}
