import { unwrap } from '../../support/index.ts';
import { parseRemoteAddress } from '../names.ts';
import type { RemoteRegistry } from './interface.ts';
import type { RemoteOptions } from './options.ts';

/**
 * A registry at `HOST[:PORT][/PREFIX]`. Nothing is loaded and no connection made before the first question. An address
 * outside its grammar is thrown as a `Failure`.
 */
export function openRemoteRegistry(address: string, options: RemoteOptions = {}): RemoteRegistry {
  const remote = unwrap(parseRemoteAddress(address));
  let client: Promise<RemoteRegistry> | undefined;
  const opened = () =>
    (client ??= import('./client.ts').then(({ openClient }) => openClient(address, remote, options)));
  return {
    address,
    resolve: async (...given) => (await opened()).resolve(...given),
    listTags: async (...given) => (await opened()).listTags(...given),
    readTagged: async (...given) => (await opened()).readTagged!(...given),
    listTagNames: async (...given) => (await opened()).listTagNames(...given),
    hasManifest: async (...given) => (await opened()).hasManifest(...given),
    readManifest: async (...given) => (await opened()).readManifest(...given),
    hasBlob: async (...given) => (await opened()).hasBlob(...given),
    readBlob: (...given) => readLater(async () => (await opened()).readBlob(...given)),
    writeBlob: async (...given) => (await opened()).writeBlob(...given),
    mountBlob: async (...given) => (await opened()).mountBlob(...given),
    writeManifest: async (...given) => (await opened()).writeManifest(...given),
    writeTagged: async (...given) => (await opened()).writeTagged!(...given),
    tag: async (...given) => (await opened()).tag(...given),
    listReferrers: async (...given) => (await opened()).listReferrers(...given),
    deleteManifest: async (...given) => (await opened()).deleteManifest(...given),
    close: () => void client?.then((each) => each.close()),
  };
}

async function* readLater(open: () => Promise<AsyncIterable<Buffer>>): AsyncGenerator<Buffer> {
  yield* await open();
}
