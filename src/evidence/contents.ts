import { type Digest, digestOf, hexOf, type Instant } from '../support/index.ts';
import { predicateTypes, type Statement, type Subject, statementType } from './statement.ts';

/** A product at the commit that was released. */
export interface ContentProduct {
  name: string;
  version?: string;
  url: string;
  commit: string;
}

/** Something that a scanner found in an image; already a component of CycloneDX. */
export type ContentPackage = Record<string, unknown> & { type: string; name: string };

export interface Contents {
  /** Whose contents: `stack`, `w.2018.18`. */
  name: string;
  kind: 'container' | 'application';
  version: string;
  /** Of an image, as others name it. */
  image?: { repository: string; digest: Digest };
  at: Instant;
  products: ContentProduct[];
  images?: { name: string; repository: string; digest: Digest }[];
  packages?: ContentPackage[];
}

/** A list of contents in CycloneDX 1.5 (ECMA-424): equal for equal contents, its serial number too. */
export function contentsList(contents: Contents): Record<string, unknown> {
  const { name, kind, version, image, at, products, images = [], packages = [] } = contents;
  const root = image ? packageUrl(image) : `release:${name}`;
  const components = [
    ...products.map(productComponent),
    ...images.map((each) => imageComponent(each)),
    ...packages.map((each, index) => ({ ...each, 'bom-ref': `package:${index}` })),
  ];
  const list = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: at,
      tools: { components: [{ type: 'application', group: 'lsst', name: 'dmrel' }] },
      component: { type: kind, 'bom-ref': root, name, version, ...(image ? { purl: root } : {}) },
    },
    components,
    dependencies: [{ ref: root, dependsOn: components.map((each) => each['bom-ref']) }],
  };
  return { ...list, serialNumber: `urn:uuid:${uuidOf(digestOf(JSON.stringify(list)))}` };
}

/** The same as a statement about images. */
export function contentsStatement(subject: Subject[], contents: Contents): Statement {
  return { _type: statementType, subject, predicateType: predicateTypes.materials, predicate: contentsList(contents) };
}

function productComponent({ name, version, url, commit }: ContentProduct) {
  const shown = version ?? commit;
  const from = /^[a-z+]+:\/\//.test(url) ? url : undefined;
  const qualifier = from === undefined ? '' : `?vcs_url=${encodeURIComponent(`git+${from}@${commit}`)}`;
  return {
    type: 'library' as const,
    'bom-ref': `product:${name}`,
    name,
    version: shown,
    purl: `pkg:generic/${encodeURIComponent(name)}@${encodeURIComponent(shown)}${qualifier}`,
    ...(from === undefined ? {} : { externalReferences: [{ type: 'vcs', url: from }] }),
    properties: [{ name: 'org.lsst.dmrel.commit', value: commit }],
  };
}

function imageComponent(image: { name: string; repository: string; digest: Digest }) {
  const purl = packageUrl(image);
  return { type: 'container' as const, 'bom-ref': purl, name: image.name, version: image.digest, purl };
}

/** purl-spec, PURL-TYPES, oci: the last part of the repository, its digest, and where it is. */
function packageUrl({ repository, digest }: { repository: string; digest: Digest }): string {
  const name = repository.slice(repository.lastIndexOf('/') + 1).toLowerCase();
  return `pkg:oci/${encodeURIComponent(name)}@${encodeURIComponent(digest)}?repository_url=${encodeURIComponent(repository)}`;
}

/** RFC 9562, version 8: of a digest, so that equal lists have equal numbers. */
function uuidOf(digest: Digest): string {
  const hex = hexOf(digest);
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}
