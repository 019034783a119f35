import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  formatReference,
  isRepositoryName,
  isTagName,
  parseReference,
  parseRemoteAddress,
  type Reference,
} from '../../src/registry/index.ts';
import { parseHost } from '../../src/registry/names.ts';
import { Session } from '../../src/registry/remote/session.ts';
import { type Digest, digestOf, unwrap } from '../../src/support/index.ts';
import { startWork } from '../support/work.ts';

const digest = digestOf('x');
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const word = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 12 });
const host = fc.oneof(
  fc
    .tuple(fc.array(word, { minLength: 2, maxLength: 4 }), fc.option(fc.integer({ min: 1, max: 65_535 })))
    .map(([labels, port]) => `${labels.join('.')}.x${port === null ? '' : `:${port}`}`),
  fc.constantFrom('localhost', 'localhost:5000', '127.0.0.1:5000', '[::1]:5000', '[fe80::1]'),
);
const repository = fc
  .array(
    fc.tuple(word, fc.constantFrom('.', '_', '__', '-', '---'), word).map((parts) => parts.join('')),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) => parts.join('/'));
const tag = fc.string({ unit: fc.constantFrom(...letters, '_', 'A', 'Z'), minLength: 1, maxLength: 128 });
const place = fc.oneof(
  host.map((each) => ({ kind: 'remote' as const, host: each })),
  fc.constantFrom('.', '/r', '.dmrel/registry/build', '../x y', 'é@b').map((directory) => ({
    kind: 'layout' as const,
    directory,
  })),
);
const reference: fc.Arbitrary<Reference> = fc
  .record({
    place,
    repository,
    tag: fc.option(tag),
    digest: fc.option(fc.string().map((text): Digest => digestOf(text))),
  })
  .map((parts) => ({
    ...parts.place,
    repository: parts.repository,
    ...(parts.tag === null ? {} : { tag: parts.tag }),
    ...(parts.digest === null ? {} : { digest: parts.digest }),
  }));
const hostile = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        ...[
          '.',
          '..',
          '/',
          '\\',
          'a',
          'A',
          '_',
          '-',
          '\0',
          '%2e',
          '%2f',
          ' ',
          '\n',
          ':',
          '@',
          'é',
          '[',
          ']',
          '?',
          '#',
          '::1',
        ],
        ...['localhost', ':5000', 'layout:', 'a.b', 'xn--', digest, 'sha256:', 'http://', '0x7f.1', '127.1'],
      ),
      { maxLength: 14 },
    )
    .map((each) => each.join('')),
);

