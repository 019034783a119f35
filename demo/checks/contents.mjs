// The image says which commit of each product it holds, and these are the commits that were tagged.
import { readFileSync } from 'node:fs';
import { manifest, readBlob } from './image.mjs';

const record = readFileSync(`releases/${process.env.DMREL_RELEASE}/release.yaml`, 'utf8');
const contents = Buffer.concat(manifest.layers.map((layer) => readBlob(layer.digest))).toString('latin1');
const commits = [...record.matchAll(/commit: ([0-9a-f]{40})/g)].map((match) => match[1]);
for (const commit of commits) if (!contents.includes(commit)) throw new Error(`${commit} is not in the image`);
console.log(`${commits.length} products, each at the commit that was tagged`);
