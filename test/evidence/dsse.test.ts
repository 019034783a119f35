import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import fc from 'fast-check';
import { bundleText, parseBundle } from '../../src/evidence/bundle.ts';
import { envelopeJson, fromBase64, parseEnvelope, payloadType, preAuthEncoding } from '../../src/evidence/dsse.ts';
import { type Statement, signedText } from '../../src/evidence/index.ts';
import { isSignedBy, type PublicKey, readPublicKey } from '../../src/evidence/public-key.ts';
import { counterpart } from '../support/counterparts.ts';
import { type Algorithm, aKeyPair, aStatement, aTrustingWorkspace } from '../support/keys.ts';
import { aFolder, brief, problemsOf } from '../support/workspace.ts';

const algorithms: Algorithm[] = ['ecdsa-p256', 'ed25519'];
const signed = async (algorithm: Algorithm, statement: Statement = aStatement()) => {
  const workspace = await aTrustingWorkspace({ algorithm });
  const { signed: found } = await workspace.sign(statement, 'tester');
  return { ...found!, pair: workspace.pairs['tester-1']! };
};
const keyOf = (pem: string): PublicKey => {
  const key = readPublicKey(pem);
  if (typeof key === 'string') throw new Error(key);
  return key;
};

describe('what is signed', () => {
  it('is the example of the protocol, byte by byte', () => {
    // dsse/protocol.md, "Test Vectors".
    expect(preAuthEncoding(Buffer.from('hello world'), 'http://example.com/HelloWorld').toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
  });

  it('counts bytes, not letters', () => {
    expect(preAuthEncoding(Buffer.from('ü'), 'é').toString()).toBe('DSSEv1 2 é 2 ü');
    expect(preAuthEncoding(Buffer.alloc(0), '').toString()).toBe('DSSEv1 0  0 ');
  });

  it('can be read in one way only', () => {
    const pair = fc.tuple(fc.string(), fc.uint8Array());
    fc.assert(
      fc.property(pair, pair, ([type, body], [otherType, otherBody]) => {
        const same = type === otherType && Buffer.from(body).equals(Buffer.from(otherBody));
        expect(preAuthEncoding(body, type).equals(preAuthEncoding(otherBody, otherType))).toBe(same);
      }),
    );
  });
});

describe.each(algorithms)('a statement that a key of %s signed', (algorithm) => {
  it('is verified by openssl with nothing of ours but the bytes', async () => {
    if (!counterpart('openssl')) return;
    const { envelope, pair } = await signed(algorithm);
    const folder = aFolder();
    const file = (name: string, content: string | Buffer): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const body = envelope.payload;
    const pae = Buffer.concat([Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${body.length} `), body]);
    const [data, sig, key] = [file('d', pae), file('s', envelope.signature), file('k', pair.publicPem)];
    const verify = (of: string): string =>
      algorithm === 'ed25519'
        ? execFileSync(
            'openssl',
            ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', of, '-sigfile', sig],
            {
              encoding: 'utf8',
            },
          )
        : execFileSync('openssl', ['dgst', '-sha256', '-verify', key, '-signature', sig, of], { encoding: 'utf8' });
    expect(verify(data)).toMatch(/Verified OK|Verified Successfully/i);
    expect(() => verify(file('other', Buffer.concat([pae, Buffer.from(' ')])))).toThrow();
  });

  it('is verified by the commands of docs/evidence.md', async () => {
    if (!counterpart('openssl')) return;
    const { envelope, pair } = await signed(algorithm);
    const folder = aFolder();
    mkdirSync(join(folder, 'trust'));
    writeFileSync(join(folder, 'trust/tester-1.pub'), pair.publicPem);
    writeFileSync(join(folder, 'statement.json'), signedText(envelope));
    const page = readFileSync(join(import.meta.dirname, '../../docs/evidence.md'), 'utf8');
    const [commands] = /(?: {4}.*\n)*? {4}openssl dgst .*\n/.exec(page.slice(page.indexOf('## Without dmrel')))!;
    const [, forEd25519] = /With an Ed25519 key the last line is `([^`]*)`/.exec(page)!;
    const script =
      algorithm === 'ecdsa-p256'
        ? commands
        : commands.replace(/openssl dgst.*/, forEd25519!.replace('KEY.pub', 'trust/tester-1.pub'));
    const env = { PATH: process.env.PATH, STATEMENT: 'statement.json' };
    const said = () =>
      execFileSync('sh', ['-eu'], { input: script, cwd: folder, env, encoding: 'utf8', stdio: 'pipe' });
    expect(said()).toMatch(/Verified OK|Verified Successfully/);
    const other = { ...envelope, payload: Buffer.from('{"another":"payload"}') };
    writeFileSync(join(folder, 'statement.json'), signedText(other));
    expect(said).toThrow();
  });

  it('is verified by sigstore’s own library as a bundle, and not when a byte of it differs', async () => {
    const { envelope, publicKey, pair } = await signed(algorithm);
    const verify = (text: string): void => {
      const bundle = bundleFromJSON(JSON.parse(text));
      const material = toTrustMaterial(
        { certificateAuthorities: [], ctlogs: [], timestampAuthorities: [], tlogs: [] } as never,
        () => ({ publicKey: pair.publicPem, validFor: () => true }) as never,
      );
      new Verifier(material, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 } as never).verify(
        toSignedEntity(bundle),
      );
    };
    const text = bundleText(envelope, publicKey);
    verify(text);
    const spoilt = { ...envelope, payload: Buffer.from(envelope.payload.toString().replace('stack', 'stuck')) };
    expect(() => verify(bundleText(spoilt, publicKey))).toThrow();
  });

  it('comes back from its bundle as it was', async () => {
    const { envelope, publicKey } = await signed(algorithm);
    expect(parseBundle(JSON.parse(bundleText(envelope, publicKey)), 'x')).toEqual({ ok: true, value: envelope });
    expect(parseEnvelope(JSON.parse(JSON.stringify(envelopeJson(envelope))), 'x')).toEqual({
      ok: true,
      value: envelope,
    });
  });
});

describe('an envelope in another form', () => {
  type Loose = Record<string, unknown>;
  const sound = (): Loose => ({
    payload: Buffer.from('{"a":"?>~"}').toString('base64'),
    payloadType,
    signatures: [{ keyid: 'k', sig: Buffer.from([0xfb, 0xff, 1]).toString('base64') }],
  });
  const one = { sig: 'AAAA' };
  it.each<[string, Loose, string]>([
    ['of another payload type', { payloadType: 'application/json' }, 'its payload is not of the type'],
    ['without a payload type', { payloadType: undefined }, 'its payload is not of the type'],
    ['with two signatures', { signatures: [one, one] }, 'it has 2 signatures, not one'],
    ['with no signature', { signatures: [] }, 'it has 0 signatures, not one'],
    ['with signatures that are no list', { signatures: one }, 'it has no signatures, not one'],
    ['with null for a signature', { signatures: [null] }, 'its signature is not base64'],
    ['with an empty signature', { signatures: [{ sig: '' }] }, 'its signature is not base64'],
    ['with a payload in base64url', { payload: 'eyJhIjoiPz5-In0' }, 'its payload is not base64'],
    ['with a signature in base64url', { signatures: [{ sig: '-_8B' }] }, 'its signature is not base64'],
    ['with a signature in hex', { signatures: [{ sig: 'fbff01' }] }, 'its signature is not base64'],
    ['with a payload without padding', { payload: 'eyJhIjoxfQ' }, 'its payload is not base64'],
    ['with a payload over several lines', { payload: 'eyJh\nIjoxfQ==' }, 'its payload is not base64'],
    ['with a number for a payload', { payload: 7 }, 'its payload is not base64'],
    ['with a keyid that is no text', { signatures: [{ ...one, keyid: 1 }] }, 'its keyid is no text'],
  ])('%s is refused, and says why', (_what, change, why) => {
    expect(brief(problemsOf(parseEnvelope({ ...sound(), ...change }, 'e.json')))).toEqual([
      expect.stringContaining(`signature-invalid e.json: ${why}`),
    ]);
  });

  it('is sound as it is', () => {
    expect(parseEnvelope(sound(), 'x')).toMatchObject({ ok: true });
  });

  it('never breaks what reads it, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect([parseEnvelope(value, 'x').ok, parseBundle(value, 'x').ok]).toEqual([false, false]);
      }),
    );
  });

  it('in base64 is taken only as it is written by everybody', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), (bytes, text) => {
        expect(fromBase64(Buffer.from(bytes).toString('base64'))).toEqual(Buffer.from(bytes));
        const read = fromBase64(text);
        if (read !== undefined) expect(read.toString('base64')).toBe(text);
      }),
    );
  });
});

