// Read an image of an OCI layout: what the environment of a check names.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export function readBlob(digest) {
  const bytes = readFileSync(`${process.env.DMREL_LAYOUT}/blobs/${digest.replace(':', '/')}`);
  const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (found !== digest) throw new Error(`${digest} has the content of ${found}`);
  return bytes;
}

export const manifest = JSON.parse(readBlob(process.env.DMREL_DIGEST));
export const config = JSON.parse(readBlob(manifest.config.digest));
