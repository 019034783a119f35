import {
  type NameForm,
  nameForms,
  type ParsedName,
  type ParseOptions,
  parseName,
  parseStackTag,
  type StackTag,
} from '../../names/index.ts';
import type { CommandContext, OptionValues } from '../../plugins/index.ts';
import { didYouMean, Failure, problem } from '../../support/index.ts';
import { namesGiven } from '../input.ts';
import { printJson } from '../json.ts';

/** A name, and what it says as the tag of a stack image, where it is one. */
export type ReadName = ParsedName & { stack: StackTag | null };

/** The names of a command line or of standard input, parsed as its options say. Problem: `usage`. */
export async function readNames(context: CommandContext, args: string[], options: OptionValues): Promise<ReadName[]> {
  const parse = parseOptions(options);
  const names = await namesGiven(context, args);
  return names.map((name) => {
    const parsed = parseName(name, parse);
    const ofImage = parsed.kind === 'unknown' && parse.form !== 'git' && parse.form !== 'eups';
    return { ...parsed, stack: (ofImage && parseStackTag(name)) || null };
  });
}

function parseOptions({ form, aliases }: OptionValues): ParseOptions {
  const known = nameForms.find((each) => each === form);
  if (form !== undefined && !known) {
    const hint = didYouMean(String(form), nameForms) ?? `expected ${nameForms.join(', ')}`;
    throw new Failure(problem('usage', `--form: there is no form '${form}'`, { hint }));
  }
  return {
    ...(known ? { form: known satisfies NameForm } : {}),
    ...(typeof aliases === 'string' ? { aliases: new Set(aliases.split(',')) } : {}),
  };
}

/** The same document for all commands that print names. */
export function printNames(context: CommandContext, names: readonly ReadName[]): void {
  const said = names.map(({ base, name, kind, display, ...rest }) => ({ name, kind, display, ...rest }));
  const document = { schema: 'dmrel/release-names/v1', names: said };
  printJson(context, document);
}
