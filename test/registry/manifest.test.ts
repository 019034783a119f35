import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mediaTypeOf, readContents } from '../../src/registry/manifest.ts';
import { mediaTypes } from '../../src/registry/registry.ts';
import { digestOf, parseDigest } from '../../src/support/index.ts';

const descriptor = fc.record(
  {
    mediaType: fc.oneof(fc.constantFrom(...Object.values(mediaTypes)), fc.anything()),
    digest: fc.oneof(
      fc.nat().map((seed) => digestOf(String(seed))),
      fc.constantFrom('sha256:', `sha256:${'A'.repeat(64)}`, `sha512:${'a'.repeat(128)}`, '../../etc/passwd', null, 5),
    ),
    size: fc.oneof(fc.nat(), fc.constantFrom(-1, 1.5, '5', 2 ** 60, null)),
    urls: fc.anything(),
    platform: fc.anything(),
    annotations: fc.anything(),
  },
  { requiredKeys: [] },
);
const list = fc.oneof(fc.array(fc.oneof(descriptor, fc.anything()), { maxLength: 4 }), fc.anything());
const manifest = fc.record(
  {
    schemaVersion: fc.constantFrom(1, 2, '2', null),
    mediaType: fc.oneof(fc.constantFrom(...Object.values(mediaTypes)), fc.anything()),
    manifests: list,
    layers: list,
    blobs: list,
    config: fc.oneof(descriptor, fc.anything()),
    subject: fc.oneof(descriptor, fc.anything()),
    artifactType: fc.anything(),
    annotations: fc.anything(),
  },
  { requiredKeys: [] },
);

describe('what a manifest names', () => {
  it('is digests and sizes, whatever it has in it, or a problem', () => {
    fc.assert(
      fc.property(
        fc.oneof(manifest, fc.anything()),
        fc.option(fc.constantFrom(...Object.values(mediaTypes)), { nil: undefined }),
        (value, kept) => {
          const bytes = Buffer.from(
            JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? Number(each) : each)) ?? '',
          );
          const contents = readContents(bytes, digestOf(bytes), kept);
          if (!contents.ok) return expect(contents.problems[0]!.code).toBe('registry-io');
          const { children, blobs, subject } = contents.value;
          for (const { digest, size } of [...children, ...blobs, ...(subject ? [subject] : [])]) {
            expect(parseDigest(digest)).toBe(digest);
            expect(size === undefined || (Number.isSafeInteger(size) && size >= 0)).toBe(true);
          }
          expect(children.length === 0 || blobs.length === 0).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('is refused where two programs would read two things in it', () => {
    const digest = digestOf('x');
    const [image, index] = [mediaTypes.manifest, mediaTypes.index];
    for (const [value, kept] of [
      [{ mediaType: image, layers: [] }, index],
      [{ mediaType: image, layers: [], manifests: [] }, image],
      [{ mediaType: index, manifests: [], layers: [] }, index],
      [{ manifests: [], config: {} }, index],
      [{ schemaVersion: 1, fsLayers: [] }, image],
    ] as const)
      expect(readContents(Buffer.from(JSON.stringify(value)), digest, kept)).toMatchObject({ ok: false });
  });

  it('is of the form that it says, else of the one it must be', () => {
    const of = (value: unknown) => mediaTypeOf(Buffer.from(JSON.stringify(value)));
    expect([of({ mediaType: 'x' }), of({ manifests: [] }), of({ layers: [] }), of({}), of([])]).toEqual([
      'x',
      mediaTypes.index,
      mediaTypes.manifest,
      'application/octet-stream',
      'application/octet-stream',
    ]);
  });
});
