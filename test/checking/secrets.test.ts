import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { findSecrets, isExcepted, searchedBytes } from '../../src/checking/secrets.ts';

const find = (text: string | Buffer, path = '/opt/file') => findSecrets(path, Buffer.from(text));
// Put together here, so that no scanner takes this file for a leak.
const token = (...parts: string[]) => parts.join('');
const { privateKey } = generateKeyPairSync('ed25519', {
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

describe('secrets in files', () => {
  it.each<[string, string, string, string?]>([
    ['a private key', privateKey, 'a private key'],
    ['one with CRLF', privateKey.replaceAll('\n', '\r\n'), 'a private key'],
    [
      'one with headers',
      token('-----BEGIN RSA PRIV', 'ATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\n', 'A'.repeat(64)),
      'a private key',
    ],
    ['a key of AWS', token('key = AKIA', 'IOSFODNN7EXAMPLE'), 'an access key of AWS'],
    ['a secret of AWS', token('aws_secret_access', '_key = ', 'a'.repeat(40)), 'a secret key of AWS'],
    ['a token of GitHub', token('ghp_', 'a'.repeat(36)), 'a token of GitHub'],
    ['a token of GitLab', token('glpat-', 'a'.repeat(20)), 'a token of GitLab'],
    ['a token of npm', token('//registry.example.org/:_auth', 'Token=abcdefghijkl'), 'a token of npm'],
    ['a netrc', 'machine example.org login me password hunter2', 'a password of .netrc', '/root/.netrc'],
    [
      'credentials of a registry',
      '{"auths": {"r": {"auth": "bWU6aHVudGVyMg=="}}}',
      'credentials of registries',
      '/root/.docker/config.json',
    ],
    ['credentials of git', 'https://me:hunter2@example.org\n', 'credentials of git', '/home/x/.git-credentials'],
    ['a pgpass', 'db:5432:*:me:hunter2\n', 'a password of PostgreSQL', '/home/x/.pgpass'],
  ])('are found: %s', (_what, text, kind, path = '/opt/file') => {
    expect(find(text, path)).toEqual([kind]);
    expect(JSON.stringify(find(text, path))).not.toContain('hunter2');
  });

  it.each<[string, string, string?]>([
    ['a public key', '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----'],
    ['a program that knows how keys begin', 'if (line === "-----BEGIN PRIVATE KEY-----") read(line);'],
    ['a document about tokens', 'GitHub tokens begin with ghp_ and AWS keys with AKIA.'],
    [
      'a registry configuration without credentials',
      '{"auths": {}, "credsStore": "pass"}',
      '/root/.docker/config.json',
    ],
    ['a netrc without a password', 'machine example.org login me', '/root/.netrc'],
    ['nothing', ''],
  ])('are not seen in %s', (_what, text, path = '/opt/file') => {
    expect(find(text, path)).toEqual([]);
  });

  it('are found across the windows in which a file is searched', () => {
    for (const at of [2 ** 16 - 30, 2 ** 16, 3 * 2 ** 16 - 1]) {
      expect(find(Buffer.concat([Buffer.alloc(at, 0x20), Buffer.from(privateKey)]))).toEqual(['a private key']);
    }
  });

  it('are looked for in linear time, whatever the file holds', () => {
    const parts = [
      'PRIVATE KEY',
      '-----BEGIN ',
      'ghp_',
      'AKIA',
      'eyJ',
      'bearer ',
      'password ',
      '://a',
      'glpat-',
      '_authToken',
      ' ',
    ];
    for (const part of parts) {
      const begun = performance.now();
      find(part.repeat(Math.ceil(searchedBytes / part.length)), '/x/.netrc');
      expect(performance.now() - begun).toBeLessThan(5000);
    }
  }, 30_000);

  it('may be where they are excepted, and below, and nowhere else', () => {
    expect(isExcepted('/usr/share/test/key.pem', ['/usr/share/test'])).toBe(true);
    expect(isExcepted('/usr/share/test', ['/usr/share/test'])).toBe(true);
    expect(isExcepted('/usr/share/tests/key.pem', ['/usr/share/test'])).toBe(false);
  });
});
