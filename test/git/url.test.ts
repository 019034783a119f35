import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseRemoteUrl, placeOfText, type Transport } from '../../src/git/index.ts';
import { brief, problemsOf } from '../support/workspace.ts';

const every: ReadonlySet<Transport> = new Set<Transport>(['https', 'http', 'ssh', 'git', 'file']);
const parse = (text: string, transports = every) => parseRemoteUrl(text, { root: '/ws', transports });
const accepted = (text: string) => {
  const parsed = parse(text);
  return parsed.ok ? parsed.value : brief(parsed.problems);
};
const said = (text: string): string =>
  problemsOf(parse(text))
    .map(({ message, hint }) => `${message} ${hint}`)
    .join('\n');

describe('the URL of a repository', () => {
  it.each([
    ['https://github.com/lsst/afw.git', 'https', 'github.com'],
    ['https://github.com/lsst/afw', 'https', 'github.com'],
    ['https://git.example.org:8443/a/b.git', 'https', 'git.example.org:8443'],
    ['http://[::1]:8080/a.git', 'http', '[::1]:8080'],
    ['ssh://git@github.com/lsst/afw.git', 'ssh', 'github.com'],
    ['ssh://github.com:2222/~lsst/afw.git', 'ssh', 'github.com:2222'],
    ['git://127.0.0.1:9418/afw.git', 'git', '127.0.0.1:9418'],
    ['git@github.com:lsst/afw.git', 'ssh', 'github.com'],
    ['github.com:lsst/afw.git', 'ssh', 'github.com'],
    ['file:///srv/git/afw.git', 'file', ''],
    ['/srv/git/afw.git', 'file', ''],
    ['https://git.example.org/näher/望遠鏡.git', 'https', 'git.example.org'],
    ['https://git.example.org/🔭.git', 'https', 'git.example.org'],
  ])('may be %s', (text, transport, host) => {
    expect(accepted(text)).toEqual({ text, display: text, transport, host });
  });

  it.each([
    ['./remotes/afw.git', '/ws/remotes/afw.git'],
    ['../afw.git', '/afw.git'],
    ['./-afw.git', '/ws/-afw.git'],
    ['./ext::sh', '/ws/ext::sh'],
  ])('may be a path from the root of the workspace, %s; it is shown as written', (text, path) => {
    expect(accepted(text)).toEqual({ text: path, display: text, transport: 'file', host: '' });
  });

  it('may have its scheme in capitals, which git itself does not know', () => {
    expect(accepted('HTTPS://github.com/lsst/afw')).toMatchObject({ text: 'https://github.com/lsst/afw' });
  });

  it.each([
    ['an option', '-oProxyCommand=touch${IFS}/tmp/x'],
    ['an option of fetch', '--upload-pack=touch /tmp/x'],
    ['an option of fetch without a space', '--upload-pack=/tmp/x'],
    ['an option with a host behind it', '-oProxyCommand=x@host:path'],
    ['an option as host', 'ssh://-oProxyCommand=x/path'],
    ['an option as host behind a user', 'ssh://git@-oProxyCommand=x/path'],
    ['an option as user', 'ssh://-oProxyCommand=x@host/path'],
    ['an option as host, short form', 'git@-oProxyCommand=x:path'],
    ['an option as user, short form', '-l@host:path'],
    ['an option as path, short form', 'git@host:-x'],
    ['a command', 'ext::sh -c touch% /tmp/x'],
    ['a command without a space', 'ext::sh'],
    ['a helper with an address', 'ext::https://host/path'],
    ['a helper by descriptor', 'fd::17'],
    ['a helper whose name has a scheme', 'transport+x::https://host/path'],
    ['an unknown scheme', 'ftp://host/path'],
    ['a scheme that runs code', 'javascript://host/%0aalert(1)'],
    ['a user with a scheme', 'https@https://host'],
    ['a path with a scheme', 'host:a://b'],
    ['nothing', ''],
    ['a bare name', 'afw'],
    ['a relative path without a dot', 'remotes/afw.git'],
    ['a home directory', '~/afw.git'],
    ['no host', 'https:///afw.git'],
    ['only a port', 'https://:80/afw.git'],
    ['a port that is none', 'https://host:port/afw.git'],
    ['a port too high', 'https://host:65536/afw.git'],
    ['two ports', 'git://host:1:2/afw.git'],
    ['no path', 'https://host'],
    ['an empty path', 'https://host/'],
    ['a query', 'https://host/afw.git?x=1'],
    ['a fragment', 'https://host/afw.git#main'],
    ['a host of other letters', 'https://gıthub.com/lsst/afw.git'],
    ['a backslash in the host', 'https://github.com\\@evil.example/lsst/afw.git'],
    ['a host of shell signs', 'ssh://$(id)/path'],
    ['a host of shell signs, short form', 'git@`id`:path'],
    ['a file of another host', 'file://host/srv/git'],
    ['a file of a share', 'file://localhost/srv/git'],
    ['a file without a path', 'file://'],
    ['a megabyte', `https://host/${'a'.repeat(2 ** 20)}`],
  ])('may not be %s', (_what, text) => {
    expect(problemsOf(parse(text))).toMatchObject([{ code: 'unsafe-url', hint: expect.any(String) }]);
    expect(said(text).length).toBeLessThan(500);
  });

  it.each([
    ['a space', ' '],
    ['a tab', '\t'],
    ['a line feed', '\n'],
    ['a carriage return', '\r'],
    ['a NUL', '\0'],
    ['an escape', '\x1b'],
    ['a delete', '\x7f'],
    ['an escape of eight bits', '\x9b'],
    ['a space that does not break', '\u00a0'],
    ['a wide space', '\u3000'],
    ['a space of no width', '\u200b'],
    ['a byte order mark', '\ufeff'],
    ['a soft hyphen', '\u00ad'],
    ['what turns the text around', '\u202e'],
    ['what isolates text', '\u2066'],
    ['a line separator', '\u2028'],
    ['half a character', '\ud83d'],
  ])('may not have %s anywhere', (_what, character) => {
    for (const text of [
      'https://host/afw.git',
      'https://host/ä/afw.git',
      'git@host:afw.git',
      '/srv/afw.git',
      'file:///srv/afw.git',
    ]) {
      for (const at of [0, 5, 8, 11, text.length]) {
        const spoilt = text.slice(0, at) + character + text.slice(at);
        expect([spoilt, brief(problemsOf(parse(spoilt)))]).toEqual([
          spoilt,
          [' unsafe-url the URL has white space or control characters'],
        ]);
      }
    }
  });

  it('may not hide control characters in an escape that git undoes', () => {
    for (const sequence of ['%00', '%0a', '%0A', '%0d', '%1b', '%7F'])
      for (const text of [`https://host/a${sequence}b`, `ssh://host/a${sequence}b`, `git://host/a${sequence}b`])
        expect(problemsOf(parse(text))).toMatchObject([{ code: 'unsafe-url' }]);
    expect(accepted('https://host/a%20b')).toMatchObject({ text: 'https://host/a%20b' });
  });

  it.each([
    'https://user:hunter2@host/afw.git',
    'https://hunter2@host/afw.git',
    'https://user:hun/ter2@host/afw.git',
    'https://user:a@hunter2@host/afw.git',
    'HTTPS://user:hunter2@host/afw.git',
    'http://user:hunter2@host/afw.git',
    'git://user:hunter2@host/afw.git',
    'ssh://user:hunter2@host/afw.git',
    'ftp://user:hunter2@host/afw.git',
    'file://user:hunter2@host/afw.git',
    'user:hunter2@host:afw.git',
    'https:user:hunter2@host/afw.git',
    'https:/user:hunter2@host/afw.git',
    'ext::https://user:hunter2@host/afw.git',
    '-https://user:hunter2@host/afw.git',
  ])('never tells the password of %s', (text) => {
    const found = said(text);
    expect(problemsOf(parse(text))).toMatchObject([{ code: 'unsafe-url' }]);
    expect(found).not.toMatch(/hunter2|hun\/|ter2/);
  });

  it('is told to have credentials where it has them, and where they belong', () => {
    for (const text of ['https://user:hunter2@host/afw.git', 'user:hunter2@host:afw.git'])
      expect(said(text)).toContain("carries credentials; git's credential helpers are the place for them");
  });

  it('is reached only as the workspace allows, and says how to allow more', () => {
    const only = (transport: Transport) => new Set<Transport>([transport]);
    for (const [text, transport] of [
      ['https://host/a', 'https'],
      ['http://host/a', 'http'],
      ['ssh://host/a', 'ssh'],
      ['git@host:a', 'ssh'],
      ['git://host/a', 'git'],
      ['file:///a', 'file'],
      ['/a', 'file'],
      ['./a', 'file'],
    ] as const) {
      expect(parse(text, only(transport)).ok).toBe(true);
      for (const other of every) {
        if (other === transport) continue;
        const [found] = problemsOf(parse(text, only(other)));
        expect(found).toMatchObject({
          code: 'unsafe-url',
          message: `'${text}' is reached by ${transport}, which this workspace does not allow`,
          hint: `allow it in dmrel.yaml: 'products: {transports: [${other}, ${transport}]}'`,
        });
      }
    }
  });
});