describe('references to images', () => {
  it('are read as they are written', () => {
    expect(parseReference(`registry.example.org:5000/dm/stack:w_1@${digest}`)).toEqual({
      ok: true,
      value: { kind: 'remote', host: 'registry.example.org:5000', repository: 'dm/stack', tag: 'w_1', digest },
    });
    expect(parseReference('localhost/a')).toEqual({
      ok: true,
      value: { kind: 'remote', host: 'localhost', repository: 'a' },
    });
    expect(parseReference('GHCR.io/lsst/x:1')).toMatchObject({ value: { host: 'ghcr.io', repository: 'lsst/x' } });
    expect(parseReference('[::1]:5000/a:b')).toMatchObject({ value: { host: '[::1]:5000', tag: 'b' } });
    expect(parseReference(`layout:.dmrel/registry/build:dm/stack:w_1@${digest}`)).toEqual({
      ok: true,
      value: { kind: 'layout', directory: '.dmrel/registry/build', repository: 'dm/stack', tag: 'w_1', digest },
    });
    expect(parseReference('layout:/r:a')).toEqual({
      ok: true,
      value: { kind: 'layout', directory: '/r', repository: 'a' },
    });
    fc.assert(
      fc.property(reference, (each) => {
        expect(parseReference(formatReference(each))).toEqual({ ok: true, value: each });
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['', 'name the registry too'],
    ['ubuntu', 'name the registry too'],
    ['lsst/stack:w_1', 'name the registry too'],
    ['layout:x', 'name the registry too'],
    ['https://a.b/c', 'name the registry too'],
    ['a.b/', 'small letters'],
    ['a.b/A', 'small letters'],
    ['a.b/../c', 'small letters'],
    ['a.b/c:', 'a tag has'],
    ['a.b/c:-x', 'a tag has'],
    ['a.b/c:d:e', ''],
    ['a.b/c@', 'a digest is'],
    ['a.b/c@md5:1', 'a digest is'],
    [`a.b/c@${digest}0`, 'a digest is'],
    [`a.b/c@${digest}@${digest}`, 'a digest is'],
    ['user:pass@a.b/c', 'name the registry too'],
    ['a.b:99999/c', 'name the registry too'],
    ['a.b:0/c', 'name the registry too'],
    ['127.1:5000/c', 'name the registry too'],
    ['a.b/c\n', 'small letters'],
    ['layout:a:b:c:d', ''],
  ])('are refused when they are %j', (text, hint) => {
    const parsed = parseReference(text);
    expect(parsed).toMatchObject({ ok: false, problems: [{ code: 'invalid-name' }] });
    expect(JSON.stringify(parsed)).toContain(hint);
  });

  it('never lead a URL to another host or out of /v2/, whatever is written', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const parsed = parseReference(text);
        if (!parsed.ok) return;
        const { value } = parsed;
        expect(isRepositoryName(value.repository)).toBe(true);
        expect(value.tag === undefined || isTagName(value.tag)).toBe(true);
        if (value.kind !== 'remote') return;
        const url = new URL(
          `https://${value.host}/v2/${value.repository}/manifests/${value.tag ?? value.digest ?? 'x'}`,
        );
        expect([url.host, url.username, url.search, url.hash]).toEqual([value.host.replace(/:443$/, ''), '', '', '']);
        expect(url.pathname.startsWith(`/v2/${value.repository}/manifests/`)).toBe(true);
        expect(url.pathname.split('/')).not.toContain('..');
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    ['docker.io', 'busybox', 'library/busybox'],
    ['index.docker.io', 'busybox', 'library/busybox'],
    ['docker.io', 'lsstsqre/centos', 'lsstsqre/centos'],
    ['docker.io/lsstsqre', 'centos', 'lsstsqre/centos'],
    ['ghcr.io', 'busybox', 'busybox'],
    ['localhost:5000', 'busybox', 'busybox'],
  ])('have the name that %s has for them: %s is %s', (address, repository, expected) => {
    const session = new Session(unwrap(parseRemoteAddress(address)), { env: {} });
    expect(session.nameOf(repository)).toBe(expected);
    session.close();
  });

  it('take a time that grows with their length alone', () => {
    const worked = startWork();
    for (const part of ['a', 'a.', 'a-', 'a/', ':', '@', '-', '_', '[', 'a_b-'])
      for (const text of [`a.b/${part.repeat(50_000)}!`, `${part.repeat(50_000)}/a`, `layout:${part.repeat(50_000)}!`])
        parseReference(text);
    expect(worked()).toBeLessThan(1);
  });
});

describe('addresses of registries', () => {
  it('have a host and perhaps what all repositories begin with', () => {
    expect(unwrap(parseRemoteAddress('ghcr.io'))).toEqual({ host: 'ghcr.io' });
    expect(unwrap(parseRemoteAddress('GHCR.io/lsst/dm'))).toEqual({ host: 'ghcr.io', prefix: 'lsst/dm' });
    for (const text of [
      '',
      'a',
      'a.b/',
      'a.b//c',
      'a.b/C',
      'a.b?x',
      'a.b#x',
      'a@b.c',
      'https://a.b',
      ' a.b',
      'a.b\n',
      'a..b',
    ])
      expect([text, parseRemoteAddress(text)]).toMatchObject([
        text,
        { ok: false, problems: [{ code: 'invalid-name' }] },
      ]);
  });

  it('are what a URL makes of them', () => {
    fc.assert(
      fc.property(fc.oneof(host, hostile), (text) => {
        const parsed = parseHost(text);
        if (parsed !== undefined) expect(new URL(`http://${parsed}`).host).toBe(parsed.replace(/:80$/, ''));
      }),
      { numRuns: 10_000 },
    );
  });
});
