import type { Brand } from '../support/index.ts';

/** An object of any kind, by its SHA-1: 40 lower-case hex digits. */
export type ObjectId = Brand<string, 'ObjectId'>;
/** A commit. */
export type CommitId = Brand<string, 'CommitId'>;

const sha1 = /^[0-9a-f]{40}$/;

export const parseObjectId = (text: string): ObjectId | undefined => (sha1.test(text) ? (text as ObjectId) : undefined);
export const parseCommitId = (text: string): CommitId | undefined => (sha1.test(text) ? (text as CommitId) : undefined);

/** Whether git takes it as the name of a tag or a branch (git-check-ref-format), and no command as an option. */
export function isRefName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= 200 &&
    !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$|^-|^@$/.test(name) &&
    name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'))
  );
}