describe('a signature', () => {
  it('of ECDSA counts in DER alone, with s in either half', () => {
    const { publicPem, privateKey } = aKeyPair();
    const key = keyOf(publicPem);
    const bytes = Buffer.from('what was signed');
    const raw = sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = BigInt(`0x${raw.subarray(32).toString('hex')}`);
    for (const each of [s, order - s]) expect(isSignedBy(key, bytes, der(raw.subarray(0, 32), each))).toBe(true);
    expect(isSignedBy(key, bytes, raw)).toBe(false);
    expect(isSignedBy(key, Buffer.from('what was not'), der(raw.subarray(0, 32), s))).toBe(false);
  });

  const der = (r: Uint8Array, s: bigint): Buffer => {
    const whole = (bytes: Buffer): Buffer => {
      let from = 0;
      while (from < bytes.length - 1 && bytes[from] === 0) from += 1;
      const body = bytes.subarray(from);
      const positive = body[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), body]) : body;
      return Buffer.concat([Buffer.from([2, positive.length]), positive]);
    };
    const body = Buffer.concat([whole(Buffer.from(r)), whole(Buffer.from(s.toString(16).padStart(64, '0'), 'hex'))]);
    return Buffer.concat([Buffer.from([0x30, body.length]), body]);
  };

  it.each(algorithms)('of %s that is any other bytes counts for nothing, and breaks nothing', (algorithm) => {
    const key = keyOf(aKeyPair(algorithm).publicPem);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (signature) => {
        expect(isSignedBy(key, Buffer.from('x'), signature)).toBe(false);
      }),
    );
  });
});

