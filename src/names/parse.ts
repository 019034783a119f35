import { parseEupsName } from './eups.ts';
import { parseGitName } from './git.ts';
import { parseImageTag, type TagOptions } from './image-tag.ts';
import { nothing, type ParsedName } from './parsed.ts';

/** Where a name is used: as the tag of an image, of git, of an EUPS distribution. */
export const nameForms = ['docker', 'git', 'eups'] as const;
export type NameForm = (typeof nameForms)[number];

export interface ParseOptions extends TagOptions {
  form?: NameForm;
}

/**
 * Parse a name of any form; never fails. Without a form it is read as a tag of an image, and when that says nothing, as
 * a tag of git: no name has a meaning in both. EUPS tags look like image tags that mean nothing, so they are asked for.
 */
export function parseName(text: string, { form, aliases }: ParseOptions = {}): ParsedName {
  const unknown: ParsedName = { ...nothing, name: text, kind: 'unknown', display: text, base: text };
  switch (form) {
    case 'git':
      return parseGitName(text) ?? unknown;
    case 'eups':
      return parseEupsName(text);
    default: {
      const tag = parseImageTag(text, aliases ? { aliases } : {});
      return (form === undefined && tag.kind === 'unknown' ? parseGitName(text) : undefined) ?? tag;
    }
  }
}
