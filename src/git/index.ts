export { type Commit, type History, type HistoryRequest, readHistory } from './history.ts';
export type { Meter } from './http/connection.ts';
export { type CommitId, isRefName, type ObjectId, parseCommitId, parseObjectId } from './names.ts';
export { readTag, readUpstreamTag } from './own-tag.ts';
export { readRemoteTag, type SignatureVerdict, signatureSettings, verifyRemoteTag } from './read-tag.ts';
export {
  type CreateOutcome,
  type DeleteOutcome,
  type MoveOutcome,
  openRemote,
  type Remote,
  type RemoteOptions,
  type RemoteRefs,
  type TagRequest,
} from './remote.ts';
export type { Sides } from './replay.ts';
export { openRepository, type PushOutcome, type Repository } from './repository.ts';
export { placeOf, placeOfRemote, placeOfText } from './same-repository.ts';
export { configuredFormat, openSigner, type SignatureFormat, type Signer } from './sign.ts';
export { parseTagContent, type TagContent } from './tag-content.ts';
export { type TagObject, tagObject } from './tag-object.ts';
export {
  commitHas,
  headHolds,
  lastChange,
  listUpstream,
  type NoteOutcome,
  readNote,
  whyPushedNowhere,
  writeNote,
} from './upstream.ts';
export { parseRemoteUrl, type RemoteUrl, type Transport } from './url.ts';
export { gitVersion } from './version.ts';
