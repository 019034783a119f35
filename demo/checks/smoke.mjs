// Every layer is there and unharmed, and the image says which release it is of.
import { config, manifest, readBlob } from './image.mjs';

for (const layer of manifest.layers) readBlob(layer.digest);
const version = config.config.Labels['org.opencontainers.image.version'];
if (version !== process.env.DMREL_RELEASE) throw new Error(`the image is of ${version}`);
console.log(`${manifest.layers.length} layers of ${version} are sound`);
