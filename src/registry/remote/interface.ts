import type { ImageRegistry } from '../registry.ts';

/** A registry that is reached over the network (OCI distribution-spec 1.1). */
export interface RemoteRegistry extends ImageRegistry {
  /** Without the digests, which cost a request each. */
  listTagNames(repository: string): Promise<string[]>;
  /** End the connections that are kept open. */
  close(): void;
}
