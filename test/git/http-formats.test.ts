import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { retryAfter } from '../../src/git/http/exchange.ts';
import { holdsCommit } from '../../src/git/http/fetch-commit.ts';
import { readAdvertisement, readLsRefs } from '../../src/git/http/ls-refs.ts';
import { firstObject, packOf } from '../../src/git/http/pack.ts';
import { delimiter, flush, Malformed, type Packet, pktLine, readPackets } from '../../src/git/http/pkt-line.ts';
import { readReport, updateRequest } from '../../src/git/http/receive-pack.ts';
import { choose } from '../../src/git/http/settings.ts';
import { Surprise, Trouble } from '../../src/git/http/trouble.ts';
import type { CommitId, ObjectId } from '../../src/git/index.ts';
import { git } from '../support/release-workspace.ts';
import { aBareRepository, aTag } from '../support/remotes.ts';
import { startWork } from '../support/work.ts';
import { aFolder } from '../support/workspace.ts';

const all = async (packets: AsyncIterable<Packet>): Promise<Packet[]> => {
  const found: Packet[] = [];
  for await (const packet of packets) found.push(packet);
  return found;
};
const piecesOf = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

const id = 'a'.repeat(40) as ObjectId;
const other = 'b'.repeat(40) as ObjectId;

describe('packets', () => {
  it('come out as they went in, wherever the stream is cut', async () => {
    const packet = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom<Packet>('flush', 'delimiter', 'response-end'),
    );
    const special = { flush, delimiter, 'response-end': '0002' };
    await fc.assert(
      fc.asyncProperty(fc.array(packet), fc.integer({ min: 1, max: 50 }), async (packets, size) => {
        const bytes = packets.map((each) =>
          typeof each === 'string' ? Buffer.from(special[each as keyof typeof special]) : pktLine(each),
        );
        expect(await all(readPackets(piecesOf(Buffer.concat(bytes), size)))).toEqual(packets);
      }),
    );
  });

  it('may be as long as the protocol has them, and no longer', async () => {
    const longest = Buffer.alloc(65_516, 'x');
    expect(await all(readPackets([pktLine(longest)]))).toEqual([longest]);
    expect(() => pktLine(Buffer.alloc(65_517))).toThrow(RangeError);
    await expect(all(readPackets([Buffer.from('fff1')]))).rejects.toThrow(Malformed);
  });

  it.each(['0003', 'zzzz', '-001', ' 004', '0x10', '00', '0009abc', '0005a000'])('are refused as %j', async (text) => {
    await expect(all(readPackets([Buffer.from(text)]))).rejects.toThrow(Malformed);
  });

  it('of one byte at a time cost no more than others', async () => {
    const bytes = Buffer.concat(Array.from({ length: 4 }, () => pktLine(Buffer.alloc(65_000))));
    const worked = startWork();
    expect(await all(readPackets(piecesOf(bytes, 1)))).toHaveLength(4);
    expect(worked()).toBeLessThan(3);
  });

  it('of any bytes are read or refused, and nothing else', async () => {
    const readers = [
      (packets: AsyncIterable<Packet>) => readAdvertisement(packets, 'git-upload-pack', ['HEAD'], 'r'),
      (packets: AsyncIterable<Packet>) => readLsRefs(packets, ['HEAD'], 'r'),
      (packets: AsyncIterable<Packet>) => readReport(packets, 'refs/tags/t', true),
      (packets: AsyncIterable<Packet>) => readReport(packets, 'refs/tags/t', false),
      (packets: AsyncIterable<Packet>) => holdsCommit(packets, id as string as CommitId),
    ];
    const words = ['version 2', 'packfile', '\u0001PACK\0\0\0\u0002\0\0\0\u0001', `${id} HEAD`, 'unpack ok', '\u0002x'];
    const line = fc.oneof(
      fc.constantFrom(...words, ...words.map((word) => `${word}\n`)).map((text) => pktLine(text)),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => pktLine(bytes)),
      fc.constantFrom(flush, delimiter, '0002', '0003').map((text) => Buffer.from(text)),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(line).map((lines) => Buffer.concat(lines)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom(...readers), async (stream, read) => {
        const error = await read(readPackets([stream])).then(
          () => undefined,
          (reason) => reason,
        );
        if (error !== undefined)
          expect([Malformed, Surprise, Trouble].some((each) => error instanceof each)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('references', () => {
  const read = (lines: readonly string[], names: readonly string[]) =>
    readLsRefs(readPackets([...lines.map((line) => pktLine(line)), Buffer.from(flush)]), names, 'r');

  it('are those that were asked for, whatever else the server sends', async () => {
    const lines = [
      `${id} HEAD symref-target:refs/heads/m\n`,
      `${id} refs/tags/t peeled:${other}`,
      `${other} refs/tags/t.1`,
    ];
    expect(await read(lines, ['HEAD', 'refs/tags/t'])).toEqual({
      refs: new Map([['refs/tags/t', id]]),
      peeled: new Map([['refs/tags/t', other]]),
      head: { branch: 'refs/heads/m', commit: id },
    });
    expect(await read(lines, [])).toEqual({ refs: new Map(), peeled: new Map() });
  });

  it.each([
    [`${id.toUpperCase()} refs/tags/t`],
    [`${id}\trefs/tags/t`],
    ['refs/tags/t'],
    [`${id.slice(1)} refs/tags/t`],
    [`${id} `],
  ])('without an id of 40 hex digits are refused: %s', async (line) => {
    await expect(read([line], ['refs/tags/t'])).rejects.toThrow(Malformed);
  });

  it('that do not end are refused', async () => {
    await expect(readLsRefs(readPackets([pktLine(`${id} HEAD`)]), ['HEAD'], 'r')).rejects.toThrow(Malformed);
  });

  it('are read from an advertisement of the first protocol, too', async () => {
    const lines = [
      '# service=git-upload-pack\n',
      `${id} HEAD\0multi_ack symref=HEAD:refs/heads/m agent=x\n`,
      `${id} refs/heads/m\n`,
      `${other} refs/tags/t\n`,
      `${id} refs/tags/t^{}\n`,
    ].map((line) => pktLine(line));
    const stream = [lines[0]!, Buffer.from(flush), ...lines.slice(1), Buffer.from(flush)];
    for (const packets of [stream, [lines[0]!, Buffer.from(flush), pktLine('version 1\n'), ...stream.slice(2)]]) {
      const found = await readAdvertisement(readPackets(packets), 'git-upload-pack', ['HEAD', 'refs/tags/t'], 'r');
      expect(found).toMatchObject({
        version: 0,
        refs: {
          head: { branch: 'refs/heads/m', commit: id },
          refs: new Map([['refs/tags/t', other]]),
          peeled: new Map([['refs/tags/t', id]]),
        },
      });
    }
  });

  it('by another hash are left to git', async () => {
    const lines = ['version 2\n', 'object-format=sha256\n'].map((line) => pktLine(line));
    const reading = readAdvertisement(readPackets([...lines, Buffer.from(flush)]), 'git-upload-pack', [], 'r');
    await expect(reading).rejects.toThrow(Surprise);
  });
});

describe('a pack', () => {
  const folder = aFolder();
  git(folder, 'init', '--quiet', '--bare', 'pack.git');
  const repository = join(folder, 'pack.git');
  const run = (args: string[], input: Buffer) =>
    execFileSync('git', args, { cwd: repository, input, encoding: 'utf8', stdio: 'pipe' });

  it('of any object is what git takes, and tells its id', async () => {
    const lengths = [0, 1, 15, 16, 17, 2047, 2048, 300_000];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...lengths), fc.nat(255), async (length, byte) => {
        const bytes = Buffer.alloc(length, byte);
        const pack = await packOf('blob', bytes);
        const expected = run(['hash-object', '--stdin', '-t', 'blob'], bytes).trim();
        run(['index-pack', '--strict', '--stdin'], pack);
        expect(run(['cat-file', '-s', expected], Buffer.alloc(0)).trim()).toBe(String(length));
        expect(await firstObject(pack)).toEqual({ status: 'read', type: 'blob', id: expected });
      }),
      { numRuns: 12 },
    );
  });

  it('of a tag is unpacked by git as that tag', async () => {
    const { path, commits } = aBareRepository(folder);
    const object = aTag(commits[0]!, 'v1', 'Überblick ✓', 'Žofie 標');
    const pack = await packOf('tag', object.bytes);
    expect(pack.length).toBeLessThan(250);
    execFileSync('git', ['unpack-objects', '--strict'], { cwd: path, input: pack, stdio: 'pipe' });
    expect(git(path, 'cat-file', '-t', object.id)).toBe('tag');
    git(path, 'fsck', '--strict');
  });

  it('that is not all there, or is none, is told from one that is', async () => {
    const pack = await packOf('commit', Buffer.from('tree'.repeat(100)));
    for (const end of [0, 3, 12, 13, 15])
      expect(await firstObject(pack.subarray(0, end))).toEqual({ status: 'incomplete' });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 100 }),
        async (bytes) => void (await firstObject(Buffer.from(bytes))),
      ),
    );
    // Four bytes that say they are a hundred, and a length without an end.
    const lying = Buffer.concat([pack.subarray(0, 12), Buffer.from([0x94, 0x06]), pack.subarray(14)]);
    expect((await firstObject(lying)).status).toBe('other');
    const endless = Buffer.concat([pack.subarray(0, 12), Buffer.alloc(50, 0xff)]);
    expect(await firstObject(endless)).toEqual({ status: 'other' });
  });
});

