/** Import this first: the cache of documents works only in a dmrel that knows which build it is. */
(globalThis as { DMREL_BUILD?: string }).DMREL_BUILD = 'test';

export {};