const pieces = [
  ...[
    'https',
    'ssh',
    'file',
    'ext',
    'git',
    'HTTPS',
    '://',
    '::',
    ':',
    '/',
    '//',
    '@',
    '-',
    '--',
    '-o',
    '.',
    '..',
    '\\',
  ],
  ...[
    'host',
    'user',
    'pw',
    '[::1]',
    '%0a',
    '%',
    '?',
    '#',
    ' ',
    '\n',
    '\0',
    '\x1b',
    '\u202e',
    '\u200b',
    'é',
    '🔭',
    '~',
    '$',
  ],
];
const hostile = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 10 }).map((each) => each.join('')) },
  fc.string({ maxLength: 40, unit: 'binary' }),
  fc
    .tuple(fc.constantFrom('https://', 'ssh://', 'git://', 'file://', 'git@', './', '/'), fc.string({ maxLength: 20 }))
    .map((each) => each.join('')),
);

describe('any text as a URL', () => {
  it('is refused with one problem, or cannot be taken for an option, a command or another transport', () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(hostile, (text) => {
        const parsed = parse(text);
        if (!parsed.ok) {
          seen.refused++;
          expect(parsed.problems.map(({ code }) => code)).toEqual(['unsafe-url']);
          return;
        }
        seen.accepted++;
        const { text: given, display, host, transport } = parsed.value;
        for (const each of [given, display, host]) {
          expect(each).not.toMatch(/^-/);
          expect(each).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u);
        }
        expect(given).not.toMatch(/^[A-Za-z0-9+.-]*::/);
        const scheme = /^([^:/]*):\/\//.exec(given)?.[1];
        if (scheme !== undefined) expect(scheme).toBe(transport);
        else if (transport === 'file') expect(given).toMatch(/^\//);
        else expect(given.replace(/:.*/, '').split('@').at(-1)).toBe(host);
        expect(host === '').toBe(transport === 'file');
      }),
      { numRuns: 10_000 },
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(300);
  });
});

describe('the place of a repository', () => {
  const places = (...texts: string[]) => [...new Set(texts.map((text) => placeOfText(text, '/ws')))];

  it('is one for all URLs that name it', () => {
    expect(
      places(
        'https://github.com/lsst/afw',
        'https://GitHub.com/lsst/afw.git',
        'git@github.com:lsst/afw.git',
        'ssh://git@github.com/lsst/afw/',
        'git://github.com/lsst/afw.git',
      ),
    ).toEqual(['github.com:lsst/afw']);
    expect(places('./remotes/afw.git', '/ws/remotes/afw', './x/../remotes/afw/', 'file:///ws/remotes/afw.git')).toEqual(
      [':ws/remotes/afw'],
    );
  });

  it('is another for others, and none for what is no URL', () => {
    const others = [
      'https://github.com/lsst/afw',
      'https://github.com/lsst/afw2',
      'https://github.com/fork/afw',
      'https://example.org/lsst/afw',
      'https://github.com:8443/lsst/afw',
      '/lsst/afw',
    ];
    expect(places(...others)).toHaveLength(others.length);
    expect(places('ext::sh -c x', '-x', '')).toEqual([undefined]);
  });
});
