import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import {
  type Contents,
  contentsList,
  contentsStatement,
  parseProvenance,
  provenanceStatement,
  statementTime,
} from '../../src/evidence/index.ts';
import { digestOf, type Instant } from '../../src/support/index.ts';

const at = '2018-05-03T00:00:00Z' as Instant;
const digest = digestOf('an image');
const contents: Contents = {
  name: 'stack',
  kind: 'container',
  version: digest,
  image: { repository: 'registry.example.org/dm/stack', digest },
  at,
  products: [
    { name: 'afw', version: '15.0-24-g02ed2a30c+1', url: 'https://github.com/lsst/afw.git', commit: 'a'.repeat(40) },
    { name: 'own', url: './remotes/own.git', commit: 'b'.repeat(40) },
  ],
  images: [{ name: 'base', repository: 'build/base', digest: digestOf('base') }],
  packages: [{ type: 'library', name: 'musl', version: '1.2', 'bom-ref': 'x', licenses: [{ license: { id: 'MIT' } }] }],
};

/** The schema of CycloneDX itself, as their own library brings it. */
function cycloneDx() {
  const library = dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json'));
  const read = (name: string) =>
    JSON.parse(readFileSync(join(library, 'res/schema', `${name}.SNAPSHOT.schema.json`), 'utf8'));
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  for (const name of ['spdx', 'jsf-0.82'])
    ajv.addSchema(read(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  return ajv.compile(read('bom-1.5'));
}

describe('a list of contents', () => {
  const sound = cycloneDx();

  it('is what CycloneDX says it must be', () => {
    expect([sound(contentsList(contents)), sound.errors]).toEqual([true, null]);
    expect(sound({ ...contentsList(contents), components: [{ name: 'no type' }] })).toBe(false);
  });

  it('has products with versions, commits and repositories, and images by digest', () => {
    const { components, metadata } = contentsList(contents) as any;
    expect(components[0]).toMatchObject({
      name: 'afw',
      version: '15.0-24-g02ed2a30c+1',
      properties: [{ name: 'org.lsst.dmrel.commit', value: 'a'.repeat(40) }],
      externalReferences: [{ type: 'vcs', url: 'https://github.com/lsst/afw.git' }],
    });
    expect(components[1]).toMatchObject({ name: 'own', version: 'b'.repeat(40) });
    expect(components[2]).toMatchObject({ type: 'container', name: 'base', version: digestOf('base') });
    expect(metadata.component.purl).toBe(
      `pkg:oci/stack@${encodeURIComponent(digest)}?repository_url=registry.example.org%2Fdm%2Fstack`,
    );
  });

  it('is the same for the same, to its serial number, and tells its time', () => {
    expect(contentsList(contents)).toEqual(contentsList(structuredClone(contents)));
    const other = { ...contents, products: contents.products.slice(1) };
    expect(contentsList(other).serialNumber).not.toBe(contentsList(contents).serialNumber);
    const subject = [{ name: 'stack', digest: { sha256: digest.slice(7) } }];
    expect(statementTime(contentsStatement(subject, contents))).toBe(Date.parse(at));
  });

  it('stays sound whatever products are called', () => {
    const product = fc.record({
      name: fc.string({ minLength: 1 }),
      url: fc.webUrl(),
      commit: fc.constant('c'.repeat(40)),
    });
    fc.assert(
      fc.property(fc.uniqueArray(product, { selector: ({ name }) => name, maxLength: 5 }), (products) => {
        expect(sound(contentsList({ ...contents, products }))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a provenance', () => {
  const subject = [{ name: 'build/stack', digest: { sha256: digest.slice(7) } }];
  const statement = provenanceStatement(subject, {
    external: { release: 'w.2018.18', image: 'stack' },
    internal: { inputs: digest },
    materials: [
      {
        name: 'afw',
        uri: 'git+https://github.com/lsst/afw.git@refs/tags/w.2018.18',
        digest: { gitCommit: 'a'.repeat(40) },
      },
      { name: 'base', uri: 'oci://build/base', digest: { sha256: 'd'.repeat(64) } },
    ],
    engine: { name: 'buildah', version: 'buildah 1.28.2' },
    invocation: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    startedOn: at,
    finishedOn: '2018-05-03T00:10:00Z' as Instant,
  });

  it('has the fields of SLSA provenance v1', () => {
    expect(statement).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: { buildType: 'https://lsst.org/dmrel/build/v1', externalParameters: { image: 'stack' } },
        runDetails: { metadata: { startedOn: at, finishedOn: '2018-05-03T00:10:00Z' } },
      },
    });
    expect(statementTime(statement)).toBe(Date.parse('2018-05-03T00:10:00Z'));
  });

  it('is read back, of any builder', () => {
    expect(parseProvenance(statement)).toEqual({
      builder: 'https://lsst.org/dmrel/builder/buildah',
      commits: { afw: 'a'.repeat(40) },
      parents: { base: 'd'.repeat(64) },
      finishedOn: '2018-05-03T00:10:00Z',
    });
    for (const predicate of [{}, { buildDefinition: {} }, { runDetails: null }, { buildDefinition: 1, runDetails: [] }])
      expect(parseProvenance({ ...statement, predicate })).toBeUndefined();
    expect(parseProvenance({ ...statement, predicateType: 'https://cyclonedx.org/bom' })).toBeUndefined();
  });
});
