import { join } from 'node:path';
import { type Document, type DocumentCache, readDocument } from '../documents/index.ts';
import { listFolder, type Problem } from '../support/index.ts';
import type { ImagesFile } from './images.ts';

const folder = 'images';

/** Read images/*.yaml, beside which the contexts may lie. */
export async function readImageFiles(
  root: string,
  cache: DocumentCache,
): Promise<{ documents: Document<ImagesFile>[]; problems: Problem[] }> {
  const files = listFolder(join(root, folder)).filter(({ name }) => /^[^.].*\.ya?ml$/i.test(name));
  const documents: Document<ImagesFile>[] = [];
  const problems: Problem[] = [];
  for (const { name } of files.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const read = await readDocument<ImagesFile>(root, `${folder}/${name}`, { cache, schemas: ['dmrel/images/v1'] });
    if (read.ok) documents.push(read.value);
    else problems.push(...read.problems);
  }
  return { documents, problems };
}
