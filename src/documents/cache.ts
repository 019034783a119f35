import { Remembered } from './remembered.ts';
import { UserCache } from './user-cache.ts';
import type { Place } from './yaml.ts';

/** What is remembered of a file that was sound. */
export interface CachedDocument {
  /** The whole text it came from: comparing it is exact, and quicker than loading something that hashes. */
  text: string;
  schema: string;
  value: unknown;
  keys: Record<string, Place>;
}

/** Parsed files by name, good as long as their text is the same. */
export class DocumentCache {
  #documents: Remembered<CachedDocument>;

  private constructor(documents: Remembered<CachedDocument>) {
    this.#documents = documents;
  }

  /** @param set which files are kept together: those that the same commands read */
  static open(root: string, set: string, env: NodeJS.ProcessEnv): DocumentCache {
    return DocumentCache.of(UserCache.open(root, env), set);
  }

  /** The same among what else is remembered of a workspace. */
  static of(store: UserCache, set: string): DocumentCache {
    return new DocumentCache(new Remembered(store, set));
  }

  get(file: string, text: string): CachedDocument | undefined {
    return this.#documents.find(file, (entry) => entry?.text === text);
  }

  put(file: string, entry: CachedDocument): void {
    this.#documents.keep(file, entry);
  }

  /** Keep what this run has used. */
  close(): Promise<void> {
    return this.#documents.close();
  }
}
