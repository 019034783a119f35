import { type ChildProcess, spawn } from 'node:child_process';
import { once as event } from 'node:events';
import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  copyImage,
  type ImageRegistry,
  listImageFiles,
  mediaTypes,
  openLayout,
  readImage,
} from '../../src/registry/index.ts';
import { type Digest, digestOf, hexOf, run, unwrap } from '../../src/support/index.ts';
import { counterpart } from '../support/counterparts.ts';
import { aDirectory, anArtifact, anImage, anIndex, once, removeDirectories } from './images.ts';

afterEach(removeDirectories);

const blob = (directory: string, repository: string, digest: Digest) =>
  join(directory, repository, 'blobs/sha256', hexOf(digest));

async function everythingIsReadable(registry: ImageRegistry, tags: { tag: string; digest: Digest }[]): Promise<void> {
  for (const { digest } of tags) {
    expect(await readImage(registry, 'stack', digest)).toMatchObject({ ok: true });
    expect(await listImageFiles(registry, 'stack', digest)).toMatchObject({ ok: true });
  }
}

async function writerProgram(): Promise<string> {
  const out = join(await aDirectory(), 'writer.mjs');
  const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const args = [
    'test/registry/writer.ts',
    '--bundle',
    '--platform=node',
    '--format=esm',
    `--outfile=${out}`,
    `--banner:js=${banner}`,
  ];
  expect(await run('node_modules/.bin/esbuild', args)).toMatchObject({ exitCode: 0 });
  return out;
}

const start = (program: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });

