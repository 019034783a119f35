// Run as a process of its own by copy.test.ts: copies an image and tags it, to be killed meanwhile.
import { copyImage, type ImageRegistry, openLayout, openRemoteRegistry } from '../../src/registry/index.ts';
import { type Digest, unwrap } from '../../src/support/index.ts';

const [from, digest, to, repository, tag] = process.argv.slice(2) as [string, string, string, string, string];
const open = (address: string): ImageRegistry =>
  address.startsWith('/') ? openLayout(address) : openRemoteRegistry(address);
const destination = open(to);
process.stdout.write('begun\n');
unwrap(
  await copyImage({ registry: open(from), repository: 'stack' }, digest as Digest, {
    registry: destination,
    repository,
  }),
);
unwrap(await destination.tag(repository, tag, digest as Digest));
process.stdout.write('done\n');
process.exit(0);
