export { type Closure, imagesIn, type Node, readClosure } from './closure.ts';
export { Copy, type CopyCount, type CopyOptions, type CopyProgress, copyImage } from './copy.ts';
export { type Change, diffImages, type ImageDiff, textsOf } from './diff.ts';
export { type Image, type ImageFile, listImageFiles, readImage, readLayerFiles } from './image.ts';
export { all, lanes } from './lanes.ts';
export { chunks, listRepositories, openLayout } from './layout.ts';
export { type Contents, isIndex, readContents } from './manifest.ts';
export {
  formatReference,
  isRepositoryName,
  isTagName,
  parseReference,
  parseRegistryAddress,
  parseRemoteAddress,
  type Reference,
  type RegistryAddress,
  type RemoteAddress,
} from './names.ts';
export { atOrigin, isLayout, type Place, repositoryAt, withPrefix } from './place.ts';
export {
  type BlobSource,
  type Descriptor,
  type ImageRegistry,
  type Manifest,
  maxManifestBytes,
  mediaTypes,
  type Referrer,
} from './registry.ts';
export { rememberingPlaces } from './remembering.ts';
export type { RemoteRegistry } from './remote/interface.ts';
export { openRemoteRegistry } from './remote/open.ts';
export type { Meter, RemoteOptions } from './remote/options.ts';
export { comesAlong, inputsTag, isTechnicalTag, keepTag, referrersTag, sidecarTags, subjectOfTag } from './sidecars.ts';
export { type CopySurvey, surveyCopies } from './survey.ts';
export { manifestsOf, manifestsThere } from './tree.ts';
export { type Verified, verifyImage } from './verify.ts';
export { type WrittenImage, writeImage } from './write-image.ts';