describe('a public key', () => {
  const pem = (type: 'rsa' | 'p384' | 'ed448'): string => {
    const pair =
      type === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 1024 })
        : type === 'ed448'
          ? generateKeyPairSync('ed448')
          : generateKeyPairSync('ec', { namedCurve: 'P-384' });
    return pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  };
  it.each<[string, () => string, string]>([
    ['of RSA', () => pem('rsa'), 'is neither ECDSA P-256 nor Ed25519'],
    ['of another curve', () => pem('p384'), 'is neither ECDSA P-256 nor Ed25519'],
    ['of Ed448', () => pem('ed448'), 'is neither ECDSA P-256 nor Ed25519'],
    ['that is a private one', () => aKeyPair().privatePem, 'is a private key; it must never stand here'],
    [
      'with a private one behind it',
      () => aKeyPair().publicPem + aKeyPair().privatePem,
      'is a private key; it must never',
    ],
    ['that is empty', () => '', 'is no public key in PEM'],
    [
      'that is a certificate',
      () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      'is no public key',
    ],
    ['that is cut off', () => aKeyPair().publicPem.slice(0, 80), 'is no public key in PEM'],
    ['that is damaged', () => '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'is damaged'],
  ])('%s is refused, and says why', (_what, text, why) => {
    expect(readPublicKey(text())).toEqual(expect.stringContaining(why));
  });
});