describe('images in a directory', () => {
  it('lets a tag move, and keeps what it named readable by digest', async () => {
    const registry = openLayout(await aDirectory());
    const [first, second] = [
      await anImage(registry, 'dm/stack', [{ a: '1' }]),
      await anImage(registry, 'dm/stack', [{ a: '2' }]),
    ];
    expect(await registry.resolve('dm/stack', 'latest')).toBeUndefined();
    unwrap(await registry.tag('dm/stack', 'latest', first));
    unwrap(await registry.tag('dm/stack', 'w_1', first));
    unwrap(await registry.tag('dm/stack', 'latest', second));
    expect((await registry.listTags('dm/stack')).sort((a, b) => (a.tag < b.tag ? -1 : 1))).toEqual([
      { tag: 'latest', digest: second },
      { tag: 'w_1', digest: first },
    ]);
    expect(await registry.readManifest('dm/stack', first)).toMatchObject({ ok: true });
    expect(await registry.tag('dm/stack', 'x', digestOf('nothing'))).toMatchObject({ ok: false });
  });

  it('refuses content that is not what its digest says, and leaves nothing of it', async () => {
    const directory = await aDirectory();
    const registry = openLayout(directory);
    expect(await registry.writeBlob('stack', once('x'), digestOf('y'))).toMatchObject({
      ok: false,
      problems: [{ code: 'digest-mismatch' }],
    });
    expect(await registry.hasBlob('stack', digestOf('x'))).toBe(false);
    expect(await registry.hasBlob('stack', digestOf('y'))).toBe(false);
  });

  it('refuses a blob or a manifest that was damaged on the disk', async () => {
    const directory = await aDirectory();
    const registry = openLayout(directory);
    const digest = await anImage(registry, 'stack', [{ a: '1' }]);
    const { layers } = unwrap(await readImage(registry, 'stack', digest));
    await writeFile(blob(directory, 'stack', layers[0]!.digest), 'other');
    expect(await listImageFiles(registry, 'stack', digest)).toMatchObject({ ok: false });
    const elsewhere = { registry: openLayout(await aDirectory()), repository: 'stack' };
    expect(await copyImage({ registry, repository: 'stack' }, digest, elsewhere)).toMatchObject({
      ok: false,
      problems: [{ code: 'digest-mismatch' }],
    });
    expect(await elsewhere.registry.hasManifest('stack', digest)).toBe(false);
    await writeFile(blob(directory, 'stack', digest), '{}');
    expect(await registry.readManifest('stack', digest)).toMatchObject({
      ok: false,
      problems: [{ code: 'digest-mismatch' }],
    });
  });

  it('copies an index with its images and keeps every digest', async () => {
    const [from, to] = [openLayout(await aDirectory()), openLayout(await aDirectory())];
    const children = [
      await anImage(from, 'stack', [{ a: '1' }], 'one'),
      await anImage(from, 'stack', [{ a: '1' }, { b: '2' }], 'two'),
    ];
    const index = await anIndex(from, 'stack', children);
    const [source, destination] = [
      { registry: from, repository: 'stack' },
      { registry: to, repository: 'batch/stack' },
    ];
    expect(unwrap(await copyImage(source, index, destination))).toMatchObject({ copied: 7, skipped: 0 });
    for (const digest of [index, ...children]) {
      expect(unwrap(await to.readManifest('batch/stack', digest)).bytes).toEqual(
        unwrap(await from.readManifest('stack', digest)).bytes,
      );
    }
    expect(unwrap(await copyImage(source, index, destination))).toMatchObject({ copied: 0, skipped: 1, bytes: 0 });
    expect(await to.listTags('batch/stack')).toEqual([]);
  });

  it('gives up on indexes nested without end', async () => {
    const registry = openLayout(await aDirectory());
    let digest = await anImage(registry, 'stack', [{ a: '1' }]);
    for (let depth = 0; depth < 8; depth++)
      digest = await anIndex(registry, 'stack', [digest], depth ? mediaTypes.index : mediaTypes.manifest);
    const destination = { registry: openLayout(await aDirectory()), repository: 'stack' };
    expect(await copyImage({ registry, repository: 'stack' }, digest, destination)).toMatchObject({ ok: false });
  });

  it('lists the files of an image with what later layers take away', async () => {
    const registry = openLayout(await aDirectory());
    const digest = await anImage(registry, 'stack', [
      { 'etc/': '', 'etc/a': '1', 'etc/b': '22', 'opt/x/y': '3', 'opt/x/z': '4', link: '-> etc', 'dir/f': '5' },
      { 'etc/.wh.a': '', 'opt/x/.wh..wh..opq': '', 'opt/x/new': '6', 'etc/c': '777', dir: 'now a file' },
      { '.wh.link': '', 'etc/b': 'longer' },
    ]);
    const files = unwrap(await listImageFiles(registry, 'stack', digest));
    const names = [...files]
      .filter(([, { type }]) => type !== 'directory')
      .map(([path, { size }]) => `${path} ${size}`);
    expect(names.sort()).toEqual(['/dir 10', '/etc/b 6', '/etc/c 3', '/opt/x/new 1']);
  });

  it('loses nothing when two processes write at once', async () => {
    const [program, directory] = [await writerProgram(), await aDirectory()];
    const writers = ['a', 'b', 'c'].map((prefix) => start(program, directory, prefix, '15'));
    for (const writer of writers) writer.stdout!.resume();
    expect((await Promise.all(writers.map((writer) => event(writer, 'close')))).map(([code]) => code)).toEqual([
      0, 0, 0,
    ]);
    const registry = openLayout(directory);
    const tags = await registry.listTags('stack');
    expect(tags).toHaveLength(3 * 16);
    await everythingIsReadable(registry, tags);
  });

  it('is readable and writable after a writer was killed at any moment', async () => {
    const [program, directory] = [await writerProgram(), await aDirectory()];
    const registry = openLayout(directory);
    for (let round = 0; round < 12; round++) {
      const writer = start(program, directory, `r${round}-`, '100000');
      await event(writer.stdout!, 'data');
      await new Promise((done) => setTimeout(done, round * 3 + Math.random() * 10));
      writer.kill('SIGKILL');
      await event(writer, 'close');
      const tags = await registry.listTags('stack');
      expect(tags.some(({ tag }) => tag.startsWith(`r${round}-`))).toBe(true);
      await everythingIsReadable(registry, tags.slice(-5));
    }
    const digest = await anImage(registry, 'stack', [{ a: '1' }]);
    expect(await registry.tag('stack', 'after', digest)).toEqual({ ok: true, value: undefined });
    JSON.parse(await readFile(join(directory, 'stack/index.json'), 'utf8'));
  });

  it('is what skopeo reads, copies from and writes to', async () => {
    if (!counterpart('skopeo')) return;
    const [directory, other] = [await aDirectory(), await aDirectory()];
    const registry = openLayout(directory);
    const digest = await anImage(registry, 'dm/stack', [{ a: '1' }], 'hello');
    unwrap(await registry.tag('dm/stack', 'w_1', digest));
    const inspected = await run('skopeo', ['inspect', `oci:${directory}/dm/stack:w_1`]);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ Digest: digest, Labels: { note: 'hello' } });
    const copy = (from: string, to: string) =>
      run('skopeo', ['copy', '--insecure-policy', '--preserve-digests', `oci:${from}`, `oci:${to}`]);
    expect(await copy(`${directory}/dm/stack:w_1`, `${other}/stack:copied`)).toMatchObject({ exitCode: 0 });
    expect(await openLayout(other).resolve('stack', 'copied')).toBe(digest);
    expect(await copy(`${other}/stack:copied`, `${directory}/dm/stack:back`)).toMatchObject({ exitCode: 0 });
    expect((await registry.listTags('dm/stack')).map(({ tag }) => tag).sort()).toEqual(['back', 'w_1']);
  });

  it('refuses a manifest that names what is not there', async () => {
    const registry = openLayout(await aDirectory());
    const config = { mediaType: mediaTypes.config, digest: digestOf('nothing'), size: 7 };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [] }));
    expect(await registry.writeManifest('stack', { mediaType: mediaTypes.manifest, bytes })).toMatchObject({
      ok: false,
      problems: [{ code: 'registry-io', message: expect.stringContaining(digestOf('nothing')) }],
    });
    expect(await registry.hasManifest('stack', digestOf(bytes))).toBe(false);
  });

  it('says what to do where nothing can be written', async () => {
    const file = join(await aDirectory(), 'file');
    await writeFile(file, '');
    const written = await openLayout(file).writeBlob('stack', once('content'));
    expect(written).toMatchObject({
      problems: [{ code: 'registry-io', hint: expect.stringMatching(/^something else stands in its place/) }],
    });
  });

  it('deletes a manifest with its tags and what nothing else names', async () => {
    const directory = await aDirectory();
    const registry = openLayout(directory);
    const [one, two] = [
      await anImage(registry, 'stack', [{ a: 'shared' }, { b: '1' }]),
      await anImage(registry, 'stack', [{ a: 'shared' }, { b: '2' }]),
    ];
    for (const tag of ['w_1', 'latest']) unwrap(await registry.tag('stack', tag, one));
    unwrap(await registry.tag('stack', 'w_2', two));
    const [shared, alone] = unwrap(await readImage(registry, 'stack', one)).layers;
    unwrap(await registry.deleteManifest('stack', one));
    expect(await registry.listTags('stack')).toEqual([{ tag: 'w_2', digest: two }]);
    expect([await registry.hasBlob('stack', shared!.digest), await registry.hasBlob('stack', alone!.digest)]).toEqual([
      true,
      false,
    ]);
    await everythingIsReadable(registry, await registry.listTags('stack'));
    expect(await registry.deleteManifest('stack', one)).toMatchObject({ ok: false });
    unwrap(await registry.deleteManifest('stack', two));
    expect(await readdir(join(directory, 'stack/blobs/sha256'))).toEqual([]);
  });

  it('has no tag of what is gone, and is finished by the next try, when a deletion stops in the middle', async () => {
    const directory = await aDirectory();
    const registry = openLayout(directory);
    const digest = await anImage(registry, 'stack', [{ a: '1' }]);
    unwrap(await registry.tag('stack', 'w', digest));
    const [layer] = unwrap(await readImage(registry, 'stack', digest)).layers;
    const path = blob(directory, 'stack', layer!.digest);
    await rm(path);
    await mkdir(path); // which cannot be removed as a file is
    expect(await registry.deleteManifest('stack', digest)).toMatchObject({ ok: false });
    expect(await registry.listTags('stack')).toEqual([]);
    await rmdir(path);
    unwrap(await registry.deleteManifest('stack', digest));
    expect(await readdir(join(directory, 'stack/blobs/sha256'))).toEqual([]);
  });

  it('keeps the images of an index that is deleted, and what an image without a tag names', async () => {
    const registry = openLayout(await aDirectory());
    const child = await anImage(registry, 'stack', [{ a: '1' }]);
    const index = await anIndex(registry, 'stack', [child]);
    const untagged = await anImage(registry, 'stack', [{ a: '1' }], 'other');
    unwrap(await registry.tag('stack', 'w', index));
    unwrap(await registry.deleteManifest('stack', index));
    unwrap(await registry.deleteManifest('stack', child));
    await everythingIsReadable(registry, [{ tag: '', digest: untagged }]);
  });

  it('lists what belongs to a manifest, tagged or not, also in a list that another program wrote under a tag', async () => {
    const directory = await aDirectory();
    const registry = openLayout(directory);
    const image = await anImage(registry, 'stack', [{ a: '1' }]);
    const sbom = await anArtifact(registry, 'stack', { subject: image, layers: ['packages'] });
    const scan = await anArtifact(registry, 'stack', { subject: image, type: 'application/vnd.example.scan' });
    const index = JSON.parse(await readFile(join(directory, 'stack/index.json'), 'utf8'));
    expect(index.manifests.map(({ digest }: { digest: string }) => digest).sort()).toEqual([sbom, scan].sort());
    unwrap(await registry.tag('stack', 'w', image));
    unwrap(await registry.tag('stack', 'scan', scan));
    unwrap(await registry.tag('stack', 'scan', sbom)); // the scan has no tag any more, and stays
    const listed = async () => unwrap(await openLayout(directory).listReferrers('stack', image));
    expect((await listed()).map(({ digest }) => digest).sort()).toEqual([sbom, scan].sort());
    expect(await listed()).toContainEqual({
      mediaType: mediaTypes.manifest,
      digest: sbom,
      size: expect.any(Number),
      artifactType: 'application/vnd.example.sbom',
      annotations: { 'org.example.note': 'application/vnd.example.sbom' },
    });
    expect(await registry.resolve('stack', 'scan')).toBe(sbom);
    unwrap(await registry.deleteManifest('stack', sbom));
    expect((await listed()).map(({ digest }) => digest)).toEqual([scan]);
    if (!counterpart('skopeo')) return;
    const inspected = await run('skopeo', ['inspect', '--raw', `oci:${directory}/stack:w`]);
    expect(digestOf(Buffer.from(inspected.stdout))).toBe(image);
  });

  it('remembers what belongs to what, and finds it out again whatever becomes of that', async () => {
    const directory = await aDirectory();
    const registry = openLayout(directory);
    const image = await anImage(registry, 'stack', [{ a: '1' }]);
    unwrap(await registry.tag('stack', 'w', image));
    const first = await anArtifact(registry, 'stack', { subject: image });
    const listed = async (by = openLayout(directory)) =>
      unwrap(await by.listReferrers('stack', image))
        .map(({ digest }) => digest)
        .sort();
    expect(await listed()).toEqual([first]);
    const remembered = join(directory, 'stack/.subjects');
    // Who only reads leaves nothing.
    expect((await readdir(join(directory, 'stack'))).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    const written = async () => {
      const by = openLayout(directory);
      const found = await listed(by);
      unwrap(await by.tag('stack', 'w', image));
      return found;
    };
    expect(await written()).toEqual([first]);
    const before = await readFile(remembered, 'utf8');
    expect(before.trim().split('\n').sort()).toEqual([`${image} -`, `${first} ${image}`].sort());
    const second = await anArtifact(registry, 'stack', { subject: image, type: 'application/vnd.example.scan' });
    const both = [first, second].sort();
    expect(await listed()).toEqual(both);
    const torn = [`${second} ${image}`, `${second} `, `${second} -`, `${second}`];
    const damaged = [`${second}  ${image}\n`, `${second} ${image} -\n`, `${second} \n`, 'no digest -\n', '\0'];
    for (const text of [before, '', ...torn, ...damaged]) {
      await writeFile(remembered, text);
      expect(await listed()).toEqual(both);
      expect(await readFile(remembered, 'utf8')).toBe(text);
      expect(await written()).toEqual(both);
      expect((await readFile(remembered, 'utf8')).split('\n')).toContain(`${second} ${image}`);
    }
    // What it does not have belongs to nothing, whatever is remembered of it.
    await writeFile(remembered, `${digestOf('nothing')} ${image}\n${image} -\n${first} ${image}\n`);
    expect(await listed()).toEqual(both);
  });

  it('sees what others do to its index', async () => {
    const directory = await aDirectory();
    const [registry, other] = [openLayout(directory), openLayout(directory)];
    const [first, second] = [
      await anImage(registry, 'stack', [{ a: '1' }]),
      await anImage(registry, 'stack', [{ a: '2' }]),
    ];
    for (let round = 0; round < 20; round++) {
      const digest = round % 2 === 0 ? first : second;
      unwrap(await other.tag('stack', 'w', digest));
      expect(await registry.resolve('stack', 'w')).toBe(digest);
    }
    const index = join(directory, 'stack/index.json');
    await writeFile(index, (await readFile(index, 'utf8')).replace('"w"', '"x"'));
    expect(await registry.listTagNames('stack')).toEqual(['x']);
  });

  it('lets two repositories have one file, and neither notice when the other goes', async () => {
    const directory = await aDirectory();
    const registry = openLayout(directory);
    const digest = await anImage(registry, 'stack', [{ a: '1' }]);
    const [layer] = unwrap(await readImage(registry, 'stack', digest)).layers;
    expect(await registry.mountBlob('other', layer!.digest, 'stack')).toBe(true);
    expect(await registry.mountBlob('other', digestOf('nothing'), 'stack')).toBe(false);
    expect((await stat(blob(directory, 'other', layer!.digest))).ino).toBe(
      (await stat(blob(directory, 'stack', layer!.digest))).ino,
    );
    expect(await registry.mountBlob('other', layer!.digest, 'stack')).toBe(true);
    expect(await readdir(join(directory, 'other/blobs/sha256'))).toEqual([hexOf(layer!.digest)]);
    unwrap(await registry.deleteManifest('stack', digest));
    expect(await registry.hasBlob('other', layer!.digest, layer!.size)).toBe(true);
  });
});
