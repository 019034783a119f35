import { createHash } from 'node:crypto';
import type { CommitId, ObjectId } from './names.ts';

export interface TagObject {
  bytes: Buffer;
  id: ObjectId;
}

/** As git cleans a person's name (ident.c): what would end the field is left out, and what it trims at both ends is trimmed. */
const cleanPerson = (text: string): string =>
  text.replace(/[<>\n]/g, '').replace(/^[\u0000-\u0020.,:;"'\\]+|[\u0000-\u0020.,:;"'\\]+$/g, '');

/** As `git stripspace` cleans a message: no white space at the ends of lines, one empty line at a time, none around. */
const cleanMessage = (text: string): string => {
  const lines = text.replace(/[ \t\r]+(?=\n|$)/g, '').replace(/\n{3,}/g, '\n\n');
  const cleaned = lines.replace(/^\n+|\n+$/g, '');
  return cleaned === '' ? '' : `${cleaned}\n`;
};

/**
 * The bytes of an annotated tag and its id, as `git tag -a --cleanup=whitespace` makes them (gitformat-signature; tag.c). The same arguments
 * always make the same id, so that comparing ids is the whole verification.
 */
export function tagObject(tag: {
  commit: CommitId;
  tag: string;
  tagger: { name: string; email: string };
  epochSeconds: number;
  message: string;
  /** What a signing program said of the object without it; it stands after the message. */
  signature?: string;
}): TagObject {
  const { commit, tagger, epochSeconds, message } = tag;
  const person = `${cleanPerson(tagger.name)} <${cleanPerson(tagger.email)}>`;
  const text = `object ${commit}\ntype commit\ntag ${tag.tag}\ntagger ${person} ${epochSeconds} +0000\n\n${cleanMessage(message)}${tag.signature ?? ''}`;
  const bytes = Buffer.from(text);
  const id = createHash('sha1').update(`tag ${bytes.length}\0`).update(bytes).digest('hex') as ObjectId;
  return { bytes, id };
}
