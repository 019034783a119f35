import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { type Place, readImage } from '../../src/registry/index.ts';
import { type Digest, unwrap } from '../../src/support/index.ts';

/**
 * Everything that an image's files are, but for their times: type, mode, owner, content or target, by path. What a later
 * layer takes away is taken away.
 */
export async function treeOf({ registry, repository }: Place, digest: Digest): Promise<Record<string, string>> {
  const { layers } = unwrap(await readImage(registry, repository, digest));
  const tree = new Map<string, string>();
  for (const layer of layers) {
    const archive = extract();
    const content = Readable.from(registry.readBlob(repository, layer.digest));
    if (/gzip$/.test(layer.mediaType)) content.pipe(createGunzip()).pipe(archive);
    else content.pipe(archive);
    for await (const entry of archive) {
      const { name, type, mode = 0, uid, gid, linkname } = entry.header;
      const path = `/${name.replace(/^\.?\/|\/$/g, '')}`;
      const hash = createHash('sha256');
      for await (const chunk of entry) hash.update(chunk as Buffer);
      const whiteout = /^(.*\/)\.wh\.([^/]+)$/.exec(path);
      if (whiteout) {
        const gone = `${whiteout[1]}${whiteout[2]}`;
        for (const each of [...tree.keys()]) if (each === gone || each.startsWith(`${gone}/`)) tree.delete(each);
        continue;
      }
      const what = type === 'file' ? hash.digest('hex').slice(0, 16) : (linkname ?? '');
      tree.set(path, [type, (mode & 0o7777).toString(8), `${uid}:${gid}`, what].join(' '));
    }
  }
  return Object.fromEntries([...tree].sort(([left], [right]) => (left < right ? -1 : 1)));
}
