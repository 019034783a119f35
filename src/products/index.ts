export {
  type BuildManifest,
  contentIdOf,
  type ManifestEntry,
  parseBuildManifest,
  parseManifestId,
} from './build-manifest.ts';
export { type CrossCheck, crossCheck } from './cross-check.ts';
export type { Access, Limits } from './download.ts';
export { type EupsEntry, type EupsList, parseEupsList, parseEupsTag } from './eups-list.ts';
export { type Groups, groupsOf, judgeGroups, readGroups } from './groups.ts';
export { type Product, type ProductIndex, readProductIndex } from './index-file.ts';
export { type Narrowing, narrow } from './narrow.ts';
export { type Origin, parseOrigin } from './origin.ts';
export { readBuildManifest, readEupsList } from './read-manifest.ts';
