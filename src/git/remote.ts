import type { Problem, Result } from '../support/index.ts';
import type { Meter } from './http/connection.ts';
import type { CommitId, ObjectId } from './names.ts';
import { openProgramRemote } from './program.ts';
import type { TagObject } from './tag-object.ts';
import type { RemoteUrl } from './url.ts';

/** What a remote says of the refs that were asked for. */
export interface RemoteRefs {
  refs: Map<string, ObjectId>;
  /** What annotated tags point to. */
  peeled: Map<string, ObjectId>;
  head?: { branch?: string; commit: CommitId };
}

export interface Failed {
  status: 'failed';
  problem: Problem;
  /** Whether another attempt may help, and when the server wants it. */
  retryable: boolean;
  retryAfterSeconds?: number;
}

export type CreateOutcome =
  | { status: 'created' }
  | { status: 'in-sync' }
  | { status: 'conflict'; found: ObjectId }
  | Failed;

/** 'conflict' and 'absent': the tag is no longer where it was to be moved from. */
export type MoveOutcome =
  | { status: 'moved' }
  | { status: 'in-sync' }
  | { status: 'absent' }
  | { status: 'conflict'; found: ObjectId }
  | Failed;

export type DeleteOutcome =
  | { status: 'deleted' }
  | { status: 'absent' }
  | { status: 'conflict'; found: ObjectId }
  | Failed;

export interface TagRequest {
  /** A directory for what is needed on the way; nothing in it need outlive the call. */
  scratch: string;
  tag: string;
  commit: CommitId;
  object: TagObject;
  /** A ref that leads to the commit, for servers that do not give out commits by id. */
  fallbackRef?: string;
}

/** A repository elsewhere, without a clone of it. */
export interface Remote {
  /** Full ref names and HEAD, exactly; tags with what they point to. */
  listRefs(names: readonly string[]): Promise<Result<RemoteRefs>>;
  hasCommit(request: { scratch: string; commit: CommitId }): Promise<Result<boolean>>;
  /** Create an annotated tag that must not exist. One tag, one push; nothing but the tag object is sent. */
  createTag(request: TagRequest): Promise<CreateOutcome>;
  /** Put another object in the place of the one that the tag is now. */
  moveTag(request: TagRequest & { from: ObjectId }): Promise<MoveOutcome>;
  /** Delete a tag, of any kind, that is this object now. */
  deleteTag(request: { scratch: string; tag: string; from: ObjectId }): Promise<DeleteOutcome>;
}

export interface RemoteOptions {
  signal?: AbortSignal;
  timeoutSeconds?: number;
  /** 'auto': over HTTP dmrel speaks for itself where it can, and else leaves it to git. 'own' leaves HTTP never to git. */
  client?: 'auto' | 'own' | 'git';
  /** Counts what dmrel's own client sends and gets. */
  meter?: Meter;
}

export function openRemote(url: RemoteUrl, options: RemoteOptions = {}): Remote {
  const { client = 'auto', meter, ...call } = options;
  const program = () => openProgramRemote(url, call);
  if (client === 'git' || !['https', 'http'].includes(url.transport)) return program();
  let opened: Promise<Remote> | undefined;
  const own = () => {
    opened ??= import('./http/remote.ts').then(({ openOwnRemote }) =>
      openOwnRemote(url, { ...call, ...(meter ? { meter } : {}), ...(client === 'own' ? {} : { instead: program }) }),
    );
    return opened;
  };
  return {
    listRefs: async (names) => (await own()).listRefs(names),
    hasCommit: async (request) => (await own()).hasCommit(request),
    createTag: async (request) => (await own()).createTag(request),
    moveTag: async (request) => (await own()).moveTag(request),
    deleteTag: async (request) => (await own()).deleteTag(request),
  };
}