describe('a push', () => {
  it('asks of the server only what it offers', () => {
    const update = { ref: 'refs/tags/t', from: null, to: id };
    const none = '0'.repeat(40);
    const text = (capabilities: [string, string][]) =>
      updateRequest(update, new Map(capabilities), Buffer.from('PACK')).toString();
    expect(text([['report-status', '']])).toMatch(
      new RegExp(`^00[0-9a-f]{2}${none} ${id} refs/tags/t\\0 report-status0000PACK$`),
    );
    expect(
      text([
        ['report-status', ''],
        ['side-band-64k', ''],
        ['agent', 'x'],
        ['object-format', 'sha1'],
        ['push-options', ''],
      ]),
    ).toMatch(/\0 report-status side-band-64k object-format=sha1 agent=dmrel\/[0-9.]+0000PACK$/);
  });

  it('that deletes sends no pack', () => {
    const bytes = updateRequest({ ref: 'refs/tags/t', from: id, to: null }, new Map(), Buffer.from('PACK'));
    expect(bytes.toString().endsWith('0000')).toBe(true);
  });

  it('is not taken for done on the word of another reference', async () => {
    const report = (...lines: string[]) =>
      readReport(readPackets([...lines.map((line) => pktLine(line)), Buffer.from(flush)]), 'refs/tags/t', false);
    expect(await report('unpack ok\n', 'ok refs/tags/t\n')).toEqual({ status: 'ok' });
    await expect(report('unpack ok\n', 'ok refs/tags/other\n')).rejects.toThrow(Malformed);
    await expect(report('ok refs/tags/t\n')).rejects.toThrow(Malformed);
    expect(await report('unpack disk full\n', 'ok refs/tags/t\n')).toMatchObject({
      status: 'refused',
      reason: 'disk full',
    });
    expect(await report('unpack ok\n', 'ng refs/tags/t hook declined\n')).toMatchObject({ reason: 'hook declined' });
  });
});

