import { failed, ok, problem, type Result } from '../support/index.ts';
import { type BuildManifest, parseBuildManifest, parseManifestId } from './build-manifest.ts';
import type { Access } from './download.ts';
import { type EupsList, parseEupsList, parseEupsTag } from './eups-list.ts';
import { fileOf, parseOrigin, readText } from './origin.ts';

/**
 * Read the build manifest of an id, `b3595`: `b3595.txt` in a directory of the workspace or of an https server.
 * Problems: `invalid-name`, `file-not-found`, what reading and parsing give.
 */
export async function readBuildManifest(
  root: string,
  source: string,
  name: string,
  access: Access = {},
): Promise<Result<BuildManifest>> {
  const id = parseManifestId(name);
  if (id === undefined) {
    return failed(
      problem('invalid-name', `'${name}' is no build manifest`, { hint: 'expected b and a number, such as b3595' }),
    );
  }
  const read = await readText(root, source, `${id}.txt`, access);
  if (!read.ok) return read;
  if (read.value) return parseBuildManifest(read.value.text, read.value.file, id);
  const origin = parseOrigin(root, source);
  const file = origin.ok ? fileOf(origin.value, `${id}.txt`) : source;
  const hint = 'name another manifest, put it there, or mend what dmrel.yaml says of manifests';
  return failed(problem('file-not-found', `${file} does not exist`, { at: { file }, hint }));
}

/**
 * Read what was distributed under an EUPS tag: `w_2018_18.list` in a directory of the workspace or of an https server;
 * undefined when there is no such list, for not every release is distributed.
 */
export async function readEupsList(
  root: string,
  source: string,
  name: string,
  access: Access = {},
): Promise<Result<EupsList | undefined>> {
  const tag = parseEupsTag(name);
  if (tag === undefined) {
    const hint = 'expected small letters, digits and _, no digit first, such as w_2018_18';
    return failed(problem('invalid-name', `'${name}' is no EUPS tag`, { hint }));
  }
  const read = await readText(root, source, `${tag}.list`, access);
  if (!read.ok) return read;
  return read.value ? parseEupsList(read.value.text, read.value.file, tag) : ok(undefined);
}
