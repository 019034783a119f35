import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { assemble } from '../../src/building/assemble/index.ts';
import { scanImage } from '../../src/building/scan.ts';
import { openLayout } from '../../src/registry/index.ts';
import { unwrap } from '../../src/support/index.ts';
import { aFolder, problemsOf } from '../support/workspace.ts';

/** syft cannot be had from Debian: what is held here is how it is called and read, with a program of its interface. */
function aScanner(source: string): NodeJS.ProcessEnv {
  const folder = aFolder();
  writeFileSync(join(folder, 'syft'), `#!${process.execPath}\n${source}`);
  chmodSync(join(folder, 'syft'), 0o755);
  return { PATH: [folder, dirname(process.execPath)].join(delimiter) };
}

async function anImage() {
  const context = aFolder();
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'f'), 'f');
  const place = { registry: openLayout(aFolder()), repository: 'stack' };
  const request = {
    name: 'stack',
    context,
    dockerfile: { file: 'Dockerfile', text: 'FROM scratch\nCOPY f /f\n' },
    args: {},
    from: [],
    extraFiles: {},
    labels: {},
    created: 1,
    platform: 'linux/amd64',
  };
  return { place, digest: unwrap(await assemble(request, {}, place)).digest };
}

const reports = `
const folder = process.argv.at(-1).replace(/^oci-dir:/, '');
const { manifests } = JSON.parse(require('node:fs').readFileSync(folder + '/index.json', 'utf8'));
const components = manifests.map(({ digest }) => ({ type: 'library', name: digest }));
console.log(JSON.stringify({ bomFormat: 'CycloneDX', components: [...components, { name: 'without type' }, null] }));
`;

describe('the packages in an image', () => {
  it('are what a scanner on PATH finds in it, and in nothing else', async () => {
    const { place, digest } = await anImage();
    expect(unwrap(await scanImage(place, digest, aScanner(reports)))).toEqual([{ type: 'library', name: digest }]);
  });

  it('are not known without a scanner, nor by one that only a relative PATH leads to', async () => {
    const { place, digest } = await anImage();
    expect(unwrap(await scanImage(place, digest, { PATH: '.:bin' }))).toBeUndefined();
  });

  it.each([
    ['process.stderr.write("no such layer\\n"); process.exit(1)', 'syft on stack: no such layer'],
    ['console.log("<xml/>")', 'syft wrote no list of CycloneDX'],
  ])('are an error where the scanner fails: %s', async (source, message) => {
    const { place, digest } = await anImage();
    const problems = problemsOf(await scanImage(place, digest, aScanner(source)));
    expect(problems).toMatchObject([{ code: 'command-failed', message }]);
  });
});
