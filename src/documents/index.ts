export { DocumentCache } from './cache.ts';
export { type Document, excerptAt, withPositions } from './document.ts';
export { decodeUtf8, fitsSchema, maxDocumentBytes, parseDocument, type ReadOptions, readDocument } from './read.ts';
export { Remembered } from './remembered.ts';
export { UserCache } from './user-cache.ts';
