/** A kind of secret: where it is found, by the file's path or by its text. */
interface Rule {
  what: string;
  path?: RegExp;
  /** One of these is in every text that it is about: finding them takes a fraction of the time of the expression. */
  with?: string[];
  text: RegExp;
}

/**
 * What should be in no image. Texts are of forms that nothing else has: each prefix is its maker's own.
 * Sources: the documentation of each maker; RFC 7468 (PEM), PuTTY's file format, curl(1) of .netrc.
 */
const rules: Rule[] = [
  // With base64 behind it: programs and documents name the line alone.
  {
    what: 'a private key',
    with: ['PRIVATE KEY'],
    text: /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----\s{1,4}(?:[A-Za-z-]{1,30}: [^\n]{0,200}\s{1,4}){0,5}[A-Za-z0-9+/=]{20}/,
  },
  { what: 'a private key of PuTTY', with: ['PuTTY-User-Key-File'], text: /^PuTTY-User-Key-File-[23]: /m },
  { what: 'an access key of AWS', with: ['AKIA', 'ASIA'], text: /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/ },
  {
    what: 'a secret key of AWS',
    with: ['aws_secret_access_key', 'AWS_SECRET_ACCESS_KEY'],
    text: /aws_secret_access_key["']?\s{0,4}[=:]\s{0,4}["']?[A-Za-z0-9/+=]{40}\b/i,
  },
  {
    what: 'a token of GitHub',
    with: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    text: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b/,
  },
  {
    what: 'a token of GitLab',
    with: ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glft-', 'glsoat-'],
    text: /\bgl(?:pat|dt|rt|ptt|ft|soat)-[A-Za-z0-9_-]{20,255}/,
  },
  { what: 'a token of Slack', with: ['xox'], text: /\bxox[abeoprs]-[A-Za-z0-9-]{20,255}/ },
  { what: 'a key of Google', with: ['AIza'], text: /\bAIza[A-Za-z0-9_-]{35}\b/ },
  {
    what: 'a token of npm',
    with: ['npm_', '_authToken'],
    text: /\bnpm_[A-Za-z0-9]{36}\b|_authToken\s{0,4}=\s{0,4}[^\s$]{10}/,
  },
  { what: 'a token of PyPI', with: ['pypi-AgEI'], text: /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50}/ },
  {
    what: 'a bearer token',
    with: ['eyJ'],
    text: /\bbearer\s{1,4}eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10}/i,
  },
  { what: 'a password of .netrc', path: /(?:^|\/)[._]netrc$/, text: /\bpassword\s{1,100}\S/ },
  {
    what: 'credentials of registries',
    path: /(?:^|\/)\.docker\/config\.json$|(?:^|\/)\.dockercfg$|(?:^|\/)containers\/auth\.json$/,
    text: /"(?:auth|identitytoken|registrytoken|password)"\s{0,4}:\s{0,4}"[^"]/,
  },
  { what: 'credentials of git', path: /(?:^|\/)\.git-credentials$/, text: /:\/\/[^\s/]{1,500}:[^\s/@]{1,500}@/ },
  {
    what: 'a password of PostgreSQL',
    path: /(?:^|\/)\.pgpass$/,
    text: /^[^#\n][^\n:]{0,200}(?::[^\n:]{0,200}){3}:\S/m,
  },
  {
    what: 'credentials of Kubernetes',
    path: /(?:^|\/)\.kube\/config$/,
    text: /\b(?:token|password|client-key-data):\s{0,4}\S/,
  },
];

/** So much of the beginning of a file is looked at; keys and credentials are small files. */
export const searchedBytes = 2 ** 20;
/** A text that begins in one window and ends in the next is whole in one of them. */
const overlap = 8192;
const windowBytes = 2 ** 16;

/** What secrets a file seems to hold, by kind; never the secrets themselves. */
export function findSecrets(path: string, content: Buffer): string[] {
  const found = new Set<string>();
  const relevant = rules.filter((rule) =>
    rule.path ? rule.path.test(path) : rule.with!.some((each) => content.includes(each, 0, 'latin1')),
  );
  for (let from = 0; from < content.length; from += windowBytes) {
    // One byte a character: what is searched for is ASCII, and no byte is lost.
    const window = content.toString('latin1', from, Math.min(content.length, from + windowBytes + overlap));
    for (const { what, text } of relevant) if (text.test(window)) found.add(what);
  }
  return [...found];
}

/** Whether a path is excepted: one of those named, or below it. */
export const isExcepted = (path: string, except: readonly string[]): boolean =>
  except.some((each) => path === each || path.startsWith(each.endsWith('/') ? each : `${each}/`));