describe("git's settings", () => {
  const url = new URL('https://git.example.org:8443/lsst/afw.git');
  const chosen = (entries: [string, string][], env: NodeJS.ProcessEnv = {}, of = url) =>
    choose({ entries, env }, of).use;

  it.each<[string, string]>([
    ['http.proxy', 'http://proxy:3128'],
    ['http.sslverify', 'false'],
    ['http.sslcert', '/x'],
    ['http.sslkey', '/x'],
    ['http.sslcapath', '/x'],
    ['http.extraheader', 'X: y'],
    ['http.cookiefile', '/x'],
    ['http.curloptresolve', 'a:1:b'],
    ['http.emptyauth', 'true'],
    ['http.pinnedpubkey', 'x'],
    ['http.followredirects', 'true'],
    ['http.followredirects', 'false'],
    ['http.useragent', 'x'],
    ['http.some-new-setting', 'x'],
    ['http.https://git.example.org:8443.extraheader', 'X: y'],
    ['http.https://git.example.org:8443/lsst.proxy', 'x'],
    ['http.https://*.example.org:8443/.proxy', 'x'],
    ['http.https://user@git.example.org:8443/.proxy', 'x'],
    ['url.git@git.example.org:.insteadof', 'https://git.example.org:8443/'],
    ['url.git@git.example.org:.pushinsteadof', 'https://git.'],
    ['protocol.version', '0'],
    ['push.pushoption', 'ci.skip'],
    ['http.sslcainfo', '~/ca.pem'],
  ])('%s = %s is for git', (key, value) => {
    expect(chosen([[key, value]])).toBe('git');
  });

  it.each<[string, string]>([
    ['http.postbuffer', '1'],
    ['http.sslverify', 'true'],
    ['http.proxy', ''],
    ['http.followredirects', 'initial'],
    ['http.emptyauth', 'auto'],
    ['http.https://git.example.org.extraheader', 'another port'],
    ['http.http://git.example.org:8443/.proxy', 'another scheme'],
    ['http.https://example.org:8443/.proxy', 'another host'],
    ['http.https://git.example.org:8443/other.proxy', 'another path'],
    ['http.https://git.example.org:8443/lss.proxy', 'the beginning of a name'],
    ['url.x.insteadof', 'https://github.com/'],
    ['core.gitproxy', 'x'],
    ['protocol.version', '2'],
    ['user.name', 'R'],
  ])('%s = %s changes nothing', (key, value) => {
    expect(chosen([[key, value]])).toBe('own');
  });

  it.each([
    'GIT_SSL_NO_VERIFY',
    'GIT_SSL_CERT',
    'GIT_SSL_KEY',
    'GIT_SSL_CAPATH',
    'SSL_CERT_FILE',
    'https_proxy',
    'HTTPS_PROXY',
    'ALL_PROXY',
  ])('the variable %s is for git', (name) => {
    expect(chosen([], { [name]: '1' })).toBe('git');
  });

  it('a proxy is for the hosts that it is for', () => {
    const http = new URL('http://git.example.org/x');
    expect(chosen([], { https_proxy: 'x' }, http)).toBe('own');
    expect(chosen([], { HTTP_PROXY: 'x' }, http)).toBe('own');
    expect(chosen([], { http_proxy: 'x' }, http)).toBe('git');
    for (const without of ['example.org', '.example.org', 'a, git.example.org', '*'])
      expect(chosen([], { http_proxy: 'x', no_proxy: without }, http)).toBe('own');
    expect(chosen([], { http_proxy: 'x', no_proxy: 'ample.org' }, http)).toBe('git');
  });

  it('one file of certificate authorities is read, from the environment before the configuration', () => {
    const entries: [string, string][] = [['http.sslcainfo', '/a.pem']];
    expect(choose({ entries, env: {} }, url)).toMatchObject({ use: 'own', caFile: '/a.pem' });
    expect(choose({ entries, env: { GIT_SSL_CAINFO: '/b.pem' } }, url)).toMatchObject({ use: 'own', caFile: '/b.pem' });
    expect(chosen([...entries, ['http.https://git.example.org:8443/.sslcainfo', '/c.pem']])).toBe('git');
  });
});

describe('a server that is busy', () => {
  const now = new Date('2018-05-04T12:00:00Z');
  it.each([
    ['0', 0],
    ['17', 17],
    ['99999999', 600],
    ['Fri, 04 May 2018 12:00:30 GMT', 30],
    ['Fri, 04 May 2018 11:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('says when to come again: %s', (value, seconds) => {
    expect(retryAfter(value, now)).toBe(seconds);
  });
});
